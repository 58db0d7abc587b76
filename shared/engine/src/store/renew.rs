//! Rewrites records of older formats, so that a later build need not know those formats any longer.
//!
//! A record is changed only if it is still as it was read: the pass may run while others write, may stop
//! anywhere, and does nothing the second time.

use bytes::Bytes;

use super::{
    Change, Expect, Key, Manner, Record, Store, StoreError, Write, error::Error, keys::kind, kinds::Form,
};

/// Records in one page of the walk.
const PAGE: usize = 1_000;

/// Records in one commit, and their bytes at most.
const COMMIT_RECORDS: usize = 50;
const COMMIT_BYTES: usize = 1024 * 1024;

/// The result of a pass over records.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Renewed {
    /// Records that were looked at.
    pub records: u64,
    /// How many of these were rewritten.
    pub written: u64,
}

/// Looks at a page of all records, in the store's own order, and rewrites those in older formats; returns
/// where the next page starts.
///
/// # Errors
/// The store failed, or a record is of a newer Laurel, or damaged.
pub async fn renew(store: &dyn Store, from: Option<Bytes>) -> Result<(Renewed, Option<Bytes>), Error> {
    renew_as(store, from, form).await
}

/// What is stored under the key, if it has a format and stays.
fn form(key: &Key) -> Option<Form> {
    // A nonce disappears by itself within minutes, and rewriting it would lose its end.
    let row = key.kind().row().filter(|row| row.kind != kind::NONCE)?;
    (row.form)(key)
}

async fn renew_as(
    store: &dyn Store,
    from: Option<Bytes>,
    form: fn(&Key) -> Option<Form>,
) -> Result<(Renewed, Option<Bytes>), Error> {
    let page = store.walk(None, from, PAGE).await?;
    let mut renewed = Renewed { records: page.records.len() as u64, written: 0 };
    let (mut writes, mut bytes) = (Vec::new(), 0);
    for (key, record) in page.records {
        let Some(write) = anew(&key, &record, form)? else { continue };
        bytes += record.value.len();
        writes.push(write);
        if writes.len() == COMMIT_RECORDS || bytes >= COMMIT_BYTES {
            renewed.written += commit_anew(store, std::mem::take(&mut writes)).await?;
            bytes = 0;
        }
    }
    renewed.written += commit_anew(store, writes).await?;
    Ok((renewed, page.next))
}

/// The record in its newest format, if it is in an older one.
fn anew(key: &Key, record: &Record, form: fn(&Key) -> Option<Form>) -> Result<Option<Write>, Error> {
    let Some(form) = form(key).filter(|form| record.value.first() != Some(&form.format)) else {
        return Ok(None);
    };
    let change = Change::Put(form.anew(key, &record.value)?);
    Ok(Some(Write { key: key.clone(), expect: Expect::Version(record.version), change }))
}

