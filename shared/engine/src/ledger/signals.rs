//! What shops say of members that tells whether two are one: hashes of a device, a payer, an address. Equal ones keep a
//! referral from rewarding anybody until somebody has looked at it.

use domain::member::MemberId;
use sha2::{Digest as _, Sha256};

use crate::{
    ledger::Ledger,
    store::{
        Write,
        error::Error,
        id::SignalHash,
        keys,
        records::{SIGNALS_MAX, SignalsRecord},
        write::{delete, mark, put, unchanged},
    },
};

/// The hash of something that a shop says, of a kind: `device`, `payer`, `address`.
pub fn signal(kind: &str, said: &str) -> SignalHash {
    let mut hash = Sha256::new();
    for part in ["signal", "\0", kind, "\0", said] {
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut own = [0; 16];
    own.copy_from_slice(&digest[..16]);
    SignalHash(own)
}

impl Ledger {
    /// The writes that keep what was said of a member, where any of it is new; of a member that registers nothing was
    /// said before.
    pub(crate) async fn signalled(
        &self,
        member: MemberId,
        said: &[SignalHash],
        is_new: bool,
    ) -> Result<Vec<Write>, Error> {
        if said.is_empty() || self.programme.timeline()?.newest().referral.is_none() {
            return Ok(Vec::new());
        }
        let read = match is_new {
            true => None,
            false => self.records.read::<SignalsRecord>(&keys::signals(member)).await?,
        };
        let (mut record, version) = match read {
            Some((record, version)) => (record, Some(version)),
            None => (SignalsRecord { signals: Vec::new() }, None),
        };
        let mut writes = Vec::new();
        for hash in said {
            if !record.signals.contains(hash) {
                record.signals.push(*hash);
                writes.push(mark(keys::signal(*hash, member)));
            }
        }
        if writes.is_empty() {
            return Ok(writes);
        }
        let gone = record.signals.len().saturating_sub(SIGNALS_MAX);
        writes.extend(record.signals.drain(..gone).map(|hash| delete(keys::signal(hash, member))));
        writes.push(put(keys::signals(member), unchanged(version), &record));
        Ok(writes)
    }
}
