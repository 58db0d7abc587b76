//! An answer, held against all moments at which it may be right.

use std::rc::Rc;

use bytes::Bytes;
use http::Response;
use laurel_tests::model::{
    Model,
    command::{Command, Told},
    member::Entry,
};

use crate::{
    answer::{code, compare_member, compare_page, compare_partner, compare_registered, compare_told, swept},
    op::{Cursor, Op, Way},
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
        // A race that was lost to nobody looks as if somebody had been quicker with a version.
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
            Next::Nothing => {}
        }
        self.end(place, &attempt, status, body);
        Ok(())
    }

    /// Takes the answer into the trace, and tells it to whoever reads along.
    fn note(&mut self, attempt: &Attempt, status: u16, body: &[u8]) {
        let trace = &mut self.outcome.trace;
        mix_in(trace, &status.to_le_bytes());
        // A problem names its request, which two runs do likewise.
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

    /// The first success of the same request, where that must come back.
    fn first_answer<'a>(&self, client: &'a Client, body: &[u8]) -> Option<&'a (u16, Bytes)> {
        client.answered.as_ref().filter(|(_, first)| {
            // An older version of the programme that is saved again, while a newer one was, is a new one.
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
        // What was cancelled since is not redeemed again; its key still knows the first answer.
        let cancelled = client.key.is_none()
            && code(body) == "already_cancelled"
            && matches!(&client.op, Op::Command(Command::Redeem(sent), _)
                if self.model.redeemer(&(sent.brand.clone(), sent.order_id.clone())).is_some_and(|(_, cancelled)| cancelled));
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
        let signed = matches!(client.op, Op::Command(_, Way::Signed));
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
        // Too much at once: nothing was written. Otherwise nobody knows.
        client.uncertain |= code(body) != "busy";
        let recognised = client.op.is_recognised(client.key.is_some());
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
        let writes = matches!(&client.op, Op::Command(_, Way::Plain | Way::Signed));
        if let Some(told) = client.installed.as_ref().filter(|_| writes) {
            // What was decided at the commit; a command with a name says the same whenever it is judged.
            let view = View::Told(Box::new(told.clone()), None);
            match self.matches(client, attempt, status, body, &view, newest) {
                Ok(next) => return Ok(next),
                Err(wrong) => first = Some(wrong),
            }
        }
        // What was done under its key is answered as it was done. How things stand now, that among it, is no
        // reason to refuse it: only how they stood before may be.
        let own = client.installed.is_some() && client.key.is_some() && writes;
        for now in attempt.nows.iter().filter(|_| !own) {
            for known in &attempt.known {
                views.push((self.view(&client.op, *now, *known), *known));
            }
        }
        let all = views.iter().map(|(view, known)| (view, *known));
        let earlier = attempt.earlier.iter().chain(&client.remembered);
        for (view, known) in all.chain(earlier.map(|view| (view, newest))) {
            // What would be written now is not written: an answer that says so is wrong.
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
        let program = self.model.program(known);
        let wants = |want: u16, word: &str| match status == want && (word.is_empty() || code(body) == word) {
            true => Ok(Next::Nothing),
            false => Err(format!("answered {status} {}, not {want} {word}", String::from_utf8_lossy(body))),
        };
        match (&client.op, view) {
            (Op::Command(command, Way::Signed), View::Told(told, _)) => {
                compare_partner(status, body, told, program, command.whom().is_some())?;
                Ok(Next::Nothing)
            }
            // What a refund would take is told from the order and the member, which are read one after the other.
            (Op::Command(Command::Refund(_) | Command::Cancel(_), Way::DryRun), _)
                if attempt.blurred && status == 200 =>
            {
                Ok(Next::Nothing)
            }
            (Op::Command(_, way), View::Told(told, _)) => {
                compare_told(status, body, told, program, *way == Way::DryRun)?;
                Ok(Next::Nothing)
            }
            (Op::Show(member), View::Shown(shown)) => {
                wants(200, "")?;
                compare_member(body, &self.ids[*member], shown, program)?;
                Ok(Next::Nothing)
            }
            (Op::Find(person), View::Shown(shown)) => {
                wants(200, "")?;
                compare_member(body, &self.ids[self.people[person]], shown, program)?;
                Ok(Next::Nothing)
            }
            (Op::Find(_), View::Nobody) => wants(404, "member_not_found"),
            (Op::Register(person, _), View::Shown(shown)) => {
                let id = &self.ids[self.people[person]];
                let created = compare_registered(body, id, (status == 200).then_some(shown), program)?;
                is_registered(client, status, created)
            }
            (Op::Ledger(member, limit, cursor), View::Ledger(entries, written)) => {
                // What was due at a later moment is not there at an earlier one.
                if cursor.as_ref().is_some_and(|cursor| attempt.nows.iter().any(|now| *now < cursor.at)) {
                    return Ok(Next::Nothing);
                }
                wants(200, "")?;
                page(attempt, body, (*member, *limit, cursor.as_ref()), entries, *written)
            }
            (Op::Sweep(_, Some(as_of), None), _) if attempt.nows.iter().all(|now| as_of > now) => {
                wants(422, "invalid_field")
            }
            (Op::Sweep(..) | Op::Schedule(..), _) => {
                wants(200, "")?;
                Ok(if swept(body)? { Next::Nothing } else { Next::Again })
            }
            (Op::Program(document), _) => {
                let back = attempt.nows.iter().any(|now| *now < self.since);
                if back && status == 422 {
                    return wants(422, "limit_exceeded");
                }
                wants(200, "")?;
                self.is_saved(client, document, body)
            }
            _ => Err("the model has nothing to compare with".to_owned()),
        }
    }

    /// Whether a programme was given a version that it has. Others may have saved newer ones since.
    fn is_saved(&self, client: &Client, document: &Rc<str>, body: &[u8]) -> Result<Next, String> {
        let since = (client.versions.max(1)..).zip(&self.documents[client.versions.max(1) - 1..]);
        let mut own = since.filter(|(_, saved)| *saved == document);
        if own.any(|(version, _)| body == saved_as(version)) {
            return Ok(Next::Nothing);
        }
        let (told, newest) = (String::from_utf8_lossy(body), self.model.versions());
        Err(format!("{told}, where version {newest} is the newest"))
    }
}

/// Whether somebody is told rightly that they were registered, or had been.
fn is_registered(client: &Client, status: u16, created: bool) -> Result<Next, String> {
    // Whoever was registered by this request is told so, unless it cannot be recognised.
    let own = client.installed.is_some();
    let right = match created {
        true => own && status == 201,
        false => status == 200 && (!own || client.key.is_none()),
    };
    if right { Ok(Next::Nothing) } else { Err(format!("answered {status}, created: {created}")) }
}

/// Compares a page of a ledger: whose, how long at most, and from where on.
fn page(
    attempt: &Attempt,
    body: &[u8],
    (member, limit, cursor): (usize, usize, Option<&Cursor>),
    entries: &[Rc<Entry>],
    written: usize,
) -> Result<Next, String> {
    let below = cursor.map_or(entries.len(), |cursor| cursor.below);
    let settled = written == entries.len() && !attempt.blurred;
    let sure = Some(written).filter(|_| !attempt.blurred);
    let at = attempt.nows.iter().copied().max().unwrap_or(0);
    Ok(match compare_page(body, limit, entries, below, sure)? {
        // The number of what is not written may yet be another's.
        Some((text, below)) if settled => Next::Page(member, Cursor { text, below, at }),
        _ => Next::Nothing,
    })
}

/// Whether that is what is answered to whoever saves the newest version of the programme.
pub(crate) fn newest(model: &Model, body: &[u8]) -> bool {
    body == saved_as(model.versions())
}

/// What is answered to whoever saved that version.
fn saved_as(version: usize) -> Bytes {
    format!(r#"{{"version":{version}}}"#).into()
}

/// What follows from an answer.
enum Next {
    /// Nothing.
    Nothing,
    /// It must be asked again.
    Again,
    /// The next page of a member's ledger.
    Page(usize, Cursor),
}

/// Whether a success must come back byte for byte when the same is asked again.
fn must_repeat(client: &Client) -> bool {
    match &client.op {
        Op::Command(
            Command::Cancel(_) | Command::Badge(..) | Command::Status(..),
            Way::Plain | Way::Signed,
        ) => client.key.is_some(),
        Op::Command(Command::Refund(refund), Way::Plain | Way::Signed) => {
            client.key.is_some() || refund.refund_id.is_some()
        }
        Op::Command(Command::Activity(done), Way::Plain | Way::Signed) => {
            client.key.is_some() || done.reference.is_some()
        }
        Op::Command(_, Way::Plain | Way::Signed) => true,
        Op::Register(..) | Op::Sweep(..) => client.key.is_some(),
        Op::Program(_) => true,
        _ => false,
    }
}
