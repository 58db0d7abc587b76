//! Commits: sent until their outcome is known, and never applied twice.

use engine::store::{Change, Expect, Instant, Key, Manner, StoreError, Version, Write, check_limits};

use crate::{
    error::{Cause, Failure},
    request::{Held, How, Rejected, Request},
    store::DynamoStore,
    tries::{Pace, Tries},
};

/// What a request came to.
enum Sent {
    /// It was applied.
    Applied,
    /// A write that expects nothing met a version later than its own; nothing was written.
    Overtaken(Version),
}

impl DynamoStore {
    pub(crate) async fn commit_all(&self, writes: Vec<Write>, manner: Manner) -> Result<Version, StoreError> {
        self.commit_ending(writes, manner, None).await
    }

    /// Commits writes; those that have an end are one put.
    pub(crate) async fn commit_ending(
        &self,
        writes: Vec<Write>,
        manner: Manner,
        until: Option<Instant>,
    ) -> Result<Version, StoreError> {
        check_limits(&writes)?;
        let asks = |write: &Write| write.change != Change::Nothing || write.expect != Expect::Anything;
        let writes: Vec<Write> = writes.into_iter().filter(asks).collect();
        let expected = writes.iter().filter_map(|write| match write.expect {
            Expect::Version(version) => Some(version),
            Expect::Absent | Expect::Anything => None,
        });
        let mut floor = expected.max();
        if writes.is_empty() {
            return Ok(self.versions.after(floor));
        }
        if let [Write { key, expect, change: Change::Nothing }] = &writes[..] {
            self.check(key, *expect).await?;
            return Ok(self.versions.after(floor));
        }
        let mut tries = Tries::start(self.pace);
        loop {
            let version = self.versions.after(floor);
            match self.submit(&writes, How { version, manner, until }, &mut tries).await? {
                Sent::Applied => return Ok(version),
                Sent::Overtaken(by) if tries.again().await => floor = floor.max(Some(by)),
                Sent::Overtaken(_) => return Err(StoreError::Busy),
            }
        }
    }

    /// A lone expectation, which writes nothing: a read answers it.
    async fn check(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        let found = self.get_all(std::slice::from_ref(key)).await?;
        let found = found.into_iter().flatten().next().map(|record| record.version);
        let holds = match expect {
            Expect::Anything => true,
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
        };
        if holds { Ok(()) } else { Err(StoreError::LostRace) }
    }

    /// Sends the same request until it is answered or there are no more tries.
    async fn submit(&self, writes: &[Write], how: How, tries: &mut Tries) -> Result<Sent, StoreError> {
        let version = how.version;
        let request = Request::new(&self.client, &self.table, writes, how);
        let request = request.map_err(Cause::unavailable)?;
        // Why it is not known whether an earlier attempt was applied, if it is not.
        let mut unclear: Option<Cause> = None;
        loop {
            let failure = match request.send().await {
                Ok(()) => return Ok(Sent::Applied),
                Err(Rejected::Conditions(held)) => {
                    return match unclear {
                        Some(cause) => self.settle(writes, version, &held, cause).await,
                        None => judge(writes, &held),
                    };
                }
                Err(Rejected::Failed(failure)) => failure,
            };
            let hopeless = matches!(failure, Failure::Refused(_));
            if let Failure::Unclear(cause) = &failure
                && writes.iter().any(|write| write.change != Change::Nothing)
            {
                tracing::debug!(%cause, "the outcome of a commit is not clear");
                unclear = Some(cause.clone());
            }
            if hopeless || !tries.again().await {
                return match unclear {
                    Some(_) => self.settle(writes, version, &[], failure.cause()).await,
                    None => Err(failure.into_error()),
                };
            }
        }
    }

    /// Finds out the outcome of a commit when an earlier attempt may have been applied and the last one was
    /// not: that earlier attempt may be what failed it.
    async fn settle(
        &self,
        writes: &[Write],
        version: Version,
        held: &[Held],
        cause: Cause,
    ) -> Result<Sent, StoreError> {
        // One record of this version means that all were written: together or not at all.
        if held.iter().any(|held| held.version == Some(version)) {
            return Ok(Sent::Applied);
        }
        let written: Vec<&Write> = writes.iter().filter(|write| write.change != Change::Nothing).collect();
        let keys: Vec<Key> = written.iter().map(|write| write.key.clone()).collect();
        // There may be no time left, so this looks once.
        let once = DynamoStore { pace: Pace { attempts_max: 1, ..self.pace }, ..self.clone() };
        let Ok(found) = once.get_all(&keys).await else { return Err(cause.unknown()) };
        let versions = found.iter().map(|record| record.as_ref().map(|record| record.version));
        if versions.clone().any(|found| found == Some(version)) {
            return Ok(Sent::Applied);
        }
        // A record that is still as expected proves that the commit has not been applied; a record whose
        // version has changed for good proves that no attempt under way can be applied.
        let untouched = written.iter().zip(versions).any(
            |(write, found)| matches!(write.expect, Expect::Version(expected) if found == Some(expected)),
        );
        let for_good = held.iter().any(|held| matches!(writes[held.at].expect, Expect::Version(_)));
        if untouched && for_good { Err(StoreError::LostRace) } else { Err(cause.unknown()) }
    }
}

/// What failed conditions mean for a commit that has certainly not been applied.
fn judge(writes: &[Write], held: &[Held]) -> Result<Sent, StoreError> {
    let blind = held.iter().all(|held| writes[held.at].expect == Expect::Anything);
    match held.iter().filter_map(|held| held.version).max() {
        Some(by) if blind => Ok(Sent::Overtaken(by)),
        _ => Err(StoreError::LostRace),
    }
}
