//! A member's account, one call at a time: points of one brand that never expire, under a programme that
//! gives a point for each unit of money. Written from the rules (5, 6) and the contract ("exactly once").

use super::Spec;

/// A request. Orders, redemptions, refunds and keys are numbered separately.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ask {
    /// An order of that many units earns.
    Earn {
        /// Which.
        order: u8,
        /// How much.
        amount: u32,
    },
    /// Points are spent.
    Redeem {
        /// On which order.
        order: u8,
        /// How many.
        points: u32,
        /// Under which key, if any.
        key: Option<u8>,
    },
    /// An order is refunded.
    Refund {
        /// Which.
        order: u8,
        /// How much; everything left if `None`.
        amount: Option<u32>,
        /// The refund's own name, if it has one.
        name: Option<u8>,
    },
    /// A redemption is cancelled.
    Cancel {
        /// Which.
        redemption: u8,
        /// Under which key, if any.
        key: Option<u8>,
    },
    /// How much there is.
    Read,
}

impl Ask {
    /// The request itself, whatever its key.
    #[must_use]
    pub fn content(&self) -> Ask {
        let mut content = self.clone();
        if let Ask::Redeem { key, .. } | Ask::Cancel { key, .. } = &mut content {
            *key = None;
        }
        content
    }

    fn key(&self) -> Option<u8> {
        match self {
            Ask::Redeem { key, .. } | Ask::Cancel { key, .. } => *key,
            Ask::Earn { .. } | Ask::Refund { .. } | Ask::Read => None,
        }
    }
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// Done now, or done before and answered again.
    Done {
        /// What the entry changed.
        points: i64,
        /// What can be spent, afterwards.
        available: u64,
        /// What is owed, afterwards.
        debt: u64,
    },
    /// So much there is.
    Balance {
        /// What can be spent.
        available: u64,
        /// What is owed.
        debt: u64,
    },
    /// Too little to spend.
    Insufficient {
        /// What can be spent.
        available: u64,
        /// What is owed.
        debt: u64,
    },
    /// The order or redemption does not exist.
    NotFound,
    /// The name was used for something else.
    Conflict,
    /// The key was used for something else.
    KeyReused,
    /// The redemption was cancelled.
    AlreadyCancelled,
    /// Refunds have left nothing of the order.
    OrderRefunded,
    /// The refund is for more than this many remaining units.
    OverRefund(u64),
}

/// An account. It includes what each name stands for and its first answer, which repeats get for ever.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Account {
    available: u64,
    debt: u64,
    orders: Vec<Order>,
    redemptions: Vec<Redemption>,
    refunds: Vec<Named<(u8, u8), Option<u32>>>,
    keys: Vec<Named<u8, Ask>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Order {
    id: u8,
    amount: u32,
    refunded: u32,
    answer: Answer,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Redemption {
    id: u8,
    points: u32,
    cancelled: bool,
    answer: Answer,
}

/// What was done under a name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Named<N, C> {
    name: N,
    content: C,
    answer: Answer,
}

impl Account {
    /// Points come in: debt is repaid first.
    fn gains(&mut self, points: u32) -> Answer {
        let points = u64::from(points);
        let paid = points.min(self.debt);
        self.debt -= paid;
        self.available += points - paid;
        self.done(points.cast_signed())
    }

    /// Points go out: what is missing becomes debt.
    fn loses(&mut self, points: u32) -> Answer {
        let points = u64::from(points);
        let taken = points.min(self.available);
        self.available -= taken;
        self.debt += points - taken;
        self.done(-points.cast_signed())
    }

    fn done(&self, points: i64) -> Answer {
        Answer::Done { points, available: self.available, debt: self.debt }
    }

    fn earn(&mut self, id: u8, amount: u32) -> Answer {
        match self.orders.iter().find(|order| order.id == id) {
            Some(known) if known.amount != amount => return Answer::Conflict,
            Some(known) if known.refunded == known.amount => return Answer::OrderRefunded,
            Some(known) => return known.answer.clone(),
            None => {}
        }
        let answer = self.gains(amount);
        self.orders.push(Order { id, amount, refunded: 0, answer: answer.clone() });
        self.orders.sort_by_key(|order| order.id);
        answer
    }

    fn redeem(&mut self, id: u8, points: u32) -> Answer {
        match self.redemptions.iter().find(|redemption| redemption.id == id) {
            Some(known) if known.points != points => return Answer::Conflict,
            Some(known) if known.cancelled => return Answer::AlreadyCancelled,
            Some(known) => return known.answer.clone(),
            None => {}
        }
        if self.available < u64::from(points) {
            return Answer::Insufficient { available: self.available, debt: self.debt };
        }
        let answer = self.loses(points);
        self.redemptions.push(Redemption { id, points, cancelled: false, answer: answer.clone() });
        self.redemptions.sort_by_key(|redemption| redemption.id);
        answer
    }

    fn refund(&mut self, id: u8, amount: Option<u32>, name: Option<u8>) -> Answer {
        let name = name.map(|name| (id, name));
        if let Some(known) = self.refunds.iter().find(|known| Some(known.name) == name) {
            return if known.content == amount { known.answer.clone() } else { Answer::Conflict };
        }
        let Some(order) = self.orders.iter_mut().find(|order| order.id == id) else {
            return Answer::NotFound;
        };
        let left = order.amount - order.refunded;
        let asked = amount.unwrap_or(left);
        if asked > left {
            return Answer::OverRefund(u64::from(left));
        }
        order.refunded += asked;
        let answer = self.loses(asked);
        if let Some(name) = name {
            self.refunds.push(Named { name, content: amount, answer: answer.clone() });
            self.refunds.sort_by_key(|known| known.name);
        }
        answer
    }

    fn cancel(&mut self, id: u8) -> Answer {
        let Some(redemption) = self.redemptions.iter_mut().find(|redemption| redemption.id == id) else {
            return Answer::NotFound;
        };
        if redemption.cancelled {
            return Answer::AlreadyCancelled;
        }
        redemption.cancelled = true;
        let points = redemption.points;
        self.gains(points)
    }

    fn act(&mut self, ask: &Ask) -> Answer {
        match ask {
            Ask::Earn { order, amount } => self.earn(*order, *amount),
            Ask::Redeem { order, points, .. } => self.redeem(*order, *points),
            Ask::Refund { order, amount, name } => self.refund(*order, *amount, *name),
            Ask::Cancel { redemption, .. } => self.cancel(*redemption),
            Ask::Read => Answer::Balance { available: self.available, debt: self.debt },
        }
    }
}

impl Spec for Account {
    type Ask = Ask;
    type Answer = Answer;

    /// A key stands for the first success under it; a refusal is not remembered.
    fn take(&mut self, ask: &Ask) -> Answer {
        let Some(name) = ask.key() else { return self.act(ask) };
        let content = ask.content();
        if let Some(known) = self.keys.iter().find(|known| known.name == name) {
            return if known.content == content { known.answer.clone() } else { Answer::KeyReused };
        }
        let answer = self.act(ask);
        if matches!(answer, Answer::Done { .. }) {
            self.keys.push(Named { name, content, answer: answer.clone() });
            self.keys.sort_by_key(|known| known.name);
        }
        answer
    }
}
