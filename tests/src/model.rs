//! A reference model of a membership programme, written only from `spec/rules.md` and `spec/contract.md`:
//! plain maps in memory, exact fractions, no store, no speed. Property tests compare the engine with it.
//!
//! `Model::judge` answers a command at a moment, under the versions of the programme that the decider knows,
//! and says what it would change; `Model::install` changes it. So a driver can judge a command at several
//! moments, and install it when it sees it written. `Model::call` does both for a request as JSON; compare
//! its answers as a subset (`difference`) after bringing both sides' entries into one form (`canonical`).
//! There members and redemptions get the ids `m1`, `m2`, … and `r1`, `r2`, …, or the request's extra field
//! `"$id"`. The driver handles idempotency keys; the model handles natural keys. Not here: referrals,
//! rewards, imports, profiles, a brand's account.
//!
//! # Where the rules are silent or can be read in two ways
//!
//! Numbers are those of the rules. "Vectors" marks what the worked cases settle.
//!
//! - 1: the limits on sizes (2^53 − 1, lots, lines) are not modelled, except for 200 refunds: the next one is
//!   `too_many_refunds`. `"all"` of nothing left is none and never refused.
//! - 2: a version raises by growth alone; `or` is judged as ever. Versions that come into force at one
//!   moment raise one after the other. Those who are suspended or have left are raised too.
//! - 2: a moment before the one up to which a member is settled in writing counts as that one.
//! - 2: `occurred_at` is cut, not rounded, to the millisecond. Exactly five minutes ahead and
//!   exactly `late_days` × 24 h behind are accepted. `late_days` is the programme's own field.
//!   An order already known is answered (or conflicts) before its date is judged again.
//! - 3: `hold_days: 0` holds nothing, even where `occurred_at` is minutes ahead (vectors).
//!   `round` is `none` where it is not given.
//! - 3: lots are listed by end, then brand, then free before held, then by release (vectors); what
//!   is taken comes from all free lots before any held one (rule 6).
//! - 3, inactivity: the date is that of recording, however late the order. Restored points take the one
//!   instant while it runs; it is as it last moved, whatever the months are now. An adjustment moves nothing; it
//!   takes the running instant, or N months from its own date where none runs (points given by hand must not
//!   be gone at once). An earning of no points, or one that only repays debt, moves the instant. No end moves
//!   nearer: lots from before the programme counted inactivity keep a later one, also when they come back.
//! - 3: in an expiry by inactivity an entry shows the end that its lots had when it was made; a
//!   redemption's lots the end before it moved.
//! - 4.2: while a trial runs its tier's multiplier counts, 1 where it names none.
//! - 4.2 and 7: what was recorded decides the tier: it is the tier at now, not at `occurred_at`.
//! - 4.4: limits are a member's, over all brands; streak bonuses count; adjustments do not. `order`
//!   binds one activity too.
//! - 4.5: late points whose lot has already ended still repay debt; the rest enters the lot
//!   and leaves it in an `expire` entry of its own. Held points repay debt at once too.
//! - 4: an order counts in `orders.count` while goods with a price remain of it; one that never had any counts,
//!   refunded or not (vectors), and is never `order_refunded`. `orders.amount` counts excluded categories too. What remains of an order is money: it is
//!   rounded down to the minor unit, once for the whole order (a third of a line's units).
//! - 4, revisions: what adds points or growth needs an active member, what only takes does not. A revision's
//!   entry has its order's `occurred_at`. It moves `inactivity` where points came in, those that repay debt
//!   too. Where points end by inactivity when they come in, no lot is the order's own; else, if the order's own
//!   version had that, they end as an earning of its day would now. `"all"` of nothing left changes no revision.
//! - 5: the same order redeemed with other content is 409 `order_conflict`; once it is cancelled whole it is
//!   `already_cancelled`, whatever the content. A cancellation's name is one of its redemption's.
//! - 6: "the order's lot has expired" is judged by the order's own end, even where its points only
//!   ever repaid debt and had no lot. Growth is taken back all the same.
//! - 6 and 7: where growth is cut off at 0 the period loses only what growth really lost (vectors).
//! - 6: restored points repay debt in the order of the ends they come back with. With a grace of 0
//!   points of an expired lot are lost altogether: they repay no debt and are not in `restored`.
//! - 6: one line may be named twice in a refund; both count. `remaining` is answered for amounts
//!   alone. A refund does not free what the order counted in limits.
//! - 6: with nothing left to refund an entry of 0 points is made (so badges are judged).
//! - 7: the first tier has a period too if it names one. A tier with no `on_lapse` resets.
//! - 7: whether a version has changed N is judged at the lapse: by the N of the period that ends and the N of
//!   the version that judges it.
//! - 7: with a lapse that leads to the lifetime tier, that tier has no end at once.
//! - 7: a count of periods kept belongs to one tier: a raise starts it again for the new tier.
//! - 7: `or` is judged whenever an entry is recorded and at lapses; it starts no trial.
//! - 7, trials: crossed in one go, the lower tier's trial starts and the other one's does not (not
//!   generated: shares lie above the threshold below). No trial of a tier that the member has or is
//!   above. It starts when recorded, after the tier was raised.
//! - 8: a second activity on the day that counted last leaves a streak as it is and pays nothing;
//!   a streak is one activity's, over all brands. A bonus is paid again in a new run.
//! - 8: registering records no entry, settling issues none; a badge is itself an entry, so badges
//!   that follow from badges are issued with it, in the programme's order. Points that expire as
//!   they come do not count in `points.available`.
//! - 8: an activity that takes has no day of a streak; by an own brand alone means that a partner's is refused
//!   whoever tells it. One that is taken back loses its growth even where its lot has ended.
//! - 8: an activity or adjustment sent again with its reference gets its first answer.
//! - 9: `between` takes both ends; the fact `tier` is the real tier, not a trial's; money is compared
//!   as a decimal string. A fact that the model does not know is a panic.
//! - 10: `lifecycle` is answered only where neither the reading of "days" nor a wholly refunded
//!   order can matter. Orders count by `occurred_at`.
//! - 11: which entries a raise, a kept period or a badge writes is not compared: a ledger leaves
//!   out what moves neither points nor growth. What a lapse takes of growth is a `tier` entry.
//! - Merging: of equal tiers that with the later end; of two trials the higher, above the tier. Of two streaks one that
//!   was missed is none beside one that runs; where both run, the longer reaches to the later of their days. With
//!   `inactivity` the later of both instants that run. Badges are judged by what both have. Parting is not modelled.
//! - Adjusting answers `entry`, `balance`, `tier`, `growth`; points given by hand are not held. A
//!   minus that meets no points makes debt or is let go, as a refund. Growth given raises the tier.
//! - Sweeps answer `done: true`: a driver calls again until it is so. Refusals whose order the
//!   rules leave open (two faults in one request) are not generated.

