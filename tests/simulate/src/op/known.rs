//! How members are known, and what is known of them: identities added and removed, profiles and attributes corrected.
//! The model knows nothing of it; what one request is told is held against what others were told.

use domain::member::{Identity, IdentityKind, MemberId};
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

/// The most identities that are added to a member, so that none is refused.
const ADDED_MAX: usize = 15;

/// `POST /members/{id}/identities`, of one that nobody else has.
#[derive(Clone, Debug)]
pub(crate) struct AddIdentity {
    member: usize,
    number: u32,
}

/// `DELETE /members/{id}/identities/{identity_id}`.
#[derive(Clone, Debug)]
pub(crate) struct RemoveIdentity {
    member: usize,
    number: u32,
}

/// `POST /members/find`, by an identity that was added.
#[derive(Clone, Debug)]
pub(crate) struct FindIdentity {
    member: usize,
    number: u32,
    /// Whether it was gone already.
    gone: bool,
}

/// `PATCH /members/{id}`.
#[derive(Clone, Debug)]
pub(crate) struct Correct {
    member: usize,
    number: u32,
}

/// What has become of an identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stays {
    /// It was added.
    Here,
    /// It may be gone.
    Going,
    /// It was removed.
    Gone,
}

/// An identity that a request was told of.
#[derive(Clone, Debug)]
pub(crate) struct Added {
    pub(crate) member: usize,
    pub(crate) number: u32,
    pub(crate) stays: Stays,
}

/// What was asked of persons.
#[derive(Default)]
pub(crate) struct Persons {
    /// How often an identity was to be added to each.
    asked: Vec<usize>,
    /// Those that were, and no late request can add again.
    pub(crate) added: Vec<Added>,
    /// Whose attribute was to be which number.
    corrected: Vec<(usize, u32)>,
}

impl Persons {
    fn stays(&self, number: u32) -> Stays {
        self.added.iter().find(|added| added.number == number).map_or(Stays::Going, |added| added.stays)
    }

    /// A request was told that the identity is the member's, or is no more.
    pub(crate) fn told(&mut self, member: usize, number: u32, stays: Stays) {
        match self.added.iter_mut().find(|added| added.number == number) {
            // What is going was to be removed, whatever else is told of it late.
            Some(added) if stays == Stays::Gone => added.stays = stays,
            Some(_) => {}
            None => self.added.push(Added { member, number, stays }),
        }
    }
}

fn value(number: u32) -> String {
    format!("e{number}")
}

