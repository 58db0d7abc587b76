//! Members' ledgers: what is asked of them and done once, what time does to them, how they are read
//! and audited.

pub(crate) mod act;
mod always;
pub(crate) mod audit;
pub(crate) mod books;
pub(crate) mod execute;
pub(crate) mod read;
pub(crate) mod sweep;
mod timely;
pub(crate) mod write;