mod activities;
mod adjusting;
mod badges;
mod boosts;
mod calendar;
pub mod command;
mod compare;
mod dice;
mod draft;
mod earning;
mod facts;
mod finding;
pub mod generate;
mod json;
pub mod member;
pub mod merging;
mod number;
mod program;
mod programs;
mod redeeming;
mod refunds;
mod requests;
mod revising;
mod status;
mod tags;

use activities::{ActivityKey, Gave};
pub use calendar::{Calendar, DAY, NEVER};
use command::{Command, OrderKey, RedemptionKey, Told, refuse};
pub use compare::{canonical, difference};
pub use dice::Dice;
pub use draft::After;
use draft::Draft;
use earning::Earned;
pub use finding::OrderNow;
use member::{Entry, Member, Standing, Versions};
use merging::Merged;
pub use program::Program;
pub use programs::{change_tiers, expiry as random_expiry, program as random_program};
use redeeming::Redemption;
use serde_json::Value;
use smol_str::SmolStr;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Status and body.
pub type Answer = (u16, Value);

/// A programme with all its members, in memory.
#[derive(Clone, Debug)]
pub struct Model {
    programs: Vec<Rc<Program>>,
    members: Vec<Member>,
    /// By brand and order id.
    orders: HashMap<OrderKey, Earned>,
    /// By the brand and the order for which they were made, and by part.
    redemptions: HashMap<RedemptionKey, Redemption>,
    /// Records that were joined with others, and with whom.
    merged: BTreeMap<usize, Merged>,
    /// Named activities: what each gave.
    given: HashMap<ActivityKey, Gave>,
    /// By other natural keys: what was sent and answered.
    answers: HashMap<SmolStr, (Command, Rc<Told>)>,
    /// Of requests as JSON: names of members, of redemptions, and of identities as they were sent.
    names: BTreeMap<String, usize>,
    redeemed: BTreeMap<String, RedemptionKey>,
    identities: BTreeMap<String, String>,
}

/// A member as shown.
#[derive(Debug)]
pub struct Shown {
    /// Which member: another one, if that one was merged.
    pub id: usize,
    /// As it stands at that moment.
    pub standing: Standing,
    /// Rule 10, where the model vouches for it.
    pub lifecycle: Option<&'static str>,
    /// Ids of its tags, in the programme's order.
    pub tags: Vec<String>,
    /// The next tier, and the growth that it needs.
    pub next: Option<(usize, i64)>,
}

