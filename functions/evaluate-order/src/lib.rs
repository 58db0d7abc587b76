//! `POST /evaluate-order` 算价: what an order costs with offers, before it is placed. Nothing is written. And `POST /use`
//! 核销, by which it is.

mod using;

use std::collections::HashSet;

use domain::{
    id::{BrandId, GrantId, OrderChannel, OrderLineId},
    json::Json,
    member::MemberId,
    number::{Figure, Quantity},
    offer::{
        code::fold,
        price::{Choose, DraftLine, Outcome, PointsAsked, Reason},
    },
    shape::Shape,
};
use edge::{
    Access, Answer, Api, At, Call, Code, Form, Function, IdentitySent, Kind, List, Members, Method,
    MoneyText, OrNull, Partners, Problem, QUOTE_CHARS_MAX, Read, Role, Route, Text, Ulid, answer, body,
    taking,
    wire::{self, AppliedOffer, Earns, PricedDelivery, PricedLine, Show, UsablePoints},
    words,
};
use engine::{DraftOrder, Evaluated, NamedGrant, id::Reference};

/// The most grants and codes of one order.
const COUPONS_MAX: usize = 10;

words! {
    /// Which coupons apply.
    enum ChooseWord {
        /// Those that are listed, in their order.
        Listed = "listed",
        /// Those that save most together.
        Best = "best",
    }
}

body! {
    /// A line of an order that is not placed yet.
    struct LineToPrice {
        /// differs within the order
        line_id: OrderLineId,
        /// the article
        sku: Option<Text<64>>,
        /// what offers may be about
        category: Option<Text<64>>,
        /// how many, or how much
        quantity: Quantity,
        /// what they come to together at list price
        amount: MoneyText,
    }
}

/// How many points the member would pay with: a number, or as many as it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct PointsToPay(PointsAsked);

impl Kind for PointsToPay {
    const SHAPE: Shape = Shape::WordOr("max", &<Figure as Kind>::SHAPE);
}

impl Read for PointsToPay {
    fn read(json: &Json) -> Option<PointsToPay> {
        let asked = match json.text() {
            Some(_) => PointsAsked::Max,
            None => PointsAsked::Most(Figure::read(json)?),
        };
        Some(PointsToPay(asked))
    }
}

body! {
    /// An order that is not placed yet is to be priced.
    struct EvaluateOrder {
        /// the member, or `identity`; a guest's order without
        member_id: Option<Ulid<MemberId>>,
        /// in place of `member_id`
        identity: Option<IdentitySent>,
        /// what a partner names the member by, and nobody else
        member_ref: Option<Ulid<Reference>>,
        /// where it is placed
        brand: BrandId,
        /// where at the brand: offers may be for some channels alone
        channel: Option<OrderChannel>,
        /// its lines, without what offers give
        lines: List<LineToPrice, 1, 200>,
        /// what its delivery costs
        delivery: Option<MoneyText>,
        /// the member's grants that are to be used, each by its own id or its offer's; with `codes` at most 10
        grants: Option<List<Text<64>, 0, COUPONS_MAX>>,
        /// codes that are to be used, behind the grants
        codes: Option<List<Text<64>, 0, COUPONS_MAX>>,
        /// which of them apply; `best` also chooses among the member's other grants. `listed` unless given
        choose: Option<ChooseWord>,
        /// how many points the member would pay with
        points: Option<PointsToPay>,
        /// for whom of its customers the caller asks: wrong codes are counted apart
        client: Option<Text<64>>,
    }
}

answer! {
    /// What an order costs now.
    struct OrderEvaluated<'a> {
        /// the lines, as sent
        lines: List<PricedLine<'a>, 0, 200>,
        /// what comes to the order by itself: `auto` discounts whose audience, time, place and lines fit, by id
        offers: List<AppliedOffer<'a>, 0, 2_000>,
        /// the coupons as listed; where the best were chosen, first those, in their order
        coupons: List<AppliedOffer<'a>, 0, 32>,
        /// null where none was sent
        delivery: OrNull<PricedDelivery<'a>>,
        /// what is left to pay, the delivery included, before points; blocked lines not
        total: MoneyText,
        /// what was taken off list amounts
        saved: MoneyText,
        /// what points may pay of the total, if that was asked; a partner that does not see balances is not told
        points: Option<UsablePoints>,
        /// what an order of the nets would be granted now; nothing for a guest
        earns: Earns,
        /// what is promised until `quote_until`; null where hundreds of offers apply
        quote: OrNull<Text<QUOTE_CHARS_MAX>>,
        /// until when
        quote_until: At,
    }
}

pub use using::USE;

/// The function.
pub static FUNCTION: Function = Function {
    name: "evaluate-order",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "What an order costs with offers, before it is placed",
        access: Access::keys(&[Role::Storefront, Role::Operator])
            .and_partners(Partners::Any)
            .and_members(Members::Own),
        answers: &[(200, OrderEvaluated::SHAPE)],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::TooManyChoices,
            Code::LimitExceeded,
            Code::TooManyRequests,
        ],
        ..taking!(EvaluateOrder => handle)
    }],
};

