//! An offer, one call at a time: members claim pieces of it, orders hold and use them, and both are taken back. Written
//! from rewards.md, 1 to 3 and 5.

use super::Spec;

/// A request. Members, claims and orders are numbered separately; a claim is one member's, and so is an order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ask {
    /// A member claims so many pieces.
    Claim {
        /// Who.
        member: u8,
        /// The claim's name.
        name: u8,
        /// How many.
        pieces: u8,
    },
    /// A claim is taken back whole.
    TakeBack {
        /// Whose.
        member: u8,
        /// The claim's name.
        name: u8,
    },
    /// An order uses a piece of a claim, or sets it aside.
    Use {
        /// Which order.
        order: u8,
        /// Whose claim.
        member: u8,
        /// The claim's name.
        name: u8,
        /// Whether it is only set aside.
        hold: bool,
    },
    /// What an order has comes back.
    Return {
        /// Which.
        order: u8,
    },
    /// What is left of the offer.
    Left,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// Claimed now, or before and told again.
    Claimed,
    /// Taken back, and so is what it counted.
    TakenBack,
    /// Used: so many pieces of the claim are left then.
    Used(u8),
    /// Set aside: so many are left, what is set aside included.
    Held(u8),
    /// Come back: so many are left then.
    Returned(u8),
    /// Let go.
    Released,
    /// So much is left of stock and uses.
    Left {
        /// Pieces that may be claimed.
        stock: u8,
        /// Uses.
        uses: u8,
    },
    /// The offer, or the uses of it, are out.
    SoldOut,
    /// The member has as much of it as it may.
    MemberLimit,
    /// The name stands for something else.
    Conflict,
    /// It was taken back before.
    AlreadyCancelled,
    /// The claim is in that state.
    NotUsable(State),
    /// Nothing of that name is there.
    NotFound,
}

/// Why something cannot be used or taken back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// It was taken back.
    Revoked,
    /// Some or all of it was used.
    Used,
    /// An order has set it aside.
    Held,
}

