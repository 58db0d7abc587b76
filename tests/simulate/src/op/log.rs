//! The activity log: what staff have changed.

use laurel_tests::model::Model;

use super::{Asked, Names, Op, Sent};
use crate::{
    answered::{Got, Next},
    faults::Kind,
    generate::Writer,
    world::{View, World},
};

/// `GET /activity`.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// On whom; on anything unless given.
    member: Option<usize>,
    /// How many changes.
    limit: usize,
}

impl Asked for Log {
    fn kind(&self) -> Kind {
        Kind::Read
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        let on = self.member.map(|member| format!("&on={}", names.ids[member])).unwrap_or_default();
        Sent::get(format!("/activity?limit={}{on}", self.limit))
    }

    fn view(&self, _: &World, _: i64, _: usize) -> View {
        View::Other
    }

    fn compare(&self, world: &World, got: &Got<'_>, _: &View, _: usize) -> Result<Next, String> {
        got.wants(200, "")?;
        let shown = world.compare_log(got.body, self.member)?;
        if shown.len() > self.limit {
            return Err(format!("{} changes where {} were asked for", shown.len(), self.limit));
        }
        Ok(Next::Nothing)
    }
}

impl Writer {
    pub(crate) fn log(&mut self, model: &Model, _: i64) -> Op {
        let member = self.dice.percent(50).then(|| self.member(model));
        Op::Log(Log { member, limit: self.dice.between(1, 20) as usize })
    }
}
