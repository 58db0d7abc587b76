//! `POST /orders/find`: an order as it now stands, and what has become of it.

use domain::id::{BrandId, OrderId};
use edge::{
    Access, Answer, Api, Call, Code, Function, Kind, Method, Problem, Role, Route, body, taking,
    wire::{OrderFound, Show},
};

body! {
    /// An order is looked for.
    struct FindOrder {
        /// where it was placed
        brand: BrandId,
        /// the brand's id of it
        order_id: OrderId,
    }
}

/// What the function answers under its other name.
pub static ORDERS: Function = Function {
    name: "orders",
    routes: &[Route {
        method: Method::Post,
        path: "/find",
        summary: "An order as it now stands, with its refunds, redemptions and what it uses of offers",
        access: Access::keys(&[Role::Storefront, Role::Operator]),
        remembers: false,
        answers: &[(200, OrderFound::SHAPE)],
        problems: &[Code::OrderNotFound, Code::BrandNotFound, Code::LimitExceeded],
        ..taking!(FindOrder => find)
    }],
};

async fn find(api: &Api, call: &Call, body: FindOrder) -> Result<Answer, Problem> {
    api.may_act_for(call, &body.brand)?;

    // The order last: its answer is as it stood when its last record was read.
    let used = api.engine.offers().use_of_order(&body.brand, &body.order_id, call.request.now).await?;
    let found = api.engine.ledger().order(&body.brand, &body.order_id).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let used = used.as_ref().map(|used| api.use_now(show, used));
    Ok(Answer::new(200, &show.order(&found, used)))
}
