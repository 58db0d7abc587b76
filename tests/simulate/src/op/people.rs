//! Registering and reading members.

use laurel_tests::model::Model;

use super::{Asked, Names, Op, Sent};
use crate::{
    answer::{compare_member, compare_registered},
    answered::{Got, Next},
    faults::Kind,
    generate::Writer,
    world::{View, World},
};

/// The person with that number registers.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    pub(crate) person: u32,
}

/// `GET /members/{id}`.
#[derive(Clone, Debug)]
pub(crate) struct Show {
    member: usize,
}

/// `POST /members/find`, for the person with that number.
#[derive(Clone, Debug)]
pub(crate) struct Find {
    person: u32,
}

fn identity(person: u32) -> String {
    format!(r#"{{"kind":"external","channel":"sim","value":"p{person}"}}"#)
}

fn person(world: &World, person: u32, now: i64, known: usize) -> View {
    match world.people.get(&person) {
        Some(member) => View::Shown(Box::new(world.model.show(*member, now, known))),
        None => View::Nobody,
    }
}

impl Asked for Register {
    fn kind(&self) -> Kind {
        Kind::Register
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        keyed
    }

    fn request(&self, _: &Names<'_>) -> Sent {
        let body = format!(r#"{{"identities":[{}],"brand":"acme"}}"#, identity(self.person));
        Sent { method: "POST", path: "/register".to_owned(), body }
    }

    fn about(&self, world: &World) -> Option<usize> {
        world.people.get(&self.person).copied()
    }

    fn view(&self, world: &World, now: i64, known: usize) -> View {
        person(world, self.person, now, known)
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, known: usize) -> Result<Next, String> {
        let View::Shown(shown) = view else { return Err(Got::nothing()) };
        let (id, program) = (&world.ids[shown.id], world.model.program(known));
        let (status, installed) = (got.status, got.client.installed.is_some());
        let created = compare_registered(got.body, id, (status == 200).then_some(shown), program)?;
        // The person registered by this request gets `created`, unless the request cannot be recognised.
        let right = match created {
            true => installed && status == 201,
            false => status == 200 && (!installed || got.client.key.is_none()),
        };
        if right { Ok(Next::Nothing) } else { Err(format!("answered {status}, created: {created}")) }
    }
}

impl Asked for Show {
    fn kind(&self) -> Kind {
        Kind::Read
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        Sent::get(format!("/members/{}", names.ids[self.member]))
    }

    fn about(&self, _: &World) -> Option<usize> {
        Some(self.member)
    }

    fn view(&self, world: &World, now: i64, known: usize) -> View {
        View::Shown(Box::new(world.model.show(self.member, now, known)))
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, known: usize) -> Result<Next, String> {
        let View::Shown(shown) = view else { return Err(Got::nothing()) };
        got.wants(200, "")?;
        compare_member(got.body, &world.ids[shown.id], shown, world.model.program(known))?;
        Ok(Next::Nothing)
    }
}

impl Asked for Find {
    fn kind(&self) -> Kind {
        Kind::Read
    }

    fn request(&self, _: &Names<'_>) -> Sent {
        let body = format!(r#"{{"identity":{}}}"#, identity(self.person));
        Sent { method: "POST", path: "/members/find".to_owned(), body }
    }

    fn about(&self, world: &World) -> Option<usize> {
        world.people.get(&self.person).copied()
    }

    fn view(&self, world: &World, now: i64, known: usize) -> View {
        person(world, self.person, now, known)
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, known: usize) -> Result<Next, String> {
        match view {
            View::Nobody => got.wants(404, "member_not_found"),
            View::Shown(shown) => {
                got.wants(200, "")?;
                let id = &world.ids[shown.id];
                compare_member(got.body, id, shown, world.model.program(known))?;
                Ok(Next::Nothing)
            }
            _ => Err(Got::nothing()),
        }
    }
}

impl Writer {
    pub(crate) fn register(&mut self, _: &Model, _: i64) -> Op {
        // Sometimes a known person.
        let known = self.people > 0 && self.dice.percent(30);
        let person =
            if known { self.dice.between(1, i64::from(self.people)) as u32 } else { self.people + 1 };
        self.people = self.people.max(person);
        Op::Register(Register { person })
    }

    pub(crate) fn show(&mut self, model: &Model, _: i64) -> Op {
        Op::Show(Show { member: self.member(model) })
    }

    pub(crate) fn find(&mut self, _: &Model, _: i64) -> Op {
        Op::Find(Find { person: self.dice.between(1, i64::from(self.people) + 1) as u32 })
    }
}
