//! Many clients at once on a few offers, over several instances and both stores of this machine: what they are told of
//! stock and grants can have happened one call after the other (`laurel_tests::linear::offer`).
//!
//! `LAUREL_HISTORIES` says how many offers' histories are made (64 unless given), `LAUREL_HISTORIES_FROM` where the numbering
//! of their rounds begins. One line of JSON sums them up.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use engine::{memory::MemoryStore, store::Store};
use laurel_tests::{
    linear::{
        Call, Heard, Verdict, check,
        offer::{Answer, Ask, Offer, State},
        told,
    },
    model::Dice,
};
use serde_json::{Value, json};
use store_redb::{Options, RedbStore};

use crate::{
    linear_runs::{number, waits},
    offers::coupon,
    restless::{Restless, Word},
    support::{Reply, Shop, program},
};

/// Calls of each history.
const CALLS: usize = 80;
/// Clients that share an offer.
const CLIENTS: usize = 6;
/// Members that share it, for whom the clients act.
const MEMBERS: u8 = 3;
/// Offers of a round, which has a store of its own.
const OFFERS: usize = 16;
/// When each instance says that it is: a hold of an hour ends by neither clock.
const CLOCKS: [&str; 2] = ["2026-03-02T09:50:00+08:00", "2026-03-02T10:00:00+08:00"];

type History = Vec<Call<Ask, Answer>>;

/// How much there is of the offer of that number: little enough to be used up, and now and then so much that its account is
/// parted.
fn limits(offer: usize) -> (u8, u8, u8) {
    match offer % 4 {
        0 => (4, 3, 3),
        1 => (12, 6, 6),
        2 => (3, 20, 2),
        _ => (200, 150, 60),
    }
}

fn spec(offer: usize) -> Offer {
    let (stock, uses, per_member) = limits(offer);
    Offer::new(stock, uses, per_member)
}

fn document(offer: usize) -> Value {
    let (stock, uses, per_member) = limits(offer);
    coupon(
        "acme",
        json!({
            "stock": {"total": stock}, "uses": {"total": uses}, "hold_minutes": 60,
            "per_member": {"n": per_member, "per": "ever"},
        }),
    )
}

/// The call of that place in a history: names come again, mostly with the same content.
fn ask(dice: &mut Dice, place: usize) -> Ask {
    let below = |dice: &mut Dice, most: usize| u8::try_from(dice.below(most as i64)).unwrap();
    let member = |name: u8| name % MEMBERS;
    let name = below(dice, place / 4 + 2);
    // An order is one member's, and mostly asks for the same claim.
    let order = below(dice, place / 3 + 2);
    let claim = |dice: &mut Dice| if dice.percent(95) { order * 7 % (order / 2 + 2) } else { 0 };
    match dice.below(100) {
        0..32 => {
            let pieces = if dice.percent(4) { 3 } else { name % 2 + 1 };
            Ask::Claim { member: member(name), name, pieces }
        }
        32..44 => Ask::TakeBack { member: member(name), name },
        44..76 => {
            let name = claim(dice);
            Ask::Use { order, member: member(name), name, hold: dice.percent(40) }
        }
        76..90 => Ask::Return { order },
        _ => Ask::Left,
    }
}

/// What the clients of one offer share.
struct Shared {
    shops: [Arc<Shop>; 2],
    offer: usize,
    seed: u64,
    members: Vec<String>,
    stamps: Arc<AtomicU64>,
    next: AtomicUsize,
    calls: Mutex<History>,
    /// The ids of what was claimed.
    ids: Mutex<BTreeMap<(u8, u8), String>>,
}

