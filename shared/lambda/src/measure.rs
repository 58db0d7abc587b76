//! One line for each invocation, on standard output: structured log and metrics at once, in CloudWatch's
//! embedded metric format, because every byte of a log costs money. It gives the function, the status, the
//! duration and whether the instance was new; no personal data: no body, no path, no key, no id of a member.
//!
//! A metric costs by the hour in which it appears. So a line names a metric only if there is something to
//! count, and leaves out what AWS measures for every function free of charge (invocations, errors, throttles,
//! duration; a URL's requests, 4xx, 5xx and latency). Duration and status are fields of the line for Logs
//! Insights.

use std::{io::Write as _, time::Duration};

use edge::Clock;
use serde_json::{Map, Value, json};

/// Where the metrics stand in CloudWatch. Their dimensions are `Function` and `Table`; [`PER_PART`] has `Part` too.
///
/// The table distinguishes stacks in one region: without it a trial's finished sweep would keep production's
/// alarm silent.
pub const NAMESPACE: &str = "Laurel";

/// Every metric: name, unit, what it counts.
pub const METRICS: &[(&str, &str, &str)] = &[
    ("ColdStart", "Count", "an instance's first invocation"),
    ("Unauthenticated", "Count", "requests refused for lack of a known key (401)"),
    ("Unavailable", "Count", "requests answered 503: nothing was written, the caller tries again"),
    ("Internal", "Count", "requests answered 500: something is wrong on our side"),
    ("Replayed", "Count", "requests answered with an earlier answer"),
    ("SweepMembers", "Count", "members that a scheduled run settled"),
    ("SweepPointsExpired", "Count", "points that a scheduled run expired"),
    (PER_PART, "Count", "1: a scheduled run did not come to its end; 0: it did"),
];

/// The metric of a sweep's part: one part that finishes must not hide another that never does.
pub const PER_PART: &str = "SweepUnfinished";

/// Whose line it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose<'a> {
    /// The function's name.
    pub(crate) function: &'a str,
    /// The name of its table.
    pub(crate) table: &'a str,
}

/// What the line says about an invocation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Measured {
    /// The id in the answer's `Request-Id` and in problems.
    pub(crate) request_id: Option<String>,
    /// HTTP status, of requests.
    pub(crate) status: Option<u16>,
    /// Whether the answer repeats an earlier one.
    pub(crate) replayed: bool,
    /// What a scheduled run did: members, points.
    pub(crate) swept: Option<(u64, u64)>,
    /// Whether a scheduled run finished.
    pub(crate) finished: Option<bool>,
    /// Which part of the members it covered; 0 if it covered all of them.
    pub(crate) part: u64,
}

impl Measured {
    fn counts(&self, cold_start: bool) -> Vec<(&'static str, u64)> {
        let (members, points) =
            self.swept.map_or((None, None), |(members, points)| (Some(members), Some(points)));
        let one = |is: bool| is.then_some(1);
        let counts = [
            ("ColdStart", one(cold_start)),
            ("Unauthenticated", one(self.status == Some(401))),
            ("Unavailable", one(self.status == Some(503))),
            ("Internal", one(self.status == Some(500))),
            ("Replayed", one(self.replayed)),
            ("SweepMembers", members),
            ("SweepPointsExpired", points),
            (PER_PART, self.finished.map(|finished| u64::from(!finished))),
        ];
        counts.into_iter().filter_map(|(name, count)| count.map(|count| (name, count))).collect()
    }

