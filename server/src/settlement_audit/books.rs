//! Takes exported members and entries, and looks whether each ledger is whole: numbered without a gap
//! or a double, and adding up.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use serde_json::Value;

use super::recompute::{Found, Prices, Sums};
use crate::exported::Takes;

/// An entry as it was exported.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) kind: String,
    pub(super) points: i64,
    pub(super) brand: String,
    pub(super) order_id: String,
    pub(super) redemption_id: String,
    /// Points by issuing brand: a plus enters its lots, a minus leaves them.
    pub(super) lots: Vec<(String, i64)>,
    pub(super) by_time: bool,
    pub(super) occurred_at: String,
    /// `None`: it is due and not written down yet.
    pub(super) recorded_at: Option<String>,
    pub(super) version: u64,
    pub(super) from_blocks: bool,
    pub(super) bill: bool,
    balance_after: i64,
}

impl Entry {
    /// The entry of a line, if it has what an entry has.
    fn read(line: &Value) -> Option<Entry> {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let lots = line["lots"].as_array()?.iter();
        let lots = lots.map(|lot| Some((lot["brand"].as_str()?.to_owned(), lot["points"].as_i64()?)));
        Some(Entry {
            seq: line["seq"].as_u64()?,
            kind: line["kind"].as_str()?.to_owned(),
            points: line["points"].as_i64()?,
            brand: text("brand"),
            order_id: text("order_id"),
            redemption_id: text("redemption_id"),
            lots: lots.collect::<Option<_>>()?,
            by_time: line["by"] == "time",
            occurred_at: line["occurred_at"].as_str()?.to_owned(),
            recorded_at: line["recorded_at"].as_str().map(str::to_owned),
            version: line["program_version"].as_u64()?,
            from_blocks: line["blocks"].as_array().is_some_and(|blocks| !blocks.is_empty()),
            bill: line["bill"] == true,
            balance_after: line["balance_after"].as_i64()?,
        })
    }
}

/// What a member's ledger must come to.
struct Expected {
    entries: u64,
    balance: i64,
}

/// Exported members and entries, as far as they have come in.
pub(super) struct Books {
    expected: HashMap<String, Expected>,
    /// Members whose entries have come in.
    seen: HashSet<String>,
    /// Whose entries are coming in.
    current: String,
    entries: Vec<Entry>,
    sums: Sums,
    differences: Vec<String>,
}

impl Books {
    pub(super) fn new(month: &str, prices: Prices) -> Books {
        Books {
            expected: HashMap::new(),
            seen: HashSet::new(),
            current: String::new(),
            entries: Vec::new(),
            sums: Sums::new(month, prices),
            differences: Vec::new(),
        }
    }

    /// A block that was bought.
    pub(super) fn block(&mut self, block: &Value) {
        if let Err(what) = self.sums.block(block) {
            self.differences.push(what);
        }
    }

    /// What does not agree with itself, and what the entries come to.
    pub(super) fn finish(mut self) -> (Vec<String>, Found) {
        self.end_ledger();
        let mut silent: Vec<&String> = self
            .expected
            .iter()
            .filter(|(id, expected)| expected.entries > 0 && !self.seen.contains(*id))
            .map(|(id, _)| id)
            .collect();
        silent.sort();
        self.differences.extend(silent.iter().map(|id| format!("{id}: none of its entries is there")));
        let found = self.sums.finish(self.expected.len() as u64);
        (self.differences, found)
    }

    /// All entries of a member have come in: looks whether they are whole, and counts them.
    fn end_ledger(&mut self) {
        let id = std::mem::take(&mut self.current);
        let mut entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            return;
        }
        entries.reverse(); // oldest first
        let mut differ = |what: String| self.differences.push(format!("{id}: {what}"));
        if !self.seen.insert(id.clone()) {
            differ("its entries stand in two places".to_owned());
        }
        let (mut before, mut balance) = (0, 0);
        for entry in &entries {
            if entry.seq == before {
                differ(format!("entry {} stands twice", entry.seq));
            } else if entry.seq != before + 1 {
                differ(format!("entry {} follows entry {before}", entry.seq));
            }
            balance += entry.points;
            if entry.balance_after != balance {
                let said = entry.balance_after;
                differ(format!("entry {} says a balance of {said} where the sum is {balance}", entry.seq));
                balance = said; // tell it once
            }
            before = entry.seq;
        }
        match self.expected.get(&id) {
            None => differ("there is no such member".to_owned()),
            Some(expected) => {
                if expected.entries != before {
                    differ(format!("has {} entries, the last there is number {before}", expected.entries));
                }
                if expected.balance != balance {
                    differ(format!("has a balance of {}, the entries say {balance}", expected.balance));
                }
            }
        }
        for what in self.sums.ledger(&entries) {
            differ(what);
        }
    }
}

impl Books {
    /// A member.
    pub(super) fn take_member(&mut self, member: &Value) {
        let id = member["id"].as_str().unwrap_or_default().to_owned();
        let points = |name: &str| member["points"][name].as_i64().unwrap_or(0);
        let balance = points("available") + points("held") - points("debt");
        let entries = member["entries"].as_u64().unwrap_or(0);
        if self.expected.insert(id.clone(), Expected { entries, balance }).is_some() {
            self.differences.push(format!("{id}: the member stands twice"));
        }
    }

    /// An entry; a member's come one after another, the newest first.
    pub(super) fn take_entry(&mut self, entry: &Value) {
        let id = entry["member_id"].as_str().unwrap_or_default();
        if id != self.current {
            self.end_ledger();
            id.clone_into(&mut self.current);
        }
        match Entry::read(entry) {
            Some(entry) => self.entries.push(entry),
            None => self.differences.push(format!("{id}: an entry cannot be read: {entry}")),
        }
    }
}

impl Takes for Books {
    fn member(&mut self, member: &Value) -> io::Result<()> {
        self.take_member(member);
        Ok(())
    }

    fn entry(&mut self, entry: &Value) -> io::Result<()> {
        self.take_entry(entry);
        Ok(())
    }

    fn broken(&mut self, member: &Value) -> io::Result<()> {
        let id = member["id"].as_str().unwrap_or_default();
        self.differences.push(format!("{id}: its ledger breaks off"));
        Ok(())
    }
}
