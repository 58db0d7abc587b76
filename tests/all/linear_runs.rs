//! Many clients at once on a few members, over several instances and both stores of this machine: their
//! answers about a member can have happened one call after the other (`laurel_tests::linear`).
//!
//! `LAUREL_HISTORIES` says how many members' histories are made (256 unless given), `LAUREL_HISTORIES_FROM`
//! where the numbering of their rounds begins. One line of JSON sums them up.

use std::{
    env,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use domain::{
    decide::{Ask as RefundAsk, EarnOrder, Redeem},
    id::{BrandId, OrderId, RefundId},
    member::MemberId,
    number::{Figure, Money},
    refusal::{Refusal, Remaining},
    time::Instant,
};
use edge::sealed::Sealed;
use engine::{
    Act, Done, Engine, Error, Request, RequestKey, Whom,
    id::{AskedHash, CallerId, ContentHash, RequestHash},
    memory::MemoryStore,
    records::By,
    redemption_id,
    store::{Store, StoreError},
};
use laurel_tests::{
    linear::{
        Call, Heard, Verdict,
        account::{Account, Answer, Ask},
        check, told,
    },
    model::Dice,
};
use serde_json::{Value, json};
use store_redb::{Options, RedbStore};

use crate::{
    restless::{Restless, Word},
    support::{START, Shop, TESTS_MASTER_KEY},
};

/// Calls of each history.
const CALLS: usize = 100;
/// Clients that share a member.
const CLIENTS: usize = 6;
/// Members of a round, which has a store of its own.
const MEMBERS: usize = 32;
/// How far the clock of each instance is behind.
const BEHIND_MILLIS: [i64; 2] = [0, 3_600_000];

type History = Vec<Call<Ask, Answer>>;

fn programme() -> Value {
    json!({
        "name": "Linear", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme"}],
        "points": {"per_unit": "1", "expiry": {"mode": "never"}, "on_short": "debt"},
        "growth": {"per_unit": "1"},
        "tiers": [{"id": "basic", "growth": 0}],
    })
}

// --- What is asked ---

/// The call of that place in a history: names come again, mostly with the same content.
fn ask(dice: &mut Dice, place: usize) -> Ask {
    let number = |dice: &mut Dice, names: usize| u8::try_from(dice.below(names as i64)).unwrap();
    let amount = |dice: &mut Dice, most: i64| u32::try_from(dice.between(1, most)).unwrap();
    let usual = |dice: &mut Dice, name: u8, most: u32| match dice.percent(4) {
        true => amount(dice, most.into()),
        false => u32::from(name) * 7 % most + 1,
    };
    match dice.below(100) {
        0..32 => {
            let order = number(dice, place / 4 + 3);
            Ask::Earn { order, amount: usual(dice, order, 50) }
        }
        32..58 => {
            let order = number(dice, place / 3 + 3);
            // A key of its own, mostly.
            let key = dice.percent(90).then(|| 100 + u8::try_from(place).unwrap());
            Ask::Redeem { order, points: usual(dice, order, 40), key }
        }
        58..74 => Ask::Refund {
            order: number(dice, place / 4 + 3),
            amount: dice.percent(70).then(|| amount(dice, 20)),
            name: dice.percent(60).then(|| number(dice, 2)),
        },
        74..85 => {
            let redemption = number(dice, place / 3 + 3);
            Ask::Cancel { redemption, key: dice.percent(60).then_some(redemption % 8) }
        }
        _ => Ask::Read,
    }
}

/// Sixteen bytes that differ where the parts do.
fn hashed(parts: &impl std::fmt::Debug) -> [u8; 16] {
    redemption_id(&BrandId::of_checked("hashed"), &OrderId::of_checked(&format!("{parts:?}")), None).0
}

fn act(member: MemberId, who: usize, ask: &Ask) -> Act {
    let brand = BrandId::of_checked("acme");
    let money = |units: u32| Money(u64::from(units) * 100);
    let whom = Whom::Id(member);
    let order_id = |number: u8| OrderId::of_checked(&format!("{who}-{number}"));
    match ask {
        Ask::Earn { order, amount } => {
            let (order_id, amount) = (order_id(*order), Some(money(*amount)));
            Act::earn_order(
                whom,
                EarnOrder { brand, order_id, channel: None, amount, lines: Vec::new(), occurred_at: None },
            )
        }
        Ask::Redeem { order, points, .. } => {
            let (order_id, points) = (order_id(*order), Figure::of(*points).expect("a figure"));
            Act::redeem(whom, Redeem { brand, points, order_id, part: None, occurred_at: None })
        }
        Ask::Refund { order, amount, name } => {
            let refund_id = name.map(|name| RefundId::of_checked(&name.to_string()));
            let ask = amount.map_or(RefundAsk::All, |amount| RefundAsk::Amount(money(amount)));
            Act::refund(brand, &order_id(*order), refund_id.as_ref(), ask)
        }
        Ask::Cancel { redemption, .. } => {
            Act::cancel(redemption_id(&brand, &order_id(*redemption), None), None, None)
        }
        Ask::Read => unreachable!("reading is no act"),
    }
}

// --- What is heard ---

/// The engine's answer to a call.
enum Said {
    Answer(Answer),
    Failed,
    Unknown,
}

fn said(done: Result<Done, Error>) -> Said {
    Said::Answer(match done {
        Ok(done) => {
            let entry = done.entry.expect("every act has an entry");
            let outcome = entry.outcome.expect("an answer");
            let (available, debt) = (outcome.available, outcome.debt);
            Answer::Done { points: entry.event.movement.points(), available, debt }
        }
        Err(Error::Refused(Refusal::InsufficientPoints { available, debt })) => {
            Answer::Insufficient { available, debt }
        }
        Err(Error::Refused(Refusal::OrderNotFound | Refusal::RedemptionNotFound)) => Answer::NotFound,
        Err(Error::Refused(Refusal::OrderConflict { .. })) => Answer::Conflict,
        Err(Error::Refused(Refusal::OrderRefunded { .. })) => Answer::OrderRefunded,
        Err(Error::Refused(Refusal::AlreadyCancelled)) => Answer::AlreadyCancelled,
        Err(Error::Refused(Refusal::OverRefund { remaining: Remaining::Amount(left, _) })) => {
            Answer::OverRefund(left.0 / 100)
        }
        Err(Error::KeyReused) => Answer::KeyReused,
        Err(Error::Store(StoreError::Unknown(_))) => return Said::Unknown,
        Err(Error::Store(_) | Error::Contended) => return Said::Failed,
        Err(other) => panic!("{other:?}"),
    })
}

/// A client that hangs up: the call is dropped at its n-th wait.
struct HangsUp<F> {
    call: Pin<Box<F>>,
    waits: usize,
}

impl<F: Future> Future for HangsUp<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        match self.call.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.waits == 0 => Poll::Ready(None),
            Poll::Pending => {
                self.waits -= 1;
                Poll::Pending
            }
        }
    }
}

