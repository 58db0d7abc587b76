//! `POST /scan`: a till reads a member's card. And the card itself, `/members/{id}/card`: its code as text and as
//! an image, and a new one in place of it; and `/card-keys`, by which tills without a network verify a code.

mod card;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{id::BrandId, programme::Sees, refusal::Refusal, shape::Shape, time::Instant};
use edge::{
    Access, Answer, Api, Call, CardToken, Code, Function, KeptAnswer, Kind, List, Method, OFFLINE_MILLIS,
    Partners, Problem, Role, Route, SCAN_MILLIS, Scanned, Text, answer, asking, body, taking,
    wire::{Member, PartnerMember, Show, Viewer, read_id},
};
use engine::{CardSpend, MemberView, id::Reference};

const MINUTE_MILLIS: i64 = 60_000;
const HOUR_MILLIS: i64 = 60 * MINUTE_MILLIS;

/// How far ahead of now something may have happened: clocks differ.
const AHEAD_MILLIS: i64 = 5 * MINUTE_MILLIS;

body! {
    /// A card is scanned.
    struct ScanCard {
        /// what its code says
        token: Text<1_000>,
        /// the brand of the till
        brand: BrandId,
        /// whether points are to be spent or offers used: the code is used up by it. False unless given
        spend: Option<bool>,
        /// when an offline code was scanned, told late; now unless given
        occurred_at: Option<Instant>,
    }
}

answer! {
    /// Whose card was scanned.
    struct CardScanned<'a> {
        /// as they are now
        member: Member<'a>,
        /// where it is to be spent with: what /redeem and /use of that brand take in place of a member for 10 minutes
        scan_id: Option<Text<200>>,
    }
}

answer! {
    /// Whose card was scanned, as a partner is told.
    struct CardScannedByPartner<'a> {
        /// as they are now, as far as the brand sees
        member: PartnerMember<'a>,
        /// where it is to be spent with: what /redeem and /use of that brand take in place of a member for 10 minutes
        scan_id: Option<Text<200>>,
    }
}

answer! {
    /// A public key (RFC 8037).
    struct CardKey {
        /// OKP
        kty: Text<3, &'static str>,
        /// Ed25519
        crv: Text<7, &'static str>,
        /// EdDSA
        alg: Text<5, &'static str>,
        /// sig
        r#use: Text<3, &'static str>,
        /// the first byte of the offline codes that it verifies, in decimal
        kid: Text<3>,
        /// the key
        x: Text<43>,
    }
}

answer! {
    /// The public keys of offline codes: the one that signs, and the one after it or, in its first hour, before it.
    struct CardKeys {
        /// a JWK set
        keys: List<CardKey, 2, 2>,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "scan",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "A till reads a member's card; to spend points, once",
        access: Access::keys(&[Role::Storefront, Role::Operator]).and_partners(Partners::Any),
        remembers: true,
        answers: &[(200, Shape::Either(&CardScanned::SHAPE, &CardScannedByPartner::SHAPE))],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::CardTokenInvalid,
            Code::CardTokenUsed,
            Code::MemberNotActive,
            Code::OccurredInFuture,
            Code::OccurredTooLongAgo,
        ],
        ..taking!(ScanCard => scan)
    }],
};

/// A member's card, below the paths of the function `members`.
pub static MEMBERS: Function =
    Function { name: "members", routes: &[card::SHOW, card::IMAGE, card::REPLACE] };

/// The public keys of offline codes.
pub static CARD_KEYS: Function = Function {
    name: "card-keys",
    routes: &[Route {
        method: Method::Get,
        path: "",
        summary: "The public keys by which tills without a network verify members' codes",
        access: Access::anybody(),
        answers: &[(200, CardKeys::SHAPE)],
        ..asking!(keys)
    }],
};

async fn keys(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let keys = api.secrets.card_keys(call.request.now).map(|(id, key)| CardKey {
        kty: Text("OKP"),
        crv: Text("Ed25519"),
        alg: Text("EdDSA"),
        r#use: Text("sig"),
        kid: Text(id.to_string()),
        x: Text(BASE64_URL_SAFE_NO_PAD.encode(key)),
    });
    Ok(Answer::new(200, &CardKeys { keys: List(keys.into()) }))
}

async fn scan(api: &Api, call: &Call, body: ScanCard) -> Result<Answer, Problem> {
    let spend = body.spend.unwrap_or(false);
    api.may_act_for(call, &body.brand)?;
    may_spend(api, call, &body.brand, spend)?;
    // What was scanned to spend is told again, though the code is old by now.
    if let Some(kept) = api.engine.access().remembered(&call.request).await? {
        may_see_again(api, call, &kept.body).await?;
        return Ok(Answer::from(kept).replayed(true));
    }

    let token = read(api, call, &body)?;
    let card = api.secrets.card_hash(token.reference);
    let holder = api.engine.people().card_holder(card).await?;
    let holder = holder.ok_or(Refusal::CardTokenInvalid)?;
    let partner = partner(api, call)?;
    let brand = partner.map(|(brand, _)| brand);
    let linked = |reference: Option<Reference>| reference.zip(partner.map(|(_, sees)| sees));
    if !spend {
        let (view, reference) = api.engine.people().by_card(holder, brand, call.request.now).await?;
        let programmes = api.engine.programme().timeline()?;
        let show = Show { programme: programmes.newest(), secrets: &api.secrets };
        return Ok(answered(show, api.viewer(call), (&view, linked(reference)), None));
    }

    let ends = call.request.now.plus_millis(SCAN_MILLIS);
    let spend = CardSpend {
        card,
        member: holder,
        offline: token.made.is_offline(),
        at: token.made.at(),
        until: told_until(api, &token)?,
        earliest: earliest_told(api, call.request.now)?,
        by: engine::id::CardNumber(api.chance.bytes()?),
    };
    let tell = |view: &MemberView, reference: Option<Reference>| {
        // Whose card it is, though the record was merged into another's: it is by way of it that points are spent.
        let scanned = reference.map_or(Scanned::Member(holder), Scanned::Linked);
        let scan_id = api.secrets.scan_id(&body.brand, scanned, ends)?;
        let programmes = api.engine.programme().timeline().ok()?;
        let show = Show { programme: programmes.newest(), secrets: &api.secrets };
        Some(answered(show, api.viewer(call), (view, linked(reference)), Some(scan_id)).kept())
    };

    let told = api.engine.people().spend_card(&call.request, &spend, brand, tell).await?;

    Ok(told.ok_or_else(|| Problem::broken("a scan cannot be sealed"))?.into())
}