    /// The line.
    pub(crate) fn line(
        &self,
        whose: Whose<'_>,
        invocation_id: &str,
        took: Duration,
        cold_start: bool,
    ) -> String {
        let counts = self.counts(cold_start);
        let unit =
            |name: &str| METRICS.iter().find(|(own, ..)| *own == name).map_or("None", |(_, unit, _)| unit);
        let mut directives = Vec::new();
        for (dimensions, per_part) in
            [(&["Function", "Table"][..], false), (&["Function", "Table", "Part"], true)]
        {
            let counts = counts.iter().filter(|(name, _)| (*name == PER_PART) == per_part);
            let names = counts.map(|(name, _)| json!({"Name": name, "Unit": unit(name)}));
            let names: Vec<Value> = names.collect();
            if !names.is_empty() {
                let dimensions = [dimensions];
                directives.push(json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": names}));
            }
        }
        let mut line = Map::new();
        if !directives.is_empty() {
            let metadata = json!({"Timestamp": Clock::Machine.now().0, "CloudWatchMetrics": directives});
            line.insert("_aws".to_owned(), metadata);
        }
        if self.finished.is_some() {
            line.insert("Part".to_owned(), self.part.to_string().into());
        }
        line.insert("Function".to_owned(), whose.function.into());
        line.insert("Table".to_owned(), whose.table.into());
        line.insert("invocation_id".to_owned(), invocation_id.into());
        line.insert("request_id".to_owned(), self.request_id.clone().into());
        line.insert("status".to_owned(), self.status.into());
        // Milliseconds with a fraction: a thousand times the seconds.
        line.insert("duration_ms".to_owned(), (took * 1_000).as_secs_f64().into());
        line.insert("cold_start".to_owned(), cold_start.into());
        line.extend(counts.into_iter().map(|(name, count)| (name.to_owned(), Value::from(count))));
        line.retain(|_, value| !value.is_null());
        Value::Object(line).to_string()
    }
}

/// Writes the line; a log that cannot be written is no reason to fail a request.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOSE: Whose<'_> = Whose { function: "redeem", table: "laurel-Table-1A2B" };

    fn line(measured: &Measured, cold_start: bool) -> Value {
        let line = measured.line(WHOSE, "8f6c", Duration::from_micros(12_345), cold_start);
        assert!(!line.contains('\n'));
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn a_plain_invocation_has_no_metrics_to_pay_for() {
        let request_id = Some("req_1".to_owned());
        let measured = Measured { request_id, status: Some(200), ..Measured::default() };
        let want = json!({
            "Function": "redeem", "Table": "laurel-Table-1A2B", "invocation_id": "8f6c",
            "request_id": "req_1", "status": 200, "duration_ms": 12.345, "cold_start": false,
        });
        assert_eq!(line(&measured, false), want);
    }

    #[test]
    fn a_directive_names_what_the_line_holds() {
        let cases = [
            (Measured { status: Some(401), ..Measured::default() }, vec!["ColdStart", "Unauthenticated"]),
            (Measured { status: Some(503), ..Measured::default() }, vec!["ColdStart", "Unavailable"]),
            (Measured { status: Some(500), ..Measured::default() }, vec!["ColdStart", "Internal"]),
            (
                Measured { status: Some(200), replayed: true, ..Measured::default() },
                vec!["ColdStart", "Replayed"],
            ),
            (
                Measured { swept: Some((3, 900)), finished: Some(true), part: 2, ..Measured::default() },
                vec!["ColdStart", "SweepMembers", "SweepPointsExpired", "SweepUnfinished"],
            ),
        ];
        for (measured, names) in cases {
            let line = line(&measured, true);
            let mut told = Vec::new();
            for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
                assert_eq!(directive["Namespace"], NAMESPACE);
                for metric in directive["Metrics"].as_array().unwrap() {
                    let name = metric["Name"].as_str().unwrap();
                    let per_part = name == PER_PART;
                    let all = ["Function", "Table", "Part"];
                    let dimensions = if per_part { &all[..] } else { &all[..2] };
                    assert_eq!(directive["Dimensions"], json!([dimensions]), "{name}");
                    // A directive whose dimension is not a field of the line would count nothing.
                    assert_eq!((&line["Function"], &line["Table"]), (&json!("redeem"), &json!(WHOSE.table)));
                    assert!(!per_part || line["Part"] == "2", "{line}");
                    told.push(name);
                }
            }
            assert_eq!(told, names);
            for name in told {
                assert!(line[name].is_u64(), "{name}");
                assert!(METRICS.iter().any(|(own, ..)| *own == name), "{name} is not in the list");
            }
        }
    }
}
