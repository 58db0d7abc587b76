//! What follows from a line of the master key, and the keys that outlive it.

use super::{derive, seal::Seal};
use crate::card::CardSecrets;

/// What follows from one line.
pub(super) struct Line {
    /// Under which identities are found.
    pub(super) identity: [u8; 32],
    pub(super) fingerprint: [u8; 32],
    /// Under which members' tokens are sealed; none lives longer than minutes.
    pub(super) token: [u8; 32],
    pub(super) ring: Ring,
    pub(super) seal: Seal,
}

impl Line {
    pub(super) fn of(line: &[u8]) -> Line {
        Line {
            identity: derive(line, b"laurel identity v1"),
            fingerprint: derive(line, b"laurel fingerprint v1"),
            token: derive(line, b"laurel member token v1"),
            ring: Ring {
                caller: derive(line, b"laurel caller v1"),
                content: derive(line, b"laurel content v1"),
                link_code: derive(line, b"laurel link code v1"),
                link_code_hash: derive(line, b"laurel link code hash v1"),
                cards: CardSecrets::new(derive(line, b"laurel cards v1")),
            },
            seal: Seal::of(line),
        }
    }
}

/// The keys by which stored things are judged for ever: whether a request is the same, a caller's key, a link code or
/// a card ours. They cannot change while anything stored was judged by them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Ring {
    pub(super) caller: [u8; 32],
    pub(super) content: [u8; 32],
    pub(super) link_code: [u8; 32],
    pub(super) link_code_hash: [u8; 32],
    pub(super) cards: CardSecrets,
}

/// The form of a ring's bytes, the first of them: so many keys of 32 bytes follow, in the order of the struct. A key
/// that is added comes at the end, in a form of its own.
const FORM: u8 = 1;

impl Ring {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Ring { caller, content, link_code, link_code_hash, cards } = self;
        [&[FORM][..], caller, content, link_code, link_code_hash, cards.key()].concat()
    }

    /// The ring of these bytes, if they are one.
    pub(super) fn read(bytes: &[u8]) -> Option<Ring> {
        let (keys, rest) = bytes.strip_prefix(&[FORM])?.as_chunks::<32>();
        match keys {
            [caller, content, link_code, link_code_hash, cards] if rest.is_empty() => Some(Ring {
                caller: *caller,
                content: *content,
                link_code: *link_code,
                link_code_hash: *link_code_hash,
                cards: CardSecrets::new(*cards),
            }),
            _ => None,
        }
    }
}
