//! What is kept beside an order's entry, and changes while the entry does not.

use domain::event::{Order, OrderNow, OrderState};

use super::{Points, layout::layout};
use crate::store::Key;

/// An order as it now stands, and what its points came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptOrder {
    /// What has become of it.
    pub now: OrderNow,
    /// Which of its brand's blocks its points are from, in the order in which they were drawn; without what was taken
    /// back.
    pub drawn: Vec<(u32, u64)>,
    /// Points that its brand's credit was charged for, without what was taken back.
    pub credited: u64,
    /// The keys of the entries of its refunds, oldest first.
    pub refunds: Vec<Vec<u8>>,
    /// Whether `refunds` and the growth that was lost are complete; if not, the member's ledger tells.
    pub complete: bool,
}

/// What changed an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changed<'a> {
    /// The key of the entry that did.
    pub(crate) by: &'a Key,
    /// The blocks that its points came from, or went back to.
    pub(crate) blocks: &'a Points,
    /// Whether its brand's credit was charged.
    pub(crate) charged: bool,
}

impl KeptOrder {
    /// An order that was just told for the first time.
    pub(crate) fn new(order: &Order, blocks: &Points, charged: bool) -> KeptOrder {
        let mut kept = KeptOrder {
            now: OrderNow::new(order),
            drawn: Vec::new(),
            credited: 0,
            refunds: Vec::new(),
            complete: true,
        };
        kept.adds(order.granted, blocks, charged);
        kept
    }

    /// An order that 0.1.0 has written, with what had become of it.
    pub(in crate::store) fn older(
        order: &Order,
        state: OrderState,
        blocks: &Points,
        charged: bool,
    ) -> KeptOrder {
        let mut kept = KeptOrder::new(order, blocks, charged);
        kept.takes(state.taken);
        kept.complete = state.refunds == 0;
        kept.now.state = state;
        kept
    }

    /// The order after that change.
    pub(crate) fn changed(mut self, now: OrderNow, changed: Changed<'_>) -> KeptOrder {
        let before = &self.now;
        assert!(
            before.state.taken <= now.state.taken
                && before.state.refunds <= now.state.refunds
                && before.given <= now.given
                && (before.revision == now.revision || before.revision + 1 == now.revision),
            "what has become of an order is added to"
        );
        let (taken, added) = (now.state.taken - before.state.taken, now.given - before.given);
        // `"all"` of nothing left is none.
        if before.state.refunds < now.state.refunds {
            self.refunds.push(changed.by.as_bytes().to_vec());
        }
        self.takes(taken);
        if added > 0 {
            self.adds(added, changed.blocks, changed.charged);
        }
        self.now = now;
        self
    }

    fn adds(&mut self, points: u64, blocks: &Points, charged: bool) {
        let in_blocks: u64 = blocks.iter().map(|(_, points)| points).sum();
        self.drawn.extend(blocks);
        self.credited += if charged { points.saturating_sub(in_blocks) } else { 0 };
    }

    /// What is taken back is what was drawn last, and then what was charged.
    fn takes(&mut self, points: u64) {
        let mut rest = points;
        while let Some((_, drawn)) = self.drawn.last_mut().filter(|_| rest > 0) {
            let back = rest.min(*drawn);
            *drawn -= back;
            rest -= back;
            if *drawn == 0 {
                self.drawn.pop();
            }
        }
        self.credited = self.credited.saturating_sub(rest);
    }
}

layout! { struct KeptOrder { now, drawn, credited, refunds, complete } }
layout! {
    struct OrderNow { state, revision, revised, given, counted, growth_lost, was_above, revised_away }
}
