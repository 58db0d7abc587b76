//! The SAM template: `template/frame.yaml`, with a piece for each function, schedule and alarm in the table.
//!
//! It is built as text, so that it reads as if written by hand, with comments.

use std::fmt::Write as _;

use crate::{DEPLOYED, Deployed, Limits, REQUEST, Reacts, Run, Schedule, When};

const FRAME: &str = include_str!("template/frame.yaml");
const FUNCTION: &str = include_str!("template/function.yaml");
const RUN: &str = include_str!("template/run.yaml");
const URL: &str = include_str!("template/url.yaml");
const REACTS: &str = include_str!("template/reacts.yaml");
const HANDED: &str = include_str!("template/handed.yaml");
const STREAM: &str = include_str!("template/stream.yaml");
const LONG: &str = include_str!("template/long.yaml");
const FAILURES: &str = include_str!("template/failures.yaml");
const SCHEDULE: &str = include_str!("template/schedule.yaml");
const ALARM: &str = include_str!("template/alarm.yaml");

/// The parts into which runs may divide a sweep, and the condition under which each exists; the parameter
/// `SweepParts` says how many there are.
const PARTS: [Option<&str>; 4] = [None, Some("Halved"), Some("Quartered"), Some("Quartered")];

/// The template, as it is committed.
pub fn template() -> String {
    let runs = DEPLOYED.iter().filter_map(|row| row.run.as_ref().map(|run| (row, run)));
    let reacting = DEPLOYED.iter().filter_map(|row| row.reacts.as_ref().map(|reacts| (row, reacts)));
    let schedules =
        runs.clone().flat_map(|(row, run)| run.schedules.iter().map(move |one| schedule(row, one)));
    let schedules = schedules.chain(reacting.clone().map(|(row, reacts)| schedule(row, &reacts.schedule)));
    let alarms = DEPLOYED.iter().map(alarms_of_calls);
    let alarms = alarms.chain(runs.clone().map(|(row, run)| alarms_of_runs(row, run)));
    let alarms = alarms.chain(reacting.clone().map(|(row, reacts)| alarms_of_reactions(row, reacts)));
    let streams = reacting.clone().map(|(row, _)| fill(STREAM, &[("Name", &resource(row))]));
    let url = |row: &Deployed| {
        let resource = resource(row);
        format!("{resource}Url:\n  Value: !GetAtt {resource}Url.FunctionUrl\n")
    };
    let called = runs.map(|(row, _)| row).chain(reacting.map(|(row, _)| row));
    let called: Vec<String> = called.map(|row| format!("!GetAtt {}.Arn", resource(row))).collect();
    let answers = DEPLOYED.iter().filter(|row| row.reacts.is_none());
    fill(
        FRAME,
        &[
            ("memory_mb", &REQUEST.memory_mb.to_string()),
            ("timeout_s", &REQUEST.timeout_s.to_string()),
            ("functions", &DEPLOYED.iter().map(function).collect::<Vec<_>>().join("\n")),
            ("runs", &called.join(", ")),
            ("schedules", &schedules.collect::<String>()),
            ("streams", &streams.collect::<String>()),
            ("alarms", &alarms.collect::<String>()),
            ("urls", &answers.map(url).collect::<String>()),
        ],
    )
}