impl Model {
    /// A new programme without members; `program` is its document, which must be valid.
    pub fn new(program: &Value) -> Model {
        Model {
            programs: vec![Rc::new(Program::new(program, 1, i64::MIN))],
            members: Vec::new(),
            orders: HashMap::new(),
            redemptions: HashMap::new(),
            merged: BTreeMap::new(),
            given: HashMap::new(),
            answers: HashMap::new(),
            names: BTreeMap::new(),
            redeemed: BTreeMap::new(),
            identities: BTreeMap::new(),
        }
    }

    /// A new version of the programme, in force from that moment on.
    pub fn save(&mut self, program: &Value, since: i64) {
        let version = u32::try_from(self.programs.len()).unwrap_or(u32::MAX) + 1;
        self.programs.push(Rc::new(Program::new(program, version, since)));
    }

    /// How many versions there are.
    pub fn versions(&self) -> usize {
        self.programs.len()
    }

    /// The programme of that version, from 1.
    pub fn program(&self, version: usize) -> &Program {
        &self.programs[version - 1]
    }

    /// A new member.
    pub fn register(&mut self, now: i64, known: usize) -> usize {
        let program = Versions(&self.programs[..known]).at(now);
        self.members.push(Member::new(program, now));
        self.members.len() - 1
    }

    /// The member as written down.
    pub fn member(&self, id: usize) -> &Member {
        &self.members[id]
    }

    /// How many members there are.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Whose order that is.
    pub fn owner(&self, order: &OrderKey) -> Option<usize> {
        self.orders.get(order).map(|order| order.member)
    }

    /// The number of that order's last telling, and whether refunds left nothing of it.
    pub fn revision(&self, order: &OrderKey) -> Option<(i64, bool)> {
        self.orders.get(order).map(|order| (order.revision(), order.refunded))
    }

    /// The member who made that redemption, and how much of it remains.
    pub fn redeemer(&self, key: &RedemptionKey) -> Option<(usize, i64)> {
        self.redemptions.get(key).map(|redemption| (redemption.member, redemption.remaining()))
    }

    /// Whose activity that is, if it has such a name.
    pub fn doer(&self, activity: &ActivityKey) -> Option<usize> {
        self.given.get(activity).map(|gave| gave.member)
    }

    /// The answer to a command at that moment from a decider that knows the first `known` versions of the
    /// programme, and what the command changes; nothing, if it is refused or was done before.
    pub fn judge(&self, command: &Command, now: i64, known: usize) -> (Told, Option<After>) {
        if let Some(told) = self.replayed(command) {
            return (told, None);
        }
        let asked = command.asked();
        let id = match asked.member(self) {
            Ok(id) => id,
            Err(told) => return (told, None),
        };
        let mut draft = Draft::new(self, id, now, known);
        let told = asked.decide(&mut draft, self);
        match told {
            Err(told) => (told, None),
            Ok(told) => {
                let reference = asked.reference();
                let answer = reference.map(|reference| (reference, command.clone(), Rc::new(told.clone())));
                (told, Some(draft.after(answer)))
            }
        }
    }

    /// The first answer again, for a named command that was done.
    fn replayed(&self, command: &Command) -> Option<Told> {
        let asked = command.asked();
        asked.replayed(self).or_else(|| {
            let (sent, told) = self.answers.get(&asked.reference()?)?;
            Some(if sent == command { (**told).clone() } else { refuse(409, "order_conflict") })
        })
    }

    /// Settles the member in writing up to that moment, recorded at another.
    pub fn settle(&mut self, id: usize, as_of: i64, recorded_at: i64, known: usize) {
        let draft = Draft::settling(self, id, as_of, recorded_at, known);
        let after = draft.after(None);
        self.install(after);
    }

    /// A member as shown at that moment.
    pub fn show(&self, id: usize, now: i64, known: usize) -> Shown {
        let draft = Draft::new(self, id, now, known);
        let (id, now) = (draft.id, draft.now);
        let (standing, _) = draft.shown();
        let program = Versions(&self.programs[..known]).newest();
        let facts = facts::Facts { program, member: &standing };
        let lifecycle = facts.lifecycle(now);
        // An erased member has none.
        let gone = standing.status == "erased";
        let tags = if gone { Vec::new() } else { facts.tags().into_iter().map(str::to_owned).collect() };
        let next = program.tiers.get(standing.tier + 1);
        let next = next.map(|next| (standing.tier + 1, (next.growth - standing.growth).max(0)));
        Shown { id, standing, lifecycle, tags, next }
    }

    /// Every entry of its own that moves anything, oldest first, and how many of them are in writing.
    pub fn ledger(&self, id: usize, now: i64, known: usize) -> (Vec<Rc<Entry>>, usize) {
        let id = self.reach(id);
        let (_, due) = Draft::new(self, id, now, known).shown();
        let mut entries = self.members[id].entries.clone();
        let written = entries.len();
        entries.extend(due);
        (entries, written)
    }
}
