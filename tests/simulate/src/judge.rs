//! The model beside the engine: it follows the writes in their order, and is compared with every answer.
//!
//! A write takes effect when its commit goes through. An answer that writes nothing may be right at any
//! moment between the request and the answer, so the state is noted before others change it.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    member::{Member, MemberId},
    time::Instant,
};
use engine::records::{By, EntryRecord, MemberRecord, ProgramRecord, decode};
use laurel_tests::model::{
    command::{Command, Told},
    merging::Merging,
};
use smol_str::SmolStr;

use crate::{
    faults::{Fault, Mix},
    op::{Merge, Op, Program, Register, Way},
    store::{Committed, lock},
    world::{World, mix_in},
};

impl World {
    /// A write of an attempt went through.
    pub(crate) fn committed(&mut self, index: usize, mut told: Committed) -> Result<(), String> {
        // A record that was merged is written only to say whom it leads to.
        let stands =
            |id: &MemberId| self.places.get(id).is_none_or(|place| self.model.reach(*place) == *place);
        told.members.retain(|(id, _)| stands(id));
        self.must_note(index, &told)?;
        let place = self.attempt_at(index).client;
        let (now, known) = self.moment(index, &told, None)?;
        mix_in(&mut self.outcome.trace, &now.to_le_bytes());
        if let Some(overtaken) = &mut self.overtaken {
            overtaken.note(&told.entries, Instant(self.newest_now))?;
        }
        let Some(client) = &self.clients[place] else { return Ok(()) };
        match &client.op {
            Op::Command(sent) if sent.way == Way::DryRun => {
                return Err(format!("a dry run is written: {:?}", sent.command));
            }
            Op::Program(Program { document }) if told.program.is_some() => {
                if self.documents.last() == Some(document) {
                    return Err("the newest version of the programme is saved as another".to_owned());
                }
                self.documents.push(document.clone());
                let document = serde_json::from_str(document).map_err(|error| error.to_string())?;
                let since = since(&told)?;
                self.model.save(&document, since);
                self.since = since;
                let saved_by = self.attempt_at(index).instance;
                self.spread(saved_by);
                return Ok(());
            }
            Op::Offer(sent) if told.offer.is_some() => {
                let sent = sent.clone();
                return self.saved_offer(&sent, &told);
            }
            Op::Register(Register { person }) => {
                let person = *person;
                self.registered(place, person, now, known, &told)?;
                return self.fix_answer(index, now, known);
            }
            Op::Merge(sent) if is_merge(&told)? => {
                let sent = sent.clone();
                return self.joined(index, &sent, now, known, &told);
            }
            // Its key now stands for its earlier answer, or for nothing left to do.
            Op::Command(..) | Op::Merge(..) if told.members.is_empty() && told.is_named => {
                return self.fix_answer(index, now, known);
            }
            Op::Command(sent) if !told.members.is_empty() && self.is_main(&told)? => {
                let command = sent.command.clone();
                return self.installed(index, &command, now, known, &told);
            }
            _ => {}
        }
        self.settled(index, &told)
    }

    /// When and under which versions it was decided, for that member if one is given; read from what was
    /// written, if there may be several.
    fn moment(
        &mut self,
        index: usize,
        told: &Committed,
        whose: Option<MemberId>,
    ) -> Result<(i64, usize), String> {
        let attempt = &self.attempts[index];
        let (mut now, mut known) = (attempt.nows[0], attempt.known.last().copied().unwrap_or(1));
        if attempt.nows.len() == 1 && attempt.known.len() == 1 {
            return Ok((now, known));
        }
        let nows = attempt.nows.clone();
        if told.entries.is_empty() {
            // A newly registered member has no entry yet, and a tag never has one.
            let Some((id, value)) = told.members.first() else { return Ok((now, known)) };
            now = member_of(*id, value)?.as_of.0;
            if !self.places.contains_key(id) {
                return Ok((now, known));
            }
        }
        // What fell due before may have an older version: the newest one is the one that was known.
        let mut newest = 1;
        for (key, value) in &told.entries {
            let entry: EntryRecord = decode(key, value).map_err(|error| error.to_string())?;
            if whose.is_some_and(|whose| whose != entry.member) {
                continue;
            }
            newest = newest.max(entry.version as usize);
            if nows.contains(&entry.recorded_at.0) || entry.recorded_at.0 > now {
                now = entry.recorded_at.0;
            }
        }
        // Nor need an entry name the newest version that the member was settled over.
        for (id, value) in told.members.iter().filter(|(id, _)| whose.is_none_or(|whose| whose == *id)) {
            let before = self.places.get(id).map_or(0, |place| self.model.member(*place).standing.versions);
            let settled = member_of(*id, value)?.version as usize;
            newest = newest.max(if settled > before { settled } else { 1 });
        }
        known = known.min(newest.max(attempt.known[0]));
        Ok((now, known))
    }

