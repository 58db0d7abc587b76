//! Keys: the names of records as a store sees them, how they begin, and stretches of their order.

use std::fmt;

use bytes::Bytes;

/// A record's name: 1 to [`Key::BYTES_MAX`] bytes. Its beginning gives its [`Kind`]; keys sort as bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(super) Bytes);

impl Key {
    /// The longest key, in bytes.
    pub const BYTES_MAX: usize = 1_024;

    /// A key of these bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Key {
        Key(bytes.into())
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The kind of record.
    pub fn kind(&self) -> Kind {
        Kind::of(&self.0)
    }

    /// The first key after this one in byte order.
    pub fn successor(&self) -> Key {
        let mut bytes = Vec::with_capacity(self.0.len() + 1);
        bytes.extend_from_slice(&self.0);
        bytes.push(0);
        Key(bytes.into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

/// A part of the key order to read: `from` inclusive, `to` exclusive, ascending.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// The first key that may be returned.
    pub from: Key,
    /// The first key that may not.
    pub to: Key,
}

/// What the keys of a kind of record begin with: a byte, or [`EXTENDED`] and a byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// The second byte is 0 if there is only one byte, and counts only after [`EXTENDED`].
    bytes: [u8; 2],
    length: u8,
}

/// The first byte of kinds of two bytes: letters are few.
pub const EXTENDED: u8 = b'z';

impl Kind {
    /// A kind of one byte.
    pub const fn one(byte: u8) -> Kind {
        Kind { bytes: [byte, 0], length: 1 }
    }

    /// A kind of two bytes.
    pub const fn extended(byte: u8) -> Kind {
        Kind { bytes: [EXTENDED, byte], length: 2 }
    }

    /// The kind of a key; that of an empty key is byte 0.
    pub fn of(key: &[u8]) -> Kind {
        match key {
            [EXTENDED, second, ..] => Kind::extended(*second),
            [first, ..] => Kind::one(*first),
            [] => Kind::one(0),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// All keys that begin so.
    pub fn range(self) -> Range {
        let from = self.as_bytes().to_vec();
        let mut to = from.clone();
        // The last byte that can be counted up is, and what follows it goes.
        while to.pop_if(|last| *last == 0xff).is_some() {}
        match to.last_mut() {
            Some(last) => *last += 1,
            None => to = vec![0xff; 64], // no key has so long a run of the highest byte
        }
        Range { from: Key::new(from), to: Key::new(to) }
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}'", self.as_bytes().escape_ascii())
    }
}
