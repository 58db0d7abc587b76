//! Saving and reading versions of the programme.

use std::sync::Arc;

use domain::{
    json::Json,
    member::Member,
    number::Currency,
    programme::{self, Programme, Timeline},
    shape::Fault,
    time::{Instant, Zone},
};

use crate::{
    access::requests::Request,
    programme::Programmes,
    store::{
        Change, Expect, Key, StoreError, Write,
        documents::{Document, Head, Saved, Versions},
        error::Error,
        keys,
        look::Look,
        records::{Answer, OffersRecord, Unreadable},
    },
};

/// Why a programme was not saved.
#[derive(Debug)]
pub enum ProgramError {
    /// The document has faults; all of them.
    Invalid(Vec<Fault>),
    /// Anything else.
    Other(Error),
}

impl From<Error> for ProgramError {
    fn from(error: Error) -> ProgramError {
        ProgramError::Other(error)
    }
}

/// The most versions a programme may have.
const VERSIONS_MAX: usize = 10_000;

impl Programmes {
    /// Every version of the programme.
    ///
    /// # Errors
    /// [`Error::NoProgram`] before the first.
    pub fn timeline(&self) -> Result<Arc<Timeline>, Error> {
        self.known.timeline().ok_or(Error::NoProgram)
    }

    /// Every version of the programme; `None` before the first.
    pub(crate) fn timeline_if_any(&self) -> Option<Arc<Timeline>> {
        self.known.timeline()
    }

    /// Every version of the programme, up to the ones that the member's tiers are of: another instance may
    /// just have saved them, and an unknown tier would be treated as the first.
    pub(crate) async fn timeline_of(&self, member: &Member) -> Result<Arc<Timeline>, Error> {
        let timeline = self.timeline()?;
        if timeline.newest().knows(member) {
            return Ok(timeline);
        }
        self.refresh().await?;
        self.timeline()
    }

    /// What no version changes: the programme's money and its calendar.
    ///
    /// # Errors
    /// [`Error::NoProgram`] before the first.
    pub fn currency_and_zone(&self) -> Result<(Currency, Zone), Error> {
        let programmes = self.timeline()?;
        let newest = programmes.newest();
        Ok((newest.currency, newest.zone))
    }

    /// Reads every version of the programme from the store.
    ///
    /// # Errors
    /// The store failed, or a stored version cannot be read.
    pub async fn refresh(&self) -> Result<(), Error> {
        let _turn = self.refreshing().await;
        self.reread().await
    }

