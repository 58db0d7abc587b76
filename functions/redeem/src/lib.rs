//! `POST /redeem`: points are spent on an order, or an offer is claimed or bought.

mod reward;

use domain::{
    decide::Redeem,
    id::{BrandId, ClaimId, OfferId, OrderId, RedemptionPart},
    json::Json,
    member::MemberId,
    number::Figure,
    refusal::Refusal,
    shape::Shape,
    time::Instant,
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, IdentitySent, Kind, Members, Method, Partners, Problem,
    Read, Role, Route, Spend, Text, Ulid, Whole, body, given, taking,
    wire::{Granted, PartnerDone, Redeemed},
    words,
};
use engine::{Act, Whom, id::Reference};

words! {
    /// What points are spent on.
    enum SpentOnWhat {
        /// An order.
        Order = "order",
        /// An offer, which is claimed for nothing or bought.
        Reward = "reward",
    }
}

body! {
    /// What points are spent on.
    struct SpentOn {
        /// what they are spent on; draws come later
        kind: SpentOnWhat,
        /// the order
        order_id: Option<OrderId>,
        /// which of the order's redemptions it is: points are spent once on each, and once without
        part: Option<RedemptionPart>,
        /// in place of an order: the offer that is claimed or bought
        offer_id: Option<OfferId>,
        /// how many of the offer; 1 unless given
        quantity: Option<Whole<1, 200>>,
        /// the natural key of the claim or purchase, within the member and the offer
        claim_id: Option<ClaimId>,
    }
}

body! {
    /// Points are spent.
    struct RedeemPoints {
        /// the member, or `identity`
        member_id: Option<Ulid<MemberId>>,
        /// in place of `member_id`
        identity: Option<IdentitySent>,
        /// what a partner names the member by, and nobody else
        member_ref: Option<Ulid<Reference>>,
        /// in place of a member: what /scan of that brand answered, in the 10 minutes after
        scan_id: Option<Text<200>>,
        /// the honouring brand
        brand: BrandId,
        /// how many; of an offer what it is expected to cost, and not needed
        points: Option<Figure>,
        /// what they are spent on
        r#for: SpentOn,
        /// when it happened; now unless given. Not of a member's token: it pays now
        occurred_at: Option<Instant>,
        /// answer what would happen and write nothing
        dry_run: Option<bool>,
    }
}

/// What a body asks to spend, for a token that names what it allows.
fn spends(body: &Json) -> Option<Spend> {
    let asked = RedeemPoints::read(body)?;
    let SpentOn { kind: SpentOnWhat::Order, order_id, part, .. } = asked.r#for else { return None };
    Some(Spend { order_id: order_id?, part, points_max: asked.points? })
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "redeem",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Points are spent on an order",
        access: Access::keys(&[Role::Storefront])
            .and_partners(Partners::MayRedeem)
            .and_members(Members::Spend(spends)),
        remembers: true,
        answers: &[(
            200,
            Shape::Either(&Shape::Either(&Redeemed::SHAPE, &Granted::SHAPE), &PartnerDone::SHAPE),
        )],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::CardTokenInvalid,
            Code::InsufficientPoints,
            Code::OrderConflict,
            Code::AlreadyCancelled,
            Code::MemberNotActive,
            Code::BrandLimit,
            Code::OfferNotFound,
            Code::NotEligible,
            Code::MemberLimit,
            Code::OfferNotOpen,
            Code::SoldOut,
            Code::PriceChanged,
            Code::IdConflict,
            Code::LimitExceeded,
            Code::OccurredInFuture,
            Code::OccurredTooLongAgo,
        ],
        ..taking!(RedeemPoints => handle)
    }],
};

async fn handle(api: &Api, call: &Call, body: RedeemPoints) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = match body.scan_id {
        None => form.whom(body.member_id, body.identity.as_ref(), body.member_ref),
        Some(_) => {
            form.takes_no(given!(body: member_id, identity, member_ref), "the scan names the member");
            Some(Whom::Nobody)
        }
    };
    if call.caller.grant.is_some() {
        form.takes_no(given!(body: scan_id), "a token is its member's");
        form.takes_no(given!(body: occurred_at), "a member's token pays now");
    }
    let asked = match body.r#for.kind {
        SpentOnWhat::Order => spent_on_order(&mut form, &body),
        SpentOnWhat::Reward => reward::asked(&mut form, &body),
    };
    let (whom, asked) = form.finish(whom.zip(asked))?;
    if let Asked::Reward(_) = asked {
        reward::must_be_the_houses(call)?;
    }
    let whom = match &body.scan_id {
        Some(scan_id) => scanned(api, call, &body, scan_id).await?,
        None => whom,
    };
    let redeem = match asked {
        Asked::Order(redeem) => redeem,
        Asked::Reward(reward) => return reward::take(api, call, whom, reward).await,
    };

    let done = api.engine.ledger().execute(&call.request, &Act::redeem(whom, redeem)).await?;

    api.done::<Redeemed>(call, &done).await
}

/// What is to be done.
enum Asked {
    Order(Redeem),
    Reward(reward::Reward),
}

/// Points for an order, or `None` and faults.
fn spent_on_order(form: &mut Form<'_>, body: &RedeemPoints) -> Option<Asked> {
    let SpentOn { kind: _, order_id, part, offer_id, quantity, claim_id } = &body.r#for;
    let of_rewards = [
        ("for/offer_id", offer_id.is_some()),
        ("for/quantity", quantity.is_some()),
        ("for/claim_id", claim_id.is_some()),
    ];
    form.takes_no(&of_rewards, "an order is paid in points");
    let order_id = form.needed("for/order_id", order_id.clone());
    let points = form.needed("points", body.points);
    if points.is_some_and(|points| points.get() == 0) {
        form.fault("/points", "out_of_range", "at least 1");
        return None;
    }
    Some(Asked::Order(Redeem {
        brand: body.brand.clone(),
        points: points?,
        order_id: order_id?,
        part: part.clone(),
        occurred_at: body.occurred_at,
    }))
}

/// Whom the scan stands for. What was paid or claimed while it did is answered for ever.
async fn scanned(api: &Api, call: &Call, body: &RedeemPoints, scan_id: &str) -> Result<Whom, Problem> {
    let (whom, until) = api.scanned(call, &body.brand, scan_id)?;
    if call.request.now < until {
        return Ok(whom);
    }
    let SpentOn { order_id, part, offer_id, claim_id, .. } = &body.r#for;
    let engine = &api.engine;
    let is_done = match (order_id, offer_id.as_ref().zip(claim_id.as_ref())) {
        (Some(order), _) => engine.ledger().redemption_of(&body.brand, order, part.as_ref()).await?.is_some(),
        (None, Some(claim)) => reward::is_claimed(api, call, &whom, claim).await?,
        (None, None) => false,
    };
    let stands = is_done || engine.access().is_remembered(&call.request).await?;
    if stands { Ok(whom) } else { Err(Refusal::CardTokenInvalid.into()) }
}
