//! Printed codes: their batches, and what has become of each.

use domain::{id::BatchId, time::Instant};

use super::{By, HeldRecord, Stored, layout::layout};
use crate::store::id::ContentHash;

/// All batches of an offer's printed codes, in the order of their numbers.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PrintedRecord {
    /// Each.
    pub batches: Vec<PrintedBatch>,
}

/// A batch of printed codes: they follow from its number, so none is stored before it is held or used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrintedBatch {
    /// The staff's name for it, within the offer.
    pub id: BatchId,
    /// When it was printed.
    pub at: Instant,
    /// Who did.
    pub by: By,
    /// How many codes it has, 1 to 100,000.
    pub count: u32,
    /// How often each may be used, 1 or more.
    pub quantity: u32,
    /// The hash of the request's content.
    pub content: ContentHash,
    /// When it was taken back, if it was.
    pub revoked: Option<Instant>,
}

/// What has become of a printed code.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PrintedCodeRecord {
    /// How often it was used, less what came back.
    pub taken: u32,
    /// By what it is set aside.
    pub held: Option<HeldRecord>,
}

/// How often codes of an offer were used, less what came back: a part of them, so that nobody waits for anybody.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PrintedUsedRecord {
    /// By the number of their batch, rising.
    pub batches: Vec<(u32, u64)>,
}

impl Stored for PrintedUsedRecord {}
impl Stored for PrintedRecord {}
impl Stored for PrintedCodeRecord {}

layout! { struct PrintedRecord { batches } }
layout! { struct PrintedBatch { id, at, by, count, quantity, content, revoked } }
layout! { struct PrintedUsedRecord { batches } }
layout! { struct PrintedCodeRecord { taken, held } }
