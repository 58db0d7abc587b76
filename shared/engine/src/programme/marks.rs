//! Marks: which brands and tiers have been used, so that no later version of the programme removes them.
//! A mark is made in the commit that uses what it marks, and only under the newest version.

use crate::{
    access::requests::{Request, remember},
    programme::Programmes,
    store::{
        Key, StoreError, Write,
        error::Error,
        keys,
        records::{Answer, Remembered},
        write::{mark, still},
    },
};

impl Programmes {
    /// Whether the mark of that use has been seen in the store.
    pub(crate) fn is_marked(&self, key: &Key) -> bool {
        self.known.is_marked(key)
    }

    /// The writes that mark these uses, unless they are marked already.
    pub(crate) fn marking(&self, mut marks: Vec<Key>) -> Vec<Write> {
        marks.retain(|key| !self.known.is_marked(key));
        self.marked(marks)
    }

    /// The writes that mark these uses, under the newest version of the programme.
    pub(crate) fn marked(&self, marks: Vec<Key>) -> Vec<Write> {
        let head = self.known.head_version().filter(|_| !marks.is_empty());
        let head = head.map(|version| still(keys::program_head(), version));
        marks.into_iter().map(mark).chain(head).collect()
    }

    /// Commits, and notes which brands and tiers are now marked as used.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<(), Error> {
        let marks = writes.iter().filter(|write| write.key.kind() == keys::kind::USED);
        let marks: Vec<Key> = marks.map(|write| write.key.clone()).collect();
        match self.records.store.commit(writes).await {
            // A mark is made under the newest version; another instance may have saved a newer one.
            Err(StoreError::LostRace) if !marks.is_empty() => {
                self.refresh().await?;
                Err(StoreError::LostRace.into())
            }
            Err(error) => Err(error.into()),
            Ok(_) => {
                self.known.mark(marks);
                Ok(())
            }
        }
    }

    /// Commits what was decided at the request's moment.
    ///
    /// # Errors
    /// A lost race, if the moment is too old by now: the command must be decided again.
    pub(crate) async fn commit_timely(&self, request: &Request, writes: Vec<Write>) -> Result<(), Error> {
        match self.access.later(request.now) {
            Some(_) => Err(StoreError::LostRace.into()),
            None => self.commit(writes).await,
        }
    }

    /// Remembers an answer without personal data under the request's key, in one commit with what
    /// it answers, and notes that, if staff changed something.
    ///
    /// # Errors
    /// The store failed, or somebody was quicker.
    pub(crate) async fn commit_told(
        &self,
        request: &Request,
        mut writes: Vec<Write>,
        answer: &Answer,
    ) -> Result<(), Error> {
        request.note(&mut writes);
        writes.extend(remember(request, Remembered::Whole(answer.clone())));
        if writes.is_empty() { Ok(()) } else { self.commit(writes).await }
    }
}
