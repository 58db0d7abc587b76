//! Moves data from one line of the master key to the newest: afterwards nothing needs the older lines.
//!
//! 1. The keys that judge stored things for ever become a record, sealed under the newest line; with it stands a note that
//!    the data are being rekeyed, and nobody serves them.
//! 2. Each person's claims are written anew under the newest line, and the old ones deleted, in one commit.
//! 3. Everything that is sealed is sealed under the newest line.
//! 4. The fingerprint of the newest line takes the place of the old one, and the note goes.
//!
//! It may stop anywhere and begin again: a step that is done finds nothing to do. Nobody else may write meanwhile.

use std::fmt;

use bytes::Bytes;
use domain::member::Person;
use engine::{
    Engine, Error,
    keys::{self, kind},
    records::decode,
    store::{Change, Expect, Manner, Store, StoreError, Write},
};

use crate::{Api, Secrets, alike, identity, sealed};

/// Persons that are read at once.
const PAGE: usize = 500;

/// Persons whose claims are moved in one commit: each has at most 20 identities, of which each takes two writes.
const WRITES_MAX: usize = 80;

/// What a rekeying did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rekeyed {
    /// Persons that were looked at.
    pub persons: u64,
    /// Identities that are found under the newest line now.
    pub identities: u64,
    /// Claims that belong to no person; they stay as they are and find nobody.
    pub strays: u64,
    /// Records and secrets that were sealed anew.
    pub sealed: u64,
    /// Partners' secrets that no line opens: these partners need new keys.
    pub closed: u64,
}

/// Why a rekeying stops.
#[derive(Debug)]
pub enum RekeyError {
    /// The store failed, or a record cannot be read.
    Engine(Error),
    /// An identity is claimed by somebody else than the person who has it.
    Claimed,
    /// It was begun with another line as the newest, and half of the identities are under that.
    OtherLine,
    /// There is no source of randomness.
    NoChance,
}

impl fmt::Display for RekeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RekeyError::Engine(error) => error.fmt(f),
            RekeyError::Claimed => {
                f.write_str("an identity is claimed by another member than the one who has it")
            }
            RekeyError::OtherLine => f.write_str(
                "it was begun with another line as the newest: finish it with that line as the last one",
            ),
            RekeyError::NoChance => f.write_str("the machine has no source of randomness"),
        }
    }
}

impl std::error::Error for RekeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RekeyError::Engine(error) => error.source(),
            RekeyError::Claimed | RekeyError::OtherLine | RekeyError::NoChance => None,
        }
    }
}

impl<E: Into<Error>> From<E> for RekeyError {
    fn from(error: E) -> RekeyError {
        RekeyError::Engine(error.into())
    }
}

/// Moves the data to the newest line of the master key, by an engine whose secrets are settled; `store` is the one below
/// the seal. `progress` hears what was done so far. With one line alone it seals anew and changes nothing else.
///
/// # Errors
/// As of [`RekeyError`]; what is done by then stays done.
pub async fn rekey(
    api: &Api,
    store: &dyn Store,
    mut progress: impl FnMut(&Rekeyed),
) -> Result<Rekeyed, RekeyError> {
    let (engine, secrets) = (&api.engine, &api.secrets);
    let new = secrets.rekeyed();
    let moves = !secrets.is_rekeyed();
    let begun = engine.records().note(keys::REKEYING_NOTE).await?;
    if begun.is_some_and(|begun| !moves || begun[..] != new.fingerprint()) {
        return Err(RekeyError::OtherLine);
    }
    let mut done = Rekeyed::default();
    if moves {
        begin(engine, secrets, &new).await?;
        move_claims(engine, secrets, &new, &mut done, &mut progress).await?;
    }
    let (resealed, closed) = api.reseal().await?;
    done.closed = closed as u64;
    done.sealed += resealed as u64 + sealed::reseal_all(store, secrets, |_| ()).await?.written;
    alike::index_all(store, secrets).await?;
    if moves {
        end(engine, &new).await?;
    }
    Ok(done)
}

