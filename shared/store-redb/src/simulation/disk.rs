//! A disk in memory. At a power cut, writes that were not made durable survive, or not, or in part: each
//! sector separately is in one of the states it went through since the last sync.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use super::Chance;
use crate::{
    disk::{Disk, DiskFile},
    frame::SECTOR_BYTES,
};

/// The machine's disk; clones are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedDisk(Arc<Mutex<Machine>>);

#[derive(Debug)]
struct Machine {
    files: BTreeMap<String, SimulatedFile>,
    chance: Chance,
    /// Which run of the machine or process this is. Handles of an earlier one are dead.
    run: u64,
    /// Calls so far.
    calls: u64,
    trouble: Trouble,
    powered: bool,
    /// For the control run: a sync does nothing and reports success.
    syncs_lie: bool,
    /// No file may grow.
    full: bool,
    /// Files that were removed, and may be there again after a power cut.
    removed: Vec<(String, SimulatedFile)>,
    /// How long ago every file was written.
    age: Duration,
}

/// The planned faults, counted in calls from the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    None,
    /// The power fails at that call, or the process is killed; the restart decides which.
    Cut(u64),
    /// That call fails, and only that one.
    Error(u64),
}

#[derive(Default, Debug)]
struct SimulatedFile {
    /// What a power cut leaves in any case.
    durable: Vec<u8>,
    /// What reading shows.
    present: Vec<u8>,
    /// What happened since the last sync.
    pending: Vec<Pending>,
}

