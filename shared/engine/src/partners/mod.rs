//! Brands of others: the keys they sign with, their links with members, and what is settled with
//! them by the month.

pub(crate) mod links;
pub(crate) mod settlement;
pub(crate) mod signing;
