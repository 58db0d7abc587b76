//! `POST /redeem`: points are spent on an order.

use domain::{
    decide::Redeem,
    id::{BrandId, OrderId, RedemptionPart},
    json::Json,
    member::MemberId,
    refusal::Refusal,
    shape::Shape,
    time::Instant,
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, IdentitySent, Kind, Members, Method, Partners, Positive,
    Problem, Read, Role, Route, Spend, Text, Ulid, body, given, taking,
    wire::{PartnerDone, Redeemed},
    words,
};
use engine::{Act, Whom, id::Reference};

words! {
    /// What points are spent on.
    enum SpentOnWhat {
        /// An order.
        Order = "order",
    }
}

body! {
    /// What points are spent on.
    struct SpentOn {
        /// what they are spent on; rewards and draws come later
        kind: SpentOnWhat,
        /// the order
        order_id: OrderId,
        /// which of the order's redemptions it is: points are spent once on each, and once without
        part: Option<RedemptionPart>,
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
        /// how many
        points: Positive,
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
    Some(Spend { order_id: asked.r#for.order_id, part: asked.r#for.part, points_max: asked.points.0 })
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
        answers: &[(200, Shape::Either(&Redeemed::SHAPE, &PartnerDone::SHAPE))],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::CardTokenInvalid,
            Code::InsufficientPoints,
            Code::OrderConflict,
            Code::AlreadyCancelled,
            Code::MemberNotActive,
            Code::BrandLimit,
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
    let whom = form.finish(whom)?;
    let whom = match &body.scan_id {
        Some(scan_id) => scanned(api, call, &body, scan_id).await?,
        None => whom,
    };
    let redeem = match body.r#for.kind {
        SpentOnWhat::Order => Redeem {
            brand: body.brand,
            points: body.points.0,
            order_id: body.r#for.order_id,
            part: body.r#for.part,
            occurred_at: body.occurred_at,
        },
    };

    let done = api.engine.ledger().execute(&call.request, &Act::redeem(whom, redeem)).await?;

    api.done::<Redeemed>(call, &done).await
}

/// Whom the scan stands for. What was paid while it did is answered for ever.
async fn scanned(api: &Api, call: &Call, body: &RedeemPoints, scan_id: &str) -> Result<Whom, Problem> {
    let (whom, until) = api.scanned(call, &body.brand, scan_id)?;
    if call.request.now < until {
        return Ok(whom);
    }
    let SpentOn { order_id, part, .. } = &body.r#for;
    let paid = api.engine.ledger().redemption_of(&body.brand, order_id, part.as_ref()).await?;
    paid.map(|_| whom).ok_or_else(|| Refusal::CardTokenInvalid.into())
}
