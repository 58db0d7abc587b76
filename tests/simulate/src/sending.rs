//! Draws operations and sends their requests: new, twice, late, and again until they are answered.

use std::sync::Arc;

use bytes::Bytes;
use edge::Api;
use http::Response;
use laurel_tests::model::{DAY, Dice};

use crate::{
    faults::{Fault, Kind},
    instance::BEARER,
    op::{Dispatch, Names, Op, Schedule, Sent, Way},
    partner::sign,
    store::lock,
    world::{Answering, Attempt, Client, TRIES_MAX, World, stream},
};

impl World {
    /// Draws the next operation and sends it.
    pub(crate) fn draw(&mut self) -> Result<(), String> {
        let number = self.drawn;
        self.drawn += 1;
        self.writer.dice = stream(self.settings.seed, 3, number as u64);
        let quiet = self.clients.iter().all(Option::is_none);
        self.now = self.writer.later(&self.model, self.now, quiet);
        self.elapsed += self.writer.dice.below(60) as u64;
        let op = self.writer.draw(&self.model, self.now);
        if let Op::Command(Dispatch { command, way: Way::Signed }) = &op
            && let Some(member) = command.whom()
            && ((self.model.is_joined(member) && !self.links.contains_key(&member)) || !self.link(member)?)
        {
            return Ok(());
        }
        let busy = |kind| self.clients.iter().flatten().any(|client| client.op.kind() == kind);
        if op.kind() == Kind::Program && busy(Kind::Program) {
            return Ok(());
        }
        let keyed = !matches!(op.kind(), Kind::Read | Kind::Program) && self.writer.dice.percent(80);
        let key = keyed.then(|| format!("key-{number}"));
        let mut dice = stream(self.settings.seed, 4, number as u64);
        if let Op::Schedule(schedule) = op {
            return self.schedule(schedule, number, &mut dice);
        }
        let late = self.mix.strikes(Fault::Late, &mut dice);
        self.send_new(op, key, number, true)?;
        if late {
            self.repeat_late(&mut dice);
        }
        Ok(())
    }

    /// A scheduled event comes, unless it is dropped.
    fn schedule(&mut self, told: Schedule, number: usize, dice: &mut Dice) -> Result<(), String> {
        let strikes = |world: &World, fault, dice: &mut Dice| {
            let strikes = world.mix.strikes(fault, dice);
            if strikes {
                lock(&world.weather).struck.count(fault, Kind::Sweep);
            }
            strikes
        };
        if strikes(self, Fault::EventDropped, dice) {
            return Ok(());
        }
        let late = strikes(self, Fault::EventLate, dice);
        let at = if late { told.at.map(|at| at - dice.below(40 * DAY)) } else { told.at };
        let told = Schedule { at, ..told };
        self.send_new(Op::Schedule(told.clone()), None, number, true)?;
        if strikes(self, Fault::EventTwice, dice) {
            self.send_new(Op::Schedule(told), None, number, false)?;
        }
        Ok(())
    }

    pub(crate) fn send_new(
        &mut self,
        op: Op,
        key: Option<String>,
        number: usize,
        counts: bool,
    ) -> Result<(), String> {
        if self.settings.skipped.contains(&number) {
            return Ok(());
        }
        let sent = op.asked().request(&Names { ids: &self.ids, links: &self.links });
        let client = Client {
            number,
            began: self.now,
            versions: self.documents.len(),
            op,
            key,
            sent,
            installed: None,
            remembered: Vec::new(),
            answered: None,
            ended: false,
            under_way: 0,
            tries: 0,
            uncertain: false,
            counts,
        };
        let place = self.clients.iter().position(Option::is_none).unwrap_or(self.clients.len());
        if place == self.clients.len() {
            self.clients.push(None);
        }
        self.clients[place] = Some(client);
        self.attempt(place);
        Ok(())
    }

