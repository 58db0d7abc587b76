//! The programme: its versions.

pub(crate) mod versions;
