//! What a decision needs besides the member, looked up on request.

use domain::{
    condition::Wants,
    decide::{AHEAD_MILLIS_MAX, Command, Context, Decision, Stop, decide},
    event::{Event, History},
    member::{Member, MemberId, Person},
    refusal::Refusal,
    time::Instant,
};

use futures_util::future::try_join;

use crate::{
    ledger::{Ledger, parts::Target},
    store::{
        Key, StoreError, Version,
        error::Error,
        keys,
        reading::{Loaded, newest, previous},
        records::{EntryRecord, MemberRecord, Unreadable},
    },
};

/// The most entries a question about the past may read.
pub(crate) const HISTORY_MAX: usize = 100_000;

impl Ledger {
    /// Decides for the member as settled, and looks up what the decision asks for. What settling did is not
    /// stored yet, and belongs to every history.
    pub(crate) async fn decided(
        &self,
        context: Context<'_>,
        loaded: &Loaded,
        target: Option<&Target>,
        (settled, timely): (&Member, &[Event]),
        command: &Command<'_>,
    ) -> Result<Decision, Error> {
        let mut person: Option<Person> = context.person.cloned();
        let mut history: Option<History> = None;
        // A person is requested once; a history again only if it must reach further back, at most once for each
        // limit and condition of the programme.
        loop {
            let context = Context { person: person.as_ref(), history: history.as_ref(), ..context };
            match decide(&context, settled, command) {
                Ok(decision) => return Ok(decision),
                Err(Stop::Refused(refusal)) => return Err(refusal.into()),
                Err(Stop::Wants(wants)) => {
                    assert!(wants.nothing().is_err(), "whoever stops for more says for what");
                    assert!(!(wants.person && person.is_some()), "nobody asks again who the member is");
                    let reaches = history.as_ref().zip(wants.history);
                    let reaches = reaches.is_some_and(|(history, since)| history.since <= since);
                    assert!(!reaches, "nobody asks again for a history that reaches so far");
                    let (found, past) = self.look_up(&loaded.record, wants).await?;
                    let past = past.map(|mut past| {
                        past.events.extend(timely.iter().cloned());
                        past
                    });
                    (person, history) = (found.or(person), past.or(history));
                }
                Err(Stop::Torn) => return Err(self.torn(settled.id, loaded, target).await?),
            }
        }
    }

    /// Why a member and the order that is read before it do not belong together: another request changed them
    /// in between, and they are read again.
    async fn torn(&self, id: MemberId, loaded: &Loaded, target: Option<&Target>) -> Result<Error, Error> {
        let mut read = vec![(keys::member(id), loaded.version)];
        read.extend(target.map(|target| (target.key.clone(), target.version)));
        let (keys, versions): (Vec<Key>, Vec<Version>) = read.into_iter().unzip();
        let now = self.records.store.get(&keys).await?;
        let now = now.iter().map(|record| record.as_ref().map(|record| record.version));
        let unchanged = now.eq(versions.into_iter().map(Some));
        assert!(!unchanged, "what is stored of a member and its order does not belong together");
        Ok(StoreError::LostRace.into())
    }

    /// All that is wanted, at once.
    pub(crate) async fn look_up(
        &self,
        record: &MemberRecord,
        wants: Wants,
    ) -> Result<(Option<Person>, Option<History>), Error> {
        let person = async {
            if !wants.person {
                return Ok(None);
            }
            // Whoever was erased is nobody.
            let known = self.records.person(record.member.id).await?;
            Ok(Some(known.map(|(person, _)| person).unwrap_or_default()))
        };
        let history = async {
            match wants.history {
                Some(since) => self.history(record, since).await.map(Some),
                None => Ok(None),
            }
        };
        try_join(person, history).await
    }

    /// The entries of a member, and of those that it has absorbed, that were recorded at or after `since`, with the
    /// slack that an event may lie ahead of its recording.
    pub(crate) async fn history(&self, record: &MemberRecord, since: Instant) -> Result<History, Error> {
        let horizon = since.plus_millis(-AHEAD_MILLIS_MAX);
        let mut events = Vec::new();
        // No entry was recorded later than the moment up to which the member is settled.
        if record.member.as_of < horizon {
            return Ok(History { since, events });
        }
        let mut chains = vec![newest(record)];
        for absorbed in &record.member.absorbed {
            chains.push(self.records.load(absorbed.member).await?.and_then(|other| newest(&other.record)));
        }
        for chain in chains {
            let see = |entry: EntryRecord| {
                if events.len() >= HISTORY_MAX {
                    return Err(Refusal::LimitExceeded { what: "history" }.into());
                }
                events.push(entry.event);
                Ok(())
            };
            self.look_back(chain, since, see).await?;
        }
        Ok(History { since, events })
    }

    /// Shows the entries of one chain from its newest back, as far as they were recorded at or after `since` with the
    /// slack that an event may lie ahead of its recording.
    pub(crate) async fn look_back(
        &self,
        newest: Option<Key>,
        since: Instant,
        mut see: impl FnMut(EntryRecord) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let horizon = since.plus_millis(-AHEAD_MILLIS_MAX);
        let mut next = newest;
        while let Some(key) = next {
            // A ledger that breaks off would show less than there was, and limits would let more through.
            let read = self.records.entry_at(&key).await?;
            let entry = read.ok_or(Unreadable { key })?;
            if entry.recorded_at < horizon {
                break;
            }
            next = previous(&entry);
            see(entry)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::event::EntryKind;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::{
        Change, Expect, Store as _, Write, keys,
        memory::MemoryStore,
        records::{EntryRecord, encode},
    };

    /// Which of the entries that were recorded at these moments the history since then holds, oldest first; of a
    /// member that is settled up to its last entry.
    fn held(recorded: &[i64], since: i64) -> Vec<i64> {
        let id = MemberId([1; 16]);
        let entry = |(seq, at): (u64, i64)| {
            let record = EntryRecord { seq, ..EntryRecord::plain(Instant(at), EntryKind::PointsExpired) };
            let change = Change::Put(encode(&record));
            Write { key: keys::entry(id, seq), expect: Expect::Anything, change }
        };
        let store = MemoryStore::new();
        let writes = (1..).zip(recorded.iter().copied()).map(entry).collect();
        store.commit(writes).now_or_never().unwrap().unwrap();
        let mut member = Member::new(id, Instant(0), Instant(0), &"basic".parse().unwrap());
        member.seq = recorded.len() as u64;
        member.as_of = Instant(recorded.last().copied().unwrap_or(0));
        let record = MemberRecord { member, last: None, leads_to: None };
        let engine = crate::Engine::new(Arc::new(store));
        let history = engine.ledger().history(&record, Instant(since)).now_or_never().unwrap().unwrap();
        assert_eq!(history.since, Instant(since));
        history.events.iter().rev().map(|event| event.at.0).collect()
    }

    /// An instance whose clock was behind may have recorded an event before it happened.
    #[test]
    fn a_history_goes_as_far_back_as_clocks_may_differ() {
        const AHEAD: i64 = domain::decide::AHEAD_MILLIS_MAX;
        let since = 10 * AHEAD;
        let (before, first, after) = (since - AHEAD - 1, since - AHEAD, since - AHEAD + 1);
        assert_eq!(held(&[], since), [0; 0]);
        assert_eq!(held(&[before], since), [0; 0]);
        assert_eq!(held(&[first], since), [first]);
        assert_eq!(
            held(&[5, before, first, after, since, since + 1], since),
            [first, after, since, since + 1]
        );
    }
}
