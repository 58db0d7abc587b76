//! Suspending, closing, and coming back.

use super::Model;
use super::command::{Asked, Done, Told, Whom, refuse};
use super::draft::Draft;
use smol_str::SmolStr;

/// A status as sent: `active`, `suspended` or `closed`. The model does not get it as JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// Whose.
    pub member: Whom,
    /// Which.
    pub status: SmolStr,
}

impl Asked for Status {
    fn whom(&self) -> Whom {
        self.member
    }

    fn decide(&self, draft: &mut Draft<'_>, _: &Model) -> Result<Told, Told> {
        draft.set_status(&self.status)
    }
}

impl Draft<'_> {
    fn set_status(&mut self, status: &str) -> Result<Told, Told> {
        if self.member.status == status {
            return Err(Told::Done(Box::new(Done::new(200, &self.member, None))));
        }
        if self.member.status == "closed" {
            return Err(refuse(409, "member_not_active"));
        }
        self.member.status = match status {
            "suspended" => "suspended",
            "closed" => "closed",
            _ => "active",
        };
        let entry = self.record("adjust", 0, 0, Vec::new(), None);
        let growth = self.member.growth;
        Ok(Told::Done(Box::new(self.finish(200, growth, Some(entry)))))
    }
}
