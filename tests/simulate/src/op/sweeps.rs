//! The effects of time, which the scheduled functions write down.

use laurel_tests::model::{DAY, Model};

use super::{Asked, Names, Op, Sent};
use crate::{
    answer::swept,
    answered::{Got, Next},
    faults::Kind,
    generate::Writer,
    instant,
    world::{View, World},
};

/// A scheduled function by its URL.
#[derive(Clone, Debug)]
pub(crate) struct Sweep {
    path: &'static str,
    as_of: Option<i64>,
    /// One member alone.
    member: Option<usize>,
}

/// A scheduled function by its schedule's event.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) path: &'static str,
    pub(crate) at: Option<i64>,
}

fn is_swept(got: &Got<'_>) -> Result<Next, String> {
    got.wants(200, "")?;
    Ok(if swept(got.body)? { Next::Nothing } else { Next::Again })
}

impl Asked for Sweep {
    fn kind(&self) -> Kind {
        Kind::Sweep
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        keyed
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        let body = match (self.as_of, self.member) {
            (_, Some(member)) => format!(r#"{{"member_id":"{}"}}"#, names.ids[member]),
            (Some(as_of), None) => format!(r#"{{"as_of":"{}"}}"#, instant::write(as_of)),
            (None, None) => "{}".to_owned(),
        };
        Sent { method: "POST", path: format!("/{}", self.path), body }
    }

    fn compare(&self, _: &World, got: &Got<'_>, _: &View, _: usize) -> Result<Next, String> {
        match (self.as_of, self.member) {
            (Some(as_of), None) if got.attempt.nows.iter().all(|now| as_of > *now) => {
                got.wants(422, "invalid_field")
            }
            _ => is_swept(got),
        }
    }
}

impl Asked for Schedule {
    fn kind(&self) -> Kind {
        Kind::Sweep
    }

    fn request(&self, _: &Names<'_>) -> Sent {
        let time = self.at.map_or(String::new(), instant::write);
        let body = format!(r#"{{"source":"aws.scheduler","detail-type":"Scheduled Event","time":"{time}"}}"#);
        Sent { method: "EVENT", path: self.path.to_owned(), body }
    }

    fn compare(&self, _: &World, got: &Got<'_>, _: &View, _: usize) -> Result<Next, String> {
        is_swept(got)
    }
}

impl Writer {
    pub(crate) fn sweep(&mut self, model: &Model, now: i64) -> Op {
        let path = ["expire-points", "evaluate-tier"][self.dice.below(2) as usize];
        let sweep = |as_of, member| Op::Sweep(Sweep { path, as_of, member });
        match self.dice.below(8) {
            0..4 => Op::Schedule(Schedule { path, at: Some(now) }),
            4 => sweep(Some(now - self.dice.below(60 * DAY)), None),
            5 => sweep(Some(now + 1 + self.dice.below(DAY)), None),
            6 => sweep(None, None),
            _ => sweep(None, Some(self.member(model))),
        }
    }
}