/// Commits records in another form, together or, if another commit was faster with one, each alone: what others
/// wrote is in the newest form. Returns how many were written.
///
/// # Errors
/// The store failed.
pub async fn commit_anew(store: &dyn Store, writes: Vec<Write>) -> Result<u64, StoreError> {
    if writes.is_empty() {
        return Ok(0);
    }
    match store.commit_as(writes.clone(), Manner::Anew).await {
        Ok(_) => return Ok(writes.len() as u64),
        Err(StoreError::LostRace | StoreError::Unknown(_)) => {}
        Err(error) => return Err(error),
    }
    let mut written = 0;
    for write in writes {
        match store.commit_as(vec![write], Manner::Anew).await {
            Ok(_) => written += 1,
            Err(StoreError::LostRace | StoreError::Unknown(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::{
        Version,
        memory::MemoryStore,
        records::{
            Stored, encode,
            layout::{Damaged, Layout, Reader, layout},
        },
    };

    /// A record in its third format. The first held half of it, the second was a text.
    #[derive(PartialEq, Debug)]
    struct Aged {
        number: u64,
    }
    layout! { struct Aged { number } }

    impl Stored for Aged {
        const FORMAT: u8 = 3;

        fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<Aged, Damaged> {
            match format {
                1 => Ok(Aged { number: 2 * u64::read(from)? }),
                2 => String::read(from)?.parse().map(|number| Aged { number }).map_err(|_| Damaged),
                _ => Err(Damaged),
            }
        }
    }

    /// A record in its second format, which may be long.
    #[derive(PartialEq, Debug)]
    struct Long {
        text: String,
    }
    layout! { struct Long { text } }

    impl Stored for Long {
        const FORMAT: u8 = 2;

        fn upgrade(_: u8, from: &mut Reader<'_>) -> Result<Long, Damaged> {
            String::read(from).map(|text| Long { text })
        }
    }

    fn aged(key: &Key) -> Option<Form> {
        match key.as_bytes()[0] {
            b'm' => Some(Form::of::<Aged>("Aged")),
            b'l' => Some(Form::of::<Long>("Long")),
            _ => None,
        }
    }

    fn held(store: &MemoryStore) -> Vec<(Key, Record)> {
        store.walk(None, None, 10_000).now_or_never().unwrap().unwrap().records
    }

    fn pass(store: &dyn Store) -> Result<Renewed, Error> {
        let (mut all, mut from) = (Renewed::default(), None);
        loop {
            let (renewed, next) = renew_as(store, from, aged).now_or_never().unwrap()?;
            all.records += renewed.records;
            all.written += renewed.written;
            from = next;
            if from.is_none() {
                return Ok(all);
            }
        }
    }

    fn put(store: &MemoryStore, key: String, value: impl Into<Bytes>) -> Version {
        let change = Change::Put(value.into());
        let write = Write { key: Key::new(key), expect: Expect::Anything, change };
        store.commit(vec![write]).now_or_never().unwrap().unwrap()
    }

    #[test]
    fn old_formats_are_written_anew_and_nothing_else() {
        let store = MemoryStore::new();
        for number in 0..1_500_u64 {
            let value = match number % 3 {
                0 => vec![1, u8::try_from(number % 100).unwrap()],
                1 => [&[2, 4][..], format!("{number:04}").as_bytes()].concat(),
                _ => encode(&Aged { number }).to_vec(),
            };
            put(&store, format!("m{number:04}"), value);
            put(&store, format!("x{number:04}"), vec![1, 0]);
        }
        let before = held(&store);
        assert_eq!(pass(&store).unwrap(), Renewed { records: 3_000, written: 1_000 });
        for ((key, was), (_, is)) in before.iter().zip(held(&store)) {
            let number: u64 = String::from_utf8_lossy(&key.as_bytes()[1..]).parse().unwrap();
            let number = if number.is_multiple_of(3) { 2 * (number % 100) } else { number };
            let old = key.as_bytes()[0] == b'm' && was.value[0] != 3;
            assert_eq!(is.version == was.version, !old, "{key:?}");
            let wanted = if old { encode(&Aged { number }) } else { was.value.clone() };
            assert_eq!(is.value, wanted, "{key:?}");
        }
        assert_eq!(pass(&store).unwrap(), Renewed { records: 3_000, written: 0 });
    }

    /// The kinds themselves say what is renewed; a nonce is not, which would lose its end.
    #[test]
    fn every_record_with_a_format_is_renewed_but_nonces() {
        let golden = include_str!("../../tests/golden/member.txt").lines();
        let old = golden.filter_map(|line| line.strip_prefix("newborn ")).find(|hex| hex.starts_with("01"));
        let hex = old.unwrap_or_else(|| panic!("the golden bytes of 0.1.0")).as_bytes();
        let old: Vec<u8> = hex
            .chunks(2)
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect();
        let store = MemoryStore::new();
        put(&store, "m0123456789abcdef".to_owned(), old);
        put(&store, "n0123456789abcdef".to_owned(), vec![0, 0]);
        put(&store, "d0123456789abcdef".to_owned(), Vec::new());
        let pass = || renew(&store, None).now_or_never().unwrap().unwrap();
        assert_eq!(pass(), (Renewed { records: 3, written: 1 }, None));
        assert_eq!(pass(), (Renewed { records: 3, written: 0 }, None));
        let written = held(&store);
        let member = written.iter().find(|(key, _)| key.kind() == kind::MEMBER).unwrap();
        assert_eq!(member.1.value[0], <crate::store::records::MemberRecord as Stored>::FORMAT);
    }

    /// Together they are more than a commit may hold.
    #[test]
    fn long_records_are_written_in_several_commits() {
        let store = MemoryStore::new();
        for number in 0..30 {
            let old = [&[1][..], &encode(&Long { text: "x".repeat(300_000) })[1..]].concat();
            put(&store, format!("l{number:02}"), old);
        }
        assert_eq!(pass(&store).unwrap(), Renewed { records: 30, written: 30 });
        assert!(held(&store).iter().all(|(_, record)| record.value[0] == 2 && record.value.len() > 300_000));
    }

    #[test]
    fn what_others_have_written_meanwhile_stays() {
        let store = MemoryStore::new();
        put(&store, "m1".to_owned(), vec![1, 1]);
        put(&store, "m2".to_owned(), vec![1, 2]);
        let stale: Vec<Write> =
            held(&store).iter().map(|(key, record)| anew(key, record, aged).unwrap().unwrap()).collect();
        put(&store, "m1".to_owned(), encode(&Aged { number: 9 }));
        assert_eq!(commit_anew(&store, stale).now_or_never().unwrap().unwrap(), 1);
        let now: Vec<Bytes> = held(&store).into_iter().map(|(_, record)| record.value).collect();
        assert_eq!(now, [encode(&Aged { number: 9 }), encode(&Aged { number: 4 })]);
    }

    #[test]
    fn what_cannot_be_read_ends_the_pass() {
        for value in [&[4, 1][..], &[0, 1], &[], &[1], &[2, 1, b'x'], &[1, 1, 1]] {
            let store = MemoryStore::new();
            put(&store, "m1".to_owned(), value.to_vec());
            assert!(matches!(pass(&store), Err(Error::Unreadable(_))), "{value:?}");
            assert_eq!(held(&store)[0].1.value, value);
        }
    }
}
