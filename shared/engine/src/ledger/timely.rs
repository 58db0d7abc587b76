//! Writes down what time alone has done to a member, before a command or with it.

use domain::{
    event::Event,
    member::{Member, MemberId},
    refusal::Refusal,
    settle,
    time::Instant,
};

use crate::{
    access::requests::Request,
    ledger::{
        Ledger,
        act::Done,
        parts::{MemberPart, Parts},
        standing::settled,
    },
    store::{StoreError, Write, error::Error, reading::Loaded},
};

impl Ledger {
    /// Settles the member. Writes first what is too long for one commit.
    pub(crate) async fn settle_stored(
        &self,
        request: &Request,
        id: MemberId,
        mut loaded: Loaded,
    ) -> Result<(Loaded, Member, Vec<Event>), Error> {
        loop {
            let programmes = self.programme.timeline_of(&loaded.record.member).await?;
            let now = request.now.max(loaded.record.member.as_of);
            let mut member = loaded.record.member.clone();
            let events = settle(&programmes, &mut member, now);
            let long = events.len() >= domain::settle::EVENTS_MAX;
            if !long {
                return Ok((loaded, member, events));
            }
            if request.dry_run {
                let (member, events) = settled(&programmes, &loaded.record.member, now);
                return Ok((loaded, member, events));
            }
            self.commit_settled(request, &loaded, &member, &events).await?;
            loaded = self.records.load(id).await?.ok_or(Refusal::MemberNotFound)?;
        }
    }

    /// Writes down what time has done, if it is too much for one commit with a command, which is then decided
    /// again.
    pub(crate) async fn settle_first(
        &self,
        request: &Request,
        loaded: &Loaded,
        settled_events: usize,
        now: Instant,
    ) -> Result<Done, Error> {
        if settled_events == 0 {
            return Err(Refusal::LimitExceeded { what: "entries" }.into());
        }
        let mut member = loaded.record.member.clone();
        let timely = settle(&*self.programme.timeline()?, &mut member, now);
        self.commit_settled(request, loaded, &member, &timely).await?;
        Err(StoreError::LostRace.into()) // decided anew on what is now stored
    }

    /// Writes down what time alone has done.
    pub(crate) async fn commit_settled(
        &self,
        request: &Request,
        loaded: &Loaded,
        after: &Member,
        events: &[Event],
    ) -> Result<(), Error> {
        let writes = self.settled_writes(request, loaded, after, events)?;
        self.programme.commit_timely(request, writes).await
    }

    pub(crate) fn settled_writes(
        &self,
        request: &Request,
        loaded: &Loaded,
        after: &Member,
        events: &[Event],
    ) -> Result<Vec<Write>, Error> {
        let programmes = self.programme.timeline()?;
        let recorded_at = request.now.max(loaded.record.member.as_of);
        let mut parts = Parts::new(&self.programme, &programmes, request.by, recorded_at);
        parts.member(MemberPart::plain(Some(loaded), None, after, events.to_vec()));
        Ok(parts.into_writes())
    }
}
