//! Readers of the feed that are given up.

use crate::{
    access::{Access, requests::Request},
    store::{
        Expect, Write,
        error::{Error, until_settled},
        feed::end_place,
        keys,
    },
};

impl Access {
    /// Ends that reader of the feed: nothing is kept for it any longer. Whether there was one.
    ///
    /// # Errors
    /// The store failed, or the reader moved its place again and again.
    pub async fn end_reader(&self, request: &Request, reader: &str) -> Result<bool, Error> {
        until_settled(|_| async {
            // Also a place that cannot be read keeps what follows it.
            let place = self.records.store.get(&[keys::place(reader)]).await?.pop().flatten();
            let Some(place) = place else { return Ok(false) };
            let mut writes = vec![Write { expect: Expect::Version(place.version), ..end_place(reader) }];
            request.note(&mut writes);
            self.records.commit(writes).await?;
            Ok(true)
        })
        .await
    }
}
