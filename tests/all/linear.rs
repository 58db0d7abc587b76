//! The checker of histories, itself checked: on histories that are known to be right or wrong, and against
//! trying every order.

use laurel_tests::linear::{
    Call, Heard, Spec, Verdict,
    account::{Account, Answer, Ask},
    check,
};

use crate::histories::chance;

type History = Vec<Call<Ask, Answer>>;

fn earn(order: u8, amount: u32) -> Ask {
    Ask::Earn { order, amount }
}

fn redeem(order: u8, points: u32) -> Ask {
    Ask::Redeem { order, points, key: None }
}

fn refund(order: u8, amount: u32, name: Option<u8>) -> Ask {
    Ask::Refund { order, amount: Some(amount), name }
}

fn cancel(redemption: u8, key: Option<u8>) -> Ask {
    Ask::Cancel { redemption, key }
}

fn done(points: i64, available: u64, debt: u64) -> Answer {
    Answer::Done { points, available, debt }
}

fn balance(available: u64, debt: u64) -> Answer {
    Answer::Balance { available, debt }
}

fn short(available: u64) -> Answer {
    Answer::Insufficient { available, debt: 0 }
}

/// Answered between these moments.
fn told(began: u64, end: u64, ask: Ask, answer: Answer) -> Call<Ask, Answer> {
    Call { ask, began, heard: Heard::Answer(end, answer) }
}

fn failed(began: u64, ask: Ask) -> Call<Ask, Answer> {
    Call { ask, began, heard: Heard::Failed }
}

fn unknown(began: u64, ask: Ask) -> Call<Ask, Answer> {
    Call { ask, began, heard: Heard::Unknown }
}

fn is_right(history: &[Call<Ask, Answer>]) -> bool {
    match check(&Account::default(), history) {
        Verdict::Linearizable => true,
        Verdict::Violation(_) => false,
        Verdict::GaveUp => panic!("gave up on {history:?}"),
    }
}

#[test]
fn what_can_have_happened_is_right() {
    let histories: Vec<(&str, History)> = vec![
        ("nothing", vec![]),
        (
            "one after the other",
            vec![
                told(1, 2, earn(1, 10), done(10, 10, 0)),
                told(3, 4, redeem(1, 4), done(-4, 6, 0)),
                told(5, 6, Ask::Read, balance(6, 0)),
            ],
        ),
        (
            "at once, and the one that began later first",
            vec![told(1, 4, earn(1, 10), done(10, 15, 0)), told(2, 3, earn(2, 5), done(5, 5, 0))],
        ),
        (
            "a read at the same time sees it",
            vec![told(1, 4, earn(1, 10), done(10, 10, 0)), told(2, 3, Ask::Read, balance(10, 0))],
        ),
        (
            "a read at the same time does not see it",
            vec![told(1, 4, earn(1, 10), done(10, 10, 0)), told(2, 3, Ask::Read, balance(0, 0))],
        ),
        (
            "one of two spends it all",
            vec![
                told(1, 2, earn(1, 10), done(10, 10, 0)),
                told(3, 6, redeem(1, 10), short(0)),
                told(4, 5, redeem(2, 10), done(-10, 0, 0)),
            ],
        ),
        ("an unknown one never happens", vec![unknown(1, earn(1, 10)), told(2, 3, Ask::Read, balance(0, 0))]),
        (
            "an unknown one happens late",
            vec![
                unknown(1, earn(1, 10)),
                told(2, 3, Ask::Read, balance(0, 0)),
                told(4, 5, Ask::Read, balance(10, 0)),
            ],
        ),
        (
            "an unknown one is asked again",
            vec![
                unknown(1, earn(1, 10)),
                told(2, 3, earn(2, 5), done(5, 15, 0)),
                told(4, 5, earn(1, 10), done(10, 10, 0)),
            ],
        ),
        (
            "an unknown refund without a name is asked again, and there are two",
            vec![
                told(1, 2, earn(1, 10), done(10, 10, 0)),
                unknown(3, refund(1, 4, None)),
                told(4, 5, refund(1, 4, None), done(-4, 2, 0)),
            ],
        ),
        (
            "a failed one is asked again",
            vec![failed(1, earn(1, 10)), told(2, 3, earn(1, 10), done(10, 10, 0))],
        ),
        (
            "a repeat is told the first answer",
            vec![
                told(1, 2, earn(1, 10), done(10, 10, 0)),
                told(3, 4, earn(2, 5), done(5, 15, 0)),
                told(5, 6, earn(1, 10), done(10, 10, 0)),
                told(7, 8, earn(1, 11), Answer::Conflict),
            ],
        ),
        (
            "a key replays what was cancelled since, and another does not",
            vec![
                told(1, 2, earn(1, 10), done(10, 10, 0)),
                told(3, 4, Ask::Redeem { order: 1, points: 8, key: Some(1) }, done(-8, 2, 0)),
                told(5, 6, cancel(1, None), done(8, 10, 0)),
                told(7, 8, Ask::Redeem { order: 1, points: 8, key: Some(1) }, done(-8, 2, 0)),
                told(9, 10, Ask::Redeem { order: 1, points: 8, key: Some(2) }, Answer::AlreadyCancelled),
                told(11, 12, Ask::Read, balance(10, 0)),
            ],
        ),
        (
            "what was spent is refunded, owed, and paid by the next",
            vec![
                told(1, 2, earn(1, 10), done(10, 10, 0)),
                told(3, 4, redeem(1, 8), done(-8, 2, 0)),
                told(5, 6, refund(1, 10, Some(1)), done(-10, 0, 8)),
                told(7, 8, refund(1, 1, None), Answer::OverRefund(0)),
                told(9, 10, cancel(1, Some(1)), done(8, 0, 0)),
                told(11, 12, cancel(1, Some(1)), done(8, 0, 0)),
                told(13, 14, cancel(1, None), Answer::AlreadyCancelled),
                told(15, 16, cancel(2, Some(1)), Answer::KeyReused),
                told(17, 18, redeem(1, 8), Answer::AlreadyCancelled),
            ],
        ),
    ];
    for (name, history) in histories {
        assert!(is_right(&history), "{name}");
    }
}

