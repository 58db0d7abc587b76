//! Two records of one person are joined. They are not parted again here.

use laurel_tests::model::{Model, merging::Merging};

use super::{Asked, Names, Op, Sent};
use crate::{
    answer::compare_merged,
    answered::{Got, Next},
    faults::Kind,
    generate::Writer,
    world::{View, World},
};

/// Members that are left to themselves, so that there is somebody to meet.
const APART_MIN: usize = 3;

/// `POST /members/{id}/merge`.
#[derive(Clone, Debug)]
pub(crate) struct Merge {
    pub(crate) into: usize,
    pub(crate) from: usize,
}

impl Asked for Merge {
    fn kind(&self) -> Kind {
        Kind::Merge
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        keyed
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        let body = format!(r#"{{"member_id":"{}","reason":"simulated"}}"#, names.ids[self.from]);
        Sent { method: "POST", path: format!("/members/{}/merge", names.ids[self.into]), body }
    }

    /// Whoever changes one of the two is noted, and the other one when both are joined.
    fn about(&self, _: &World) -> Option<usize> {
        None
    }

    fn view(&self, world: &World, now: i64, known: usize) -> View {
        View::Merged(match world.model.merging(self.into, self.from, now, known) {
            Merging::Joins(_) => None,
            Merging::Refused(status, code) => Some(Err((status, code))),
            Merging::Before(merged) => {
                let shown = world.model.show(merged.into, now, known);
                Some(Ok((merged, Box::new(shown))))
            }
        })
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, known: usize) -> Result<Next, String> {
        let View::Merged(merged) = view else { return Err(Got::nothing()) };
        match merged {
            None => {
                let body = String::from_utf8_lossy(got.body);
                Err(format!("answered {} {body}, where they would be joined", got.status))
            }
            Some(Err((status, code))) => got.wants(*status, code),
            Some(Ok((merged, shown))) => {
                got.wants(200, "")?;
                let (id, program) = (&world.ids[shown.id], world.model.program(known));
                compare_merged(got.body, id, shown, (merged.points, merged.growth), program)?;
                Ok(Next::Nothing)
            }
        }
    }
}

impl Writer {
    pub(crate) fn merge(&mut self, model: &Model, now: i64) -> Op {
        let apart: Vec<usize> =
            (0..model.members()).filter(|member| model.reach(*member) == *member).collect();
        if self.dice.percent(15) {
            // Whoever they are: one and the same, or joined before.
            return Op::Merge(Merge { into: self.member(model), from: self.member(model) });
        }
        if apart.len() <= APART_MIN {
            return self.show(model, now);
        }
        let from = apart[self.dice.below(apart.len() as i64) as usize];
        Op::Merge(Merge { into: self.member(model), from })
    }
}