    /// Sends an operation's request, once more.
    pub(crate) fn attempt(&mut self, place: usize) {
        let instance = self.dice.below(self.instances.len() as i64) as usize;
        let Some(client) = &mut self.clients[place] else { return };
        client.tries += 1;
        client.under_way += 1;
        let (number, tries) = (client.number as u64, u64::from(client.tries));
        let mut dice = stream(self.settings.seed, 5, number << 12 | tries);
        let kind = client.op.kind();
        let recognised = client.op.asked().is_recognised(client.key.is_some());
        let struck = |fault, dice: &mut Dice| {
            let strikes = self.mix.strikes(fault, dice);
            if strikes {
                lock(&self.weather).struck.count(fault, kind);
            }
            strikes
        };
        let mut now = self.now;
        if struck(Fault::ClockAhead, &mut dice) {
            now += dice.below(2 * 60 * 60 * 1000);
        }
        if struck(Fault::ClockBack, &mut dice) {
            now -= dice.below(3 * DAY);
        }
        // Two that cancel the same redemption meet often: the later one must not be refused for what its twin
        // has done.
        let chances = if kind == Kind::Cancel { 8 } else { 1 };
        let twice = client.tries == 1 && recognised;
        let twice = twice && (0..chances).any(|_| struck(Fault::Duplicate, &mut dice));
        self.newest_now = self.newest_now.max(now);
        let api = self.instances[instance].clone();
        let headers = match client.op.is_signed() {
            true => {
                self.nonces += 1;
                let nonce = format!("nonce-{}", self.nonces);
                let key = client.key.clone();
                let headers: Vec<(&str, &str)> =
                    key.iter().map(|key| ("idempotency-key", key.as_str())).collect();
                Some(sign(&self.partner, &client.sent, &headers, now, &nonce))
            }
            false => None,
        };
        let future = answering(api, client, headers);
        let known = self.known(instance);
        if known < self.model.versions() {
            lock(&self.weather).struck.count(Fault::OldProgram, kind);
        }
        self.attempts.push(Attempt {
            client: place,
            instance,
            future,
            dice,
            nows: vec![now],
            known: vec![known],
            earlier: Vec::new(),
            blurred: false,
        });
        if twice {
            self.attempt(place);
        }
    }

    /// Operations without a clear answer are sent again.
    pub(crate) fn retry(&mut self) -> Result<(), String> {
        for place in 0..self.clients.len() {
            let Some(client) = &self.clients[place] else { continue };
            if client.tries > TRIES_MAX {
                return Err(format!(
                    "no progress: {} {} is never answered",
                    client.sent.method, client.sent.path
                ));
            }
            if client.under_way == 0 {
                self.attempt(place);
            }
        }
        Ok(())
    }

    /// Repeats an answered request: it must get the same bytes.
    pub(crate) fn repeat_late(&mut self, dice: &mut Dice) {
        if self.done.is_empty() {
            return;
        }
        let index = dice.below(self.done.len() as i64) as usize;
        // A key is remembered for 30 days.
        let (op, key, sent, bytes, status, at) = self.done[index].clone();
        if self.newest_now - at > 12 * DAY {
            return;
        }
        // An older version that is saved again is a new one.
        if op.kind() == Kind::Program && !crate::answered::newest(&self.model, &bytes) {
            return;
        }
        lock(&self.weather).struck.count(Fault::Late, op.kind());
        let client = Client {
            number: self.drawn,
            began: self.now,
            versions: self.documents.len(),
            op,
            key,
            sent,
            installed: None,
            remembered: Vec::new(),
            answered: Some((status, bytes)),
            ended: false,
            under_way: 0,
            tries: 1,
            uncertain: false,
            counts: false,
        };
        self.clients.push(Some(client));
        self.attempt(self.clients.len() - 1);
    }
}

/// The request as that instance answers it.
fn answering(api: Arc<Api>, client: &Client, signed: Option<Vec<(String, String)>>) -> Answering {
    let Sent { method, path, body } = &client.sent;
    if *method == "EVENT" {
        let (name, event) = (path.clone(), serde_json::from_str(body));
        return Box::pin(async move {
            let function = crate::instance::scheduled(&name).ok_or("no such function")?;
            let event: serde_json::Value = event.map_err(|error| error.to_string())?;
            // Unlimited time: how long a run takes depends on the machine, not on the simulation.
            let until = std::time::Instant::now() + std::time::Duration::from_secs(3_600);
            let ran = api.run_schedule(function, &event, until).await;
            let (status, body) = match ran {
                Ok(totals) => (200, totals.to_string()),
                Err(problem) => (problem.status(), format!(r#"{{"code":"{}"}}"#, problem.code.word())),
            };
            let mut response = Response::new(Bytes::from(body));
            *response.status_mut() = http::StatusCode::from_u16(status).map_err(|error| error.to_string())?;
            Ok(response)
        });
    }
    let mut request = http::Request::builder().method(*method).uri(path);
    match signed {
        Some(headers) => {
            for (name, value) in headers {
                request = request.header(name, value);
            }
        }
        None => {
            request = request.header("authorization", BEARER);
            if let Some(key) = &client.key {
                request = request.header("idempotency-key", key);
            }
        }
    }
    let request = request.body(Bytes::from(body.clone()));
    Box::pin(async move { Ok(api.serve(request.map_err(|error| error.to_string())?).await) })
}