/// The name of a function's resource: `EarnPoints` of `earn-points`.
fn resource(row: &Deployed) -> String {
    let words = row.name().split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

fn function(row: &Deployed) -> String {
    let Limits { memory_mb, timeout_s } = row.limits;
    let limits = [("memory_mb", &*memory_mb.to_string()), ("timeout_s", &timeout_s.to_string())];
    let runs = row.run.is_some();
    let special = match row.limits {
        _ if runs => fill(RUN, &limits),
        _ if row.reacts.is_some() => fill(REACTS, &limits),
        REQUEST => String::new(),
        _ => fill(LONG, &limits),
    };
    let actions: String = row.actions().iter().map(|action| format!("- {action}\n")).collect();
    fill(
        FUNCTION,
        &[
            ("Name", &resource(row)),
            ("name", row.name()),
            ("does", row.does),
            ("run", &special),
            ("actions", &actions),
            ("url", if row.reacts.is_none() { URL } else { "" }),
            (
                "failures",
                match &row.reacts {
                    Some(_) => HANDED,
                    None if runs => FAILURES,
                    None => "",
                },
            ),
        ],
    )
}

fn schedule(row: &Deployed, one: &Schedule) -> String {
    let parts = if one.shared { &PARTS[..] } else { &PARTS[..1] };
    let parts = parts.iter().enumerate().map(|(part, condition)| {
        const AS_OF: &str = r#""as_of":"<aws.scheduler.scheduled-time>""#;
        let input = match one.shared {
            true => format!(r#"!Sub '{{{AS_OF},"part":{part},"parts":${{SweepParts}}}}'"#),
            false => format!("'{{{AS_OF}}}'"),
        };
        let when = match one.when {
            When::At(expression) => expression.to_owned(),
            When::Parameter(name) => format!("!Ref {name}"),
        };
        fill(
            SCHEDULE,
            &[
                ("name", &part_of(one.name, part)),
                ("condition", &conditional(*condition)),
                ("does", one.does),
                ("when", &when),
                ("function", &resource(row)),
                ("input", &input),
            ],
        )
    });
    parts.collect()
}

/// The alarms that a function's calls fail.
fn alarms_of_calls(row: &Deployed) -> String {
    let kinds = [
        ("Errors", "Errors", "failed or ran out of time"),
        ("Answers", "Url5xxCount", "answered with a 5xx"),
        ("Throttles", "Throttles", "found no free execution"),
    ];
    // Without a URL nothing is answered.
    let kinds = kinds.into_iter().filter(|(_, metric, _)| row.reacts.is_none() || *metric != "Url5xxCount");
    let alarms = kinds.map(|(name, metric, says)| {
        Alarm {
            name: resource(row) + name,
            condition: None,
            says: format!("{} {says}", row.name()),
            reaches: true,
            threshold: 1,
            periods: 1,
            measures: measures(metric, row),
            seconds: 300,
            statistic: "Sum",
        }
        .written()
    });
    alarms.collect()
}

/// The alarm that what the stream hands over comes late.
fn alarms_of_reactions(row: &Deployed, reacts: &Reacts) -> String {
    let minutes = reacts.late_minutes;
    Alarm {
        name: format!("{}Late", resource(row)),
        condition: None,
        says: format!("{} is more than {minutes} minutes behind the table's stream", row.name()),
        reaches: true,
        threshold: u64::from(minutes) * 60_000,
        periods: 1,
        measures: measures("IteratorAge", row),
        seconds: 300,
        statistic: "Maximum",
    }
    .written()
}

/// The alarms that runs left something over, day after day, or never came.
fn alarms_of_runs(row: &Deployed, run: &Run) -> String {
    let shared = run.schedules.iter().any(|schedule| schedule.shared);
    let parts = if shared { &PARTS[..] } else { &PARTS[..1] };
    let unfinished = parts.iter().enumerate().map(|(part, condition)| {
        let within = if shared { format!(" in part {part}") } else { String::new() };
        let measures = format!(
            "# 1 for a run that left something over, 0 for one that came to the end: the least of a day.\n\
             Namespace: Laurel\n\
             MetricName: SweepUnfinished\n\
             Dimensions:\n  \
               - {{Name: Function, Value: {}}}\n  \
               - {{Name: Table, Value: !If [Restored, !Ref RestoredTable, !Ref Table]}}\n  \
               - {{Name: Part, Value: \"{part}\"}}\n",
            row.name()
        );
        Alarm {
            name: part_of(&format!("{}Unfinished", resource(row)), part),
            condition: *condition,
            says: format!("No run of {} within a day came to {}{within}", row.name(), run.comes_to),
            reaches: true,
            threshold: 1,
            periods: 1,
            measures,
            seconds: 86_400,
            statistic: "Minimum",
        }
    });
    let absent = run.absent_hours.map(|hours| Alarm {
        name: format!("{}Absent", resource(row)),
        condition: None,
        says: format!("{} was not called for {hours} hours", row.name()),
        reaches: false,
        threshold: 1,
        periods: hours,
        measures: measures("Invocations", row),
        seconds: 3_600,
        statistic: "Sum",
    });
    unfinished.chain(absent).map(|alarm| alarm.written()).collect()
}

/// What AWS measures of every function.
fn measures(metric: &str, row: &Deployed) -> String {
    let resource = resource(row);
    format!(
        "Namespace: AWS/Lambda\n\
         MetricName: {metric}\n\
         Dimensions: [{{Name: FunctionName, Value: !Ref {resource}}}]\n"
    )
}

struct Alarm {
    name: String,
    condition: Option<&'static str>,
    says: String,
    /// Whether it goes off at the threshold and more; otherwise below it, and then at silence too.
    reaches: bool,
    threshold: u64,
    /// How many periods in a row.
    periods: u32,
    measures: String,
    /// How long a period is.
    seconds: u32,
    statistic: &'static str,
}

impl Alarm {
    fn written(&self) -> String {
        let (compares, missing) = match self.reaches {
            true => ("GreaterThanOrEqualToThreshold", "notBreaching"),
            false => ("LessThanThreshold", "breaching"),
        };
        fill(
            ALARM,
            &[
                ("name", &self.name),
                ("condition", &conditional(self.condition)),
                ("says", &self.says),
                ("compares", compares),
                ("threshold", &self.threshold.to_string()),
                ("periods", &self.periods.to_string()),
                ("missing", missing),
                ("measures", &self.measures),
                ("seconds", &self.seconds.to_string()),
                ("statistic", self.statistic),
            ],
        )
    }
}

fn conditional(condition: Option<&str>) -> String {
    condition.map_or_else(String::new, |condition| format!("Condition: {condition}\n"))
}

/// The first part has the bare name.
fn part_of(name: &str, part: usize) -> String {
    if part == 0 { name.to_owned() } else { format!("{name}Part{part}") }
}

/// The piece with each `{{name}}` replaced. If it is all of a line, the value's lines replace that line, with
/// its indentation; an empty value removes it.
fn fill(piece: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    for line in piece.lines() {
        let alone = line.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let alone = alone.and_then(|name| values.iter().find(|(own, _)| *own == name));
        if let Some((_, value)) = alone {
            let indent = &line[..line.len() - line.trim_start().len()];
            for line in value.lines() {
                let line = format!("{indent}{line}");
                let _ = writeln!(filled, "{}", line.trim_end());
            }
            continue;
        }
        let line = values
            .iter()
            .fold(line.to_owned(), |line, (name, value)| line.replace(&["{{", name, "}}"].concat(), value));
        let _ = writeln!(filled, "{line}");
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_filled() {
        let piece = "a: {{x}}-{{y}}\n  {{block}}\n  {{none}}\nb: {{z}}\n";
        let values = [("x", "1"), ("y", "{{z}}"), ("block", "- p\n\n- q\n"), ("none", "")];
        assert_eq!(fill(piece, &values), "a: 1-{{z}}\n  - p\n\n  - q\nb: {{z}}\n");
    }

    #[test]
    fn nothing_is_left_to_fill() {
        assert!(!template().contains("{{"));
    }
}
