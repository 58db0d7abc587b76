//! `POST /use` 核销: offers are used for an order, or without one; or set aside for it first.

use domain::{
    id::{BrandId, OrderChannel, OrderId, UseId},
    member::MemberId,
    offer::grant::HeldBy,
    refusal::Refusal,
    shape::Shape,
    time::Instant,
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, IdentitySent, Kind, List, Method, MoneyText, Partners,
    Problem, QUOTE_CHARS_MAX, Role, Route, Text, Ulid, Whole, body, given, taking,
    wire::{OrderUsed, OrderUsedByPartner, Show},
};
use engine::{NotUsed, UseAsk, Whom, id::Reference};

use crate::{COUPONS_MAX, LineToPrice, Sent, drafted};

body! {
    /// Offers are used.
    struct UseOffers {
        /// the member, or `identity`; a guest's order without
        member_id: Option<Ulid<MemberId>>,
        /// in place of `member_id`
        identity: Option<IdentitySent>,
        /// what a partner names the member by, and nobody else
        member_ref: Option<Ulid<Reference>>,
        /// in place of a member: what /scan of that brand answered, in the 10 minutes after
        scan_id: Option<Text<200>>,
        /// where
        brand: BrandId,
        /// where at the brand: offers may be for some channels alone
        channel: Option<OrderChannel>,
        /// the order; or `use_id`
        order_id: Option<OrderId>,
        /// without an order, as for a lounge: what the shop calls this use; it has no lines, and one grant or code of an item or a service
        use_id: Option<UseId>,
        /// of an order: its lines, without what offers give
        lines: Option<List<LineToPrice, 1, 200>>,
        /// what its delivery costs
        delivery: Option<MoneyText>,
        /// the member's grants that are used, each by its own id or its offer's; with `codes` at most 10
        grants: Option<List<Text<64>, 0, COUPONS_MAX>>,
        /// codes that are used, behind the grants
        codes: Option<List<Text<64>, 0, COUPONS_MAX>>,
        /// without an order: how many pieces; 1 unless given
        quantity: Option<Whole<1, 1_000_000>>,
        /// what an evaluation has promised for this order
        quote: Option<Text<QUOTE_CHARS_MAX>>,
        /// whether everything is only set aside; the same without it makes that final
        hold: Option<bool>,
        /// whether what was set aside and has ended is taken anew
        retake: Option<bool>,
        /// of an order that is told anew: the number of the telling, the last and 1; the first is 1
        revision: Option<Whole<1, 1_000_000>>,
        /// when it happened, told late by a till; now unless given
        occurred_at: Option<Instant>,
        /// for whom of its customers the caller asks: wrong codes are counted apart
        client: Option<Text<64>>,
        /// answer what would happen and write nothing
        dry_run: Option<bool>,
    }
}

/// The function.
pub static USE: Function = Function {
    name: "use",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Offers are used for an order or without one, or set aside for it",
        access: Access::keys(&[Role::Storefront]).and_partners(Partners::MayUse),
        remembers: true,
        answers: &[(200, Shape::Either(&OrderUsed::SHAPE, &OrderUsedByPartner::SHAPE))],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::CardTokenInvalid,
            Code::MemberNotActive,
            Code::GrantNotUsable,
            Code::LineBlocked,
            Code::HoldExpired,
            Code::QuoteExpired,
            Code::OrderConflict,
            Code::AlreadyCancelled,
            Code::TooManyRefunds,
            Code::OccurredInFuture,
            Code::OccurredTooLongAgo,
            Code::LimitExceeded,
            Code::TooManyRequests,
        ],
        ..taking!(UseOffers => handle)
    }],
};

async fn handle(api: &Api, call: &Call, body: UseOffers) -> Result<Answer, Problem> {
    api.may_act_for(call, &body.brand)?;
    let client = body.client.as_deref().map(str::to_owned);
    let scan_id = body.scan_id.as_deref().map(str::to_owned);
    let mut form = Form::new(api, call)?;
    let ask = asked(&mut form, api, call, body);
    let mut ask = form.finish(ask)?;
    if let Some(scan_id) = scan_id {
        ask.draft.whom = Some(scanned(api, call, &ask, &scan_id).await?);
    }
    api.must_mean_somebody(call, ask.draft.whom.as_ref()).await?;
    let codes = ask.draft.codes.len();

    let using = async {
        let tell = |done: &engine::UseDone| api.used(call, done).kept();
        let used = api.engine.offers().use_offers(&call.request, &ask, tell).await?;
        let wrong = match &used {
            Ok(_) => 0,
            Err(not_used) => wrong_codes(not_used),
        };
        Ok((used, codes - wrong))
    };
    let used = api.with_codes((call, client.as_deref(), codes), using).await?;

    match used {
        Ok(told) => Ok(told.into()),
        Err(not_used) => Err(problem(api, &not_used)?),
    }
}

