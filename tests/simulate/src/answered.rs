//! Compares an answer with all moments at which it may be right.

use bytes::Bytes;
use edge::CardReference;
use http::Response;
use laurel_tests::model::{Model, command::Told};

use crate::{
    answer::code,
    op::{Cursor, Op, Stays, Way},
    world::{Attempt, Client, View, World, mix_in},
};

impl World {
    /// An answer came.
    pub(crate) fn answered(
        &mut self,
        attempt: Attempt,
        answer: Result<Response<Bytes>, String>,
    ) -> Result<(), String> {
        let response = answer?;
        let (status, body) = (response.status().as_u16(), response.into_body());
        let place = attempt.client;
        self.note(&attempt, status, &body);
        if let Some(client) = &mut self.clients[place] {
            client.under_way -= 1;
        }
        let is_program =
            matches!(self.clients[place].as_ref().map(|client| &client.op), Some(Op::Program(_)));
        // A race that was lost to nobody looks as if another request had saved a version first.
        if status == 503 || (status == 409 && is_program && code(&body) == "program_conflict") {
            return self.unavailable(place, &body);
        }
        if status >= 500 || status == 429 {
            return Err(format!("answered {status} {}", String::from_utf8_lossy(&body)));
        }
        let Some(client) = &self.clients[place] else { return Ok(()) };
        let verdict = match self.first_answer(client, &body) {
            Some(first) => self.repeats(client, first, status, &body).map(|()| Next::Nothing),
            None => self.compare(client, &attempt, status, &body),
        };
        let sent = &client.sent;
        match verdict.map_err(|wrong| format!("{} {} {}: {wrong}", sent.method, sent.path, sent.body))? {
            // It says that it is not done.
            Next::Again => return Ok(()),
            Next::Page(member, cursor) => self.writer.cursors.push((member, cursor)),
            Next::Card(member, reference) => self.writer.has_card(member, reference)?,
            Next::Spent(token) => {
                let number = self.clients[place].as_ref().map_or(0, |client| client.number);
                self.writer.has_spent(token, number)?;
            }
            Next::Known(member, number, stays) => self.writer.persons.told(member, number, stays),
            Next::Nothing => {}
        }
        self.end(place, &attempt, status, body);
        Ok(())
    }

    /// Adds the answer to the trace, and to the printed history.
    fn note(&mut self, attempt: &Attempt, status: u16, body: &[u8]) {
        let trace = &mut self.outcome.trace;
        mix_in(trace, &status.to_le_bytes());
        // A problem names its request, in the same way in two runs.
        mix_in(trace, body);
        let Some(client) = self.clients[attempt.client].as_ref().filter(|_| self.settings.told) else {
            return;
        };
        let (number, sent) = (client.number, client.sent.clone());
        let key = client.key.clone().unwrap_or_default();
        let now = crate::instant::write(attempt.nows[0]);
        let text = String::from_utf8_lossy(body);
        self.tell(|| {
            format!("{number} {now} {} {} {} ({key}) -> {status} {text}", sent.method, sent.path, sent.body)
        });
    }

