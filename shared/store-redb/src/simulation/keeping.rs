//! How much of the journal is kept for readers of the feed.

use std::time::Duration;

use engine::{
    keys,
    store::{Change, Changes, Expect, Key, Position, Write, feed},
};

use super::world::World;
use crate::{feed::Log, segment};

fn large(at: u8) -> Vec<Write> {
    let change = Change::Put(vec![at; 5_000].into());
    vec![Write { key: Key::new(vec![2, at]), expect: Expect::Anything, change }]
}

/// Three commits of these fill a segment.
fn fill(world: &mut World, commits: u8) {
    for at in 0..commits {
        assert!(world.commit(vec![large(at)])[0].is_ok());
        world.drain();
    }
}

fn log(world: &World) -> &Log {
    &world.parts.as_ref().unwrap().writer.log
}

fn segments(world: &World) -> usize {
    world.disk.files().iter().filter(|name| segment::number(name).is_some()).count()
}

/// How many commits follow the position, or the number of commits that are passed over.
fn following(world: &World, from: &Position) -> Result<usize, u64> {
    let (mut position, mut count) = (from.clone(), 0);
    loop {
        match log(world).read(&position, 100).unwrap() {
            Changes::Gap { next } => return Err(log(world).passed(&next).unwrap()),
            Changes::Commits { commits, next } if commits.is_empty() && next == position => return Ok(count),
            Changes::Commits { commits, next } => {
                count += commits.len();
                position = next;
            }
        }
    }
}

fn begun(seed: u64) -> (World, Position) {
    let mut world = World::new(seed);
    world.open().unwrap();
    world.drain();
    assert!(world.move_place());
    let position = world.place().unwrap().0;
    (world, position)
}

fn restart(world: &mut World) {
    world.parts = None;
    world.disk.kill();
    world.open().unwrap();
    world.drain();
}

#[test]
fn without_a_reader_two_segments_are_enough() {
    let mut world = World::new(1);
    world.open().unwrap();
    world.drain();
    let start = log(&world).end_now();
    fill(&mut world, 100);
    assert_eq!(segments(&world), 2);
    let passed = following(&world, &start).unwrap_err();
    assert!(passed > 90, "what is gone is told: {passed}");
    restart(&mut world);
    fill(&mut world, 100);
    assert_eq!(segments(&world), 2);
}

#[test]
fn what_a_reader_has_not_seen_is_kept_and_then_given_back() {
    let (mut world, start) = begun(2);
    fill(&mut world, 90);
    assert_eq!(following(&world, &start), Ok(90));
    assert!(segments(&world) > 25, "{} segments", segments(&world));
    restart(&mut world);
    fill(&mut world, 9);
    assert_eq!(following(&world, &start), Ok(99));
    // Whoever moves its place on lets the others go, with the next segment.
    while world.place().unwrap().0 != log(&world).end_now()
        && following(&world, &world.place().unwrap().0) != Ok(0)
    {
        assert!(world.move_place());
    }
    fill(&mut world, 12);
    // What these twelve fill, the one that is appended to, the next one, and a spare.
    assert!(segments(&world) <= 7, "{:?}", world.disk.files());
    world.check();
    restart(&mut world);
    world.drain();
    world.check();
}

#[test]
fn a_reader_that_has_ended_keeps_nothing() {
    let (mut world, start) = begun(3);
    fill(&mut world, 60);
    let before = segments(&world);
    assert!(world.commit(vec![vec![feed::end_place("reader")]])[0].is_ok());
    fill(&mut world, 12);
    assert!(segments(&world) < before / 4, "{} of {before}", segments(&world));
    assert!(following(&world, &start).is_err());
    assert!(!world.model.contents.contains_key(&keys::place("reader")));
}

