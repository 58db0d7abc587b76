//! One integration binary: one link, one set of dependencies, one report.

// A test that cannot go on fails where it stands.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod accounts_at_once;
mod against_model;
mod audit;
mod callers;
mod cli;
mod client;
mod coalition;
mod cost;
mod crash;
mod errors;
mod exactly_once;
mod failing;
mod hangups;
mod histories;
mod hostile;
mod instances;
mod lambda;
mod ledger;
mod lifecycle;
mod limits;
mod links;
mod openapi;
mod partners;
mod programmes;
mod races;
mod rates;
mod rules;
mod settling;
mod signatures;
mod store;
mod support;
mod sweeps;
mod table;
mod tidy;
mod tokens;
mod told;
mod walk;
mod wire;
