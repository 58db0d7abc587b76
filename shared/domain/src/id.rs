//! Ids and hashes as types, so that one is never taken for another.
//!
//! Each is made once, where it comes in, and is what its name says from then on. None has a default: what is
//! absent is an `Option`, and what is special has a name of its own.

/// Makes types of ids and hashes that are a fixed number of bytes. Any bytes are one; none is one by default.
#[macro_export]
macro_rules! bytes_id {
    ($($(#[$doc:meta])* $name:ident[$length:literal];)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub [u8; $length]);
    )+};
}

bytes_id! {
    /// A member's id: the 16 bytes of its ULID.
    MemberId[16];
    /// A redemption's id, which follows from its brand and order.
    RedemptionId[16];
}