    /// The first success of the same request, if that must come back.
    fn first_answer<'a>(&self, client: &'a Client, body: &[u8]) -> Option<&'a (u16, Bytes)> {
        client.answered.as_ref().filter(|(_, first)| {
            // An older version of the programme that is saved again after a newer one is a new version.
            let is_program = matches!(&client.op, Op::Program(_));
            let superseded = is_program && !newest(&self.model, first) && *first != body;
            must_repeat(client) && !superseded
        })
    }

    fn repeats(
        &self,
        client: &Client,
        (first, bytes): &(u16, Bytes),
        status: u16,
        body: &[u8],
    ) -> Result<(), String> {
        // What was cancelled or refunded since is not done again; its key still has the first answer.
        let cancelled = client.key.is_none()
            && ["already_cancelled", "order_refunded"].contains(&&*code(body))
            && client.op.asked().is_undone(&self.model);
        if (*first, &**bytes) == (status, body) || cancelled {
            return Ok(());
        }
        let (bytes, body) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(body));
        Err(format!("answered {status} {body}, where it was {first} {bytes}"))
    }

    /// The answer ends the operation, unless others of its requests are under way.
    fn end(&mut self, place: usize, attempt: &Attempt, status: u16, body: Bytes) {
        let Some(client) = &mut self.clients[place] else { return };
        let first = !client.ended;
        client.ended = true;
        let (counts, replays) = (client.counts && first, status < 300 && must_repeat(client));
        if replays && client.answered.is_none() {
            client.answered = Some((status, body.clone()));
        }
        let signed = client.op.is_signed();
        let moved = first
            && matches!(&client.installed, Some(Told::Done(done)) if done.entry.as_ref().is_some_and(|entry| entry.points != 0));
        let ends = client.under_way == 0;
        self.outcome.operations += u64::from(counts);
        self.outcome.moved += u64::from(moved && counts);
        self.outcome.signed += u64::from(signed && counts);
        if replays && first && counts {
            self.remember(place, status, &body, attempt.nows[0]);
        }
        if ends {
            self.clients[place] = None;
        }
    }

    fn unavailable(&mut self, place: usize, body: &Bytes) -> Result<(), String> {
        let Some(client) = &mut self.clients[place] else { return Ok(()) };
        // Too busy: nothing was written. Otherwise the outcome is unknown.
        client.uncertain |= code(body) != "busy";
        let recognised = client.op.asked().is_recognised(client.key.is_some());
        let lost = client.uncertain && !recognised;
        if client.under_way == 0 && (client.ended || lost) {
            self.clients[place] = None;
        }
        Ok(())
    }

    fn compare(&self, client: &Client, attempt: &Attempt, status: u16, body: &[u8]) -> Result<Next, String> {
        let mut first = None;
        let mut views: Vec<(View, usize)> = Vec::new();
        let newest = attempt.known.last().copied().unwrap_or(1);
        let writes = matches!(&client.op, Op::Command(sent) if sent.way != Way::DryRun);
        if let Some(told) = client.installed.as_ref().filter(|_| writes) {
            // The decision at the commit; a named command has the same answer whenever it is judged.
            let view = View::Told(Box::new(told.clone()), None);
            match self.matches(client, attempt, status, body, &view, newest) {
                Ok(next) => return Ok(next),
                Err(wrong) => first = Some(wrong),
            }
        }
        // A key that has been used gets its first answer. The present state, which includes its effect, is no
        // reason to refuse it; only an earlier state may be.
        let own = client.installed.is_some() && client.key.is_some() && writes;
        for now in attempt.nows.iter().filter(|_| !own) {
            for known in &attempt.known {
                views.push((client.op.asked().view(self, *now, *known), *known));
            }
        }
        let all = views.iter().map(|(view, known)| (view, *known));
        let earlier = attempt.earlier.iter().chain(&client.remembered);
        for (view, known) in all.chain(earlier.map(|view| (view, newest))) {
            // This would be written now but is not: an answer that claims it is wrong.
            if let View::Told(told, Some(_)) = view
                && matches!(&**told, Told::Done(_))
                && writes
            {
                first.get_or_insert_with(|| {
                    format!(
                        "answered {status} {}, where the model would write {told:?}",
                        String::from_utf8_lossy(body)
                    )
                });
                continue;
            }
            match self.matches(client, attempt, status, body, view, known) {
                Ok(next) => return Ok(next),
                Err(wrong) => _ = first.get_or_insert(wrong),
            }
        }
        Err(first.unwrap_or_else(|| "no answer is right".to_owned()))
    }

    fn matches(
        &self,
        client: &Client,
        attempt: &Attempt,
        status: u16,
        body: &[u8],
        view: &View,
        known: usize,
    ) -> Result<Next, String> {
        client.op.asked().compare(self, &Got { client, attempt, status, body }, view, known)
    }
}

/// Whether that is the answer to saving the newest version of the programme.
pub(crate) fn newest(model: &Model, body: &[u8]) -> bool {
    saved_as(model.versions(), body)
}

/// Whether that is the answer to saving that version. What it warns of is no part of what was saved.
pub(crate) fn saved_as(version: usize, body: &[u8]) -> bool {
    let begins = format!(r#"{{"version":{version},"warnings":["#);
    body.starts_with(begins.as_bytes()) && body.ends_with(b"]}")
}

/// An answer, and to what.
pub(crate) struct Got<'a> {
    pub(crate) client: &'a Client,
    pub(crate) attempt: &'a Attempt,
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Got<'_> {
    /// That status, with that code if it is a problem's.
    pub(crate) fn wants(&self, want: u16, word: &str) -> Result<Next, String> {
        match self.status == want && (word.is_empty() || code(self.body) == word) {
            true => Ok(Next::Nothing),
            false => {
                let body = String::from_utf8_lossy(self.body);
                Err(format!("answered {} {body}, not {want} {word}", self.status))
            }
        }
    }

    /// The state says nothing about it.
    pub(crate) fn nothing() -> String {
        "the model has nothing to compare with".to_owned()
    }
}

/// What follows from an answer.
pub(crate) enum Next {
    /// Nothing.
    Nothing,
    /// It must be asked again.
    Again,
    /// The next page of a member's ledger.
    Page(usize, Cursor),
    /// The reference of a member's card.
    Card(usize, CardReference),
    /// An identity of a member was added, or is gone.
    Known(usize, u32, Stays),
    /// Points may be spent, by that token of a card.
    Spent(String),
}

/// Whether a repeat must get a success back byte for byte.
fn must_repeat(client: &Client) -> bool {
    client.op.asked().must_repeat(client.key.is_some())
}