/// Whom the scan stands for. What was used while it did is answered for ever.
async fn scanned(api: &Api, call: &Call, ask: &UseAsk, scan_id: &str) -> Result<Whom, Problem> {
    let (whom, until) = api.scanned(call, &ask.draft.brand, scan_id)?;
    let (engine, now) = (&api.engine, call.request.now);
    let stands = now < until
        || engine.access().is_remembered(&call.request).await?
        || engine.offers().is_told(ask, now).await?;
    if stands { Ok(whom) } else { Err(Refusal::CardTokenInvalid.into()) }
}

/// How many codes were of nothing: whoever guesses codes sends such.
fn wrong_codes(not_used: &NotUsed) -> usize {
    use domain::offer::price::{Outcome, Reason};
    match not_used {
        NotUsed::Reasons { told, .. } => {
            told.iter().filter(|told| told.outcome == Outcome::Not(Reason::CodeNotUsable)).count()
        }
        NotUsed::Blocked(_) => 0,
    }
}

fn problem(api: &Api, not_used: &NotUsed) -> Result<Problem, Problem> {
    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    Ok(match not_used {
        NotUsed::Reasons { told, names } => {
            let reasons = show.reasons(told, &api.shown_names(names));
            Problem::saying(Code::GrantNotUsable, "something would not apply: nothing was used")
                .with("reasons", reasons)
        }
        NotUsed::Blocked(lines) => Problem::of(Code::LineBlocked).with("lines", show.blocked(lines)),
    })
}

/// What is asked, or `None` and faults.
fn asked(form: &mut Form<'_>, api: &Api, call: &Call, body: UseOffers) -> Option<UseAsk> {
    let by = match (&body.order_id, &body.use_id) {
        (Some(order), None) => Some(HeldBy::Order(order.clone())),
        (None, Some(used)) => Some(HeldBy::Use(used.clone())),
        (None, None) => {
            form.fault("/order_id", "required", "order_id, or use_id without an order");
            None
        }
        (Some(_), Some(_)) => {
            form.fault("/use_id", "unknown_field", "an order is known by its own id");
            None
        }
    };
    let coupons =
        body.grants.as_ref().map_or(0, |all| all.0.len()) + body.codes.as_ref().map_or(0, |all| all.0.len());
    match by {
        Some(HeldBy::Order(_)) => {
            form.takes_no(given!(body: quantity), "an order uses one of each");
            if body.lines.is_none() {
                form.fault("/lines", "required", "an order has lines");
            }
        }
        Some(HeldBy::Use(_)) => {
            form.takes_no(given!(body: lines, delivery, quote, revision), "of an order alone");
            if coupons != 1 {
                form.fault("/grants", "out_of_range", "one grant or code of an item or a service");
            }
        }
        None => {}
    }
    let revision = body.revision.as_ref().map_or(Some(1), |revision| u32::try_from(revision.0).ok());
    if revision.is_some_and(|revision| revision > 1) {
        form.takes_no(given!(body: hold, retake, quote), "what is told anew is final, at its own prices");
    }
    let quote = match &body.quote {
        None => Some(None),
        Some(told) => match api.secrets.read_quote(&body.brand, told) {
            Some(quote) => Some(Some(quote)),
            None => {
                form.fault("/quote", "wrong_value", "a quote that /evaluate-order of this brand has given");
                None
            }
        },
    };
    if body.scan_id.is_some() {
        form.takes_no(given!(body: member_id, identity, member_ref), "the scan names the member");
    }
    let pieces = body.quantity.as_ref().map_or(1, |pieces| pieces.0.unsigned_abs());
    let sent = Sent {
        member_id: body.member_id,
        identity: body.identity,
        member_ref: body.member_ref,
        brand: body.brand,
        channel: body.channel,
        lines: body.lines.map_or(Vec::new(), |lines| lines.0),
        delivery: body.delivery,
        grants: body.grants,
        codes: body.codes,
    };
    let mut draft = drafted(form, call, sent)?;
    draft.pieces = pieces;
    Some(UseAsk {
        draft,
        by: by?,
        hold: body.hold.unwrap_or(false),
        retake: body.retake.unwrap_or(false),
        quote: quote?,
        occurred_at: body.occurred_at,
        revision: revision?,
    })
}
