//! Requests and answers as JSON.

use super::command::{Command, Done, Refused, Take, Told, invalid, refuse};
use super::member::Versions;
use super::program::{list, text};
use super::{Answer, Model, calendar};
use serde_json::{Value, json};
use smol_str::SmolStr;

impl Model {
    /// Answers one request at `now_ms` (since the epoch).
    pub fn call(&mut self, method: &str, path: &str, body: Option<&Value>, now_ms: i64) -> Answer {
        let now = now_ms;
        let nothing = json!({});
        let body = body.unwrap_or(&nothing);
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["register"]) => self.call_register(body, now),
            ("GET", ["members", id]) => self.call_show(id, now),
            ("GET", ["members", id, "ledger"]) => self.call_ledger(id, now),
            ("POST", ["expire-points" | "evaluate-tier"]) => self.call_sweep(body, now),
            ("PUT", ["program"]) => {
                self.save(body, now);
                (200, json!({"version": self.versions()}))
            }
            ("DELETE", ["members", id, "badges", badge]) => {
                let member = self.names.get(*id).copied();
                let take = Command::Take(Take { member, badge: SmolStr::new(badge) });
                let (told, after) = self.judge(&take, now, self.versions());
                after.into_iter().for_each(|after| self.install(after));
                self.told(&told)
            }
            ("POST", _) => self.command(path, body, now),
            _ => panic!("the model does not know {method} {path}"),
        }
    }

    fn command(&mut self, path: &str, body: &Value, now: i64) -> Answer {
        let member = |id: &str| self.names.get(id).copied();
        let redemption = |id: &str| self.redeemed.get(id).cloned();
        let command = Command::read(path, body, member, redemption);
        let command = command.unwrap_or_else(|| panic!("the model does not know POST {path}"));
        let (told, after) = self.judge(&command, now, self.versions());
        let dry_run = body["dry_run"] == true;
        let (status, mut answer) = self.told(&told);
        if dry_run {
            answer.as_object_mut().and_then(|all| all.remove("entry"));
            return (status, answer);
        }
        if let Some(after) = after {
            self.install(after);
            if let Command::Redeem(sent) = &command {
                let id = body["$id"].as_str().map(str::to_owned);
                let id = id.unwrap_or_else(|| format!("r{}", self.redeemed.len() + 1));
                self.redeemed.insert(id, sent.key());
            }
        }
        if let (Command::Redeem(sent), 200) = (&command, status) {
            let key = sent.key();
            let id = self.redeemed.iter().find(|(_, own)| **own == key);
            answer["redemption_id"] = json!(id.expect("a redemption has an id").0);
        }
        (status, answer)
    }

    fn told(&self, told: &Told) -> Answer {
        match told {
            Told::Done(done) => (done.status, self.done(done)),
            Told::Refused(refused) => {
                let Refused { status, code, balance, remaining, revision } = refused;
                let mut problem = json!({"code": code});
                if let Some((available, debt)) = balance {
                    problem["available"] = json!(available);
                    problem["debt"] = json!(debt);
                }
                if let Some(revision) = revision {
                    problem["revision"] = json!(revision);
                }
                if let Some(remaining) = remaining {
                    problem["remaining"] = json!(remaining);
                }
                (*status, problem)
            }
        }
    }

    fn done(&self, done: &Done) -> Value {
        let program = Versions(&self.programs).newest();
        let (available, held, debt) = done.balance;
        let Some(entry) = &done.entry else { return json!({}) };
        if entry.kind == "badge" {
            return json!({});
        }
        let mut answer = json!({
            "entry": entry.show(program),
            "balance": {"available": available, "held": held, "debt": debt},
            "tier": program.tiers[done.tier].id,
            "growth": done.growth,
        });
        if let Some((granted, calculated)) = done.earned {
            answer["granted"] = json!(granted);
            answer["calculated"] = json!(calculated);
            answer["upgraded_to"] = json!(done.upgraded.map(|tier| &program.tiers[tier].id));
            answer["badges_issued"] = done.badges.iter().map(SmolStr::as_str).collect();
        }
        for (name, points) in [("taken", done.taken), ("restored", done.restored)] {
            if let Some(points) = points {
                answer[name] = json!(points);
                answer["debt"] = json!(debt);
            }
        }
        answer
    }

    fn call_register(&mut self, body: &Value, now: i64) -> Answer {
        let sent = list(&body["identities"]);
        let keys: Vec<String> = sent.iter().map(identity).collect();
        let mut known: Vec<String> =
            keys.iter().filter_map(|key| self.identities.get(key).cloned()).collect();
        known.dedup();
        if known.len() > 1 {
            return self.told(&refuse(409, "identity_conflict"));
        }
        let Some(id) = known.pop() else {
            let id = body["$id"].as_str().map(str::to_owned);
            let id = id.unwrap_or_else(|| format!("m{}", self.members.len() + 1));
            let place = self.register(now, self.versions());
            self.names.insert(id.clone(), place);
            for key in keys {
                self.identities.insert(key, id.clone());
            }
            return (201, json!({"member": self.call_show(&id, now).1, "created": true}));
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

    fn call_show(&self, id: &str, now: i64) -> Answer {
        let Some(place) = self.names.get(id) else {
            return self.told(&refuse(404, "member_not_found"));
        };
        let shown = self.show(*place, now, self.versions());
        let (member, program) = (&shown.standing, Versions(&self.programs).newest());
        let calendar = &program.calendar;
        let tier = |tier: usize| &program.tiers[tier].id;
        let trial =
            member.trial.map(|(trial, until)| json!({"id": tier(trial), "until": calendar.show(until)}));
        let lots: Vec<Value> = member
            .lots
            .iter()
            .map(|lot| {
                json!({
                    "expires_at": calendar.show(lot.expires_at),
                    "brand": lot.brand.as_str(),
                    "held_until": lot.held_until.map(|until| calendar.show(until)),
                    "points": lot.points,
                })
            })
            .collect();
        let badges: Vec<Value> = member.badges.iter().map(|(id, _)| json!({"id": id.as_str()})).collect();
        let mut answer = json!({
            "id": id,
            "growth": member.growth,
            "period_growth": member.period_growth,
            "tier": {
                "id": tier(member.tier),
                "since": calendar.show(member.since),
                "valid_until": calendar.show(member.valid_until),
                "lifetime": member.lifetime == Some(member.tier),
                "trial": trial,
            },
            "points": {
                "available": member.available(),
                "held": member.held(),
                "debt": member.debt,
                "lots": lots,
            },
            "badges": badges,
            "stats": {
                "orders": member.orders.count,
                "amount": super::number::money(member.orders.units(program), program.minor),
            },
        });
        if let Some(lifecycle) = shown.lifecycle {
            answer["lifecycle"] = json!(lifecycle);
        }
        (200, answer)
    }

    fn call_ledger(&self, id: &str, now: i64) -> Answer {
        let Some(place) = self.names.get(id) else {
            return self.told(&refuse(404, "member_not_found"));
        };
        let (entries, _) = self.ledger(*place, now, self.versions());
        let program = Versions(&self.programs).newest();
        let entries: Vec<Value> = entries.iter().rev().map(|entry| entry.show(program)).collect();
        (200, json!({"entries": entries}))
    }

    fn call_sweep(&self, body: &Value, now: i64) -> Answer {
        let as_of = body["as_of"].as_str().and_then(calendar::instant);
        if as_of.is_some_and(|as_of| as_of > now) {
            return self.told(&invalid());
        }
        match body["member_id"].as_str() {
            Some(id) if !self.names.contains_key(id) => self.told(&refuse(404, "member_not_found")),
            _ => (200, json!({"done": true})),
        }
    }
}

/// Kind, channel and value as one key.
fn identity(sent: &Value) -> String {
    format!("{} {} {}", text(&sent["kind"]), text(&sent["channel"]), text(&sent["value"]))
}