    /// A version of the programme reaches the other instances, at once or when they next look.
    fn spread(&mut self, saved_by: usize) {
        for place in 0..self.instances.len() {
            let mut mix = self.mix.clone();
            if place == saved_by || mix.strikes(Fault::OldProgram, self.chance()) {
                continue;
            }
            std::mem::swap(&mut lock(&self.weather).mix, &mut mix);
            lock(&self.weather).mix = Mix::calm();
            // It may be reading it already; then this one is as late as that one.
            crate::instance::soon(self.instances[place].refresh());
        }
    }

    /// The answer is remembered, as things stand.
    fn fix_answer(&mut self, index: usize, now: i64, known: usize) -> Result<(), String> {
        let place = self.attempt_at(index).client;
        let Some(client) = &self.clients[place] else { return Ok(()) };
        let mut views = vec![client.op.asked().view(self, now, known)];
        views.append(&mut self.attempt_at(index).earlier);
        if let Some(client) = &mut self.clients[place] {
            client.remembered.extend(views);
        }
        Ok(())
    }

    fn registered(
        &mut self,
        place: usize,
        person: u32,
        now: i64,
        known: usize,
        told: &Committed,
    ) -> Result<(), String> {
        let Some((id, _)) = told.members.first() else { return Ok(()) };
        if self.people.contains_key(&person) || self.places.contains_key(id) {
            return Err(format!("p{person} is registered twice"));
        }
        let member = self.model.register(now, known);
        self.places.insert(*id, member);
        self.people.insert(person, member);
        self.ids.push(edge::wire::member_id(*id));
        if let Some(client) = &mut self.clients[place] {
            client.installed = Some(Told::Done(Box::default()));
        }
        Ok(())
    }

    fn installed(
        &mut self,
        index: usize,
        command: &Command,
        now: i64,
        known: usize,
        written: &Committed,
    ) -> Result<(), String> {
        let place = self.attempt_at(index).client;
        let (told, after) = self.model.judge(command, now, known);
        let Some(after) = after else {
            return Err(format!("{command:?} is written, where the model says {told:?}"));
        };
        let again = self.clients[place].as_ref().is_some_and(|client| client.installed.is_some());
        if again && self.clients[place].as_ref().is_some_and(|client| client.key.is_some()) {
            return Err(format!("{command:?} is written a second time under its key"));
        }
        let member = after.member();
        let own = written.members.iter().all(|(id, _)| self.places.get(id) == Some(&member));
        if !own {
            return Err(format!("{command:?} is written for somebody else"));
        }
        self.note_earlier(index, member);
        self.model.install(after);
        if let Some(client) = &mut self.clients[place] {
            client.installed = Some(told);
        }
        Ok(())
    }

    /// Two records of one person are joined: together they have what they had.
    fn joined(
        &mut self,
        index: usize,
        sent: &Merge,
        now: i64,
        known: usize,
        told: &Committed,
    ) -> Result<(), String> {
        let place = self.attempt_at(index).client;
        let Merging::Joins(joins) = self.model.merging(sent.into, sent.from, now, known) else {
            return Err(format!("{sent:?} is written, where the model says otherwise"));
        };
        let both = joins.members();
        let written: BTreeSet<Option<usize>> =
            told.members.iter().map(|(id, _)| self.places.get(id).copied()).collect();
        if written != both.map(Some).into() {
            return Err(format!("{sent:?} is written for {written:?}"));
        }
        let mut together = (0, 0);
        for (id, value) in &told.members {
            let member = member_of(*id, value)?;
            together.0 += member.balance();
            together.1 += member.growth.cast_signed();
        }
        if together != joins.together() {
            let before = joins.together();
            return Err(format!("{sent:?} leaves {together:?} points and growth of {before:?}"));
        }
        both.into_iter().for_each(|member| self.note_earlier(index, member));
        self.model.install_merge(*joins);
        if let Some(client) = &mut self.clients[place] {
            client.installed = Some(Told::Done(Box::default()));
        }
        self.fix_answer(index, now, known)
    }