/// The answer in a reply; none of one that says that nobody knows, or that nothing was done.
fn heard(ask: &Ask, reply: &Reply) -> Result<Answer, Heard<Answer>> {
    let left = |of: &Value| u8::try_from(of["left"].as_u64().unwrap()).unwrap();
    let state = |word: &Value| match word.as_str() {
        Some("revoked") => State::Revoked,
        Some("used") => State::Used,
        Some("held") => State::Held,
        _ => panic!("{ask:?}: {}", reply.body),
    };
    let body = &reply.body;
    Ok(match (reply.status, reply.code(), ask) {
        (503, "busy", _) => return Err(Heard::Failed),
        (503, ..) => return Err(Heard::Unknown),
        (200, _, Ask::Claim { .. }) => Answer::Claimed,
        (200, _, Ask::TakeBack { .. }) => Answer::TakenBack,
        (200, _, Ask::Use { .. }) => match body["state"].as_str() {
            Some("held") => Answer::Held(left(&body["grants"][0])),
            _ => Answer::Used(left(&body["grants"][0])),
        },
        (200, _, Ask::Return { .. }) => match body["state"].as_str() {
            Some("released") => Answer::Released,
            _ => Answer::Returned(left(&body["grants"][0])),
        },
        (200, _, Ask::Left) => {
            let left = |of: &str| u8::try_from(body["left"][of].as_u64().unwrap()).unwrap();
            Answer::Left { stock: left("stock"), uses: left("uses") }
        }
        (409, "sold_out", _) => Answer::SoldOut,
        (409, "member_limit", _) => Answer::MemberLimit,
        (409, "id_conflict" | "order_conflict", _) => Answer::Conflict,
        (409, "already_cancelled", _) => Answer::AlreadyCancelled,
        (409, "grant_not_usable", Ask::Use { .. }) => match body["reasons"][0]["reason"].as_str() {
            Some("sold_out") => Answer::SoldOut,
            _ => Answer::NotUsable(state(&body["reasons"][0]["reason"])),
        },
        (409, "grant_not_usable", _) => Answer::NotUsable(state(&body["reason"])),
        (404, "use_not_found", _) => Answer::NotFound,
        _ => panic!("{ask:?}: {} {body}", reply.status),
    })
}

impl Shared {
    /// The request; none where the claim that it names is not known yet.
    fn request(&self, ask: &Ask) -> Option<(&'static str, String, Value)> {
        let (offer, ids) = (format!("o{}", self.offer), self.ids.lock().unwrap());
        let order_id = |order: &u8| format!("{offer}-{order}");
        let member = |member: &u8| &self.members[usize::from(*member)];
        Some(match ask {
            Ask::Claim { member: who, name, pieces } => {
                let of = json!({"kind": "reward", "offer_id": offer, "quantity": pieces, "claim_id": name.to_string()});
                ("POST", "/redeem".to_owned(), json!({"member_id": member(who), "brand": "acme", "for": of}))
            }
            Ask::TakeBack { member, name } => {
                ("POST", "/reverse".to_owned(), json!({"grant_id": ids.get(&(*member, *name))?}))
            }
            Ask::Use { order, member: who, name, hold } => {
                let lines = json!([{"line_id": "1", "quantity": 1, "amount": "9.00"}]);
                let grants = json!([ids.get(&(*who, *name))?]);
                let (member, order_id) = (member(who), order_id(order));
                let body = json!({"member_id": member, "brand": "acme", "order_id": order_id, "lines": lines,
                                  "grants": grants, "hold": hold});
                ("POST", "/use".to_owned(), body)
            }
            Ask::Return { order } => {
                let body = json!({"brand": "acme", "order_id": order_id(order), "use": "all"});
                ("POST", "/reverse".to_owned(), body)
            }
            Ask::Left => ("GET", format!("/offers/{offer}"), Value::Null),
        })
    }

