//! Whether concurrent callers' answers about one thing can have happened in some order: linearizability,
//! after Wing & Gong, with Lowe's memory of where the search has been.
//!
//! An order is right if every call takes effect between its begin and its end, and every answer is the one
//! that the [`Spec`] gives in that order. A call that failed took no effect. A call with an unknown outcome
//! may have taken effect once, at any moment after its begin, or never.

use std::{collections::HashSet, fmt::Debug, hash::Hash};

pub mod account;
pub mod offer;

/// How one thing behaves when calls come one at a time.
pub trait Spec: Clone + Eq + Hash {
    /// What is asked.
    type Ask: Debug;
    /// An answer.
    type Answer: PartialEq + Debug;

    /// Does it, and tells.
    fn take(&mut self, ask: &Self::Ask) -> Self::Answer;
}

/// What became of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard<A> {
    /// It was answered at that moment.
    Answer(u64, A),
    /// It failed, and had no effect.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// One call of a history. Moments are those of a counter that all clients share.
#[derive(Clone, Debug)]
pub struct Call<Q, A> {
    /// What was asked.
    pub ask: Q,
    /// When it was sent.
    pub began: u64,
    /// What came of it.
    pub heard: Heard<A>,
}

/// A history of calls about one thing.
pub type History<S> = Vec<Call<<S as Spec>::Ask, <S as Spec>::Answer>>;

/// What the search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none. The longest order that was right so far, as places in the history.
    Violation(Vec<usize>),
    /// It took too long to say.
    GaveUp,
}

/// The most calls of a history: one bit each.
pub const CALLS_MAX: usize = 128;

/// The most steps of one search. A history of a hundred calls takes hundreds.
const STEPS_MAX: usize = 2_000_000;

/// Looks for an order of that history, from that beginning.
///
/// # Panics
/// The history has more than [`CALLS_MAX`] calls.
pub fn check<S: Spec>(start: &S, history: &[Call<S::Ask, S::Answer>]) -> Verdict {
    assert!(history.len() <= CALLS_MAX, "{} calls in one history", history.len());
    let bits = |wanted: fn(&Heard<S::Answer>) -> bool| {
        let found = history.iter().enumerate().filter(|(_, call)| wanted(&call.heard));
        found.fold(0u128, |all, (place, _)| all | 1 << place)
    };
    // The earliest end first: where calls overlap little, the first try is the right one.
    let mut places: Vec<usize> = (0..history.len()).collect();
    places.sort_by_key(|place| (history[*place].end(), *place));
    let mut search = Search {
        history,
        places,
        answered: bits(|heard| matches!(heard, Heard::Answer(..))),
        failed: bits(|heard| matches!(heard, Heard::Failed)),
        seen: HashSet::new(),
        order: Vec::new(),
        longest: Vec::new(),
        steps: 0,
    };
    match search.goes_on(search.failed, start) {
        true => Verdict::Linearizable,
        false if search.steps > STEPS_MAX => Verdict::GaveUp,
        false => Verdict::Violation(search.longest),
    }
}

impl<Q, A> Call<Q, A> {
    /// When it had taken effect at the latest.
    fn end(&self) -> u64 {
        match self.heard {
            Heard::Answer(at, _) => at,
            Heard::Failed | Heard::Unknown => u64::MAX,
        }
    }
}

struct Search<'h, S: Spec> {
    history: &'h [Call<S::Ask, S::Answer>],
    places: Vec<usize>,
    answered: u128,
    failed: u128,
    /// The calls that were done, and the state they led to: whatever their order, the same may follow.
    seen: HashSet<(u128, S)>,
    order: Vec<usize>,
    longest: Vec<usize>,
    steps: usize,
}

impl<S: Spec> Search<'_, S> {
    /// Whether the remaining calls can follow.
    fn goes_on(&mut self, done: u128, state: &S) -> bool {
        if done & self.answered == self.answered {
            return true;
        }
        let open = self.places.iter().copied().filter(|place| done & 1 << place == 0);
        let open: Vec<usize> = open.collect();
        // Of the calls left, the one that ended first took effect before any that began later.
        let first_end = open.iter().map(|place| self.history[*place].end()).min().unwrap_or(u64::MAX);
        for place in open {
            let call = &self.history[place];
            if call.began > first_end {
                continue;
            }
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return false;
            }
            let mut next = state.clone();
            let told = next.take(&call.ask);
            let fits = match &call.heard {
                Heard::Answer(_, heard) => *heard == told,
                // A call that changes nothing might as well never have been done.
                Heard::Failed | Heard::Unknown => next != *state,
            };
            let done = done | 1 << place;
            if fits && self.seen.insert((done, next.clone())) {
                self.order.push(place);
                if self.order.len() > self.longest.len() {
                    self.longest.clone_from(&self.order);
                }
                if self.goes_on(done, &next) {
                    return true;
                }
                self.order.pop();
            }
        }
        false
    }
}

/// A history for people: in the order in which the calls began.
pub fn told<Q: Debug, A: Debug>(history: &[Call<Q, A>]) -> String {
    let mut places: Vec<usize> = (0..history.len()).collect();
    places.sort_by_key(|place| history[*place].began);
    let line = |place: usize| {
        let call = &history[place];
        format!("{place:>4}  {:>8}  {:?}  {:?}", call.began, call.ask, call.heard)
    };
    places.into_iter().map(line).collect::<Vec<_>>().join("\n")
}
