//! A reference model of a membership programme, written cold from `spec/rules.md` and
//! `spec/contract.md` and from nothing else: plain maps in memory, exact fractions, no store, no
//! speed. Property tests hold the engine against it.
//!
//! `Model::call` answers a request with the fields that the model vouches for; compare them as a
//! subset (`difference`) after putting both sides' entries into one form (`canonical`). Members
//! and redemptions get the ids `m1`, `m2`, … and `r1`, `r2`, …, or the request's extra field
//! `"$id"`. Idempotency keys are the driver's affair, natural keys are the model's. Not here:
//! referrals, rewards, partners, new versions of a programme, profiles, statuses, imports.
//!
//! # Where the rules are silent or can be read in two ways
//!
//! Numbers are those of the rules. "Vectors" marks what the worked cases decide.
//!
//! - 1: the limits on sizes (2^53 − 1, lots, lines) are not modelled, but for 200 refunds: the
//!   next one is `too_many_refunds`. `"all"` of nothing left is none and never refused.
//! - 2: `occurred_at` is cut, not rounded, to the millisecond. Exactly five minutes ahead and
//!   exactly `late_days` × 24 h behind are accepted. `late_days` is the programme's own field.
//!   An order already known is answered (or conflicts) before its date is judged again.
//! - 3: `hold_days: 0` holds nothing, even where `occurred_at` is minutes ahead (vectors).
//!   `round` is `none` where it is not given.
//! - 3: lots are listed by end, then brand, then free before held, then by release (vectors); what
//!   is taken comes from all free lots before any held one (rule 6).
//! - 3, inactivity: the date is that of recording, however late the order. Restored or adjusted
//!   points that stay make their end the one instant; while it runs, others that come back take it.
//!   An adjustment moves nothing; it takes the running instant, or N months from its own date where
//!   none runs (points given by hand must not be gone at once). An earning of no points, or one
//!   that only repays debt, moves the instant. A date may move back where N months from now is
//!   sooner than a grace (N = 1; not generated).
//! - 3: in an expiry by inactivity an entry shows the end that its lots had when it was made; a
//!   redemption's lots the end before it moved.
//! - 4.2: while a trial runs its tier's multiplier counts, 1 where it names none.
//! - 4.2 and 7: what was recorded decides the tier: it is the tier at now, not at `occurred_at`.
//! - 4.4: limits are a member's, over all brands; streak bonuses count; adjustments do not. `order`
//!   binds one activity too.
//! - 4.5: late points whose lot has already ended still repay debt; the rest enters the lot
//!   and leaves it in an `expire` entry of its own. Held points repay debt at once too.
//! - 4: an order of amount 0 counts in `orders.count` (vectors) until it is refunded (`"all"`).
//!   `orders.amount` counts excluded categories too. What remains of an order is money: it is
//!   rounded down to the minor unit, once for the whole order (a third of a line's units).
//! - 5: the same order redeemed with other content is 409 `order_conflict`; once cancelled it is
//!   `already_cancelled`, whatever the content.
//! - 6: "the order's lot has expired" is judged by the order's own end, even where its points only
//!   ever repaid debt and had no lot. Growth is taken back all the same.
//! - 6 and 7: where growth is cut off at 0 the period loses only what growth really lost (vectors).
//! - 6: restored points repay debt in the order of the ends they come back with. With a grace of 0
//!   points of an expired lot are lost altogether: they repay no debt and are not in `restored`.
//! - 6: one line may be named twice in a refund; both count. `remaining` is answered for amounts
//!   alone. A refund does not free what the order counted in limits.
//! - 6: with nothing left to refund an entry of 0 points is made (so badges are judged).
//! - 7: the first tier has a period too if it names one. A tier with no `on_lapse` resets.
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
//! - 8: an activity or adjustment sent again with its reference gets its first answer.
//! - 9: `between` takes both ends; the fact `tier` is the real tier, not a trial's; money is compared
//!   as a decimal string. A fact that the model does not know is a panic.
//! - 10: `lifecycle` is answered only where neither the reading of "days" nor a wholly refunded
//!   order can matter. Orders count by `occurred_at`.
//! - 11: which entries a raise, a kept period or a badge writes is not compared: a ledger leaves
//!   out what moves neither points nor growth. What a lapse takes of growth is a `tier` entry.
//! - Adjusting answers `entry`, `balance`, `tier`, `growth`; points given by hand are not held. A
//!   minus that meets no points makes debt or is let go, as a refund. Growth given raises the tier.
//! - Sweeps answer `done: true`: a driver calls again until it is so. Refusals whose order the
//!   rules leave open (two faults in one request) are not generated.

mod calendar;
mod compare;
mod dice;
mod facts;
pub mod generate;
mod member;
mod number;
mod orders;
mod program;
mod programs;
mod redemptions;
mod requests;

pub use compare::{canonical, difference};
use facts::Facts;
use member::Member;
use number::Exact;
use orders::Order;
use program::{Program, list, text};
use redemptions::Redemption;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Status and body.
pub type Answer = (u16, Value);