    async fn one(&self, dice: &mut Dice, ask: Ask) -> bool {
        let Some((method, path, body)) = self.request(&ask) else { return true };
        let shop = &self.shops[usize::try_from(dice.below(2)).unwrap()];
        let began = self.stamps.fetch_add(1, Ordering::SeqCst);
        let call = Box::pin(shop.call(method, &path, body));
        let after = if dice.percent(3) { dice.below(6).unsigned_abs() as usize } else { usize::MAX };
        let heard = match waits(call, after).await.map(|reply| (heard(&ask, &reply), reply)) {
            Some((Ok(answer), reply)) => {
                if let (Ask::Claim { member, name, .. }, Answer::Claimed) = (&ask, &answer) {
                    let id = reply.body["grant"]["id"].as_str().unwrap().to_owned();
                    let known = self.ids.lock().unwrap().insert((*member, *name), id.clone());
                    assert!(known.is_none_or(|known| known == id), "one claim is two grants");
                }
                Heard::Answer(self.stamps.fetch_add(1, Ordering::SeqCst), answer)
            }
            Some((Err(heard), _)) => heard,
            None => Heard::Unknown,
        };
        let is_answered = matches!(heard, Heard::Answer(..));
        self.calls.lock().unwrap().push(Call { ask, began, heard });
        is_answered
    }

    /// One client: it often repeats requests that got no answer.
    async fn client(self: Arc<Shared>) {
        let mut again: Option<Ask> = None;
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            if place >= CALLS {
                return;
            }
            let mut dice = Dice::new(self.seed ^ (self.offer as u64) << 8 ^ (place as u64) << 48);
            let ask = again.take().unwrap_or_else(|| ask(&mut dice, place));
            if !self.one(&mut dice, ask.clone()).await && dice.percent(70) {
                again = Some(ask);
            }
        }
    }

    fn history(&self) -> History {
        let mut calls = std::mem::take(&mut *self.calls.lock().unwrap());
        // Nobody can tell what this very call had done or set aside, and another took back before it was looked up, from what
        // was there before.
        let returned: BTreeSet<u8> = calls.iter().filter_map(|call| returned(&call.ask)).collect();
        let twice = calls.iter().filter(|call| match (&call.ask, &call.heard) {
            (_, Heard::Answer(_, Answer::AlreadyCancelled)) => true,
            (Ask::Use { order, hold: true, .. }, Heard::Answer(..)) => returned.contains(order),
            _ => false,
        });
        let twice: Vec<_> = twice.map(|call| Call { heard: Heard::Unknown, ..call.clone() }).collect();
        calls.extend(twice);
        // What is refused for one reason may have been refused for another a moment before: what the member has and what is
        // left are read one after the other, and a refusal writes nothing.
        calls.retain(|call| {
            !matches!(
                call.heard,
                Heard::Answer(_, Answer::SoldOut | Answer::MemberLimit | Answer::NotUsable(_))
            )
        });
        calls
    }
}

fn returned(ask: &Ask) -> Option<u8> {
    if let Ask::Return { order } = ask { Some(*order) } else { None }
}

/// The histories of one round's offers.
async fn round(inner: Arc<dyn Store>, word: Word, seed: u64) -> Vec<History> {
    let store = Arc::new(Restless::new(inner, word, seed));
    let first = Arc::new(Shop::over(store.clone(), &program(), CLOCKS[0]).await);
    let second = Arc::new(Shop::over(store.clone(), &program(), CLOCKS[1]).await);
    let stamps = Arc::new(AtomicU64::new(0));
    let mut offers = Vec::new();
    for offer in 0..OFFERS {
        first.ok("PUT", &format!("/offers/o{offer}"), document(offer)).await;
        let mut members = Vec::new();
        for _ in 0..MEMBERS {
            members.push(first.somebody().await);
        }
        let (shops, stamps) = ([first.clone(), second.clone()], stamps.clone());
        let (next, calls, ids) = (AtomicUsize::new(0), Mutex::default(), Mutex::default());
        offers.push(Arc::new(Shared { shops, offer, seed, members, stamps, next, calls, ids }));
    }
    second.api.refresh().await.unwrap();
    store.stir();
    let clients: Vec<_> =
        offers.iter().flat_map(|offer| (0..CLIENTS).map(|_| tokio::spawn(offer.clone().client()))).collect();
    for client in clients {
        client.await.unwrap();
    }
    offers.iter().map(|offer| offer.history()).collect()
}