/// An offer, with what members and orders have of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Offer {
    stock: u8,
    uses: u8,
    per_member: u8,
    claims: Vec<Claim>,
    orders: Vec<Order>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Claim {
    id: (u8, u8),
    pieces: u8,
    used: u8,
    held_by: Option<u8>,
    is_back: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Order {
    id: u8,
    claim: (u8, u8),
    now: Now,
    answer: Answer,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Now {
    Held,
    Used,
    Returned,
}

impl Offer {
    /// An offer of which so many pieces may be claimed, so many by one member, and so many used.
    #[must_use]
    pub fn new(stock: u8, uses: u8, per_member: u8) -> Offer {
        Offer { stock, uses, per_member, claims: Vec::new(), orders: Vec::new() }
    }

    fn claim(&mut self, id: (u8, u8), pieces: u8) -> Answer {
        if let Some(known) = self.claims.iter().find(|claim| claim.id == id) {
            return match known {
                Claim { pieces: own, .. } if *own != pieces => Answer::Conflict,
                Claim { is_back: true, .. } => Answer::AlreadyCancelled,
                Claim { .. } => Answer::Claimed,
            };
        }
        let own = self.claims.iter().filter(|claim| claim.id.0 == id.0 && !claim.is_back);
        if own.map(|claim| claim.pieces).sum::<u8>() + pieces > self.per_member {
            return Answer::MemberLimit;
        }
        if self.stock < pieces {
            return Answer::SoldOut;
        }
        self.stock -= pieces;
        self.claims.push(Claim { id, pieces, used: 0, held_by: None, is_back: false });
        self.claims.sort_by_key(|claim| claim.id);
        Answer::Claimed
    }

    fn claimed(&mut self, id: (u8, u8)) -> Option<&mut Claim> {
        self.claims.iter_mut().find(|claim| claim.id == id)
    }

    fn take_back(&mut self, id: (u8, u8)) -> Answer {
        let Some(claim) = self.claimed(id) else { return Answer::NotFound };
        match claim {
            Claim { is_back: true, .. } => return Answer::AlreadyCancelled,
            Claim { used, pieces, .. } if used == pieces => return Answer::NotUsable(State::Used),
            Claim { held_by: Some(_), .. } => return Answer::NotUsable(State::Held),
            Claim { used, .. } if *used > 0 => return Answer::NotUsable(State::Used),
            Claim { .. } => claim.is_back = true,
        }
        let pieces = claim.pieces;
        self.stock += pieces;
        Answer::TakenBack
    }

    fn order(&mut self, id: u8, claim: (u8, u8), hold: bool) -> Answer {
        if let Some(place) = self.orders.iter().position(|order| order.id == id) {
            let known = &self.orders[place];
            return match known.now {
                _ if known.claim != claim => Answer::Conflict,
                Now::Returned => Answer::AlreadyCancelled,
                Now::Held if !hold => self.confirm(place),
                Now::Held | Now::Used => known.answer.clone(),
            };
        }
        let uses = self.uses;
        let Some(claimed) = self.claimed(claim) else { return Answer::NotFound };
        match claimed {
            Claim { is_back: true, .. } => return Answer::NotUsable(State::Revoked),
            Claim { used, pieces, .. } if used == pieces => return Answer::NotUsable(State::Used),
            Claim { held_by: Some(_), .. } => return Answer::NotUsable(State::Held),
            Claim { .. } if uses == 0 => return Answer::SoldOut,
            Claim { held_by, .. } if hold => *held_by = Some(id),
            Claim { used, .. } => *used += 1,
        }
        let left = claimed.pieces - claimed.used;
        self.uses -= 1;
        let (now, answer) =
            if hold { (Now::Held, Answer::Held(left)) } else { (Now::Used, Answer::Used(left)) };
        self.orders.push(Order { id, claim, now, answer: answer.clone() });
        self.orders.sort_by_key(|order| order.id);
        answer
    }

    /// What was set aside counted as used already.
    fn confirm(&mut self, place: usize) -> Answer {
        let claim = self.orders[place].claim;
        let Some(claimed) = self.claimed(claim) else { return Answer::NotFound };
        claimed.held_by = None;
        claimed.used += 1;
        let answer = Answer::Used(claimed.pieces - claimed.used);
        (self.orders[place].now, self.orders[place].answer) = (Now::Used, answer.clone());
        answer
    }

    fn give_back(&mut self, id: u8) -> Answer {
        let Some(place) = self.orders.iter().position(|order| order.id == id) else {
            return Answer::NotFound;
        };
        let claim = self.orders[place].claim;
        match self.orders[place].now {
            Now::Returned => Answer::AlreadyCancelled,
            // It is as never used.
            Now::Held => {
                self.orders.remove(place);
                self.uses += 1;
                if let Some(claimed) = self.claimed(claim) {
                    claimed.held_by = None;
                }
                Answer::Released
            }
            Now::Used => {
                self.orders[place].now = Now::Returned;
                self.uses += 1;
                let Some(claimed) = self.claimed(claim) else { return Answer::NotFound };
                claimed.used -= 1;
                Answer::Returned(claimed.pieces - claimed.used)
            }
        }
    }
}

impl Spec for Offer {
    type Ask = Ask;
    type Answer = Answer;

    fn take(&mut self, ask: &Ask) -> Answer {
        match ask {
            Ask::Claim { member, name, pieces } => self.claim((*member, *name), *pieces),
            Ask::TakeBack { member, name } => self.take_back((*member, *name)),
            Ask::Use { order, member, name, hold } => self.order(*order, (*member, *name), *hold),
            Ask::Return { order } => self.give_back(*order),
            Ask::Left => Answer::Left { stock: self.stock, uses: self.uses },
        }
    }
}