#[test]
fn a_reader_that_is_too_slow_is_told_of_a_gap_and_nobody_waits() {
    let (mut world, start) = begun(4);
    world.options.feed_bytes_max = 10 * 16 * 1024;
    restart(&mut world);
    fill(&mut world, 24);
    assert!((7..=11).contains(&segments(&world)), "{} segments", segments(&world));
    assert_eq!(following(&world, &start), Ok(24), "within the bounds all is there");
    fill(&mut world, 66);
    let passed = following(&world, &start).unwrap_err();
    assert!((30..=91).contains(&passed), "{passed}");
    // Once something is gone nothing is kept for it any more: a reader that is given up costs this once.
    assert!(segments(&world) <= 4, "{} segments", segments(&world));
    // It goes on with what is left, and misses nothing of it.
    let Changes::Gap { next } = log(&world).read(&start, 100).unwrap() else { panic!("a gap") };
    assert_eq!(following(&world, &next), Ok((91 - passed) as usize));
    // From there on it is waited for again.
    let read = world.model.contents.get(&keys::place("reader")).map(|record| record.version);
    assert!(world.commit(vec![vec![feed::set_place("reader", &next, read)]])[0].is_ok());
    fill(&mut world, 18);
    assert_eq!(following(&world, &next), Ok((91 - passed) as usize + 18));
    assert!(segments(&world) > 6, "{} segments", segments(&world));
}

/// A reader behind which something is gone does not keep anything for itself, and takes nothing from another one.
#[test]
fn a_lost_reader_beside_one_that_keeps_up() {
    let (mut world, start) = begun(8);
    world.options.feed_bytes_max = 10 * 16 * 1024;
    restart(&mut world);
    fill(&mut world, 90);
    assert!(following(&world, &start).is_err());
    let here = log(&world).end_now();
    assert!(world.commit(vec![vec![feed::set_place("other", &here, None)]])[0].is_ok());
    fill(&mut world, 18);
    assert_eq!(following(&world, &here), Ok(18));
    assert!(following(&world, &start).is_err());
}

#[test]
fn what_is_too_old_is_not_kept() {
    let (mut world, start) = begun(5);
    fill(&mut world, 30);
    assert_eq!(following(&world, &start), Ok(30));
    world.disk.set_age(Duration::from_hours(7 * 24 - 1));
    world.parts.as_mut().unwrap().drainer.tidy();
    assert_eq!(following(&world, &start), Ok(30));
    world.disk.set_age(Duration::from_hours(7 * 24 + 1));
    world.parts.as_mut().unwrap().drainer.tidy();
    assert!(following(&world, &start).is_err());
    assert!(segments(&world) <= 4, "{:?}", world.disk.files());
}

#[test]
fn a_full_disk_costs_a_slow_reader_its_place_and_no_commit() {
    let (mut world, start) = begun(6);
    fill(&mut world, 6);
    world.disk.set_full(true);
    let mut refused = 0;
    for at in 0..60 {
        let answers = world.commit(vec![vec![Write {
            key: Key::new(vec![3]),
            expect: Expect::Anything,
            change: Change::Put(vec![at; 4_000].into()),
        }]]);
        refused += u32::from(answers[0].is_err());
        for _ in 0..4 {
            world.drain();
        }
    }
    assert!(refused < 10, "{refused} commits were refused");
    world.disk.set_full(false);
    assert!(following(&world, &start).is_err(), "told, not silently missed");
}

#[test]
fn damage_in_what_is_kept_is_a_gap() {
    let (mut world, start) = begun(7);
    fill(&mut world, 30);
    world.parts = None;
    world.disk.kill();
    // The second frame of the first segment.
    world.disk.damage(&segment::name(0), 512 + 512 + 40);
    let parts = crate::store::Parts::open(
        std::sync::Arc::new(world.disk.clone()),
        std::path::Path::new("simulated"),
        &world.options,
    );
    world.parts = Some(parts.unwrap_or_else(|error| panic!("the tables have all of it: {error}")));
    let passed = following(&world, &start).unwrap_err();
    assert!((1..6).contains(&passed), "{passed}");
}
