//! Members' cards: looked at, and scanned to read or to spend. A card is never replaced here, so that its reference,
//! once seen, is that of every later code.

use domain::time::Instant;
use edge::{CARD_STEP_MILLIS, CardReference, Made};
use laurel_tests::model::Model;
use serde_json::Value;

use super::{Asked, Names, Op, Sent};
use crate::{
    answer::code,
    answered::{Got, Next},
    faults::Kind,
    generate::Writer,
    instance::secrets,
    world::{View, World},
};

/// `GET /members/{id}/card`.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    member: usize,
}

/// `POST /scan`.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    member: usize,
    token: String,
    spend: bool,
    /// Whether another request was to spend with it.
    again: bool,
}

impl Asked for Look {
    fn kind(&self) -> Kind {
        Kind::Card
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        Sent::get(format!("/members/{}/card", names.ids[self.member]))
    }

    fn about(&self, _: &World) -> Option<usize> {
        Some(self.member)
    }

    fn view(&self, world: &World, now: i64, known: usize) -> View {
        View::Shown(Box::new(world.model.show(self.member, now, known)))
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, _: usize) -> Result<Next, String> {
        let View::Shown(shown) = view else { return Err(Got::nothing()) };
        if shown.standing.status != "active" {
            return got.wants(409, "member_not_active");
        }
        got.wants(200, "")?;
        let body: Value = serde_json::from_slice(got.body).map_err(|error| error.to_string())?;
        let token = body["token"].as_str().and_then(|text| world.secrets.card_token(text));
        let token = token.ok_or_else(|| format!("{body}: no token of ours"))?;
        let made = |now: &i64| Made::online(Instant(*now)) == token.made;
        match got.attempt.nows.iter().any(made) {
            // Of two records of one person it is the card of the other.
            true if world.model.reach(self.member) != self.member => Ok(Next::Nothing),
            true => Ok(Next::Card(self.member, token.reference)),
            false => Err(format!("{body}: of another moment")),
        }
    }
}

impl Asked for Scan {
    fn kind(&self) -> Kind {
        if self.spend { Kind::Card } else { Kind::Read }
    }

    fn is_recognised(&self, keyed: bool) -> bool {
        keyed || !self.spend
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        keyed && self.spend
    }

    fn request(&self, _: &Names<'_>) -> Sent {
        let spend = if self.spend { r#","spend":true"# } else { "" };
        let body = format!(r#"{{"token":"{}","brand":"acme"{spend}}}"#, self.token);
        Sent { method: "POST", path: "/scan".to_owned(), body }
    }

    fn about(&self, _: &World) -> Option<usize> {
        Some(self.member)
    }

    fn view(&self, world: &World, now: i64, known: usize) -> View {
        View::Shown(Box::new(world.model.show(self.member, now, known)))
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, _: usize) -> Result<Next, String> {
        let View::Shown(shown) = view else { return Err(Got::nothing()) };
        let token = world.secrets.card_token(&self.token).ok_or("a token that was made is none")?;
        let good = |now: &i64| token.made.is_good_at(Instant(*now));
        let active = shown.standing.status == "active";
        // An earlier attempt of its own may have spent, or be what is answered again.
        let earlier = got.client.tries > 1 || got.client.uncertain;
        match (got.status, &*code(got.body)) {
            (404, "card_token_invalid") if !got.attempt.nows.iter().all(good) => return Ok(Next::Nothing),
            // Or a later one with the same code was faster.
            (409, "card_token_used")
                if self.spend && (self.again || earlier || world.writer.shared.contains(&self.token)) =>
            {
                return Ok(Next::Nothing);
            }
            (409, "member_not_active") if self.spend && !active => return Ok(Next::Nothing),
            _ => got.wants(200, "")?,
        };
        let body: Value = serde_json::from_slice(got.body).map_err(|error| error.to_string())?;
        if body["member"]["id"] != *world.ids[shown.id] || body["scan_id"].is_string() != self.spend {
            return Err(format!("{body}: not what was scanned"));
        }
        if !earlier && (!got.attempt.nows.iter().any(good) || (self.spend && !active)) {
            return Err(format!("{body}: it was not good"));
        }
        Ok(if self.spend { Next::Spent(self.token.clone()) } else { Next::Nothing })
    }
}

impl Writer {
    pub(crate) fn look(&mut self, model: &Model, _: i64) -> Op {
        Op::Look(Look { member: self.member(model) })
    }

    pub(crate) fn scan(&mut self, model: &Model, now: i64) -> Op {
        let spend = self.dice.percent(60);
        if self.dice.percent(40)
            && let Some((member, token)) = Writer::one_of(&mut self.dice, &self.tokens)
        {
            self.shared.push(token.clone());
            return Op::Scan(Scan { member, token, spend, again: true });
        }
        let Some((member, reference)) = Writer::one_of(&mut self.dice, &self.cards) else {
            return self.look(model, now);
        };
        let at = Instant(now + self.dice.between(-3, 3) * CARD_STEP_MILLIS);
        let token = secrets().online_token(reference, Made::online(at).at());
        let again = self.tokens.iter().any(|(_, known)| *known == token);
        if again {
            self.shared.push(token.clone());
        }
        if spend && !again {
            self.tokens.push((member, token.clone()));
        }
        Op::Scan(Scan { member, token, spend, again })
    }

    /// The reference of a member's card was seen.
    pub(crate) fn has_card(&mut self, member: usize, reference: CardReference) -> Result<(), String> {
        match self.cards.iter().find(|(own, _)| *own == member) {
            Some((_, known)) if *known != reference => Err(format!("member {member} has two cards")),
            Some(_) => Ok(()),
            None => {
                self.cards.push((member, reference));
                Ok(())
            }
        }
    }

    /// A request, by its number, was told that it has spent with that token.
    pub(crate) fn has_spent(&mut self, token: String, number: usize) -> Result<(), String> {
        match self.spent.iter().find(|(own, _)| *own == token) {
            Some((_, other)) if *other != number => {
                Err(format!("{other} and {number} both spend with {token}"))
            }
            Some(_) => Ok(()),
            None => {
                self.spent.push((token, number));
                Ok(())
            }
        }
    }
}