#[derive(Debug)]
enum Pending {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// A file of one run.
#[derive(Debug)]
struct Handle {
    disk: SimulatedDisk,
    name: String,
    run: u64,
}

impl SimulatedDisk {
    pub(crate) fn new(seed: u64) -> SimulatedDisk {
        SimulatedDisk(Arc::new(Mutex::new(Machine {
            files: BTreeMap::new(),
            chance: Chance(seed),
            run: 0,
            calls: 0,
            trouble: Trouble::None,
            powered: true,
            syncs_lie: false,
            full: false,
            removed: Vec::new(),
            age: Duration::ZERO,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap()
    }

    pub(crate) fn calls(&self) -> u64 {
        self.lock().calls
    }

    pub(crate) fn plan(&self, trouble: Trouble) {
        self.lock().trouble = trouble;
    }

    pub(crate) fn let_syncs_lie(&self) {
        self.lock().syncs_lie = true;
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// All files become that old.
    pub(crate) fn set_age(&self, age: Duration) {
        self.lock().age = age;
    }

    /// The names of the files.
    pub(crate) fn files(&self) -> Vec<String> {
        self.lock().files.keys().cloned().collect()
    }

    pub(crate) fn is_powered(&self) -> bool {
        self.lock().powered
    }

    /// The process is killed, if it was not stopped, and started again: what it wrote is still in
    /// the machine's memory.
    pub(crate) fn kill(&self) {
        let mut machine = self.lock();
        machine.removed.clear();
        machine.powered = true;
        machine.run += 1;
        machine.trouble = Trouble::None;
    }

    /// The power fails, if it has not, and comes back.
    pub(crate) fn cut(&self) {
        let mut machine = self.lock();
        let Machine { files, chance, removed, .. } = &mut *machine;
        for (name, file) in std::mem::take(removed) {
            if chance.one_in(2) {
                files.entry(name).or_insert(file);
            }
        }
        for file in files.values_mut() {
            file.lose(chance);
            file.present = file.durable.clone();
        }
        machine.powered = true;
        machine.run += 1;
        machine.trouble = Trouble::None;
    }

    /// Damages a byte, as a disk may.
    pub(crate) fn damage(&self, name: &str, offset: usize) {
        let mut machine = self.lock();
        let file = machine.files.get_mut(name).unwrap();
        file.durable[offset] ^= 0x40;
        file.present[offset] ^= 0x40;
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

impl Machine {
    /// Counts a call. `Err` is its outcome; the caller decides whether a write left something behind
    /// nevertheless.
    fn call(&mut self, run: u64) -> Result<(), io::Error> {
        if run != self.run || !self.powered {
            return Err(power_is_off());
        }
        self.calls += 1;
        match self.trouble {
            Trouble::Cut(call) if call <= self.calls => {
                self.powered = false;
                Err(power_is_off())
            }
            Trouble::Error(call) if call == self.calls => Err(io::Error::other("injected")),
            _ => Ok(()),
        }
    }

    fn file(&mut self, name: &str) -> &mut SimulatedFile {
        self.files.get_mut(name).unwrap()
    }
}

impl Handle {
    fn with<T>(
        &self,
        act: impl FnOnce(&mut SimulatedFile, Result<(), io::Error>, &mut Chance) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut machine = self.disk.lock();
        let was_powered = machine.powered && machine.run == self.run;
        let outcome = machine.call(self.run);
        if !was_powered {
            return Err(power_is_off());
        }
        let mut chance = Chance(machine.chance.next());
        let file = machine.files.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?;
        act(file, outcome, &mut chance)
    }

    fn check_growth(&self, length: u64) -> io::Result<()> {
        let mut machine = self.disk.lock();
        if machine.full && length > machine.file(&self.name).present.len() as u64 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl DiskFile for Handle {
    fn len(&self) -> io::Result<u64> {
        self.with(|file, outcome, _| outcome.map(|()| file.present.len() as u64))
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|file, outcome, _| {
            outcome?;
            let from = offset as usize;
            let found = file.present.get(from..from + out.len());
            out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_growth(offset + bytes.len() as u64)?;
        let powered = self.disk.is_powered();
        self.with(|file, outcome, chance| {
            // A failed write leaves a part behind; at a cut, perhaps all of it.
            let off = powered
                && outcome.as_ref().is_err_and(|error| error.to_string() == power_is_off().to_string());
            let sectors = bytes.len().div_ceil(SECTOR_BYTES) as u64;
            let written = match &outcome {
                Ok(()) => bytes.len(),
                Err(_) if off => chance.below(sectors + 1) as usize * SECTOR_BYTES,
                Err(_) => chance.below(sectors.max(1)) as usize * SECTOR_BYTES,
            };
            file.write(offset as usize, &bytes[..written.min(bytes.len())]);
            outcome
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.check_growth(length)?;
        self.with(|file, outcome, _| {
            outcome?;
            file.present.resize(length as usize, 0);
            file.pending.push(Pending::Length(length as usize));
            Ok(())
        })
    }

    fn age(&self) -> io::Result<Duration> {
        let age = self.disk.lock().age;
        self.with(|_, outcome, _| outcome.map(|()| age))
    }

    fn sync(&self) -> io::Result<()> {
        let syncs_lie = self.disk.lock().syncs_lie;
        let powered = self.disk.is_powered();
        self.with(|file, outcome, chance| {
            match &outcome {
                Ok(()) if syncs_lie => {}
                Ok(()) => file.settle(),
                // The machine drops what it could not write but treats it as written: reading shows it until
                // the power fails, and no later sync writes it.
                Err(error) if powered && error.to_string() == "injected" => file.lose(chance),
                Err(_) => {}
            }
            outcome
        })
    }
}

impl SimulatedFile {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if bytes.is_empty() {
            return;
        }
        if self.present.len() < end {
            self.present.resize(end, 0);
            self.pending.push(Pending::Length(end));
        }
        self.present[offset..end].copy_from_slice(bytes);
        self.pending.push(Pending::Write { offset, bytes: bytes.to_vec() });
    }

    /// Makes durable what was written since the last sync, sector by sector as it now is.
    fn settle(&mut self) {
        self.durable.resize(self.present.len(), 0);
        for pending in std::mem::take(&mut self.pending) {
            let Pending::Write { offset, bytes } = pending else { continue };
            let from = (offset / SECTOR_BYTES * SECTOR_BYTES).min(self.present.len());
            let to = (offset + bytes.len()).next_multiple_of(SECTOR_BYTES).min(self.present.len());
            self.durable[from..to].copy_from_slice(&self.present[from..to]);
        }
    }

    /// Makes a part of what was written since the last sync durable: lengths in their order,
    /// sectors each for itself.
    fn lose(&mut self, chance: &mut Chance) {
        let pending = std::mem::take(&mut self.pending);
        let lengths = pending.iter().filter(|one| matches!(one, Pending::Length(_))).count() as u64;
        let mut lengths_kept = chance.below(lengths + 1);
        let mut writes_of: BTreeMap<usize, u64> = BTreeMap::new();
        for one in &pending {
            match one {
                Pending::Length(length) if lengths_kept > 0 => {
                    lengths_kept -= 1;
                    self.durable.resize(*length, 0);
                }
                Pending::Length(_) => {}
                Pending::Write { offset, bytes } => {
                    for (sector, _, _) in sectors(*offset, bytes) {
                        *writes_of.entry(sector).or_default() += 1;
                    }
                }
            }
        }
        let manner = chance.below(4);
        let mut kept: BTreeMap<usize, u64> = writes_of
            .iter()
            .map(|(&sector, &writes)| match manner {
                0 => (sector, 0),
                1 => (sector, writes),
                _ => (sector, chance.below(writes + 1)),
            })
            .collect();
        for one in &pending {
            let Pending::Write { offset, bytes } = one else { continue };
            for (sector, at, part) in sectors(*offset, bytes) {
                let Some(left) = kept.get_mut(&sector).filter(|left| **left > 0) else { continue };
                *left -= 1;
                let end = (at + part.len()).min(self.durable.len());
                if at < end {
                    self.durable[at..end].copy_from_slice(&part[..end - at]);
                }
            }
        }
    }
}

/// The parts of a write by sector: its number, the part's place in the file, and the part.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let place = offset + at;
        let length = (SECTOR_BYTES - place % SECTOR_BYTES).min(bytes.len() - at);
        let part = &bytes[at..at + length];
        at += length;
        (length > 0).then_some((place / SECTOR_BYTES, place, part))
    })
}

impl Disk for SimulatedDisk {
    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let mut machine = self.lock();
        let run = machine.run;
        machine.call(run)?;
        let there = machine.files.contains_key(name);
        Ok(there.then(|| -> Arc<dyn DiskFile> {
            Arc::new(Handle { disk: self.clone(), name: name.to_owned(), run })
        }))
    }

    fn create(&self, name: &str, head: &[u8], length: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut machine = self.lock();
        let run = machine.run;
        let outcome = match machine.call(run) {
            Ok(()) if machine.full => return Err(io::ErrorKind::StorageFull.into()),
            outcome => outcome,
        };
        // At a cut or an error, the new name may have become durable or not.
        if outcome.is_ok() || machine.chance.one_in(2) {
            let mut durable = head.to_vec();
            durable.resize(length as usize, 0);
            let file = SimulatedFile { present: durable.clone(), durable, pending: Vec::new() };
            machine.files.insert(name.to_owned(), file);
            // The folder is durable now.
            machine.removed.clear();
        }
        outcome?;
        Ok(Arc::new(Handle { disk: self.clone(), name: name.to_owned(), run }))
    }

    fn replace(&self, from: &str, to: &str) -> io::Result<()> {
        let mut machine = self.lock();
        let run = machine.run;
        let outcome = machine.call(run);
        if outcome.is_ok() || machine.chance.one_in(2) {
            let file = machine.files.remove(from).unwrap();
            assert!(file.pending.is_empty(), "renamed before it was durable");
            machine.files.insert(to.to_owned(), file);
            machine.removed.clear();
        }
        outcome
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut machine = self.lock();
        let run = machine.run;
        let outcome = machine.call(run);
        if outcome.is_ok() || machine.chance.one_in(2) {
            let file = machine.files.remove(name).ok_or(io::ErrorKind::NotFound)?;
            machine.removed.push((name.to_owned(), file));
        }
        outcome
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut machine = self.lock();
        let run = machine.run;
        machine.call(run)?;
        Ok(machine.files.keys().cloned().collect())
    }
}
