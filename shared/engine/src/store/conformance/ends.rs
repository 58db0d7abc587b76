//! Puts of records that end.

use std::sync::Arc;

use bytes::Bytes;

use super::{RACERS, all, delete, done, lost, names, number, only_if, put, read, value, walk};
use crate::store::{Expect, Instant, Key, Kind, Record, Store, StoreError, VALUE_BYTES_MAX, Version, Write};

/// Long after any run of these cases: the year 2096.
const FAR: Instant = Instant(4_000_000_000_000);

pub(super) async fn a_put_with_an_end_is_a_put(store: Arc<dyn Store>) {
    let absent = |value: &str| only_if(Expect::Absent, put("n1", value));
    let put_until = async |write: Write| store.commit_until(write, FAR).await;
    let first = put_until(absent("one")).await;
    let first = first.unwrap_or_else(|error| panic!("commit_until: {error}"));
    let expected = Record { value: Bytes::from_static(b"one"), version: first };
    assert_eq!(read(&*store, "n1").await, Some(expected));
    for expect in [Expect::Absent, Expect::Version(Version(first.0 + 1))] {
        let answer = put_until(only_if(expect, put("n1", "two"))).await;
        assert!(matches!(answer, Err(StoreError::LostRace)), "{expect:?}: {answer:?}");
    }
    assert_eq!(value(&*store, "n1").await, Some("one".into()));
    let second = put_until(only_if(Expect::Version(first), put("n1", "two"))).await;
    assert!(second.is_ok_and(|second| second > first));
    assert_eq!(value(&*store, "n1").await, Some("two".into()));
    lost(&*store, vec![absent("three")]).await;
    let walked = walk::walked(&*store, Some(Kind::one(b'n')), 10).await;
    assert_eq!(names(&walked), [b"n1"]);
    // It can be removed after its end like any record.
    done(&*store, vec![delete("n1")]).await;
    assert!(put_until(absent("four")).await.is_ok());
}

pub(super) async fn one_of_many_puts_with_an_end_wins(store: Arc<dyn Store>) {
    for round in 0..10 {
        let name = format!("n-{round}");
        let racers = (0..RACERS)
            .map(|racer| store.commit_until(only_if(Expect::Absent, put(&name, racer.to_string())), FAR));
        let answers = all(racers).await;
        let fair = |answer: &Result<Version, StoreError>| matches!(answer, Ok(_) | Err(StoreError::LostRace));
        assert!(answers.iter().all(fair), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let winner = answers.iter().position(Result::is_ok);
        let held = read(&*store, &name).await;
        assert_eq!(held.map(|record| number(&record) as usize), winner);
    }
}

pub(super) async fn a_put_with_an_end_keeps_the_limits(store: Arc<dyn Store>) {
    let hopeless =
        [put("", "1"), put(vec![b'n'; Key::BYTES_MAX + 1], "1"), put("n1", vec![0; VALUE_BYTES_MAX + 1])];
    for write in hopeless {
        let answer = store.commit_until(write, FAR).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(walk::walked(&*store, None, 10).await, []);
}
