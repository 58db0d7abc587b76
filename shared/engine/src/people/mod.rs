//! The people behind members: registration, corrections, erasure.

pub(crate) mod register;
