//! Nothing is done twice: a repeat is recognised, under the request's key or its own name, and gets the first
//! answer.

use domain::refusal::Refusal;

use crate::{
    access::requests::{Request, remember},
    ledger::{
        Ledger,
        act::{Act, Done},
    },
    store::{
        Key,
        error::Error,
        keys,
        look::{Look, Seen, Slot},
        records::{EntryRecord, Remembered, RequestRecord, Unreadable},
    },
};

/// Where an earlier execution would be recorded: requested, and not yet read.
pub(super) struct Names {
    by_key: Option<Slot<RequestRecord>>,
    by_name: Option<Slot<EntryRecord>>,
    /// The order that is told anew.
    revised: Option<Slot<EntryRecord>>,
}

impl Names {
    /// The names of a command: the request's key, and its own.
    pub(super) fn ask(request: &Request, act: &Act, asked: &mut Look) -> Names {
        Names {
            by_key: request.key.map(|key| asked.at(keys::request(key.hash))),
            by_name: act.natural_key.clone().map(|key| asked.at(key)),
            revised: act.revised().map(|key| asked.at(key.clone())),
        }
    }
}

impl Ledger {
    /// The first answer again, if it was done before.
    ///
    /// # Errors
    /// It was another request; or the store failed.
    pub(super) async fn replayed(
        &self,
        request: &Request,
        act: &Act,
        names: &Names,
        seen: &Seen,
    ) -> Result<Option<Done>, Error> {
        if let Some(slot) = names.by_key
            && let Some((known, _)) = seen.read(slot)?
        {
            return self.replay_request(request, known).await.map(Some);
        }
        if let Some(slot) = names.by_name
            && let Some((entry, _)) = seen.read(slot)?
        {
            // What does not say its brand is found by its name alone, perhaps by a brand that it is not of.
            if let Some(missing) = act.missing()
                && !request.reaches(&*self.programme.timeline()?, entry.event.kind.row().brand)
            {
                return Err(missing.clone().into());
            }
            let order = match names.revised {
                Some(slot) => seen.read(slot)?.map(|(order, _)| order),
                None => None,
            };
            let done = replay_natural(request, entry, order)?;
            // This key now stands for it too.
            self.commit_remembered(request, Remembered::Entry(seen.key(slot).as_bytes().to_vec())).await?;
            return Ok(Some(done));
        }
        Ok(None)
    }

    /// Whether it has been done by now, under its key or its own name.
    pub(super) async fn is_known(&self, request: &Request, act: &Act) -> Result<bool, Error> {
        let names: Vec<Key> = request
            .key
            .map(|key| keys::request(key.hash))
            .into_iter()
            .chain(act.natural_key.clone())
            .collect();
        if names.is_empty() {
            return Ok(false);
        }
        Ok(self.records.store.get(&names).await?.iter().any(Option::is_some))
    }

    /// Remembers an answer that changes nothing under the request's key, if it has one.
    pub(super) async fn commit_remembered(&self, request: &Request, answer: Remembered) -> Result<(), Error> {
        match remember(request, answer) {
            Some(write) => self.programme.commit(vec![write]).await,
            None => Ok(()),
        }
    }

    /// The first answer again, for a request whose key is known.
    async fn replay_request(&self, request: &Request, known: RequestRecord) -> Result<Done, Error> {
        request.must_be(&known)?;
        let bytes = match known.answer {
            Remembered::Entry(bytes) => bytes,
            Remembered::Nothing(member) => {
                return Ok(Done { member, entry: None, replayed: true });
            }
            Remembered::Whole(_) | Remembered::Personal(_) => return Err(Error::KeyReused),
        };
        let key = Key::new(bytes);
        let entry = self.records.entry_at(&key).await?.ok_or(Unreadable { key })?;
        Ok(Done { member: entry.member, entry: Some(entry), replayed: true })
    }
}

/// The first answer again, for something that is known by its own name; `revised` is the order of a revision.
fn replay_natural(
    request: &Request,
    entry: EntryRecord,
    revised: Option<EntryRecord>,
) -> Result<Done, Error> {
    let order = revised.as_ref().unwrap_or(&entry).order.as_ref().map(|order| &order.now);
    if entry.content != Some(request.content) {
        return Err(Refusal::OrderConflict { revision: order.map(|now| now.revision) }.into());
    }
    if entry.is_cancelled() {
        return Err(Refusal::AlreadyCancelled.into());
    }
    if let Some(now) = order.filter(|now| now.is_refunded()) {
        return Err(Refusal::OrderRefunded { revision: now.revision }.into());
    }
    Ok(Done { member: entry.member, entry: Some(entry), replayed: true })
}
