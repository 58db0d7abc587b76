//! `POST /reverse`: an order is refunded, or a redemption cancelled, in part or whole, an activity taken back, or what was
//! claimed or bought, or used.

mod uses;

use domain::{
    decide::{Ask, RefundLine},
    id::{ActivityId, ActivityRef, BrandId, GrantId, OrderId, OrderLineId, RedemptionId, RefundId, UseId},
    number::Quantity,
    shape::Shape,
};
use edge::{
    Access, AllOr, Answer, Api, Call, Code, Form, Function, Kind, List, Method, MoneyText, Partners,
    Positive, Problem, Role, Route, Ulid, body, given, need, taking,
    wire::{GrantTakenBack, PartnerDone, Reversed, Show, UseReturned, UseReturnedToPartner},
};
use engine::{Act, Revoke};

body! {
    /// Units of a line that come back.
    struct ReturnedLine {
        /// a line of the order
        line_id: OrderLineId,
        /// how many, or how much of it
        quantity: Quantity,
    }
}

body! {
    /// A part of an order that comes back.
    struct ReturnedPart {
        /// of an order without lines
        amount: Option<MoneyText>,
        /// of an order with lines
        lines: Option<List<ReturnedLine, 1, 200>>,
    }
}

body! {
    /// A part of a use of offers that comes back.
    struct ReturnedUse {
        /// lines of the order
        lines: List<ReturnedLine, 1, 200>,
    }
}

body! {
    /// An order is refunded, a redemption cancelled, or an activity taken back.
    struct Reverse {
        /// the order's brand
        brand: Option<BrandId>,
        /// the order that is refunded
        order_id: Option<OrderId>,
        /// what of it
        refund: Option<AllOr<ReturnedPart>>,
        /// the natural key of the refund, or of the part of a redemption
        refund_id: Option<RefundId>,
        /// in place of an order: the redemption that is cancelled
        redemption_id: Option<Ulid<RedemptionId>>,
        /// how many of the redemption's points; all that remain unless given
        points: Option<Positive>,
        /// in place of an order: the activity, at `brand`, that is taken back
        activity: Option<ActivityId>,
        /// the activity's natural key
        activity_ref: Option<ActivityRef>,
        /// in place of `refund`: what of the order's use of offers comes back
        r#use: Option<AllOr<ReturnedUse>>,
        /// with `use`, in place of an order: the use without one
        use_id: Option<UseId>,
        /// in place of an order: the grant that was claimed or bought, which is taken back whole
        grant_id: Option<Ulid<GrantId>>,
        /// answer what would happen and write nothing
        dry_run: Option<bool>,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "reverse",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "An order is refunded, a redemption cancelled, or an activity or a claim taken back",
        access: Access::keys(&[Role::Storefront, Role::Operator]).and_partners(Partners::MayReverse),
        remembers: true,
        answers: &[(
            200,
            Shape::Either(
                &Shape::Either(&Reversed::SHAPE, &GrantTakenBack::SHAPE),
                &Shape::Either(
                    &UseReturned::SHAPE,
                    &Shape::Either(&UseReturnedToPartner::SHAPE, &PartnerDone::SHAPE),
                ),
            ),
        )],
        problems: &[
            Code::OrderNotFound,
            Code::RedemptionNotFound,
            Code::OverRefund,
            Code::TooManyRefunds,
            Code::AlreadyCancelled,
            Code::OrderConflict,
            Code::ActivityNotFound,
            Code::GrantNotFound,
            Code::GrantNotUsable,
            Code::UseNotFound,
            Code::LimitExceeded,
        ],
        ..taking!(Reverse => handle)
    }],
};

async fn handle(api: &Api, call: &Call, body: Reverse) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    if body.r#use.is_some() || body.use_id.is_some() {
        return uses::handle(api, call, form, body).await;
    }
    if let Some(Ulid(grant)) = body.grant_id {
        form.takes_no(
            given!(body: brand, order_id, refund, refund_id, redemption_id, points, activity, activity_ref),
            "a grant is taken back by its id alone, and whole",
        );
        form.finish(Some(()))?;
        return taken_back(api, call, grant).await;
    }
    let act = match (body.redemption_id, body.activity.is_some() || body.activity_ref.is_some()) {
        (Some(Ulid(redemption)), _) => {
            form.takes_no(
                given!(body: brand, order_id, refund, activity, activity_ref),
                "a redemption is cancelled by its id alone",
            );
            Some(Act::cancel(redemption, body.points.map(|points| points.0), body.refund_id.as_ref()))
        }
        (None, true) => activity(&mut form, body),
        (None, false) => refund(&mut form, body),
    };
    let act = form.finish(act)?;

    let done = api.engine.ledger().execute(&call.request, &act).await?;

    api.done::<Reversed>(call, &done).await
}

/// What was claimed or bought is taken back.
async fn taken_back(api: &Api, call: &Call, grant: GrantId) -> Result<Answer, Problem> {
    if call.caller.is(Role::Partner) {
        return Err(Problem::forbidden());
    }
    let act = Act::revoke_grant(api.secrets.grant_shown_as(grant), Revoke::Whole);

    let done = api.engine.ledger().execute(&call.request, &act).await?;

    let entry = done.entry.ok_or_else(|| Problem::broken("a grant was taken back without an entry"))?;
    let issued = api.engine.ledger().issue_of(&entry).await?;
    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let outcome = issued.as_ref().zip(entry.outcome.as_ref());
    let answer = outcome.and_then(|(issued, outcome)| show.taken_back(&api.secrets, issued, &entry, outcome));
    let answer = answer.ok_or_else(|| Problem::broken("a grant is taken back by another kind of entry"))?;
    Ok(answer.replayed(done.replayed))
}

fn refund(form: &mut Form<'_>, body: Reverse) -> Option<Act> {
    form.takes_no(given!(body: points), "an order is refunded by amount or by line");
    let brand = need!(form, body.brand);
    let order_id = need!(form, body.order_id);
    let ask = need!(form, body.refund).and_then(|refund| ask(form, refund));
    Some(Act::refund(brand?, &order_id?, body.refund_id.as_ref(), ask?))
}

fn activity(form: &mut Form<'_>, body: Reverse) -> Option<Act> {
    form.takes_no(
        given!(body: order_id, refund, refund_id, points),
        "an activity is taken back whole, and once",
    );
    let brand = need!(form, body.brand);
    let activity = need!(form, body.activity);
    let reference = need!(form, body.activity_ref);
    Some(Act::reverse_activity(brand?, &activity?, &reference?))
}

fn ask(form: &mut Form<'_>, refund: AllOr<ReturnedPart>) -> Option<Ask> {
    let part = match refund {
        AllOr::All => return Some(Ask::All),
        AllOr::Part(part) => part,
    };
    match (part.amount, part.lines) {
        (Some(amount), None) => form.money(&amount, "/refund/amount").map(Ask::Amount),
        (None, Some(List(lines))) => {
            let line = |line: ReturnedLine| RefundLine { line_id: line.line_id, quantity: line.quantity };
            Some(Ask::Lines(lines.into_iter().map(line).collect()))
        }
        (Some(_), Some(_)) | (None, None) => {
            form.fault("/refund", "wrong_type", "\"all\", an amount, or lines");
            None
        }
    }
}