/// Rounds over the store in memory and over the embedded one take turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_history_of_an_offer_can_have_happened_one_call_after_the_other() {
    let (wanted, mut seed) = (number("LAUREL_HISTORIES", 64), number("LAUREL_HISTORIES_FROM", 1));
    let (mut histories, mut operations, mut unknown, mut violations) = (0_u64, 0, 0, 0);
    let mut seen = BTreeMap::<String, u64>::new();
    while histories < wanted {
        let folder = tempfile::tempdir().unwrap();
        let inner: Arc<dyn Store> = match seed % 2 {
            0 => Arc::new(MemoryStore::new()),
            _ => Arc::new(RedbStore::open(folder.path(), Options::default()).unwrap()),
        };
        for (offer, history) in round(inner, Word::Kept, seed).await.into_iter().enumerate() {
            histories += 1;
            operations += history.len();
            unknown += history.iter().filter(|call| call.heard == Heard::Unknown).count() as u64;
            for call in &history {
                if let Heard::Answer(_, answer) = &call.heard {
                    *seen.entry(kind(answer)).or_default() += 1;
                }
            }
            let verdict = check(&spec(offer), &history);
            if verdict != Verdict::Linearizable {
                violations += 1;
                if violations <= 3 {
                    println!("round {seed}, offer {offer}: {verdict:?}\n{}", told(&history));
                }
            }
        }
        seed += 1;
    }
    println!(
        "{}",
        json!({"histories": histories, "operations": operations, "unknown": unknown, "violations": violations})
    );
    assert_eq!(violations, 0);
    assert!(unknown > histories / 2, "too little goes wrong");
    assert!(seen.len() >= 6, "too little happens: {seen:?}");
}

/// What an answer says, without its figures.
fn kind(answer: &Answer) -> String {
    let text = format!("{answer:?}");
    let word = if let Answer::NotUsable(_) = answer {
        text.len()
    } else {
        text.find(['(', ' ']).unwrap_or(text.len())
    };
    text[..word].to_owned()
}

/// A store that breaks its promises is found out within a few rounds: otherwise the rounds above would prove nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_breaks_its_word_about_offers_is_found_out() {
    'words: for word in [Word::SkipsConditions, Word::RefusesAndWrites] {
        for seed in 1..=20 {
            // The engine may also stop at what it finds, which ends a client.
            let Ok(histories) = tokio::spawn(round(Arc::new(MemoryStore::new()), word, seed)).await else {
                continue 'words;
            };
            let mut all = histories.iter().enumerate();
            if all.any(|(offer, history)| matches!(check(&spec(offer), history), Verdict::Violation(_))) {
                continue 'words;
            }
        }
        panic!("{word:?} is not found out");
    }
}

// --- The rules themselves ---

fn claim(member: u8, name: u8, pieces: u8) -> Ask {
    Ask::Claim { member, name, pieces }
}

fn using(order: u8, member: u8, name: u8, hold: bool) -> Ask {
    Ask::Use { order, member, name, hold }
}

fn at(began: u64, end: u64, ask: Ask, answer: Answer) -> Call<Ask, Answer> {
    Call { ask, began, heard: Heard::Answer(end, answer) }
}

fn left(stock: u8, uses: u8) -> Answer {
    Answer::Left { stock, uses }
}

