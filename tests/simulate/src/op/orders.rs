//! Orders as they now stand.

use laurel_tests::model::{
    Model,
    command::{Order, OrderKey},
};
use smol_str::{SmolStr, format_smolstr};

use super::{Asked, Names, Op, Sent};
use crate::{
    answer::compare_order,
    answered::{Got, Next},
    faults::Kind,
    generate::Writer,
    world::{View, World},
};

/// `POST /orders/find`.
#[derive(Clone, Debug)]
pub(crate) struct FindOrder {
    order: OrderKey,
}

impl Asked for FindOrder {
    fn kind(&self) -> Kind {
        Kind::Read
    }

    fn request(&self, _: &Names<'_>) -> Sent {
        let (brand, order_id) = &self.order;
        let body = format!(r#"{{"brand":"{brand}","order_id":"{order_id}"}}"#);
        Sent { method: "POST", path: "/orders/find".to_owned(), body }
    }

    fn about(&self, world: &World) -> Option<usize> {
        world.model.owner(&self.order)
    }

    fn is_of_several(&self) -> bool {
        true
    }

    fn view(&self, world: &World, _: i64, _: usize) -> View {
        View::Order(world.model.order(&self.order))
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, known: usize) -> Result<Next, String> {
        let View::Order(order) = view else { return Err(Got::nothing()) };
        let Some(order) = order else {
            let nowhere = self.order.0 == "nowhere";
            return got.wants(404, if nowhere { "brand_not_found" } else { "order_not_found" });
        };
        got.wants(200, "")?;
        // Its refunds and payments are read after it: where somebody changed any between, it is no one moment's.
        if !got.attempt.blurred {
            compare_order(got.body, &world.ids[order.member], order, world.model.program(known))?;
        }
        Ok(Next::Nothing)
    }
}

impl Writer {
    pub(crate) fn find_order(&mut self, _: &Model, _: i64) -> Op {
        let named = |(Order { brand, order_id, .. }, _)| (brand, order_id);
        let order = Writer::one_of(&mut self.dice, &self.orders).map(named);
        let unknown = || (SmolStr::new_static("acme"), format_smolstr!("unknown"));
        Op::FindOrder(FindOrder { order: order.unwrap_or_else(unknown) })
    }
}
