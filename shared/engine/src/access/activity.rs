//! The activity log: changes by staff, each a record that is written in one commit with the change and never changed.
//! It is kept for as many days as the programme says.

use std::sync::Arc;

use domain::{
    member::MemberId,
    time::{DAY_MILLIS, Instant},
};
use tokio::sync::OwnedMutexGuard;

use crate::{
    access::{Access, forget::expected, requests::Request, staff::ByStaff},
    store::{
        Expect, Key, Range, Write,
        error::Error,
        id::RequestId,
        keys,
        records::{By, On, StaffChangeRecord, decode},
        write::{delete, put},
    },
};

/// Records that one question looks at, and that one read of the store returns.
const LOOKS_MAX: usize = 2_000;
const PAGE: usize = 500;

/// Old records that one call removes, and that one commit does.
const FORGOTTEN_MAX: usize = 10_000;
const FORGOTTEN_AT_ONCE: usize = 50;

/// Which changes are wanted; by default all.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ActivityFilter {
    /// By that caller.
    pub by: Option<By>,
    /// On one of these; on whatever, if there are none.
    pub on: Vec<On>,
    /// Of that word.
    pub what: Option<String>,
    /// By that request.
    pub request: Option<RequestId>,
}

impl ActivityFilter {
    fn lets(&self, change: &StaffChangeRecord) -> bool {
        self.by.is_none_or(|by| by == change.by)
            && (self.on.is_empty() || self.on.contains(&change.on))
            && self.what.as_ref().is_none_or(|what| *what == change.what)
            && self.request.is_none_or(|request| Some(request) == change.request)
    }
}

/// Where a page of the log ended: a moment, and what tells a change from others of that moment.
pub type ActivityPlace = (Instant, [u8; 16]);

impl Request {
    /// The same request, about something that its path does not name.
    #[must_use]
    pub fn on(&self, on: String) -> Request {
        self.noting(|staff| staff.on = On::Named(on))
    }

    /// The same request, about a part that its path does not name.
    #[must_use]
    pub fn about(&self, part: String) -> Request {
        self.noting(|staff| staff.about = Some(part))
    }

    /// The same request, which makes many commits and is noted in one of them.
    #[must_use]
    pub fn noted_once(&self) -> Request {
        self.noting(|staff| staff.noted = Some(Arc::default()))
    }

    fn noting(&self, change: impl FnOnce(&mut ByStaff)) -> Request {
        let mut request = self.clone();
        if let Some(staff) = &mut request.staff {
            change(staff);
        }
        request
    }

    /// The write that notes the change, if it is one by staff; on that member, if the request names nothing.
    pub(crate) fn noted(&self, member: Option<MemberId>) -> Option<Write> {
        let ByStaff { at, name, what, on, about, reason, request, noted: _ } = self.staff.clone()?;
        let on = match (on, member) {
            (On::Nothing, Some(member)) => On::Member(member),
            (on, _) => on,
        };
        let what = what.to_owned();
        let change =
            StaffChangeRecord { at, by: self.by, name, what, on, about, reason, request: Some(request) };
        // An attempt whose outcome is unknown may have written it.
        Some(put(keys::staff_change(at, request.0), Expect::Anything, &change))
    }

    /// Notes the change that these writes make, if they make any.
    pub(crate) fn note(&self, writes: &mut Vec<Write>) {
        if !writes.is_empty() {
            writes.extend(self.noted(None));
        }
    }

    /// Of a request that makes many commits: notes the change that these writes make, unless an earlier commit has
    /// noted it. Others wait until it is known whether this one has.
    pub(crate) async fn note_once(&self, writes: &mut Vec<Write>) -> Noting {
        let Some(noted) = self.staff.as_ref().and_then(|staff| staff.noted.clone()) else {
            return Noting(None);
        };
        let noted = noted.lock_owned().await;
        if *noted {
            return Noting(None);
        }
        self.note(writes);
        Noting(Some(noted))
    }
}

/// A commit that notes what many commits change; if it is dropped, the next one does.
pub(crate) struct Noting(Option<OwnedMutexGuard<bool>>);

impl Noting {
    /// It was committed.
    pub(crate) fn done(self) {
        if let Noting(Some(mut noted)) = self {
            *noted = true;
        }
    }
}

/// The write that notes what happened without a request: `tie` tells it from others of that moment.
pub(crate) fn noted_by_time(at: Instant, tie: [u8; 16], what: &str, on: String, why: &str) -> Write {
    let (what, on, reason) = (what.to_owned(), On::Named(on), Some(why.to_owned()));
    let name = String::new();
    let change = StaffChangeRecord { at, by: By::Time, name, what, on, about: None, reason, request: None };
    put(keys::staff_change(at, tie), Expect::Anything, &change)
}

impl Access {
    /// Up to `limit` changes, the newest first, after that place; and the place to go on from. There may be fewer
    /// although more follow: a call looks at a bounded number.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn activity(
        &self,
        filter: &ActivityFilter,
        after: Option<ActivityPlace>,
        limit: usize,
    ) -> Result<(Vec<StaffChangeRecord>, Option<ActivityPlace>), Error> {
        let mut range = keys::all(keys::kind::STAFF_CHANGE);
        if let Some((at, tie)) = after {
            range.from = keys::staff_change(at, tie).successor();
        }
        let (mut shown, mut looked) = (Vec::new(), 0);
        loop {
            let page = self.records.store.scan(range.clone(), PAGE).await?;
            for (key, record) in &page {
                let change: StaffChangeRecord = decode(key, &record.value)?;
                let place = keys::read_staff_change(key);
                looked += 1;
                if filter.lets(&change) {
                    shown.push(change);
                }
                if shown.len() >= limit || looked >= LOOKS_MAX {
                    return Ok((shown, place));
                }
            }
            match page.last().filter(|_| page.len() == PAGE) {
                Some((last, _)) => range.from = last.successor(),
                None => return Ok((shown, None)),
            }
        }
    }

    /// Removes what is older than so many days: a bounded number.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn forget_activity(&self, now: Instant, days: u32) -> Result<(), Error> {
        // The oldest stand last.
        let Range { to, .. } = keys::all(keys::kind::STAFF_CHANGE);
        let from = keys::staff_change(now.plus_millis(-i64::from(days) * DAY_MILLIS), [0; 16]);
        let range = Range { from, to };
        for _ in 0..FORGOTTEN_MAX / PAGE {
            let old = self.records.store.scan(range.clone(), PAGE).await?;
            let last = old.len() < PAGE;
            let old: Vec<Key> = old.into_iter().map(|(key, _)| key).collect();
            for some in old.chunks(FORGOTTEN_AT_ONCE) {
                expected(self.records.commit(some.iter().cloned().map(delete).collect()).await)?;
            }
            if last {
                break;
            }
        }
        Ok(())
    }
}