/// Histories of an offer of three pieces, two of them one member's, and two uses; and whether they can have happened.
#[test]
fn what_can_have_happened_to_an_offer_is_told_from_what_cannot() {
    use Answer::{
        AlreadyCancelled, Claimed, Conflict, Held, MemberLimit, NotUsable, Released, Returned, SoldOut,
        TakenBack, Used,
    };
    let claimed = || at(1, 2, claim(0, 0, 2), Claimed);
    let rows: Vec<(&str, bool, History)> = vec![
        ("a claim, and what is left", true, vec![claimed(), at(3, 4, Ask::Left, left(1, 2))]),
        ("a claim that took nothing", false, vec![claimed(), at(3, 4, Ask::Left, left(3, 2))]),
        (
            "told again",
            true,
            vec![claimed(), at(3, 4, claim(0, 0, 2), Claimed), at(5, 6, Ask::Left, left(1, 2))],
        ),
        ("told otherwise", true, vec![claimed(), at(3, 4, claim(0, 0, 1), Conflict)]),
        (
            "the last piece, twice",
            false,
            vec![claimed(), at(3, 6, claim(1, 1, 1), Claimed), at(4, 5, claim(2, 2, 1), Claimed)],
        ),
        (
            "the last piece, once",
            true,
            vec![claimed(), at(3, 6, claim(1, 1, 1), SoldOut), at(4, 5, claim(2, 2, 1), Claimed)],
        ),
        ("one more than a member may", true, vec![claimed(), at(3, 4, claim(0, 1, 1), MemberLimit)]),
        ("refused what is there", false, vec![claimed(), at(3, 4, claim(1, 1, 1), SoldOut)]),
        (
            "taken back, and the piece is another's",
            true,
            vec![
                claimed(),
                at(3, 4, Ask::TakeBack { member: 0, name: 0 }, TakenBack),
                at(5, 6, claim(1, 1, 2), Claimed),
                at(7, 8, claim(0, 0, 2), AlreadyCancelled),
            ],
        ),
        (
            "taken back twice",
            false,
            vec![
                claimed(),
                at(3, 6, Ask::TakeBack { member: 0, name: 0 }, TakenBack),
                at(4, 5, Ask::TakeBack { member: 0, name: 0 }, TakenBack),
            ],
        ),
        (
            "used by two orders",
            true,
            vec![
                claimed(),
                at(3, 6, using(1, 0, 0, false), Used(0)),
                at(4, 5, using(2, 0, 0, false), Used(1)),
                at(7, 8, Ask::TakeBack { member: 0, name: 0 }, NotUsable(State::Used)),
            ],
        ),
        (
            "one piece used by two",
            false,
            vec![
                claimed(),
                at(3, 6, using(1, 0, 0, false), Used(1)),
                at(4, 5, using(2, 0, 0, false), Used(1)),
            ],
        ),
        (
            "held by one, used by another",
            false,
            vec![
                claimed(),
                at(3, 4, using(1, 0, 0, true), Held(2)),
                at(5, 6, using(2, 0, 0, false), Used(1)),
            ],
        ),
        (
            "held, made final, and come back",
            true,
            vec![
                claimed(),
                at(3, 4, using(1, 0, 0, true), Held(2)),
                at(5, 6, Ask::Left, left(1, 1)),
                at(7, 8, using(1, 0, 0, false), Used(1)),
                at(9, 10, Ask::Return { order: 1 }, Returned(2)),
                at(11, 12, Ask::Left, left(1, 2)),
                at(13, 14, using(1, 0, 0, false), AlreadyCancelled),
            ],
        ),
        (
            "let go, and it still counts",
            false,
            vec![
                claimed(),
                at(3, 4, using(1, 0, 0, true), Held(2)),
                at(5, 6, Ask::Return { order: 1 }, Released),
                at(7, 8, Ask::Left, left(1, 1)),
            ],
        ),
        (
            "come back twice",
            false,
            vec![
                claimed(),
                at(3, 4, using(1, 0, 0, false), Used(1)),
                at(5, 6, Ask::Return { order: 1 }, Returned(2)),
                at(7, 8, Ask::Return { order: 1 }, Returned(2)),
            ],
        ),
    ];
    for (name, want, history) in rows {
        let verdict = check(&Offer::new(3, 2, 2), &history);
        assert_eq!(verdict == Verdict::Linearizable, want, "{name}: {verdict:?}");
    }
}
