//! The runs.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use engine::store::{Change, Expect, Key, Range, Store, StoreError, Write};

use super::{
    Chance,
    disk::{SimulatedDisk, Trouble},
    runs::{LIVES, lives, short_run},
    world::{World, options},
};
use crate::{compact, error::OpenError, segment, store::RedbStore};

/// How many cuts a run makes at least: a few thousand, or `LAUREL_CUTS`.
fn cuts_wanted() -> u64 {
    let wanted = std::env::var("LAUREL_CUTS").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(8_000)
}

#[test]
fn no_acknowledged_commit_is_lost_by_a_power_cut() {
    let (started, mut cuts) = (Instant::now(), 0);
    let (mut acknowledged, mut drains, mut told, mut doubts) = (0, 0, 0, [0; 2]);
    for seed in 0.. {
        if cuts >= cuts_wanted() {
            break;
        }
        let run = catch_unwind(AssertUnwindSafe(|| lives(seed, false)));
        let world = run.unwrap_or_else(|_| panic!("seed {seed} failed; see above"));
        cuts += LIVES;
        acknowledged += world.acknowledged;
        drains += world.drains;
        told += world.told;
        doubts = [doubts[0] + world.doubts[0], doubts[1] + world.doubts[1]];
    }
    assert!(told > acknowledged, "the feed was not read enough");
    let [gone, there] = doubts;
    println!("{cuts} cuts in {:?}: {acknowledged} commits acknowledged", started.elapsed());
    println!("{drains} drains; of the batches in doubt {there} were there, {gone} were not");
    assert!(drains > cuts / 4, "too few drains were under way");
    assert!(gone > cuts / 50 && there > cuts / 100, "too few batches were in doubt");
}

#[test]
fn the_runs_notice_a_disk_that_lies_about_syncs() {
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let noticed = (0..20).any(|seed| catch_unwind(|| lives(seed, true)).is_err());
    std::panic::set_hook(silent);
    assert!(noticed, "dropped syncs were not noticed");
}

#[test]
fn one_failed_call_anywhere_loses_nothing() {
    let calls = short_run(None);
    for call in 1..=calls {
        let run = catch_unwind(AssertUnwindSafe(|| short_run(Some(call))));
        run.unwrap_or_else(|_| panic!("with call {call} of {calls} failing; see above"));
    }
    println!("{calls} places");
}

#[test]
fn a_full_disk_stops_writing_only_until_there_is_room() {
    let mut world = World::new(3);
    world.open().unwrap();
    world.disk.set_full(true);
    let large = |at: u8| {
        let change = Change::Put(vec![at; 9_000].into());
        vec![Write { key: Key::new(vec![2, at]), expect: Expect::Anything, change }]
    };
    let mut busy = 0;
    for at in 0..=255 {
        let answers = world.commit(vec![large(at)]);
        busy += u32::from(matches!(answers[0], Err(StoreError::Busy)));
        world.drain();
        world.check();
    }
    assert!(busy > 50, "the disk was never full");
    world.disk.set_full(false);
    assert!(world.drain(), "there is room again");
    assert!(world.commit(vec![large(0)])[0].is_ok());
    world.check();
    world.parts = None;
    world.disk.cut();
    world.open().unwrap();
}

#[test]
fn a_power_cut_while_compacting_loses_nothing() {
    for seed in 0..100 {
        let mut world = World::new(seed);
        world.open().unwrap();
        for _ in 0..60 {
            world.step();
        }
        world.parts = None;
        world.disk.kill();
        world.disk.plan(Trouble::Cut(world.disk.calls() + 1 + world.chance.below(60)));
        let disk = Arc::new(world.disk.clone());
        if let Err(error) = compact::compact_on(disk, Path::new("simulated"), &options()) {
            world.excuse(&error);
        }
        world.disk.cut();
        world.open().unwrap();
        world.step();
    }
}

