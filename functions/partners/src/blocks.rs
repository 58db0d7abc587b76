//! `/partners/{id}/blocks`: blocks of points that a prepaid brand buys.

use domain::{
    id::{BlockRef, BrandId},
    number::Currency,
    time::Zone,
};
use edge::{
    Access, Answer, Api, At, Call, Code, Form, Id, Kind, List, Method, MoneyText, Notes, OrNull, Partners,
    Positive, Problem, Role, Route, answer, asking, body, taking,
};
use engine::{Purchase, records::BlockRecord};

use crate::usage::named;

body! {
    /// A block is bought.
    struct BuyBlock {
        /// how many
        points: Positive,
        /// what they cost together
        price: MoneyText,
        /// the block's natural key; bought once, for ever
        reference: BlockRef,
    }
}

answer! {
    /// A block that was bought.
    struct Block<'a> {
        /// the brand
        brand: Id<&'a BrandId>,
        /// its number among the brand's, from 1: the order in which they are used
        number: u32,
        /// as it was sent
        reference: Id<&'a BlockRef>,
        /// how many were bought
        points: u64,
        /// what they cost together
        price: MoneyText,
        /// when
        bought_at: At,
        /// points it still holds, as of now; where blocks are listed
        left: Option<u64>,
    }
}

answer! {
    /// A page of blocks.
    struct Blocks<'a> {
        /// by reference
        blocks: List<Block<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Id<&'a BlockRef>>,
    }
}

/// The route that buys.
pub(crate) const BUY: Route = Route {
    method: Method::Post,
    path: "/{id}/blocks",
    summary: "A brand buys a block of points",
    notes: Some(Notes::of_staff("block.bought")),
    access: Access::ADMIN,
    remembers: true,
    answers: &[(201, Block::SHAPE)],
    problems: &[Code::BrandNotFound, Code::BlockConflict, Code::LimitExceeded],
    ..taking!(BuyBlock => buy)
};

/// The route that lists.
pub(crate) const LIST_ROUTE: Route = Route {
    method: Method::Get,
    path: "/{id}/blocks",
    summary: "Every block that a brand has bought, by reference",
    access: Access::keys(&[Role::Operator]).and_partners(Partners::Any),
    remembers: false,
    answers: &[(200, Blocks::SHAPE)],
    problems: &[Code::BrandNotFound],
    query: &["limit", "cursor"],
    ..asking!(list)
};

fn shown(block: &BlockRecord, currency: Currency, zone: Zone) -> Block<'_> {
    Block {
        brand: Id(&block.brand),
        number: block.number,
        reference: Id(&block.reference),
        points: block.points,
        price: MoneyText(block.price.show(currency)),
        bought_at: At(zone.show(block.bought_at)),
        left: None,
    }
}

async fn buy(api: &Api, call: &Call, body: BuyBlock) -> Result<Answer, Problem> {
    let brand = named(api, call)?;
    let mut form = Form::new(api, call)?;
    let (currency, zone) = (form.currency, form.zone);
    let price = form.money(&body.price, "/price");
    let price = form.finish(price)?;
    let purchase = Purchase { reference: body.reference, points: body.points.0, price };
    let tell = |block: &BlockRecord| Answer::new(201, &shown(block, currency, zone)).kept();

    let request = call.request.about(purchase.reference.to_string());
    let told = api.engine.accounts().buy_block(&request, &brand, &purchase, tell).await?;

    Ok(told.into())
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (brand, limit) = (named(api, call)?, call.limit()?);
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
    let after = call.query("cursor").map(|text| text.parse::<BlockRef>().map_err(|_| wrong()));
    let after = after.transpose()?;

    // One more shows whether there are more.
    let mut blocks = api.engine.accounts().blocks(&brand, after.as_ref(), limit + 1).await?;
    let usage = api.engine.accounts().usage(&brand, call.request.now).await?;

    let more = blocks.len() > limit;
    blocks.truncate(limit);
    let (currency, zone) = api.engine.programme().currency_and_zone()?;
    let next_cursor = OrNull(blocks.last().filter(|_| more).map(|last| Id(&last.reference)));
    let mut shown_blocks = Vec::with_capacity(blocks.len());
    for block in &blocks {
        shown_blocks.push(Block { left: Some(usage.in_block(block.number)), ..shown(block, currency, zone) });
    }
    Ok(Answer::new(200, &Blocks { blocks: List(shown_blocks), next_cursor }))
}
