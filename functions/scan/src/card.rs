//! A member's card: its code, as text and as an image, and a new one in place of it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{
    member::MemberId,
    refusal::Refusal,
    shape::Shape,
    time::{Instant, Zone},
};
use edge::{
    Access, Answer, Api, At, Call, CardReference, Code, KeptAnswer, Kind, Made, Members, Method, Notes,
    Problem, Role, Route, Text, answer, asking, body, taking, wire,
};
use engine::{NewCard, id::CardNumber};
use qrcode::{EcLevel, QrCode, render::svg};
use serde_json::Value;

/// Storefronts, and the member itself.
const SHOP_AND_OWN: Access = Access::keys(&[Role::Storefront]).and_members(Members::Own);

/// The least width of an image, in pixels; it is scaled without loss.
const IMAGE_PIXELS: u32 = 240;

/// The most bytes of an image: a code of 128 letters has 1,681 modules of about 20 letters each.
const IMAGE_BYTES: usize = 128 * 1024;

body! {
    /// A card is replaced.
    struct ReplaceCard {
    }
}

answer! {
    /// A member's card.
    struct Card {
        /// what its code shows now
        token: Text<128>,
        /// from when on this code is good no more
        expires_at: At,
        /// from when on there is a newer one
        refresh_at: At,
        /// where it was asked for, once per card: the key with which an app makes codes by itself (32 bytes, base64)
        device_key: Option<Text<44>>,
    }
}

/// `GET /members/{id}/card`.
pub(crate) const SHOW: Route = Route {
    method: Method::Get,
    path: "/{id}/card",
    summary: "A member's card, made at the first look: what its code shows for 30 seconds",
    access: SHOP_AND_OWN,
    answers: &[(200, Card::SHAPE)],
    problems: &[Code::MemberNotFound, Code::MemberNotActive],
    query: &["device", "offline"],
    ..asking!(show)
};

/// `GET /members/{id}/card.svg`.
pub(crate) const IMAGE: Route = Route {
    method: Method::Get,
    path: "/{id}/card.svg",
    summary: "The card's code as an image, for a page that has no library",
    access: SHOP_AND_OWN,
    answers: &[(200, Shape::Text { max: IMAGE_BYTES })],
    problems: &[Code::MemberNotFound, Code::MemberNotActive],
    query: &["offline"],
    ..asking!(image)
};

/// `POST /members/{id}/card/replace`.
pub(crate) const REPLACE: Route = Route {
    method: Method::Post,
    path: "/{id}/card/replace",
    summary: "A new card in place of a member's: codes of the old one are dead at once",
    notes: Some(Notes::of_staff("card.replaced")),
    access: Access::keys(&[Role::Storefront, Role::Operator]).and_members(Members::Own),
    remembers: true,
    answers: &[(200, Card::SHAPE)],
    problems: &[Code::MemberNotFound, Code::MemberNotActive],
    query: &["device"],
    ..taking!(ReplaceCard => replace)
};

async fn show(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (id, device) = (named(call)?, call.asked("device")?);
    let (token, made, device_key) = current(api, call, id, device).await?;

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    Ok(Answer::new(200, &card(zone, token, made, device_key)))
}

async fn image(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(call)?;
    let (token, made, _) = current(api, call, id, false).await?;

    // Of the usual code's length that makes version 3, which a worn screen shows well.
    let level = if made.is_offline() { EcLevel::M } else { EcLevel::Q };
    let code = QrCode::with_error_correction_level(&token, level);
    let code = code.map_err(|_| Problem::broken("a card's code has no room in an image"))?;
    let image = code.render::<svg::Color<'_>>().min_dimensions(IMAGE_PIXELS, IMAGE_PIXELS).build();
    Ok(Answer::svg(image))
}

async fn replace(api: &Api, call: &Call, _: ReplaceCard) -> Result<Answer, Problem> {
    let (id, device) = (named(call)?, call.asked("device")?);
    let new = new_card(api)?;
    let made = Made::online(call.request.now);
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    // The answer is remembered with what the token and the key follow from in place of them.
    let follows = format!("{}.{}.{device}", wire::id(new.number), made.at());
    let kept = Answer::new(200, &card(zone, follows, made, None)).kept();

    let told = api.engine.people().replace_card(&call.request, id, new, device, kept).await?;

    let kept = KeptAnswer::of(&told.answer.body)?;
    let read = kept.get("token").and_then(Value::as_str).and_then(read_kept);
    let (number, step, device) = read.ok_or_else(|| Problem::broken("a kept answer names no card"))?;
    let reference = api.secrets.card_reference(number);
    let mut shown = kept.with("token", api.secrets.online_token(reference, step));
    if device {
        shown = shown.with("device_key", device_key(api, reference));
    }
    Ok(shown.answer(200).replayed(told.replayed))
}

/// What the member's code shows now, how it was made, and the device's key if this request is given it.
async fn current(
    api: &Api,
    call: &Call,
    id: MemberId,
    device: bool,
) -> Result<(String, Made, Option<String>), Problem> {
    let (now, offline) = (call.request.now, call.asked("offline")?);

    let card = api.engine.people().card(&call.request, id, new_card(api)?, device).await?;

    let reference = api.secrets.card_reference(card.number);
    let made = if offline { made_offline(api, id, now).await? } else { Made::online(now) };
    let token = match made {
        Made::Online(step) => api.secrets.online_token(reference, step),
        Made::Offline(said) => api.secrets.offline_token(reference, said),
    };
    Ok((token, made, card.gives_device_key.then(|| device_key(api, reference))))
}

/// What an offline code says of the member now.
async fn made_offline(api: &Api, id: MemberId, now: Instant) -> Result<Made, Problem> {
    let view = api.engine.people().member(id, now).await?;
    let programmes = api.engine.programme().timeline()?;
    let programme = programmes.newest();
    // A programme that no longer has the member's tier is at its lowest; a ladder has at most 50.
    let place = programme.rank(&view.member.standing.tier).unwrap_or(0);
    let made = Made::offline(now, u8::try_from(place).unwrap_or(u8::MAX), programme.offline_points);
    made.ok_or_else(|| Problem::broken("a minute that no offline code can say"))
}

fn new_card(api: &Api) -> Result<NewCard, Problem> {
    let number = CardNumber(api.chance.bytes()?);
    Ok(NewCard { number, hash: api.secrets.card_hash(api.secrets.card_reference(number)) })
}

fn card(zone: Zone, token: String, made: Made, device_key: Option<String>) -> Card {
    Card {
        token: Text(token),
        expires_at: At(zone.show(made.expires_at())),
        refresh_at: At(zone.show(made.refresh_at())),
        device_key: device_key.map(Text),
    }
}

fn device_key(api: &Api, reference: CardReference) -> String {
    BASE64_STANDARD.encode(api.secrets.device_key(reference))
}

/// What a kept answer says in place of its token: the card's number, the step, and whether the key was given.
fn read_kept(text: &str) -> Option<(CardNumber, u64, bool)> {
    let (number, rest) = text.split_once('.')?;
    let (step, device) = rest.split_once('.')?;
    Some((wire::read_id(number)?, step.parse().ok()?, device.parse().ok()?))
}

fn named(call: &Call) -> Result<MemberId, Problem> {
    let id = call.path.first().and_then(|id| wire::read_id(id));
    id.ok_or_else(|| Refusal::MemberNotFound.into())
}