fn identity(number: u32) -> String {
    format!(r#"{{"kind":"external","channel":"more","value":"{}","verified":true}}"#, value(number))
}

/// The id of an identity that stands in that record.
fn identity_id(record: &str, number: u32) -> String {
    let own = Identity {
        kind: IdentityKind::External,
        channel: "more".to_owned(),
        value: value(number),
        verified: true,
    };
    let record = edge::wire::read_member_id(record).unwrap_or(MemberId([0; 16]));
    edge::wire::id(secrets().identity_id(record, &own))
}

/// An earlier attempt of its own may have done it.
fn may_be_done(got: &Got<'_>) -> bool {
    got.client.tries > 1 || got.client.uncertain
}

fn read(got: &Got<'_>) -> Result<Value, String> {
    serde_json::from_slice(got.body).map_err(|error| error.to_string())
}

impl Asked for AddIdentity {
    fn kind(&self) -> Kind {
        Kind::Person
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        keyed
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        let body = format!(r#"{{"identity":{}}}"#, identity(self.number));
        let path = format!("/members/{}/identities", names.ids[self.member]);
        Sent { method: "POST", path, body }
    }

    fn about(&self, _: &World) -> Option<usize> {
        Some(self.member)
    }

    fn view(&self, world: &World, now: i64, known: usize) -> View {
        View::Shown(Box::new(world.model.show(self.member, now, known)))
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, _: usize) -> Result<Next, String> {
        let View::Shown(shown) = view else { return Err(Got::nothing()) };
        let closed = shown.standing.status == "closed";
        if closed && got.wants(409, "member_not_active").is_ok() {
            return Ok(Next::Nothing);
        }
        let body = read(got)?;
        let own = value(self.number);
        // What an earlier attempt of it was answered is of whom the record led to then: it may have been joined since.
        let of = world.ids.iter().position(|id| body["member"]["id"] == **id);
        let is_of = |of: usize| of == shown.id || (may_be_done(got) && world.model.reach(of) == shown.id);
        let right = of.is_some_and(is_of) && body["identity"]["value"] == *own;
        match got.status {
            201 | 200 if !right => Err(format!("{body}: not what was added")),
            201 | 200 if closed && !may_be_done(got) => Err(format!("{body}: of one who has left")),
            200 if !may_be_done(got) => Err(format!("{body}: it was there before")),
            // Without a key a late attempt of it may add it once more.
            201 | 200 if got.client.key.is_none() => Ok(Next::Nothing),
            201 | 200 => {
                let told = body["identity"]["id"].as_str().unwrap_or_default();
                // It may stand in any of the records that are joined.
                let of = world.ids.iter().position(|record| identity_id(record, self.number) == told);
                let of = of.ok_or_else(|| format!("{body}: an identity of nobody"))?;
                Ok(Next::Known(of, self.number, Stays::Here))
            }
            _ => got.wants(201, ""),
        }
    }
}

impl Asked for RemoveIdentity {
    fn kind(&self) -> Kind {
        Kind::Person
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        let identity = identity_id(&names.ids[self.member], self.number);
        let path = format!("/members/{}/identities/{identity}?reason=simulated", names.ids[self.member]);
        Sent { method: "DELETE", path, body: String::new() }
    }

    fn about(&self, _: &World) -> Option<usize> {
        Some(self.member)
    }

    fn compare(&self, _: &World, got: &Got<'_>, _: &View, _: usize) -> Result<Next, String> {
        let gone = Ok(Next::Known(self.member, self.number, Stays::Gone));
        match (got.status, &*code(got.body)) {
            (404, "identity_not_found") if may_be_done(got) => gone,
            _ => {
                got.wants(200, "")?;
                match String::from_utf8_lossy(got.body).contains(&format!(r#""{}""#, value(self.number))) {
                    true => Err("it is still there".to_owned()),
                    false => gone,
                }
            }
        }
    }
}

impl Asked for FindIdentity {
    fn kind(&self) -> Kind {
        Kind::Read
    }

    fn request(&self, _: &Names<'_>) -> Sent {
        let body = format!(r#"{{"identity":{}}}"#, identity(self.number));
        Sent { method: "POST", path: "/members/find".to_owned(), body }
    }

    fn about(&self, _: &World) -> Option<usize> {
        Some(self.member)
    }

    fn compare(&self, world: &World, got: &Got<'_>, _: &View, _: usize) -> Result<Next, String> {
        let stays = world.writer.persons.stays(self.number);
        let (is_gone, is_here) = (self.gone, stays == Stays::Here);
        match (got.status, &*code(got.body)) {
            (404, "member_not_found") if !is_here => Ok(Next::Nothing),
            (200, _) if !is_gone && world.may_be(self.member, &read(got)?["id"]) => Ok(Next::Nothing),
            (status, _) => {
                let (member, body) = (&world.ids[self.member], String::from_utf8_lossy(got.body));
                Err(format!("answered {status} {body}, where it is {stays:?} of {member}"))
            }
        }
    }
}

impl Asked for Correct {
    fn kind(&self) -> Kind {
        Kind::Person
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        let (number, name, day) = (self.number, self.number % 5, 1 + self.number % 2);
        let body = format!(
            r#"{{"profile":{{"name":"N {name}","birthday":"2000-01-0{day}","attributes":{{"sim":"{number}"}}}}}}"#
        );
        Sent { method: "PATCH", path: format!("/members/{}", names.ids[self.member]), body }
    }

    fn about(&self, _: &World) -> Option<usize> {
        Some(self.member)
    }

    fn compare(&self, world: &World, got: &Got<'_>, _: &View, _: usize) -> Result<Next, String> {
        got.wants(200, "")?;
        let body = read(got)?;
        let told = body["profile"]["attributes"]["sim"].as_str().unwrap_or_default();
        let reached = world.model.reach(self.member);
        let mut asked = world.writer.persons.corrected.iter();
        // Others may have corrected it since.
        let said = asked.any(|(of, number)| world.model.reach(*of) == reached && told == number.to_string());
        match said && world.may_be(self.member, &body["id"]) {
            true => Ok(Next::Nothing),
            false => Err(format!("{body}: nobody said that")),
        }
    }
}

impl Writer {
    pub(crate) fn add_identity(&mut self, model: &Model, now: i64) -> Op {
        let (member, number) = (self.member(model), self.fresh());
        let same = |asked: &&usize| model.reach(**asked) == model.reach(member);
        if self.persons.asked.iter().filter(same).count() >= ADDED_MAX {
            return self.find_identity(model, now);
        }
        self.persons.asked.push(member);
        Op::AddIdentity(AddIdentity { member, number })
    }

    pub(crate) fn remove_identity(&mut self, model: &Model, now: i64) -> Op {
        let here = |added: &&mut Added| added.stays == Stays::Here;
        let mut here: Vec<&mut Added> = self.persons.added.iter_mut().filter(here).collect();
        if here.is_empty() {
            return self.add_identity(model, now);
        }
        let place = self.dice.below(here.len() as i64) as usize;
        let added = here.swap_remove(place);
        added.stays = Stays::Going;
        Op::RemoveIdentity(RemoveIdentity { member: added.member, number: added.number })
    }

    pub(crate) fn find_identity(&mut self, model: &Model, now: i64) -> Op {
        let Some(Added { member, number, stays }) = Writer::one_of(&mut self.dice, &self.persons.added)
        else {
            return self.find(model, now);
        };
        Op::FindIdentity(FindIdentity { member, number, gone: stays == Stays::Gone })
    }

    pub(crate) fn correct(&mut self, model: &Model, _: i64) -> Op {
        let (member, number) = (self.member(model), self.fresh());
        self.persons.corrected.push((member, number));
        Op::Correct(Correct { member, number })
    }
}