/// That call, dropped at its n-th wait.
pub(crate) async fn waits<F: Future>(call: Pin<Box<F>>, waits: usize) -> Option<F::Output> {
    HangsUp { call, waits }.await
}

/// What the clients of one member share.
struct Shared {
    instances: Vec<Engine>,
    start: Instant,
    member: MemberId,
    who: usize,
    seed: u64,
    stamps: Arc<AtomicU64>,
    next: AtomicUsize,
    calls: Mutex<History>,
}

impl Shared {
    async fn send(&self, instance: usize, ask: &Ask, began: u64) -> Said {
        let engine = &self.instances[instance];
        let passed = i64::try_from(began).unwrap();
        let now = self.start.plus_millis(passed - BEHIND_MILLIS[instance]);
        if *ask == Ask::Read {
            let seen = engine.people().member(self.member, now).await.map(|view| view.member);
            let balance = |member: domain::member::Member| (member.available(), member.debt, member.held());
            return match seen.map(balance) {
                Ok((available, debt, 0)) => Said::Answer(Answer::Balance { available, debt }),
                Ok(held) => panic!("nothing is ever held: {held:?}"),
                Err(Error::Store(_)) => Said::Failed,
                Err(other) => panic!("{other:?}"),
            };
        }
        let content = hashed(&ask.content());
        let key = match ask {
            Ask::Redeem { key, .. } | Ask::Cancel { key, .. } => key.map(|key| RequestKey {
                hash: RequestHash(hashed(&(self.who, key))),
                asked: AskedHash(content),
            }),
            _ => None,
        };
        let by = By::Caller(CallerId::FirstAdmin);
        let request = Request { key, content: ContentHash(content), ..Request::plain(by, now) };
        said(engine.ledger().execute(&request, &act(self.member, self.who, ask)).await)
    }

    async fn one(&self, dice: &mut Dice, ask: Ask) -> Heard<Answer> {
        let instance = usize::try_from(dice.below(self.instances.len() as i64)).unwrap();
        let began = self.stamps.fetch_add(1, Ordering::SeqCst);
        let call = Box::pin(self.send(instance, &ask, began));
        let waits = if dice.percent(3) { dice.below(6).unsigned_abs() as usize } else { usize::MAX };
        let heard = match self::waits(call, waits).await {
            Some(Said::Answer(answer)) => Heard::Answer(self.stamps.fetch_add(1, Ordering::SeqCst), answer),
            Some(Said::Failed) => Heard::Failed,
            Some(Said::Unknown) | None => Heard::Unknown,
        };
        let mut calls = self.calls.lock().unwrap();
        // Without a key nobody can tell a redemption or an order that this very call made, and that another
        // cancelled or refunded before it was looked up, from one that was there before.
        if let (Ask::Redeem { key: None, .. }, Heard::Answer(_, Answer::AlreadyCancelled))
        | (Ask::Earn { .. }, Heard::Answer(_, Answer::OrderRefunded)) = (&ask, &heard)
        {
            calls.push(Call { ask: ask.clone(), began, heard: Heard::Unknown });
        }
        calls.push(Call { ask, began, heard: heard.clone() });
        heard
    }