    /// Waits until nobody else refreshes, and keeps others waiting until it is dropped: an earlier read must
    /// not replace a later one.
    pub async fn refreshing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.known.refreshing.lock().await
    }

    /// [`Programmes::refresh`] for the holder of the turn.
    ///
    /// # Errors
    /// The same.
    pub async fn reread(&self) -> Result<(), Error> {
        let Some(head) = self.heads().await? else {
            return Ok(());
        };
        let mut versions = self.known.timeline().map_or_else(Vec::new, |known| known.versions().to_vec());
        let missing: Vec<u32> = (1..=head.number).skip(versions.len()).collect();
        for (number, record) in missing.iter().zip(self.versions().all(&missing).await?) {
            versions.push(Arc::new(programme_of(*number, &record)?));
        }
        if let Some(timeline) = Timeline::new(versions) {
            self.known.set_timeline(timeline, head.saved);
        }
        self.read_marks().await
    }

    /// Which version is the newest, and in the same read whether an offer was saved: whoever uses offers reads then
    /// what has changed, and nobody else.
    async fn heads(&self) -> Result<Option<Head>, Error> {
        let mut asked = Look::default();
        let program = asked.at::<u32>(keys::program_head());
        let offers = asked.at::<OffersRecord>(keys::offers());
        let seen = self.records.look(asked).await?;
        self.known.hear_of_offers(seen.read(offers)?.map(|(_, saved)| saved));
        Ok(seen.read(program)?.map(|(number, saved)| Head { number, saved }))
    }

    /// Reads which brands and tiers have been used, so that they are not marked again.
    async fn read_marks(&self) -> Result<(), Error> {
        let marks = self.records.scan_all(keys::all(keys::kind::USED)).await?;
        self.known.mark(marks.into_iter().map(|(key, _)| key));
        Ok(())
    }

    fn versions(&self) -> Versions<'_> {
        self.records.versions(Document::Programme)
    }

    /// The newest version's number and the document's text as it was sent.
    ///
    /// # Errors
    /// [`Error::NoProgram`] before the first version.
    pub async fn document(&self) -> Result<(u32, String), Error> {
        let newest = self.timeline()?.newest().version;
        Ok((newest, self.versions().stored(newest).await?.document))
    }

    /// That version: since when it is in force, and the document's text as it was sent. `None` if
    /// there is none.
    ///
    /// # Errors
    /// The store failed, or the version is unreadable.
    pub async fn version(&self, number: u32) -> Result<Option<(Instant, String)>, Error> {
        let read = self.versions().version(number).await?;
        Ok(read.map(|record| (record.since, record.document)))
    }

    /// Saves a new version, unless it is the newest one again, and returns the answer that `tell` has for its
    /// number. `based_on` is the version that the caller started from, if given.
    ///
    /// # Errors
    /// Every fault of the document; [`Error::ProgramChanged`] if another save was faster.
    pub async fn save(
        &self,
        request: &Request,
        document: &Json,
        text: &str,
        based_on: Option<u32>,
        tell: impl Fn(u32) -> Answer,
    ) -> Result<Answer, ProgramError> {
        let head = self.versions().head().await?;
        let newest = head.map_or(0, |head| head.number);
        if based_on.is_some_and(|based_on| based_on != newest) {
            return Err(self.changed(newest).await?.into());
        }
        let old = match head {
            Some(head) => {
                let old = self.versions().stored(head.number).await?;
                Some((programme_of(head.number, &old)?, old.document))
            }
            None => None,
        };
        let since = request.now;
        let next = programme::read_new(document, newest + 1, since).map_err(ProgramError::Invalid)?;
        let earlier = match head {
            Some(_) => {
                // All of them have their say, those too that another instance has just saved.
                self.refresh().await?;
                self.timeline()?.versions().to_vec()
            }
            None => Vec::new(),
        };
        let too_large = [next.beyond_sizes(), next.attributes_after(&earlier)].concat();
        if old.is_none() && !too_large.is_empty() {
            return Err(ProgramError::Invalid(too_large));
        }
        if let Some((old, old_text)) = &old {
            if old_text == text {
                // The instance that saved it may not have refreshed.
                self.refresh().await?;
                return Ok(tell(newest));
            }
            let faults =
                [programme::unchangeable(old, &next), too_large, self.removed_in_use(old, &next).await?]
                    .concat();
            if !faults.is_empty() {
                return Err(ProgramError::Invalid(faults));
            }
            if old.since > since || newest as usize >= VERSIONS_MAX {
                return Err(
                    Error::Refused(domain::refusal::Refusal::LimitExceeded { what: "versions" }).into()
                );
            }
        }
        let answer = tell(newest + 1);
        let record = Saved { since, by: request.by, document: text.to_owned() };
        let mut writes = self.versions().next(head, newest + 1, &record);
        // What is removed must still be unused when this is written.
        writes.extend(old.iter().flat_map(|(old, _)| removed(old, &next)).map(|(_, key)| Write {
            key,
            expect: Expect::Absent,
            change: Change::Nothing,
        }));
        let request = request.about((newest + 1).to_string());
        match self.access.commit_told(&request, writes, &answer).await {
            Err(Error::Store(StoreError::LostRace)) => {
                self.refresh().await?;
                let newest = self.timeline()?.newest().version;
                Err(self.changed(newest).await?.into())
            }
            Err(error) => Err(error.into()),
            Ok(()) => {
                self.refresh().await?;
                Ok(answer)
            }
        }
    }

    /// The newest version is another one than the caller started from.
    async fn changed(&self, newest: u32) -> Result<Error, Error> {
        let mut saved = None;
        if let Some(record) = self.versions().version(newest).await? {
            saved = Some((record.by, record.since, programme_of(newest, &record)?.zone));
        }
        Ok(Error::ProgramChanged { version: newest, saved })
    }

    /// Brands and tiers that have been used and are missing from the new version.
    async fn removed_in_use(&self, old: &Programme, new: &Programme) -> Result<Vec<Fault>, Error> {
        let removed = removed(old, new);
        let marks: Vec<Key> = removed.iter().map(|(_, key)| key.clone()).collect();
        let found = self.records.store.get(&marks).await?;
        let used = removed.into_iter().zip(found).filter(|(_, found)| found.is_some());
        Ok(used.map(|((fault, _), _)| fault).collect())
    }
}

/// The programme in a version's document.
fn programme_of(number: u32, record: &Saved) -> Result<Programme, Error> {
    let unreadable = || Error::Unreadable(Unreadable { key: keys::program(number) });
    let json = Json::parse(record.document.as_bytes()).map_err(|_| unreadable())?;
    programme::read(&json, number, record.since).map_err(|_| unreadable())
}

/// What the new version lacks, each with the fault that it is if it has been used, and its mark.
fn removed(old: &Programme, new: &Programme) -> Vec<(Fault, Key)> {
    let brands = old.brands.iter().filter(|brand| new.brand(&brand.id).is_none());
    let brands = brands.map(|brand| {
        (
            Fault::new("/brands", "in_use", format!("{} has been used and cannot be removed", brand.id)),
            keys::used("brand", brand.id.as_str()),
        )
    });
    let tiers = old.tiers.iter().filter(|tier| new.tier(&tier.id).is_none());
    let tiers = tiers.map(|tier| {
        (
            Fault::new("/tiers", "in_use", format!("{} has been used and cannot be removed", tier.id)),
            keys::used("tier", tier.id.as_str()),
        )
    });
    brands.chain(tiers).collect()
}