fn put(name: &str, value: Bytes) -> Write {
    Write { key: keys::note(name), expect: Expect::Anything, change: Change::Put(value) }
}

async fn begin(engine: &Engine, old: &Secrets, new: &Secrets) -> Result<(), RekeyError> {
    let ring = old.sealed_ring().ok_or(RekeyError::NoChance)?;
    let writes =
        vec![put(keys::RING_NOTE, ring.into()), put(keys::REKEYING_NOTE, new.fingerprint().to_vec().into())];
    engine.store().commit_as(writes, Manner::Anew).await?;
    Ok(())
}

async fn end(engine: &Engine, new: &Secrets) -> Result<(), RekeyError> {
    let done =
        Write { key: keys::note(keys::REKEYING_NOTE), expect: Expect::Anything, change: Change::Delete };
    let writes = vec![put(keys::MASTER_KEY_NOTE, new.fingerprint().to_vec().into()), done];
    engine.store().commit_as(writes, Manner::Anew).await?;
    Ok(())
}

/// Writes every person's claims anew.
async fn move_claims(
    engine: &Engine,
    old: &Secrets,
    new: &Secrets,
    done: &mut Rekeyed,
    progress: &mut impl FnMut(&Rekeyed),
) -> Result<(), RekeyError> {
    let store = engine.store();
    let (mut from, mut writes) = (None, Vec::new());
    loop {
        let page = store.walk(Some(kind::PERSON), from, PAGE).await?;
        for (key, record) in page.records {
            let person: Person = decode(&key, &record.value)?;
            done.persons += 1;
            let moved = claims_of(&**store, old, new, &person).await?;
            done.identities += person.identities.len() as u64;
            if writes.len() + moved.len() > WRITES_MAX {
                store.commit_as(std::mem::take(&mut writes), Manner::Anew).await?;
            }
            writes.extend(moved);
        }
        progress(done);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    if !writes.is_empty() {
        store.commit_as(writes, Manner::Anew).await?;
    }
    done.strays = claims(&**store).await?.saturating_sub(done.identities);
    Ok(())
}

/// The writes that move a person's claims; none if they are moved.
async fn claims_of(
    store: &dyn Store,
    old: &Secrets,
    new: &Secrets,
    person: &Person,
) -> Result<Vec<Write>, RekeyError> {
    let hashes = |secrets: &Secrets| identity::claims_under(secrets, person);
    let from: Vec<_> = hashes(old).into_iter().map(keys::identity).collect();
    let to: Vec<_> = hashes(new).into_iter().map(keys::identity).collect();
    let found = store.get(&[&from[..], &to].concat()).await?;
    let (olds, news) = found.split_at(from.len());
    let mut writes = Vec::new();
    for (((from, to), old), new) in from.into_iter().zip(to).zip(olds).zip(news) {
        match (old, new) {
            (None, Some(_)) => {}
            (Some(own), None) => {
                writes.push(Write {
                    key: to,
                    expect: Expect::Absent,
                    change: Change::Put(own.value.clone()),
                });
                writes.push(Write {
                    key: from,
                    expect: Expect::Version(own.version),
                    change: Change::Delete,
                });
            }
            // With one line alone both are the same record; else somebody has claimed it meanwhile.
            (Some(own), Some(moved)) if from == to && own == moved => {}
            (Some(_), Some(_)) | (None, None) => return Err(RekeyError::Claimed),
        }
    }
    Ok(writes)
}

/// How many identities are claimed.
async fn claims(store: &dyn Store) -> Result<u64, StoreError> {
    let (mut claims, mut from) = (0, None);
    loop {
        let page = store.walk(Some(kind::IDENTITY), from, PAGE).await?;
        claims += page.records.len() as u64;
        from = page.next;
        if from.is_none() {
            return Ok(claims);
        }
    }
}
