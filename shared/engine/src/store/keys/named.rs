//! Entries that have a name of another kind than the shop's own.

use domain::{
    id::{AdjustmentId, BalanceId, BrandId, MergeId},
    member::MemberId,
};
use sha2::{Digest as _, Sha256};

use super::{adjustment, key, kind};
use crate::store::Key;

/// A balance that was brought along, and how many times it has been corrected.
pub fn balance(member: MemberId, brand: &BrandId, id: &BalanceId, number: u32) -> Key {
    let mut hash = Sha256::new();
    for part in [&b"balance"[..], &member.0, brand.as_bytes(), b"\0", id.as_bytes()] {
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let name: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let number = if number == 0 { String::new() } else { format!(":{number}") };
    adjustment(&AdjustmentId::of_checked(&format!("import:{name}{number}")))
}

/// The entry of the member that another was merged into.
pub fn merge(merge: MergeId) -> Key {
    key(kind::MERGE, &[&merge.0])
}

/// The entry of the member that another was parted from again.
pub fn unmerge(merge: MergeId) -> Key {
    key(kind::MERGE, &[&merge.0, b"\x01"])
}
