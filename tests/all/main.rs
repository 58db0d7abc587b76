//! One integration binary: one link, one set of dependencies, one report.

mod support;