/// A programme with all its members, in memory.
#[derive(Clone, Debug)]
pub struct Model {
    program: Program,
    members: BTreeMap<String, Member>,
    /// Identity, as sent, to member.
    identities: BTreeMap<String, String>,
    /// By brand and order id.
    orders: BTreeMap<(String, String), Order>,
    redemptions: BTreeMap<String, Redemption>,
    /// By brand and order id: the redemption made for it.
    redeemed_orders: BTreeMap<(String, String), String>,
    /// By other natural keys: what was sent and answered.
    answers: BTreeMap<String, (Value, Answer)>,
}

impl Model {
    /// A fresh programme without members; `program` is its document, taken to be valid.
    pub fn new(program: &Value) -> Model {
        Model {
            program: Program::new(program),
            members: BTreeMap::new(),
            identities: BTreeMap::new(),
            orders: BTreeMap::new(),
            redemptions: BTreeMap::new(),
            redeemed_orders: BTreeMap::new(),
            answers: BTreeMap::new(),
        }
    }

    /// Answers one request at `now_ms` (since the epoch), which never runs backwards.
    pub fn call(&mut self, method: &str, path: &str, body: Option<&Value>, now_ms: i64) -> (u16, Value) {
        let now = now_ms;
        let mut body = body.cloned().unwrap_or(json!({}));
        let mut taken_out = |field| body.as_object_mut().and_then(|body| body.remove(field));
        let id = taken_out("$id").and_then(|id| id.as_str().map(str::to_string));
        if taken_out("dry_run") == Some(json!(true)) {
            let mut copy = self.clone();
            let (status, mut answer) = copy.call(method, path, Some(&body), now);
            for field in ["entry", "redemption_id"] {
                answer.as_object_mut().and_then(|all| all.remove(field));
            }
            return (status, answer);
        }
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["register"]) => self.register(&body, id, now),
            ("GET", ["members", id]) => self.show(id, now),
            ("GET", ["members", id, "ledger"]) => self.ledger(id, now),
            ("POST", ["earn-points"]) => self.earn(&body, now),
            ("POST", ["redeem"]) => self.redeem(&body, id, now),
            ("POST", ["reverse"]) => match body["redemption_id"].as_str() {
                Some(redemption) => self.cancel(redemption, now),
                None => self.refund(&body, now),
            },
            ("POST", ["adjust"]) => self.adjust(&body, now),
            ("POST", ["issue-badge"]) => self.issue_badge(&body, now),
            ("POST", ["expire-points" | "evaluate-tier"]) => self.sweep(&body, now),
            _ => panic!("the model does not know {method} {path}"),
        }
    }

    // --- Members ---

    fn register(&mut self, body: &Value, id: Option<String>, now: i64) -> Answer {
        let sent = list(&body["identities"]);
        let keys: Vec<String> = sent.iter().map(identity).collect();
        let mut known: Vec<String> =
            keys.iter().filter_map(|key| self.identities.get(key).cloned()).collect();
        known.dedup();
        if known.len() > 1 {
            return refuse(409, "identity_conflict", json!({}));
        }
        let Some(id) = known.pop() else {
            let id = id.unwrap_or_else(|| format!("m{}", self.members.len() + 1));
            let member = Member::new(&self.program, &id, now);
            self.members.insert(id.clone(), member);
            for key in keys {
                self.identities.insert(key, id.clone());
            }
            return (201, json!({"member": self.show(&id, now).1, "created": true}));
        };
        let proven =
            sent.iter().any(|one| one["verified"] == true && self.identities.contains_key(&identity(one)));
        if proven {
            for key in keys {
                self.identities.insert(key, id.clone());
            }
        }
        (200, json!({"member": {"id": id}, "created": false}))
    }

    /// A copy of a member, brought up to `now` (rule 2). Settling is the same whenever it is done,
    /// so nothing needs to be kept of it until a command changes the member.
    fn settled(&self, id: &str, now: i64) -> Option<Member> {
        let mut member = self.members.get(id)?.clone();
        member.settle(&self.program, now, &|member, tier| self.honours(member, tier));
        Some(member)
    }

    fn facts<'a>(&'a self, member: &'a Member) -> Facts<'a> {
        let all = self.orders.values();
        Facts {
            program: &self.program,
            member,
            orders: all.filter(|order| order.member == member.id).collect(),
        }
    }

    /// Whether a tier is reached by its `or` condition (rule 7).
    fn honours(&self, member: &Member, tier: usize) -> bool {
        let or = &self.program.tiers[tier].or;
        !or.is_null() && self.facts(member).hold(or)
    }

    fn show(&self, id: &str, now: i64) -> Answer {
        let Some(member) = self.settled(id, now) else {
            return refuse(404, "member_not_found", json!({}));
        };
        let calendar = &self.program.calendar;
        let tier = |tier: usize| &self.program.tiers[tier].id;
        let trial =
            member.trial.map(|(trial, until)| json!({"id": tier(trial), "until": calendar.show(until)}));
        let lots: Vec<Value> = member
            .lots
            .iter()
            .map(|lot| {
                json!({
                    "expires_at": calendar.show(lot.expires_at),
                    "brand": lot.brand,
                    "held_until": lot.held_until.map(|until| calendar.show(until)),
                    "points": lot.points,
                })
            })
            .collect();
        let mut points = member.balance();
        points["lots"] = json!(lots);
        let badges: Vec<Value> = member.badges.iter().map(|id| json!({"id": id})).collect();
        let facts = self.facts(&member);
        let mut shown = json!({
            "id": member.id,
            "growth": member.growth,
            "period_growth": member.period_growth,
            "tier": {
                "id": tier(member.tier),
                "valid_until": calendar.show(member.valid_until),
                "lifetime": member.lifetime == Some(member.tier),
                "trial": trial,
            },
            "points": points,
            "badges": badges,
            "stats": facts.stats(),
        });
        if let Some(lifecycle) = facts.lifecycle(now) {
            shown["lifecycle"] = json!(lifecycle);
        }
        (200, shown)
    }

    fn ledger(&self, id: &str, now: i64) -> Answer {
        let Some(member) = self.settled(id, now) else {
            return refuse(404, "member_not_found", json!({}));
        };
        let moving = member
            .entries
            .iter()
            .rev()
            .filter(|entry| entry.points != 0 || entry.growth != 0 || !entry.lots.is_empty());
        let entries: Vec<Value> = moving.map(|entry| entry.show(&self.program)).collect();
        (200, json!({"entries": entries}))
    }

    fn sweep(&self, body: &Value, now: i64) -> Answer {
        let as_of = body["as_of"].as_str().and_then(calendar::instant);
        if as_of.is_some_and(|as_of| as_of > now) {
            return invalid("/as_of");
        }
        match body["member_id"].as_str() {
            Some(id) if !self.members.contains_key(id) => refuse(404, "member_not_found", json!({})),
            _ => (200, json!({"done": true})),
        }
    }

    // --- Badges ---

    fn issue_badge(&mut self, body: &Value, now: i64) -> Answer {
        let Some(mut member) = self.settled(&text(&body["member_id"]), now) else {
            return refuse(404, "member_not_found", json!({}));
        };
        let badge = text(&body["badge"]);
        if !self.program.badges.iter().any(|(id, _)| *id == badge) {
            return refuse(404, "badge_not_found", json!({}));
        }
        if member.badges.contains(&badge) {
            return (200, json!({}));
        }
        member.badges.push(badge);
        let growth = member.growth;
        self.finish(member, growth, now);
        (201, json!({}))
    }

    // --- What every command ends with ---

    /// An entry was recorded: raises the tier, issues badges, lets points expire that had already
    /// ended when they came, and keeps the member. Answers the tier raised to and the badges issued.
    fn finish(
        &mut self,
        mut member: Member,
        growth_before: i64,
        now: i64,
    ) -> (Member, Option<String>, Vec<String>) {
        let honours = |member: &Member, tier: usize| self.honours(member, tier);
        let raised = member.raise(&self.program, growth_before, now, &honours);
        member.settle(&self.program, now, &honours);
        let mut issued = Vec::new();
        // A badge is an entry too, so others may follow from it.
        while let Some(badge) = self.due_badge(&member) {
            member.badges.push(badge.clone());
            issued.push(badge);
        }
        let raised = raised.map(|tier| self.program.tiers[tier].id.clone());
        self.members.insert(member.id.clone(), member.clone());
        (member, raised, issued)
    }

    /// The first badge that the member does not have and whose condition holds.
    fn due_badge(&self, member: &Member) -> Option<String> {
        let facts = self.facts(member);
        let missing = self.program.badges.iter().filter(|(id, _)| !member.badges.contains(id));
        let mut due = missing.filter(|(_, when)| facts.hold(when));
        due.next().map(|(id, _)| id.clone())
    }

    /// The fields that every command's answer shows of the member afterwards.
    fn standing(&self, member: &Member) -> Value {
        json!({
            "balance": member.balance(),
            "tier": self.program.tiers[member.tier].id,
            "growth": member.growth,
        })
    }

    /// Keeps an answer under a natural key, where one was sent.
    fn remember(&mut self, key: String, body: &Value, answer: Answer) -> Answer {
        if !key.ends_with(" null") {
            self.answers.insert(key, (body.clone(), answer.clone()));
        }
        answer
    }

    /// Money with at most the currency's minor digits.
    fn money(&self, value: &Value) -> Option<Exact> {
        let amount = Exact::decimal(value.as_str()?)?;
        amount.money(self.program.minor).map(|_| amount)
    }
}

/// Kind, channel and value as one key.
fn identity(sent: &Value) -> String {
    format!("{} {} {}", sent["kind"], sent["channel"], sent["value"])
}

fn refuse(status: u16, code: &str, data: Value) -> Answer {
    let mut problem = data;
    problem["code"] = json!(code);
    (status, problem)
}

fn invalid(_pointer: &str) -> Answer {
    refuse(422, "invalid_field", json!({}))
}
