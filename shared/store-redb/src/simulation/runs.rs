//! One run with power cuts, and one in which a call fails.

use engine::store::StoreError;

use super::{disk::Trouble, world::World};

/// Lives on one disk, in one run.
pub(crate) const LIVES: u64 = 8;

/// Lives on one disk, each ended by a power cut or a kill at a random call, which may come during the
/// opening, a commit, or a drain.
pub(crate) fn lives(seed: u64, syncs_lie: bool) -> World {
    let mut world = World::new(seed);
    if syncs_lie {
        world.disk.let_syncs_lie();
    }
    for _ in 0..LIVES {
        let longest = [3, 30, 300][world.chance.below(3) as usize];
        let ends = world.disk.calls() + 1 + world.chance.below(longest);
        world.disk.plan(Trouble::Cut(ends));
        match world.open() {
            Ok(()) => {}
            Err(error) => world.excuse(&error),
        }
        for _ in 0..1_000 {
            if !world.disk.is_powered() || world.parts.is_none() {
                break;
            }
            world.step();
        }
        world.parts = None;
        if world.chance.one_in(2) {
            world.disk.kill();
        } else {
            world.disk.cut();
        }
    }
    world.open().unwrap();
    world.commit(vec![vec![]]);
    world
}

/// A short run in which one call fails; returns how many calls there were before the end.
pub(crate) fn short_run(fails: Option<u64>) -> u64 {
    let mut world = World::new(7);
    world.disk.plan(fails.map_or(Trouble::None, Trouble::Error));
    let mut restarts = 0;
    let restart = |world: &mut World| {
        world.parts = None;
        world.disk.kill();
        // A failed call may leave the store closed; the next start must succeed.
        if world.open().is_err() {
            panic!("the store does not open after one failed call");
        }
    };
    if world.open().is_err() {
        restart(&mut world);
    }
    for step in 0..60 {
        let commits = vec![world.writes(), world.writes()];
        let answers = world.commit(commits);
        if answers.iter().any(|one| matches!(one, Err(StoreError::Unknown(_)))) {
            // Nothing more is written, but reading continues.
            let refused = world.commit(vec![vec![]]);
            assert!(matches!(refused[..], [Err(StoreError::Unavailable(_))]), "{refused:?}");
            let is_open = world.parts.as_ref().map(|parts| parts.writer.queue.is_open());
            assert_eq!(is_open, Some(false), "whoever asks is told");
            assert_eq!(world.contents().ok().as_ref(), Some(&world.model.contents));
            restarts += 1;
            restart(&mut world);
        }
        if !world.drain() && world.contents().is_err() {
            panic!("reading does not go on after a failed drain");
        }
        if step % 10 == 0 && world.contents().is_ok() {
            world.check();
        }
    }
    let calls = world.disk.calls();
    assert!(restarts <= 1);
    world.disk.plan(Trouble::None);
    while world.parts.as_ref().is_some_and(|parts| parts.drainer.handover.task().is_some()) {
        world.drain();
    }
    world.check();
    world.parts = None;
    world.disk.cut();
    world.open().unwrap();
    assert!(world.acknowledged > 60, "only {} commits went through", world.acknowledged);
    calls
}
