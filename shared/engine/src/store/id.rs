//! Ids and hashes under which the engine keeps what is not the rules' own: callers, partners' keys and
//! references, requests, identities, link codes, cards and nonces, webhooks and events.
//!
//! Hashes are made at the edge, which has the secrets; here they are only compared.

use std::num::NonZeroU128;

/// A caller's id, which stays the same when its key is rotated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CallerId {
    /// The admin whose key the server's operator sets. Stored and shown as sixteen zeros.
    FirstAdmin,
    /// Any other: the 16 bytes of its ULID, or, of a partner, what follows from its brand.
    Made(NonZeroU128),
}

impl CallerId {
    /// The caller of these bytes.
    pub fn of(bytes: [u8; 16]) -> CallerId {
        NonZeroU128::new(u128::from_be_bytes(bytes)).map_or(CallerId::FirstAdmin, CallerId::Made)
    }

    /// Its bytes.
    pub fn bytes(self) -> [u8; 16] {
        match self {
            CallerId::FirstAdmin => [0; 16],
            CallerId::Made(number) => number.get().to_be_bytes(),
        }
    }
}

pub use domain::id::{BlockRef, BrandId, GrantId, OfferId, OrderId, RedemptionId, RedemptionPart};

domain::bytes_id! {
    /// The id of a partner's signing key, by which requests name it.
    PartnerKeyId[16];
    /// A partner's name for a member that is linked to it.
    Reference[16];
    /// The SHA-256 of a caller's key.
    KeyHash[32];
    /// The keyed hash of an identity's kind, channel and value.
    IdentityHash[16];
    /// The hash of a request's caller, function and idempotency key.
    RequestHash[16];
    /// The keyed hash of a request's content: the parts of its path, and its body. Natural keys, such as an
    /// order's, are compared by it.
    ContentHash[16];
    /// The keyed hash of a whole request: method, path, query and body. Idempotency keys are compared by it.
    AskedHash[16];
    /// The hash of a signed request's key and nonce.
    NonceHash[16];
    /// The id of a request, by which a caller, a log and the activity log know it.
    RequestId[16];
    /// The keyed hash of a link code.
    LinkCodeHash[16];
    /// The keyed hash of the reference of a member's card.
    CardHash[16];
    /// A number that nobody can guess: what the reference of a card follows from; and of a request about one.
    CardNumber[16];
    /// The keyed hash of what persons share who may be one.
    AlikeHash[16];
    /// The hash of something that a shop says of a member.
    SignalHash[16];
    /// A code that friends come with: the values of its symbols, without the check symbol.
    FriendCode[7];
    /// A webhook's id.
    WebhookId[16];
    /// An event's id: a moment, and a hash of the record that changed.
    EventId[16];
}

impl ContentHash {
    /// For a request that no caller sent: of an import or a schedule.
    pub const NONE: ContentHash = ContentHash([0; 16]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Key, keys,
        records::layout::{Layout as _, Reader},
    };

    #[test]
    fn a_caller_is_its_bytes() {
        let last = {
            let mut bytes = [0; 16];
            bytes[15] = 1;
            bytes
        };
        for bytes in [[0; 16], last, [7; 16], [0xff; 16]] {
            let id = CallerId::of(bytes);
            assert_eq!((id.bytes(), id == CallerId::FirstAdmin), (bytes, bytes == [0; 16]));
            let mut stored = Vec::new();
            id.write(&mut stored);
            assert_eq!(stored, bytes, "as it always was");
            assert_eq!(CallerId::read(&mut Reader::new(&bytes)), Ok(id));
            assert_eq!(keys::read_caller(&keys::caller(id)), Some(id));
        }
        assert!(CallerId::FirstAdmin < CallerId::of(last) && CallerId::of(last) < CallerId::of([7; 16]));
        for damaged in [&b"k"[..], b"k123456789012345", b"k12345678901234567", b"m1234567890123456"] {
            assert_eq!(keys::read_caller(&Key::new(damaged.to_vec())), None);
        }
    }
}