/// The partner that asks, if it is one, and what it sees.
fn partner<'a>(api: &Api, call: &'a Call) -> Result<Option<(&'a BrandId, Sees)>, Problem> {
    if !call.caller.is(Role::Partner) {
        return Ok(None);
    }
    let brand = call.caller.brand.as_ref().ok_or_else(|| Problem::broken("a partner has no brand"))?;
    let (_, sees) = api.partner(brand)?.ok_or_else(Problem::forbidden)?;
    Ok(Some((brand, sees)))
}

/// Whether the caller may spend points or use offers, if it wants to.
fn may_spend(api: &Api, call: &Call, brand: &BrandId, spend: bool) -> Result<(), Problem> {
    let may = match call.caller.is(Role::Partner) {
        true => api.partner(brand)?.is_some_and(|(may, _)| may.redeem || may.use_offers),
        false => call.caller.may(&[Role::Storefront]),
    };
    if spend && !may { Err(Problem::forbidden()) } else { Ok(()) }
}

/// Whether the caller may see what it was answered once more: a partner, as long as the link stands.
async fn may_see_again(api: &Api, call: &Call, body: &[u8]) -> Result<(), Problem> {
    let (true, Some(brand)) = (call.caller.is(Role::Partner), &call.caller.brand) else { return Ok(()) };
    let kept = KeptAnswer::of(body)?;
    let reference = kept.get("member").and_then(|member| member.get("member_ref")?.as_str());
    let reference = reference.and_then(read_id::<Reference>);
    let reference = reference.ok_or_else(|| Problem::broken("a kept answer names no member"))?;
    match api.engine.partners().means_somebody(brand, reference).await? {
        true => Ok(()),
        false => Err(Refusal::MemberNotFound.into()),
    }
}

/// The token, if it is good at the moment that it was scanned.
fn read(api: &Api, call: &Call, body: &ScanCard) -> Result<CardToken, Problem> {
    let now = call.request.now;
    // The text alone tells its kind, so this says nothing of whether it is good.
    if body.occurred_at.is_some() && !body.token.starts_with("L2") {
        let detail = "only an offline code, which begins with L2, is told late; scan any other now";
        return Err(Problem::field("/occurred_at", "unknown_field", detail));
    }
    let hours = api.engine.programme().timeline()?.newest().points.redeem_late_hours;
    let moment = body.occurred_at.unwrap_or(now);
    if moment > now.plus_millis(AHEAD_MILLIS) {
        return Err(Refusal::OccurredInFuture.into());
    }
    if moment.plus_millis(i64::from(hours) * HOUR_MILLIS) < now {
        return Err(Refusal::RedeemedTooLongAgo { hours }.into());
    }
    let token = api.secrets.card_token(&body.token).filter(|token| token.made.is_good_at(moment));
    token.ok_or_else(|| Refusal::CardTokenInvalid.into())
}

/// How late an offline token may be told, with an hour for clocks that differ, in milliseconds.
fn late_millis(api: &Api) -> Result<i64, Problem> {
    let programmes = api.engine.programme().timeline()?;
    Ok((i64::from(programmes.newest().points.redeem_late_hours) + 1) * HOUR_MILLIS)
}

/// From when on nobody can tell that token any more.
fn told_until(api: &Api, token: &CardToken) -> Result<Instant, Problem> {
    let late = if token.made.is_offline() { late_millis(api)? } else { HOUR_MILLIS };
    Ok(token.made.expires_at().plus_millis(late))
}

/// The earliest minute of which an offline token can still be told.
fn earliest_told(api: &Api, now: Instant) -> Result<u64, Problem> {
    let minute = now.plus_millis(-late_millis(api)? - OFFLINE_MILLIS).0 / MINUTE_MILLIS;
    Ok(minute.max(0).unsigned_abs())
}

fn answered(
    show: Show<'_>,
    viewer: Viewer<'_>,
    (view, linked): (&MemberView, Option<(Reference, Sees)>),
    scan_id: Option<String>,
) -> Answer {
    let scan_id = scan_id.map(Text);
    match linked {
        Some((reference, sees)) => {
            let member = show.member_for_partner(view, reference, sees);
            Answer::new(200, &CardScannedByPartner { member, scan_id })
        }
        None => Answer::new(200, &CardScanned { member: show.member(view, viewer), scan_id }),
    }
}