    /// The effects of time were written down.
    fn settled(&mut self, index: usize, told: &Committed) -> Result<(), String> {
        for (id, value) in &told.members {
            let Some(member) = self.places.get(id).copied() else {
                return Err("somebody is settled whom nobody registered".to_owned());
            };
            let settled = member_of(*id, value)?;
            // A sweep writes several at once, and may learn of a new version after it has settled the first.
            let (now, known) = self.moment(index, told, Some(*id))?;
            // Under a clock that is ahead of another's, more may be due.
            self.note_earlier(index, member);
            self.model.settle(member, settled.as_of.0, now, known);
        }
        Ok(())
    }

    /// The member that an attempt is about, as far as is known.
    fn about(&mut self, index: usize) -> Option<usize> {
        let place = self.attempt_at(index).client;
        let client = self.clients[place].as_ref()?;
        client.op.asked().about(self).map(|member| self.model.reach(member))
    }

    /// Whether an attempt reads what others than the member that it is about do: anybody pays for an order.
    fn is_of_several(&mut self, index: usize) -> bool {
        let place = self.attempt_at(index).client;
        self.clients[place].as_ref().is_some_and(|client| client.op.asked().is_of_several())
    }

    /// Notes the state for all requests about a member that is about to change.
    fn note_earlier(&mut self, but: usize, member: usize) {
        for other in self.others(but) {
            let new = self.about(other).is_none() || self.is_of_several(other);
            if new || self.about(other) == Some(member) {
                let place = self.attempt_at(other).client;
                let (nows, known) =
                    (self.attempt_at(other).nows.clone(), self.attempt_at(other).known.clone());
                let Some(client) = &self.clients[place] else { continue };
                let mut views = Vec::new();
                for now in &nows {
                    for known in &known {
                        views.push(client.op.asked().view(self, *now, *known));
                    }
                }
                let attempt = self.attempt_at(other);
                attempt.earlier.extend(views);
                attempt.blurred = true;
            }
        }
        // Its own first read comes before this too.
        self.attempt_at(but).blurred = true;
    }

    /// Whether a commit does what the request says, and does not only write down the effects of time.
    pub(crate) fn is_main(&self, told: &Committed) -> Result<bool, String> {
        if told.is_named {
            return Ok(true);
        }
        for (id, value) in &told.members {
            let Some(place) = self.places.get(id) else { continue };
            let own: BTreeSet<SmolStr> = member_of(*id, value)?.tags.iter().map(SmolStr::new).collect();
            if own != self.model.member(*place).standing.tags {
                return Ok(true);
            }
        }
        let by = |(key, value): &(engine::store::Key, bytes::Bytes)| -> Result<By, String> {
            decode::<EntryRecord>(key, value).map(|entry| entry.by).map_err(|error| error.to_string())
        };
        told.entries.last().map_or(Ok(false), |entry| Ok(by(entry)? != By::Time))
    }

    /// The instances, for the final checks.
    pub(crate) fn any_instance(&self) -> Arc<edge::Api> {
        self.instances[0].clone()
    }
}

/// Since when a saved version is in force.
fn since(told: &Committed) -> Result<i64, String> {
    let (key, value) = told.program.as_ref().ok_or("no version")?;
    let record: ProgramRecord = decode(key, value).map_err(|error| error.to_string())?;
    Ok(record.since.0)
}

/// Whether a commit joins two records.
pub(crate) fn is_merge(told: &Committed) -> Result<bool, String> {
    for (key, value) in &told.entries {
        let entry: EntryRecord = decode(key, value).map_err(|error| error.to_string())?;
        if entry.event.kind.merge().is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The member that was written.
fn member_of(id: MemberId, value: &bytes::Bytes) -> Result<Member, String> {
    let record = decode::<MemberRecord>(&engine::keys::member(id), value);
    record.map(|record| record.member).map_err(|error| error.to_string())
}
