//! Ledgers, page by page.

use laurel_tests::model::Model;

use super::{Asked, Names, Op, Sent};
use crate::{
    answer::compare_page,
    answered::{Got, Next},
    faults::Kind,
    generate::Writer,
    world::{View, World},
};

/// A page of a ledger.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    member: usize,
    /// How many entries.
    limit: usize,
    /// Where it continues from.
    cursor: Option<Cursor>,
}

/// Where to continue reading a ledger: the text, and how many of the moving entries lie below it.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    /// As the answer gave it.
    text: String,
    /// Moving entries that were not shown yet.
    below: usize,
    /// The moment of that answer.
    at: i64,
}

impl Asked for Ledger {
    fn kind(&self) -> Kind {
        Kind::Read
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        let mut path = format!("/members/{}/ledger?limit={}", names.ids[self.member], self.limit);
        if let Some(cursor) = &self.cursor {
            path = path + "&cursor=" + &cursor.text;
        }
        Sent::get(path)
    }

    fn about(&self, _: &World) -> Option<usize> {
        Some(self.member)
    }

    fn view(&self, world: &World, now: i64, known: usize) -> View {
        let (entries, written) = world.model.ledger(self.member, now, known);
        View::Ledger(entries, written)
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, _: usize) -> Result<Next, String> {
        // The model has no order for the entries of two records that are joined: at last they are added up.
        if world.model.is_joined(self.member) {
            return Ok(Next::Nothing);
        }
        let View::Ledger(entries, written) = view else { return Err(Got::nothing()) };
        let (attempt, written) = (got.attempt, *written);
        // An entry that is due at a later moment does not exist at an earlier one.
        if self.cursor.as_ref().is_some_and(|cursor| attempt.nows.iter().any(|now| *now < cursor.at)) {
            return Ok(Next::Nothing);
        }
        got.wants(200, "")?;
        let below = self.cursor.as_ref().map_or(entries.len(), |cursor| cursor.below);
        let settled = written == entries.len() && !attempt.blurred;
        let sure = Some(written).filter(|_| !attempt.blurred);
        let at = attempt.nows.iter().copied().max().unwrap_or(0);
        Ok(match compare_page(got.body, self.limit, entries, below, sure)? {
            // The number of an unwritten entry may still become another's.
            Some((text, below)) if settled => Next::Page(self.member, Cursor { text, below, at }),
            _ => Next::Nothing,
        })
    }
}

impl Writer {
    pub(crate) fn ledger(&mut self, model: &Model, _: i64) -> Op {
        if self.dice.percent(50)
            && let Some((member, cursor)) = Writer::one_of(&mut self.dice, &self.cursors)
        {
            let limit = self.dice.between(1, 8) as usize;
            return Op::Ledger(Ledger { member, limit, cursor: Some(cursor) });
        }
        let (member, limit) = (self.member(model), self.dice.between(1, 8) as usize);
        Op::Ledger(Ledger { member, limit, cursor: None })
    }
}
