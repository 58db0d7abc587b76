//! Keys of who may call, and of what staff have changed.

use domain::{id::BrandId, time::Instant};

use super::{key, kind, sortable};
use crate::store::{
    Key,
    id::{CallerId, NonceHash},
};

/// A caller's key.
pub fn caller(id: CallerId) -> Key {
    key(kind::CALLER, &[&id.bytes()])
}

/// The caller of a caller's key.
pub fn read_caller(key: &Key) -> Option<CallerId> {
    let id = key.as_bytes().get(1..).filter(|_| key.kind() == kind::CALLER)?;
    id.try_into().ok().map(CallerId::of)
}

/// A nonce, by the hash of it and of the key it was signed with.
pub fn nonce(hash: NonceHash) -> Key {
    key(kind::NONCE, &[&hash.0])
}

/// The keys of a partner brand.
pub fn partner(brand: &BrandId) -> Key {
    key(kind::PARTNER, &[brand.as_bytes()])
}

/// The brand of a key of a partner's.
pub fn read_partner(key: &Key) -> Option<BrandId> {
    let brand = key.as_bytes().get(1..).filter(|_| key.kind() == kind::PARTNER)?;
    std::str::from_utf8(brand).ok().map(BrandId::of_checked)
}

/// A change by staff: by its moment, the newest first, and by what tells it from others of that moment.
pub fn staff_change(at: Instant, tie: [u8; 16]) -> Key {
    key(kind::STAFF_CHANGE, &[&sortable(at).map(|byte| !byte), &tie])
}

/// The moment of such a key, and what tells it from others of that moment.
pub fn read_staff_change(key: &Key) -> Option<(Instant, [u8; 16])> {
    let rest = key.as_bytes().get(2..).filter(|rest| key.kind() == kind::STAFF_CHANGE && rest.len() == 24)?;
    let (at, tie) = rest.split_at(8);
    let at = !u64::from_be_bytes(at.try_into().ok()?);
    Some((Instant((at ^ (1 << 63)).cast_signed()), tie.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_change_comes_first() {
        let keys = [3, 2, 0, -1].map(|at| staff_change(Instant(at), [9; 16]));
        assert!(keys.is_sorted());
        assert!(staff_change(Instant(3), [0; 16]) < keys[0] && keys[0] < staff_change(Instant(3), [10; 16]));
        let all = kind::STAFF_CHANGE.range();
        assert!(keys.iter().all(|key| all.from <= *key && *key < all.to));
        for (at, key) in [3, 2, 0, -1].into_iter().zip(&keys) {
            assert_eq!(read_staff_change(key), Some((Instant(at), [9; 16])));
        }
        for other in
            [nonce(NonceHash([7; 16])), Key::new(&b"zl"[..]), Key::new([b"zl".as_slice(), &[0; 25]].concat())]
        {
            assert_eq!(read_staff_change(&other), None, "{other:?}");
        }
    }
}
