//! Codes of others (a film ticket's), which an offer hands out.

use domain::time::Instant;

use super::{By, Stored, layout::layout};
use crate::store::id::ContentHash;

/// How many codes of an offer came, and how many were handed out.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StockRecord {
    /// How many came so far.
    pub added: u64,
    /// How many were handed out, in the order in which they came; at most `added`.
    pub handed_out: u64,
}

impl StockRecord {
    /// How many may still be handed out.
    pub fn left(&self) -> u64 {
        self.added.saturating_sub(self.handed_out)
    }
}

/// Some of the codes of an offer, in the order in which they came.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct StockCodesRecord {
    /// Each sealed.
    pub codes: Vec<Vec<u8>>,
}

/// That a batch was put in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StockBatchRecord {
    /// When.
    pub at: Instant,
    /// Who put it in.
    pub by: By,
    /// How many codes it had.
    pub added: u32,
    /// The hash of the request's content.
    pub content: ContentHash,
}

impl Stored for StockRecord {}
impl Stored for StockCodesRecord {}
impl Stored for StockBatchRecord {}

layout! { struct StockRecord { added, handed_out } }
layout! { struct StockCodesRecord { codes } }
layout! { struct StockBatchRecord { at, by, added, content } }
