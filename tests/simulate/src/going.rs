//! Advances requests, one at a time, and strikes them with faults.

use std::task::{Context, Poll, Waker};

use domain::time::Instant;

use crate::{
    faults::{Fault, Kind},
    store::lock,
    world::{PATIENCE, World},
};

impl World {
    /// Advances one request, or strikes it.
    pub(crate) fn step(&mut self) -> Result<(), String> {
        let index = self.dice.below(self.attempts.len() as i64) as usize;
        let place = self.attempts[index].client;
        let kind = self.clients[place].as_ref().map_or(Kind::Read, |client| client.op.kind());
        let in_peace = self.clients[place].as_ref().is_some_and(|client| client.tries > PATIENCE);
        if !in_peace && self.mix.strikes(Fault::Crash, &mut self.dice) {
            return self.crash(self.attempts[index].instance);
        }
        if !in_peace && self.mix.strikes(Fault::Cut, &mut self.dice) {
            lock(&self.weather).struck.count(Fault::Cut, kind);
            self.give_up(index);
            return Ok(());
        }
        let attempt = &mut self.attempts[index];
        if attempt.nows.len() == 1 && self.mix.strikes(Fault::Slow, &mut self.dice) {
            lock(&self.weather).struck.count(Fault::Slow, kind);
            let later = attempt.nows[0] + self.dice.between(50_001, 200_000);
            attempt.nows.push(later);
            self.newest_now = self.newest_now.max(later);
        }
        let clock = attempt.nows.last().copied().unwrap_or(self.now);
        let instance = attempt.instance;
        self.instances[instance].clock.simulate(Instant(clock), self.elapsed);
        {
            let mut weather = lock(&self.weather);
            std::mem::swap(&mut weather.dice, &mut attempt.dice);
            if !in_peace {
                std::mem::swap(&mut weather.mix, &mut self.mix);
            }
            weather.kind = kind;
        }
        let polled = attempt.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let committed = {
            let mut weather = lock(&self.weather);
            std::mem::swap(&mut weather.dice, &mut attempt.dice);
            if !in_peace {
                std::mem::swap(&mut weather.mix, &mut self.mix);
            }
            std::mem::take(&mut weather.committed)
        };
        let known = self.known(instance);
        let attempt = &mut self.attempts[index];
        if attempt.known.last() != Some(&known) {
            attempt.known.push(known);
        }
        for told in committed {
            self.committed(index, told)?;
        }
        match polled {
            Poll::Pending => Ok(()),
            Poll::Ready(answer) => {
                let attempt = self.attempts.swap_remove(index);
                self.answered(attempt, answer)
            }
        }
    }

    /// A request ends without an answer.
    pub(crate) fn give_up(&mut self, index: usize) {
        let attempt = self.attempts.swap_remove(index);
        let ends = self.clients[attempt.client].as_mut().is_some_and(|client| {
            client.under_way -= 1;
            client.uncertain = true;
            let recognised = client.op.asked().is_recognised(client.key.is_some());
            client.under_way == 0 && (client.ended || !recognised)
        });
        if ends {
            self.clients[attempt.client] = None;
        }
    }

    /// An instance ends with all its requests.
    pub(crate) fn crash(&mut self, instance: usize) -> Result<(), String> {
        for index in (0..self.attempts.len()).rev() {
            if self.attempts[index].instance == instance {
                let client = self.clients[self.attempts[index].client].as_ref();
                let kind = client.map_or(Kind::Read, |client| client.op.kind());
                lock(&self.weather).struck.count(Fault::Crash, kind);
                self.give_up(index);
            }
        }
        self.begin_instance(Some(instance))
    }
}