#[test]
fn damage_in_the_middle_of_the_journal_is_told() {
    let mut told = 0;
    for place in 0..20_u64 {
        let mut world = World::new(9);
        world.open().unwrap();
        for at in 0..20_u8 {
            let change = Change::Put(vec![at; 100].into());
            let key = Key::new(vec![1, at]);
            assert!(world.commit(vec![vec![Write { key, expect: Expect::Absent, change }]])[0].is_ok());
        }
        world.parts = None;
        world.disk.kill();
        world.disk.damage(&segment::name(0), 512 + 512 * place as usize + 40);
        // The last frame cannot be distinguished from one that a power cut tore.
        if place == 19 {
            world.model.in_doubt = Some((world.model.contents.clone(), 20, Vec::new()));
            world.model.contents.remove(&Key::new(vec![1, 19]));
            world.model.last_sequence = 19;
        }
        match world.open() {
            Err(OpenError::Corrupt { what }) => {
                assert!(what.contains("journal-0"), "{what}");
                told += 1;
            }
            Ok(()) => assert_eq!(place, 19),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(told, 19);
}

#[test]
fn a_gap_between_the_segments_is_told() {
    let mut world = World::new(5);
    world.open().unwrap();
    let filling = |at: u8| {
        let change = Change::Put(vec![at; 1_800].into());
        vec![Write { key: Key::new(vec![1, at]), expect: Expect::Absent, change }]
    };
    world.drain();
    // Into the second segment, with the first one not drained.
    for at in 0..10 {
        assert!(world.commit(vec![filling(at)])[0].is_ok());
    }
    world.parts = None;
    world.disk.kill();
    let last_of_the_first = 512 + 6 * 2_048;
    world.disk.damage(&segment::name(0), last_of_the_first + 100);
    match world.open() {
        Err(OpenError::Corrupt { what }) => assert!(what.contains("missing"), "{what}"),
        other => panic!("{other:?}"),
    }
}

/// With both threads running: every committer counts its own two records up together.
fn threaded_lives(runtime: &tokio::runtime::Runtime, seed: u64) -> u64 {
    const COMMITTERS: u8 = 6;
    let (disk, mut chance) = (SimulatedDisk::new(seed), Chance(seed));
    let mut counts: BTreeMap<u8, (u64, u64)> = (0..COMMITTERS).map(|one| (one, (0, 0))).collect();
    let mut options = options();
    options.patience = Duration::from_millis(20);
    for _ in 0..4 {
        disk.plan(Trouble::Cut(disk.calls() + 1 + chance.below(400)));
        let opened = RedbStore::open_on(Arc::new(disk.clone()), Path::new("simulated"), &options);
        if let Ok(store) = opened {
            let store = Arc::new(store);
            let counting = counts
                .iter()
                .map(|(&one, &count)| runtime.spawn(count_up(store.clone(), disk.clone(), one, count)));
            let counting: Vec<_> = counting.collect();
            for (done, (_, count)) in counting.into_iter().zip(&mut counts) {
                *count = runtime.block_on(done).unwrap();
            }
            drop(store);
        } else if let Err(error) = opened {
            assert!(!disk.is_powered(), "{error:?}");
        }
        disk.cut();
    }
    let store = RedbStore::open_on(Arc::new(disk), Path::new("simulated"), &options).unwrap();
    for (one, (acknowledged, tried)) in counts {
        let found = runtime.block_on(pair(&store, one)).unwrap();
        assert!((acknowledged..=tried).contains(&found), "{found} of {acknowledged}..={tried}");
    }
    4
}

/// The number in both of a committer's records, which must be the same.
async fn pair(store: &RedbStore, one: u8) -> Result<u64, StoreError> {
    let range = Range { from: Key::new(vec![1, one]), to: Key::new(vec![1, one + 1]) };
    let found = store.scan(range, 10).await?;
    let numbers: Vec<u64> =
        found.iter().map(|(_, record)| u64::from_le_bytes(record.value[..8].try_into().unwrap())).collect();
    match numbers[..] {
        [] => Ok(0),
        [first, second] if first == second => Ok(first),
        _ => panic!("a commit is there in part: {numbers:?}"),
    }
}

/// Counts up until the power goes: how far it was acknowledged, and how far it tried.
async fn count_up(
    store: Arc<RedbStore>,
    disk: SimulatedDisk,
    one: u8,
    (acknowledged, tried): (u64, u64),
) -> (u64, u64) {
    let mut count = match pair(&store, one).await {
        Ok(count) => count,
        Err(_) => return (acknowledged, tried),
    };
    assert!((acknowledged..=tried).contains(&count), "{count} of {acknowledged}..={tried}");
    loop {
        let value = [&(count + 1).to_le_bytes()[..], &[one; 700]].concat();
        let write = |last| Write {
            key: Key::new(vec![1, one, last]),
            expect: Expect::Anything,
            change: Change::Put(value.clone().into()),
        };
        match store.commit(vec![write(0), write(1)]).await {
            Ok(_) => count += 1,
            Err(StoreError::Busy) if disk.is_powered() => tokio::task::yield_now().await,
            Err(error) if disk.is_powered() => panic!("{error:?}"),
            Err(_) => return (count, count + 1),
        }
    }
}

#[test]
fn with_threads_no_acknowledged_commit_is_lost_either() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (started, mut cuts) = (Instant::now(), 0);
    for seed in 0.. {
        if cuts >= cuts_wanted() / 40 {
            break;
        }
        let run = catch_unwind(AssertUnwindSafe(|| threaded_lives(&runtime, seed)));
        cuts += run.unwrap_or_else(|_| panic!("seed {seed} failed; see above"));
    }
    println!("{cuts} cuts in {:?}", started.elapsed());
}
