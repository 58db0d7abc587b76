use engine::{
    keys::{self, kind},
    store::{Expect, memory::MemoryStore},
};
use futures_util::FutureExt as _;

use super::*;

const FIRST: &str = "first-master-key-0123456789abcdef";
const SECOND: &str = "second-master-key-0123456789abcdef";
const NAME: &str = "Li Lei";

fn person(number: u8) -> Key {
    keys::person(domain::member::MemberId([number; 16]))
}

fn put(key: &Key, value: &'static str) -> Write {
    let change = Change::Put(Bytes::from_static(value.as_bytes()));
    Write { key: key.clone(), expect: Expect::Anything, change }
}

fn sealed(inner: &Arc<MemoryStore>, master: &str) -> Sealed {
    Sealed::over(inner.clone(), Secrets::new(master.as_bytes()))
}

/// A future of a store in memory never waits.
fn now<T>(future: Pending<'_, Result<T, StoreError>>) -> Result<T, StoreError> {
    future.now_or_never().unwrap()
}

fn value(store: &dyn Store, key: &Key) -> Bytes {
    now(store.get(std::slice::from_ref(key))).unwrap().pop().flatten().unwrap().value
}

fn closed<T>(result: Result<T, StoreError>) -> bool {
    match result {
        Err(StoreError::Unavailable(error)) => error.is::<CannotOpen>(),
        Err(StoreError::LostRace | StoreError::Busy | StoreError::Unknown(_)) | Ok(_) => false,
    }
}

#[test]
fn what_is_kept_tells_nothing_and_every_reading_opens_it() {
    let inner = Arc::new(MemoryStore::new());
    let store = sealed(&inner, FIRST);
    let member = keys::member(domain::member::MemberId([1; 16]));
    let end = now(store.feed().unwrap().end()).unwrap();
    now(store.commit(vec![put(&person(1), NAME), put(&member, "plain")])).unwrap();
    now(store.commit_as(vec![put(&person(2), NAME)], Manner::Anew)).unwrap();
    now(store.commit_until(put(&person(3), NAME), Instant(0))).unwrap();

    for number in 1..=3 {
        let kept = value(&*inner, &person(number));
        assert_eq!(kept[0], SEALED);
        assert!(!kept.windows(NAME.len()).any(|part| part == NAME.as_bytes()), "{number}");
        assert_eq!(value(&store, &person(number)), NAME);
    }
    assert_ne!(value(&*inner, &person(1)), value(&*inner, &person(2)), "the name is part of the seal");
    assert_eq!((value(&*inner, &member), value(&store, &member)), ("plain".into(), "plain".into()));
    let names =
        |records: Vec<(Key, Record)>| records.into_iter().filter(|(_, record)| record.value == NAME).count();
    assert_eq!(names(now(store.scan(kind::PERSON.range(), 10)).unwrap()), 3);
    assert_eq!(names(now(store.walk(Some(kind::PERSON), None, 10)).unwrap().records), 3);
    assert_eq!(names(now(store.walk(None, None, 10)).unwrap().records), 3);
    let Changes::Commits { commits, .. } = now(store.feed().unwrap().after(&end, 10)).unwrap() else {
        panic!("a gap")
    };
    let told =
        commits.iter().flat_map(|commit| &commit.writes).filter(|write| write.value == Some(NAME.into()));
    assert_eq!(told.count(), 3);
    assert_eq!(commits.iter().filter(|commit| commit.manner == Manner::Anew).count(), 1);
}

#[test]
fn what_was_written_before_there_was_a_seal_is_read_as_it_is() {
    let inner = Arc::new(MemoryStore::new());
    now(inner.commit(vec![put(&person(1), NAME)])).unwrap();
    assert_eq!(value(&sealed(&inner, FIRST), &person(1)), NAME);
}

#[test]
fn without_its_line_and_elsewhere_it_does_not_open() {
    let inner = Arc::new(MemoryStore::new());
    now(sealed(&inner, FIRST).commit(vec![put(&person(1), NAME)])).unwrap();
    let other = sealed(&inner, SECOND);
    assert!(closed(now(other.get(&[person(1)]))));
    assert!(closed(now(other.scan(kind::PERSON.range(), 10))));
    assert!(closed(now(other.walk(None, None, 10))));
    let kept = value(&*inner, &person(1));
    let moved = Write { key: person(2), expect: Expect::Absent, change: Change::Put(kept.clone()) };
    now(inner.commit(vec![moved])).unwrap();
    assert!(closed(now(sealed(&inner, FIRST).get(&[person(2)]))), "another member's");
    for at in 1..kept.len() {
        let mut damaged = kept.to_vec();
        damaged[at] ^= 1;
        assert!(closed(open(&Secrets::new(FIRST.as_bytes()), &person(1), &damaged)), "byte {at}");
    }
}

#[test]
fn resealing_seals_what_is_open_or_older_and_the_second_time_nothing() {
    let inner = Arc::new(MemoryStore::new());
    let both = format!("{FIRST}\n{SECOND}");
    now(inner.commit(vec![put(&person(1), NAME)])).unwrap();
    now(sealed(&inner, FIRST).commit(vec![put(&person(2), NAME)])).unwrap();
    now(sealed(&inner, &both).commit(vec![put(&person(3), NAME)])).unwrap();
    let third = value(&*inner, &person(3));
    let secrets = Secrets::new(both.as_bytes());
    let pass = || reseal(&*inner, &secrets, kind::PERSON, None).now_or_never().unwrap();

    assert_eq!(pass().unwrap(), (Resealed { records: 3, written: 2 }, None));
    assert_eq!(pass().unwrap(), (Resealed { records: 3, written: 0 }, None));

    assert_eq!(value(&*inner, &person(3)), third);
    let newest = sealed(&inner, SECOND);
    for number in 1..=3 {
        assert_eq!(value(&newest, &person(number)), NAME, "the newest line alone opens it");
    }
    let old = Secrets::new(FIRST.as_bytes());
    let pass = reseal(&*inner, &old, kind::PERSON, None).now_or_never().unwrap();
    assert!(closed(pass), "nothing is sealed over what cannot be opened");
}
