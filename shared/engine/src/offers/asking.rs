//! A use of offers, as a caller asks for it.

use domain::{offer::grant::HeldBy, time::Instant};
use sha2::{Digest as _, Sha256};

use crate::offers::{draft::DraftOrder, quote::Quote};

/// A use, as a caller asks for it.
#[derive(Clone, Debug)]
pub struct UseAsk {
    /// What is bought, and the coupons; of a use without an order no lines.
    pub draft: DraftOrder,
    /// The order, or the use without one.
    pub by: HeldBy,
    /// Whether everything is only set aside.
    pub hold: bool,
    /// Whether what was set aside and has ended is taken anew.
    pub retake: bool,
    /// What was promised.
    pub quote: Option<Quote>,
    /// When it happened, told late; now unless given.
    pub occurred_at: Option<Instant>,
    /// The number of the telling; the first is 1.
    pub revision: u32,
}

impl UseAsk {
    /// The hash of what is asked, whatever says how, and whoever asks: the same again of the same
    /// member is the same use.
    pub(super) fn content(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.draft.hash());
        hash.update(self.draft.pieces.to_be_bytes());
        hash.update(self.occurred_at.map_or(0, |at| at.0).to_be_bytes());
        for named in &self.draft.grants {
            hash.update(named.sent.as_bytes());
            hash.update(b"\0");
        }
        hash.update(b"\0");
        for code in &self.draft.codes {
            hash.update(code.as_bytes());
            hash.update(b"\0");
        }
        hash.finalize().into()
    }
}