    /// One client: it often repeats requests that got no answer.
    async fn client(self: Arc<Shared>) {
        let mut again: Option<Ask> = None;
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            if place >= CALLS {
                return;
            }
            let mut dice = Dice::new(self.seed ^ (self.who as u64) << 8 ^ (place as u64) << 48);
            let ask = again.take().unwrap_or_else(|| ask(&mut dice, place));
            let heard = self.one(&mut dice, ask.clone()).await;
            if !matches!(heard, Heard::Answer(..)) && dice.percent(70) {
                again = Some(ask);
            }
        }
    }
}

/// The histories of one round's members.
async fn round(inner: Arc<dyn Store>, word: Word, seed: u64) -> Vec<History> {
    let store = Arc::new(Restless::new(inner, word, seed));
    let shop = Shop::over(store.clone(), &programme(), START).await;
    let mut instances = vec![shop.api.engine.clone()];
    for _ in 1..BEHIND_MILLIS.len() {
        let secrets = edge::Secrets::new(TESTS_MASTER_KEY.as_bytes());
        let engine = Engine::new(Arc::new(Sealed::over(store.clone(), secrets)));
        engine.programme().refresh().await.unwrap();
        instances.push(engine);
    }
    let stamps = Arc::new(AtomicU64::new(0));
    let mut members = Vec::new();
    for who in 0..MEMBERS {
        let member = edge::wire::read_member_id(&shop.somebody().await).unwrap();
        let (instances, stamps, start) = (instances.clone(), stamps.clone(), Instant::parse(START).unwrap());
        let (next, calls) = (AtomicUsize::new(0), Mutex::default());
        members.push(Arc::new(Shared { instances, start, member, who, seed, stamps, next, calls }));
    }
    store.stir();
    let clients: Vec<_> = members
        .iter()
        .flat_map(|member| (0..CLIENTS).map(|_| tokio::spawn(member.clone().client())))
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    members.iter().map(|member| std::mem::take(&mut *member.calls.lock().unwrap())).collect()
}

#[derive(Default)]
struct Sum {
    histories: usize,
    operations: usize,
    unknown: usize,
    failed: usize,
    violations: usize,
}

impl Sum {
    /// Checks them, and shows the first that is wrong.
    fn add(&mut self, seed: u64, histories: &[History]) {
        for (who, history) in histories.iter().enumerate() {
            let count = |wanted: &Heard<Answer>| history.iter().filter(|call| call.heard == *wanted).count();
            self.histories += 1;
            self.operations += CALLS;
            self.unknown += count(&Heard::Unknown) - (history.len() - CALLS);
            self.failed += count(&Heard::Failed);
            let verdict = check(&Account::default(), history);
            if verdict != Verdict::Linearizable {
                self.violations += 1;
                if self.violations <= 3 {
                    println!("round {seed}, member {who}: {verdict:?}\n{}", told(history));
                }
            }
        }
    }

    fn line(&self) -> Value {
        json!({"histories": self.histories, "operations": self.operations, "unknown": self.unknown,
               "violations": self.violations})
    }
}

pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Rounds over the store in memory and over the embedded one take turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_history_can_have_happened_one_call_after_the_other() {
    let (wanted, mut seed) = (number("LAUREL_HISTORIES", 256), number("LAUREL_HISTORIES_FROM", 1));
    let mut sum = Sum::default();
    while (sum.histories as u64) < wanted {
        let histories = if seed % 2 == 0 {
            round(Arc::new(MemoryStore::new()), Word::Kept, seed).await
        } else {
            let folder = tempfile::tempdir().unwrap();
            // Small, so that the journal is handed over again and again.
            let mut options = Options::default();
            options.segment_bytes = 256 * 1024;
            options.cache_bytes = 8 * 1024 * 1024;
            round(Arc::new(RedbStore::open(folder.path(), options).unwrap()), Word::Kept, seed).await
        };
        sum.add(seed, &histories);
        seed += 1;
    }
    println!("{}", sum.line());
    assert_eq!(sum.violations, 0);
    assert!(sum.unknown > sum.histories && sum.failed > sum.histories / 4, "too little goes wrong");
}

async fn is_found_out(word: Word, seed: u64) -> bool {
    // The engine may also stop at what it finds, which ends a client.
    let Ok(histories) = tokio::spawn(round(Arc::new(MemoryStore::new()), word, seed)).await else {
        return true;
    };
    let wrong = |history: &History| matches!(check(&Account::default(), history), Verdict::Violation(_));
    histories.iter().any(wrong)
}

/// A store that breaks its promises is found out within a few rounds, mostly in the first: otherwise the
/// rounds above would prove nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_breaks_its_word_is_found_out() {
    'words: for word in [Word::SkipsConditions, Word::ReadsThePast, Word::RefusesAndWrites] {
        for seed in 1..=20 {
            if is_found_out(word, seed).await {
                continue 'words;
            }
        }
        panic!("{word:?} is not found out");
    }
}
