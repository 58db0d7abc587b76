//! Turns: commands of one process queue for what they change, instead of racing for it.
//!
//! Turns only save wasted decisions: the store's expectations alone ensure that nothing is done twice. There
//! is one order of turns, so that commands which touch several members or accounts never wait for each other
//! in a circle: members come before shards of accounts, and shards before pools, each by their queues.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
};

use domain::member::MemberId;
use tokio::sync::{Mutex, MutexGuard};

use super::Key;

/// Queues for members.
const MEMBER_QUEUES: usize = 4_096;

/// Queues for shards of accounts, and as many for their pools.
const ACCOUNT_QUEUES: usize = 512;

/// What a command may wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn<'a> {
    /// A member.
    Member(MemberId),
    /// A shard of an account, by its record.
    Shard(&'a Key),
    /// The pool of an account, by its record.
    Pool(&'a Key),
}

/// A queue: the kind of turn, and its number within the kind. Turns are taken in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    kind: usize,
    queue: usize,
}

/// All queues of a process.
pub(crate) struct Queues {
    kinds: [Vec<Mutex<()>>; 3],
}

/// The turns that a command holds; dropping this ends them.
pub(crate) struct Turns<'q> {
    queues: &'q Queues,
    /// The first of each kind: few commands need more.
    held: [Option<(Place, MutexGuard<'q, ()>)>; 3],
    more: Vec<(Place, MutexGuard<'q, ()>)>,
}

impl Queues {
    pub(crate) fn new() -> Queues {
        let queues = |length: usize| (0..length).map(|_| Mutex::new(())).collect();
        Queues { kinds: [MEMBER_QUEUES, ACCOUNT_QUEUES, ACCOUNT_QUEUES].map(queues) }
    }

    /// Nobody's turn yet.
    pub(crate) fn begin(&self) -> Turns<'_> {
        Turns { queues: self, held: [None, None, None], more: Vec::new() }
    }

    fn place(&self, turn: Turn<'_>) -> Place {
        let mut hasher = DefaultHasher::new();
        let kind = match turn {
            Turn::Member(id) => {
                id.hash(&mut hasher);
                0
            }
            Turn::Shard(key) => {
                key.hash(&mut hasher);
                1
            }
            Turn::Pool(key) => {
                key.hash(&mut hasher);
                2
            }
        };
        let queues = self.kinds[kind].len() as u64;
        let queue = usize::try_from(hasher.finish() % queues);
        #[expect(clippy::expect_used, reason = "it is below the number of queues, which is a usize")]
        let queue = queue.expect("a queue's place is small");
        Place { kind, queue }
    }
}

impl Turns<'_> {
    /// Waits for these turns, in whatever order they are named, except those that it holds.
    ///
    /// # Panics
    /// If one of them comes before one that it holds: name several of a kind together.
    pub(crate) async fn take(&mut self, wanted: &[Turn<'_>]) {
        if let [one] = wanted {
            return self.wait(self.queues.place(*one)).await;
        }
        let mut places: Vec<Place> = wanted.iter().map(|turn| self.queues.place(*turn)).collect();
        places.sort_unstable();
        for place in places {
            self.wait(place).await;
        }
    }

    async fn wait(&mut self, place: Place) {
        let mut held = self.held.iter().flatten().chain(&self.more).map(|(held, _)| *held);
        if held.clone().any(|held| held == place) {
            return;
        }
        assert!(held.all(|held| held < place), "turns are taken in one order: {place:?} comes too late");
        let guard = self.queues.kinds[place.kind][place.queue].lock().await;
        match &mut self.held[place.kind] {
            first @ None => *first = Some((place, guard)),
            Some(_) => self.more.push((place, guard)),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn member(number: u8) -> Turn<'static> {
        Turn::Member(MemberId([number; 16]))
    }

    /// A command that holds a member keeps the others waiting, and commands that want several get them in one
    /// order, however they name them: so they never wait for each other.
    #[test]
    fn turns_are_taken_in_one_order_and_once() {
        let queues = Queues::new();
        let all: Vec<Turn<'_>> = (0..20).map(member).collect();
        let other_way: Vec<Turn<'_>> = all.iter().rev().copied().collect();
        for wanted in [&all, &other_way, &[all.clone(), other_way.clone()].concat()] {
            let mut first = queues.begin();
            first.take(wanted).now_or_never().expect("nobody has them");
            first.take(&[member(3)]).now_or_never().expect("it has it");
            let mut second = queues.begin();
            assert!(second.take(&[member(7)]).now_or_never().is_none());
            drop(first);
            second.take(&[member(7)]).now_or_never().expect("it is free again");
        }
    }

    /// Two commands that want the same two members, named in opposite orders, both get their turn.
    #[tokio::test]
    async fn nobody_waits_in_a_circle() {
        let queues = Queues::new();
        let run = async |one: u8, other: u8| {
            for _ in 0..200 {
                let mut turns = queues.begin();
                turns.take(&[member(one), member(other)]).await;
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(run(1, 2), run(2, 1), run(2, 3), run(3, 1));
    }

    #[test]
    #[should_panic(expected = "turns are taken in one order")]
    fn a_turn_that_comes_too_late_is_a_fault() {
        let (queues, key) = (Queues::new(), Key::new(vec![1]));
        let mut turns = queues.begin();
        turns.take(&[Turn::Pool(&key)]).now_or_never().expect("it is free");
        turns.take(&[Turn::Shard(&key)]).now_or_never().expect("it is free");
    }
}