#[test]
fn what_cannot_have_happened_is_wrong() {
    let earned = || told(1, 2, earn(1, 10), done(10, 10, 0));
    let histories: Vec<(&str, History)> = vec![
        (
            "a lost update, as they were told",
            vec![told(1, 4, earn(1, 10), done(10, 10, 0)), told(2, 3, earn(2, 5), done(5, 5, 0))],
        ),
        (
            "a lost update, as it is read",
            vec![
                told(1, 4, earn(1, 10), done(10, 10, 0)),
                told(2, 3, earn(2, 5), done(5, 15, 0)),
                told(5, 6, Ask::Read, balance(5, 0)),
            ],
        ),
        ("a stale read", vec![earned(), told(3, 4, Ask::Read, balance(0, 0))]),
        (
            "a read ahead",
            vec![told(1, 2, Ask::Read, balance(10, 0)), told(3, 4, earn(1, 10), done(10, 10, 0))],
        ),
        (
            "reads that go back",
            vec![
                told(1, 9, earn(1, 10), done(10, 10, 0)),
                told(2, 3, Ask::Read, balance(10, 0)),
                told(4, 5, Ask::Read, balance(0, 0)),
            ],
        ),
        (
            "a double spend",
            vec![
                earned(),
                told(3, 6, redeem(1, 10), done(-10, 0, 0)),
                told(4, 5, redeem(2, 10), done(-10, 0, 0)),
            ],
        ),
        ("a spend of what is not there", vec![earned(), told(3, 4, redeem(1, 11), done(-11, 0, 1))]),
        ("a refusal of what is there", vec![earned(), told(3, 4, redeem(1, 10), short(0))]),
        (
            "an effect after a failed answer",
            vec![failed(1, earn(1, 10)), told(2, 3, Ask::Read, balance(10, 0))],
        ),
        (
            "an effect after a refusal",
            vec![earned(), told(3, 4, redeem(1, 11), short(10)), told(5, 6, Ask::Read, balance(0, 1))],
        ),
        (
            "an unknown one that happened twice",
            vec![unknown(1, earn(1, 10)), told(2, 3, Ask::Read, balance(20, 0))],
        ),
        (
            "an unknown refund that happened twice",
            vec![earned(), unknown(3, refund(1, 4, None)), told(4, 5, Ask::Read, balance(2, 0))],
        ),
        (
            "an unknown one that happened, and was undone",
            vec![
                unknown(1, earn(1, 10)),
                told(2, 3, Ask::Read, balance(10, 0)),
                told(4, 5, Ask::Read, balance(0, 0)),
            ],
        ),
        (
            "an unknown one before it began",
            vec![told(1, 2, Ask::Read, balance(10, 0)), unknown(3, earn(1, 10))],
        ),
        (
            "an unknown one that happened again when it was asked again",
            vec![unknown(1, earn(1, 10)), told(2, 3, earn(1, 10), done(10, 20, 0))],
        ),
        (
            "a repeat that is told something new",
            vec![earned(), told(3, 4, earn(2, 5), done(5, 15, 0)), told(5, 6, earn(1, 10), done(10, 15, 0))],
        ),
        (
            "a named refund that happened twice",
            vec![
                earned(),
                told(3, 4, refund(1, 4, Some(1)), done(-4, 6, 0)),
                told(5, 6, refund(1, 4, Some(1)), done(-4, 2, 0)),
            ],
        ),
        ("a refund of more than the order", vec![earned(), told(3, 4, refund(1, 11, None), done(-11, 0, 1))]),
        (
            "a redemption cancelled twice",
            vec![
                earned(),
                told(3, 4, redeem(1, 10), done(-10, 0, 0)),
                told(5, 8, cancel(1, None), done(10, 10, 0)),
                told(6, 7, cancel(1, None), done(10, 20, 0)),
            ],
        ),
        (
            "a redemption that is cancelled comes back under another key",
            vec![
                earned(),
                told(3, 4, Ask::Redeem { order: 1, points: 8, key: Some(1) }, done(-8, 2, 0)),
                told(5, 6, cancel(1, None), done(8, 10, 0)),
                told(7, 8, Ask::Redeem { order: 1, points: 8, key: Some(2) }, done(-8, 2, 0)),
            ],
        ),
        (
            "debt that is forgotten",
            vec![
                earned(),
                told(3, 4, redeem(1, 10), done(-10, 0, 0)),
                told(5, 6, refund(1, 10, None), done(-10, 0, 10)),
                told(7, 8, earn(2, 15), done(15, 15, 0)),
            ],
        ),
    ];
    for (name, history) in histories {
        assert!(!is_right(&history), "{name}");
    }
}

