//! One integration binary: one link, one set of dependencies, one report.

// A test that cannot go on fails where it stands.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod against_model;
mod audit;
mod callers;
mod cli;
mod cost;
mod crash;
mod errors;
mod exactly_once;
mod failing;
mod hangups;
mod histories;
mod hostile;
mod instances;
mod ledger;
mod lifecycle;
mod limits;
mod openapi;
mod programmes;
mod races;
mod rules;
mod settlement;
mod settlement_audit;
mod settlement_close;
mod settlement_sums;
mod settling;
mod store;
mod support;
mod sweeps;
mod table;
mod tidy;
mod timely;
mod wire;
