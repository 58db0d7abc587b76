//! `POST /earn-points`: an order or an activity earns points and growth, and an order is revised;
//! `POST /orders/find`: an order as it now stands.

mod orders;

use domain::{
    decide::{EarnActivity, EarnLine, EarnOrder},
    id::{ActivityId, ActivityRef, BrandId, OrderChannel, OrderId, OrderLineId},
    member::MemberId,
    number::Quantity,
    shape::Shape,
    time::Instant,
};
use edge::{
    Access, Answer, Api, Call, Code, Decimal, Form, Function, IdentitySent, Kind, List, Method, MoneyText,
    Partners, Problem, Role, Route, SignalsSent, Text, Ulid, Whole, body, given, need, taking,
    wire::{Earned, PartnerDone},
};
use engine::{Act, id::Reference};

pub use orders::ORDERS;

body! {
    /// A line of an order.
    struct OrderLine {
        /// differs within the order
        line_id: OrderLineId,
        /// the article
        sku: Option<Text<64>>,
        /// may be excluded or multiplied by the programme
        category: Option<Text<64>>,
        /// how many, or how much
        quantity: Quantity,
        /// what they come to together; below 0 for a discount
        amount: Decimal,
    }
}

body! {
    /// An order, or an activity, earns.
    struct EarnPoints {
        /// the member, or `identity`
        member_id: Option<Ulid<MemberId>>,
        /// in place of `member_id`
        identity: Option<IdentitySent>,
        /// what a partner names the member by, and nobody else
        member_ref: Option<Ulid<Reference>>,
        /// where it happened
        brand: BrandId,
        /// the brand's id of the order; earns once, for ever
        order_id: Option<OrderId>,
        /// what the order came to; the sum of the lines, if both are given
        amount: Option<MoneyText>,
        /// where it was placed; in no rule of earning
        channel: Option<OrderChannel>,
        /// the programme's, if it is given
        currency: Option<Text<64>>,
        /// its lines
        lines: Option<List<OrderLine, 1, 200>>,
        /// in place of an order: what was done
        activity: Option<ActivityId>,
        /// of an order: its first telling is 1; a later one says what the order consists of now, whole
        revision: Option<Whole<1, 1_000_000>>,
        /// the activity's natural key
        activity_ref: Option<ActivityRef>,
        /// when it happened; now unless given
        occurred_at: Option<Instant>,
        /// of an order: what tells whether two members are one, for referral
        signals: Option<SignalsSent>,
        /// answer what would happen and write nothing
        dry_run: Option<bool>,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "earn-points",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "An order or an activity earns points and growth, or an order is told anew",
        access: Access::keys(&[Role::Storefront]).and_partners(Partners::MayEarn),
        remembers: true,
        answers: &[(200, Shape::Either(&Earned::SHAPE, &PartnerDone::SHAPE))],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::ActivityNotFound,
            Code::OrderConflict,
            Code::OrderRefunded,
            Code::TooManyRefunds,
            Code::ActivityLimit,
            Code::MemberNotActive,
            Code::BrandLimit,
            Code::BlockExhausted,
            Code::CreditExhausted,
            Code::OccurredInFuture,
            Code::OccurredTooLongAgo,
            Code::CurrencyMismatch,
            Code::LimitExceeded,
        ],
        ..taking!(EarnPoints => handle)
    }],
};

async fn handle(api: &Api, call: &Call, body: EarnPoints) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    in_the_currency(&form, &body)?;
    let whom = form.whom(body.member_id, body.identity.as_ref(), body.member_ref);
    let act = match body.activity.clone() {
        Some(done) => {
            let activity = activity(&mut form, body, done);
            whom.map(|whom| Act::earn_activity(whom, activity))
        }
        None => {
            let revision = body.revision.map_or(1, |revision| revision.0);
            let signals = body.signals.as_ref().map_or_else(Vec::new, SignalsSent::hashes);
            whom.zip(order(&mut form, body)).map(|(whom, order)| match u32::try_from(revision) {
                Ok(1) => Act::earn_order(whom, order).saying(signals),
                later => Act::revise(whom, order, later.unwrap_or(u32::MAX)),
            })
        }
    };
    let act = form.finish(act)?;

    let done = api.engine.ledger().execute(&call.request, &act).await?;

    api.done::<Earned>(call, &done).await
}

/// Amounts of another currency would be read as the programme's: that comes before anything they say.
fn in_the_currency(form: &Form<'_>, body: &EarnPoints) -> Result<(), Problem> {
    let own = String::from_utf8_lossy(&form.currency.code);
    match body.currency.as_deref().filter(|told| *told != own && body.activity.is_none()) {
        Some(told) => {
            let detail = format!("the programme counts in {own}, and the order says {told:?}");
            Err(Problem::saying(Code::CurrencyMismatch, detail).with("currency", &*own))
        }
        None => Ok(()),
    }
}

fn activity(form: &mut Form<'_>, body: EarnPoints, activity: ActivityId) -> EarnActivity {
    form.takes_no(
        given!(body: order_id, amount, lines, revision, channel, currency, signals),
        "an activity has none",
    );
    EarnActivity { brand: body.brand, activity, reference: body.activity_ref, occurred_at: body.occurred_at }
}

fn order(form: &mut Form<'_>, body: EarnPoints) -> Option<EarnOrder> {
    form.takes_no(given!(body: activity_ref), "an order has none");
    let lines = body.lines.map_or(Vec::new(), |lines| lines.0).into_iter().enumerate();
    let lines: Vec<Option<EarnLine>> = lines.map(|(index, line)| order_line(form, index, line)).collect();
    let order_id = need!(form, body.order_id);
    let amount = form.money_if(body.amount.as_ref(), "/amount");
    Some(EarnOrder {
        lines: lines.into_iter().collect::<Option<_>>()?,
        brand: body.brand,
        order_id: order_id?,
        channel: body.channel,
        amount: amount?,
        occurred_at: body.occurred_at,
    })
}

fn order_line(form: &mut Form<'_>, index: usize, line: OrderLine) -> Option<EarnLine> {
    Some(EarnLine {
        amount: form.signed_money(&line.amount, &format!("/lines/{index}/amount"))?,
        line_id: line.line_id,
        sku: line.sku.map(Into::into),
        category: line.category.map(Into::into),
        quantity: line.quantity,
    })
}
