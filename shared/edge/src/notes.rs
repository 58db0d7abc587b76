//! What the activity log notes of a request: a route says what staff change by it, and the engine writes it down in the
//! commit that changes it.

use engine::{ByStaff, id::RequestId, records::On};

use crate::{Call, Caller, Code, Problem, Role, Route, wire};

/// The longest reason, in characters.
const REASON_MAX: usize = 500;

/// What callers change by a route, as the activity log has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notes {
    /// As a word.
    pub what: &'static str,
    /// Whether it is noted of shops too; if not, of staff alone.
    pub of_shops: bool,
    /// Whether the second part of the path says which part of the first is changed. One that leads to a person does
    /// not stay in the log.
    pub part: bool,
}

impl Notes {
    /// What staff change.
    pub const fn of_staff(what: &'static str) -> Notes {
        Notes { what, of_shops: false, part: true }
    }

    /// What staff and shops change.
    pub const fn of_shops(what: &'static str) -> Notes {
        Notes { of_shops: true, ..Notes::of_staff(what) }
    }

    /// The same; the second part of the path does not stay in the log.
    #[must_use]
    pub const fn without_part(self) -> Notes {
        Notes { part: false, ..self }
    }

    fn means(self, caller: &Caller) -> bool {
        caller.is_staff() || (self.of_shops && caller.is(Role::Storefront))
    }
}

impl Call {
    /// What is noted of it, if its caller changes something by that route.
    pub(crate) fn notes(&self, route: &Route, request_id: &str) -> Result<Option<ByStaff>, Problem> {
        let notes = route.notes.filter(|notes| notes.means(&self.caller) && !self.request.dry_run);
        let Some(Notes { what, part, .. }) = notes else { return Ok(None) };
        // What cannot be noted is not done.
        let request: Option<RequestId> = wire::read_id(request_id);
        let request = request.ok_or_else(|| Problem::saying(Code::Busy, "try again"))?;
        let on = match self.path.first() {
            None => On::Nothing,
            Some(first) => wire::read_member_id(first).map_or_else(|| On::Named(first.clone()), On::Member),
        };
        // What is no reason is refused by the route.
        let asked = || self.words("reason", REASON_MAX).ok().flatten();
        Ok(Some(ByStaff {
            at: self.request.now,
            name: self.caller.name.clone(),
            what,
            on,
            about: self.path.get(1).filter(|_| part).cloned(),
            reason: self.body.text_of("reason").map(str::to_owned).or_else(asked),
            request,
            noted: None,
        }))
    }
}
