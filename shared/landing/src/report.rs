//! What became of a file.

use files::Told;

/// What became of a file's rows.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Rows, without the header and blank ones.
    pub rows: u64,
    /// Members that were made.
    pub created: u64,
    /// Rows whose member existed already.
    pub known: u64,
    /// Balances that were booked or corrected.
    pub balances: u64,
    /// Their points.
    pub points: i64,
    /// What is told, by line.
    pub told: Vec<Told>,
}

impl Report {
    /// Adds what became of other rows; `rows` is of the whole file.
    pub(crate) fn add(&mut self, other: Report) {
        self.created += other.created;
        self.known += other.known;
        self.balances += other.balances;
        self.points += other.points;
        self.told.extend(other.told);
    }

    /// Rows that did not land.
    pub fn rejected(&self) -> u64 {
        let mut lines: Vec<_> = self.told.iter().filter(|told| !told.landed).map(|told| told.lines).collect();
        lines.dedup();
        lines.len() as u64
    }

    /// Fields that did not land, of rows that did.
    pub fn left_out(&self) -> u64 {
        self.told.iter().filter(|told| told.landed).count() as u64
    }
}
