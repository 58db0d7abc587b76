//! The first format of entries and members, as 0.1.0 wrote them.
//!
//! Types of their own, so that nothing that changes in `domain` can change what these bytes mean. A value that
//! both formats store in the same way has one layout, beside the newest record. A variant of an enum that is
//! newer than 0.1.0 is in no record of this format.

mod entry;
mod member;

pub(super) use self::{entry::Entry, member::Member};