/// Whether some order is right, found by trying all of them.
fn some_order(state: &Account, history: &[Call<Ask, Answer>], left: &[usize]) -> bool {
    let end = |place: &usize| match history[*place].heard {
        Heard::Answer(at, _) => at,
        _ => u64::MAX,
    };
    if left.iter().all(|place| end(place) == u64::MAX) {
        return true;
    }
    left.iter().any(|place| {
        let call = &history[*place];
        if left.iter().any(|other| end(other) < call.began) || call.heard == Heard::Failed {
            return false;
        }
        let rest: Vec<usize> = left.iter().copied().filter(|other| other != place).collect();
        let mut next = state.clone();
        let answer = next.take(&call.ask);
        let fits = match &call.heard {
            Heard::Answer(_, heard) => *heard == answer,
            _ => true,
        };
        fits && some_order(&next, history, &rest)
    })
}

/// A plausible small history: some answers are those of another moment.
fn small(seed: u64) -> History {
    let dice = |place: usize, salt: u64, below: u64| chance(seed, place, salt) % below;
    let (mut state, mut history) = (Account::default(), Vec::new());
    for place in 0..6 {
        let name = u8::try_from(dice(place, 1, 2)).unwrap();
        let points = u32::try_from(dice(place, 2, 3) + 1).unwrap();
        let ask = match dice(place, 3, 6) {
            0 | 1 => earn(name, points),
            2 => redeem(name, points),
            3 => refund(name, points, None),
            4 => cancel(name, None),
            _ => Ask::Read,
        };
        let middle = 10 * place as u64 + 20;
        let before = state.clone();
        let mut answer = state.take(&ask);
        let heard = match dice(place, 4, 10) {
            0 => Heard::Unknown,
            1 => {
                // Failed calls did nothing, mostly.
                state = if dice(place, 5, 4) > 0 { before } else { state };
                Heard::Failed
            }
            2 => {
                answer = Account::default().take(&ask);
                Heard::Answer(middle + 1 + dice(place, 6, 25), answer)
            }
            _ => Heard::Answer(middle + 1 + dice(place, 6, 25), answer),
        };
        history.push(Call { ask, began: middle - dice(place, 7, 20), heard });
    }
    history
}

#[test]
fn the_search_finds_what_trying_every_order_finds() {
    let mut right = 0;
    for seed in 0..3_000 {
        let history = small(seed);
        let all: Vec<usize> = (0..history.len()).collect();
        let wanted = some_order(&Account::default(), &history, &all);
        assert_eq!(is_right(&history), wanted, "{seed}: {history:#?}");
        right += usize::from(wanted);
    }
    assert!((600..2_700).contains(&right), "{right} of 3000 are right: too few of one kind");
}