async fn handle(api: &Api, call: &Call, body: EvaluateOrder) -> Result<Answer, Problem> {
    api.may_act_for(call, &body.brand)?;
    let client = body.client.as_deref().map(str::to_owned);
    let mut form = Form::new(api, call)?;
    let draft = draft(&mut form, call, body);
    let draft = form.finish(draft)?;

    let evaluating = async {
        let evaluated = api.engine.offers().evaluate(&call.request, &draft).await?;
        let usable = draft.codes.len() - unusable_codes(&evaluated);
        Ok((evaluated, usable))
    };
    let evaluated = api.with_codes((call, client.as_deref(), draft.codes.len()), evaluating).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let names = api.shown_names(&evaluated.names);
    let wire::Priced { lines, offers, coupons, delivery, total, saved } =
        show.priced(&evaluated.answer, &names);
    let is_partner = call.caller.is(Role::Partner);
    let sees_points = !is_partner || api.sees_balance(&call.caller);
    let points = evaluated.answer.points.filter(|_| sees_points);
    Ok(Answer::new(
        200,
        &OrderEvaluated {
            lines,
            offers,
            coupons,
            delivery,
            total,
            saved,
            points: points.map(|points| show.usable_points(points)),
            earns: Earns::told(evaluated.earns, !is_partner),
            quote: OrNull(api.secrets.quote(&draft.brand, &evaluated.quote).map(Text)),
            quote_until: At(show.zone().show(evaluated.quote.until)),
        },
    ))
}

/// How many of the codes are not usable: whoever guesses codes sends such.
fn unusable_codes(evaluated: &Evaluated) -> usize {
    let coupons = evaluated.answer.coupons.iter();
    coupons.filter(|told| told.outcome == Outcome::Not(Reason::CodeNotUsable)).count()
}

fn draft(form: &mut Form<'_>, call: &Call, body: EvaluateOrder) -> Option<DraftOrder> {
    let sent = Sent {
        member_id: body.member_id,
        identity: body.identity,
        member_ref: body.member_ref,
        brand: body.brand,
        channel: body.channel,
        lines: body.lines.0,
        delivery: body.delivery,
        grants: body.grants,
        codes: body.codes,
    };
    let draft = drafted(form, call, sent)?;
    let choose = match body.choose {
        Some(ChooseWord::Best) => Choose::Best,
        Some(ChooseWord::Listed) | None => Choose::Listed,
    };
    Some(DraftOrder { choose, points: body.points.map(|points| points.0), ..draft })
}

/// What an evaluation and a use are sent alike.
struct Sent {
    member_id: Option<Ulid<MemberId>>,
    identity: Option<IdentitySent>,
    member_ref: Option<Ulid<Reference>>,
    brand: BrandId,
    channel: Option<OrderChannel>,
    lines: Vec<LineToPrice>,
    delivery: Option<MoneyText>,
    grants: Option<List<Text<64>, 0, COUPONS_MAX>>,
    codes: Option<List<Text<64>, 0, COUPONS_MAX>>,
}

/// The draft of an order, or `None` and faults.
fn drafted(form: &mut Form<'_>, call: &Call, sent: Sent) -> Option<DraftOrder> {
    let is_named = sent.member_id.is_some() || sent.identity.is_some() || sent.member_ref.is_some();
    // A token is its member's, whether it says so or not.
    let whom = match is_named || call.caller.grant.is_some() {
        true => form.whom(sent.member_id, sent.identity.as_ref(), sent.member_ref).map(Some),
        false => Some(None),
    };
    let lines = lines(form, sent.lines);
    let delivery = form.money_if(sent.delivery.as_ref(), "/delivery");
    let grants = texts(sent.grants);
    let codes = texts(sent.codes);
    coupons(form, &grants, &codes);
    let grants = grants.into_iter().map(|sent| {
        let id = Ulid::<GrantId>::parse(&sent).map(|id| form.grant(id.0));
        NamedGrant { sent, id }
    });
    let printed = codes.iter().filter_map(|typed| Some((typed.clone(), form.printed(typed)?))).collect();
    Some(DraftOrder {
        whom: whom?,
        brand: sent.brand,
        channel: sent.channel,
        lines: lines?,
        delivery: delivery?,
        pieces: 1,
        grants: grants.collect(),
        codes,
        printed,
        choose: Choose::Listed,
        points: None,
    })
}

fn texts(sent: Option<List<Text<64>, 0, COUPONS_MAX>>) -> Vec<String> {
    sent.map_or(Vec::new(), |sent| sent.0).into_iter().map(Into::into).collect()
}

fn lines(form: &mut Form<'_>, sent: Vec<LineToPrice>) -> Option<Vec<DraftLine>> {
    let mut seen = HashSet::new();
    for (index, line) in sent.iter().enumerate() {
        if !seen.insert(&line.line_id) {
            form.fault(format!("/lines/{index}/line_id"), "duplicate", "line ids differ within an order");
        }
    }
    let lines: Vec<Option<DraftLine>> = sent
        .into_iter()
        .enumerate()
        .map(|(index, line)| {
            Some(DraftLine {
                amount: form.money(&line.amount, &format!("/lines/{index}/amount"))?,
                line_id: line.line_id,
                sku: line.sku.map(Into::into),
                category: line.category.map(Into::into),
                quantity: line.quantity,
            })
        })
        .collect();
    lines.into_iter().collect()
}

/// Grants and codes are few together, and none stands twice, codes as they are compared.
fn coupons(form: &mut Form<'_>, grants: &[String], codes: &[String]) {
    if grants.len() + codes.len() > COUPONS_MAX {
        form.fault("/codes", "out_of_range", "grants and codes together at most 10");
    }
    let mut twice = |name: &str, index: usize| {
        form.fault(format!("/{name}/{index}"), "duplicate", "it stands there twice");
    };
    let mut seen = HashSet::new();
    for (index, _) in grants.iter().enumerate().filter(|(_, grant)| !seen.insert(grant.as_str())) {
        twice("grants", index);
    }
    let mut seen = HashSet::new();
    for (index, _) in codes.iter().enumerate().filter(|(_, code)| !seen.insert(fold(code))) {
        twice("codes", index);
    }
}
