//! What is told of a row: why it did not land, or what of it did not.

use domain::{brought::Opening, programme::Programme};
use edge::Problem;
use engine::{Left, Stay};
use files::{Lines, Told};

use crate::row::{Named, OPENING, Reading, Ready};

/// Codes that say no more than that a field is not as it should be.
const FORM: &[&str] =
    &["wrong_format", "required", "unknown_field", "wrong_type", "too_long", "too_short", "duplicate"];

/// The code of a fault, as rows are told of it: its own word where that says more than the form.
pub(crate) fn code_of(own: &str) -> String {
    if FORM.contains(&own) { "invalid_field" } else { own }.to_owned()
}

/// What is told of a problem with a row: one for each fault, or one for the problem.
pub(crate) fn told_of(
    lines: Lines,
    problem: &Problem,
    column: impl Fn(&str) -> (String, String),
) -> Vec<Told> {
    let errors = problem.data.get("errors").and_then(serde_json::Value::as_array);
    let told = |pointer: &str, code: String, detail: String| {
        let (column, value) = column(pointer);
        Told { lines, column, value, landed: false, code: code.into(), detail }
    };
    let faults: Vec<Told> = errors
        .into_iter()
        .flatten()
        .map(|fault| {
            let text = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
            told(&text("pointer"), code_of(&text("code")), text("detail"))
        })
        .collect();
    if faults.is_empty() {
        vec![told("", problem.code.word().to_owned(), problem.detail.clone())]
    } else {
        faults
    }
}

/// A fault of a problem.
pub(crate) struct Fault {
    pub(crate) pointer: String,
    pub(crate) code: String,
    pub(crate) detail: String,
}

/// The faults of a problem: where, and what would be right.
pub(crate) fn pointers(problem: &Problem) -> Vec<Fault> {
    let errors = problem.data.get("errors").and_then(serde_json::Value::as_array);
    let text = |fault: &serde_json::Value, name: &str| fault[name].as_str().unwrap_or_default().to_owned();
    let fault = |fault| Fault {
        pointer: text(fault, "pointer"),
        code: code_of(&text(fault, "code")),
        detail: text(fault, "detail"),
    };
    errors.into_iter().flatten().map(fault).collect()
}

/// The column and the value of the identity that a pointer means.
pub(crate) fn identity_column(named: &[Named<'_>], pointer: &str) -> (String, String) {
    let index =
        pointer.strip_prefix("/identities/").and_then(|rest| rest.split('/').next()?.parse::<usize>().ok());
    let cell = index.and_then(|index| named.get(index)).map(|named| named.cell);
    cell.map_or_else(Default::default, |cell| (cell.column.title.clone(), cell.text.to_owned()))
}

impl Ready {
    pub(crate) fn about(&self, field: &str, landed: bool, code: &'static str, detail: String) -> Told {
        let (column, value) = self.cells.get(field).cloned().unwrap_or_default();
        Told { lines: self.lines, column, value, landed, code: code.into(), detail }
    }

    /// A second row of the same balance.
    pub(crate) fn duplicate(&self) -> Told {
        let id = self.coming.balance.as_ref().map_or(OPENING, |balance| balance.id.as_str());
        let detail = format!(
            "a row before it has the balance \"{id}\" of this member and brand already: add the points up in one \
             row, or give each a balance_id of its own"
        );
        self.about("points", false, "duplicate_row", detail)
    }

    /// A balance that was said otherwise before.
    pub(crate) fn conflict(&self, programme: &Programme, stay: &Stay) -> Option<Told> {
        let Stay::Balance { points, expires_at, billing } = stay else { return None };
        let end = expires_at.map(|end| end.map_or("never".to_owned(), |at| programme.zone.show(at)));
        let end = end.map_or(String::new(), |end| format!(" that end {end}"));
        let is_lot =
            self.coming.balance.as_ref().is_some_and(|balance| balance.id.as_str().starts_with("lot:"));
        let detail = if *billing {
            "this balance was imported before and billed otherwise: --bill is chosen once".to_owned()
        } else if is_lot {
            format!(
                "the member has points of its own here, and {points} of this lot{end}: --correct books the difference"
            )
        } else {
            format!(
                "this balance was imported before with {points} points{end}: --correct books the difference"
            )
        };
        Some(self.about("points", false, "balance_conflict", detail))
    }

    /// What is told of a row that does not land.
    pub(crate) fn refused(&self, problem: &Problem) -> Vec<Told> {
        told_of(self.lines, problem, |pointer| {
            let field = pointer.trim_start_matches('/');
            // What is missing has no cell.
            let named = if field.contains('/') { String::new() } else { field.to_owned() };
            self.cells.get(field).cloned().unwrap_or((named, String::new()))
        })
    }

    /// What is told of a row that has landed.
    pub(crate) fn landed(&self, reading: Reading<'_>, left: &[Left]) -> Vec<Told> {
        let mut told = self.told.clone();
        let not_added = |field: &str| {
            let detail = if reading.how.verified {
                "the member has another value, which stays".to_owned()
            } else {
                "the member is known: --verified adds what is missing, if all of a row is known to be of one person"
                    .to_owned()
            };
            self.about(field, true, "not_added", detail)
        };
        told.extend(left.iter().map(|left| match left {
            Left::Identity(index) => not_added(self.identities.get(*index).map_or("", String::as_str)),
            Left::Field(field) => not_added(field),
            Left::Attribute(id) => not_added(&format!("attribute.{id}")),
            Left::Consent(channel) => not_added(&format!("consent.{channel}")),
            Left::ConsentKept(channel, own) => {
                let own = if *own { "yes" } else { "no" };
                let detail = format!("the person has said {own}, which stays");
                self.about(&format!("consent.{channel}"), true, "consent_kept", detail)
            }
            Left::Standing(column, said) => {
                let said = said_of(reading.programme, column, said);
                let detail = format!("it is {said} so far: --correct books the difference");
                self.about(column, true, "standing_conflict", detail)
            }
            Left::TierOver(tier) => {
                let detail = format!("the member has the tier {tier} by now, which stays as it is");
                self.about("tier_until", true, "not_added", detail)
            }
            Left::BadgeTaken(badge) => {
                let detail = format!("{badge} was taken back by hand: only staff gives it again");
                self.about("badges", true, "not_added", detail)
            }
            Left::Missing(required) => {
                let mut told = self.about(&required.column(), true, "invalid_field", required.detail());
                told.column = if told.column.is_empty() { required.column() } else { told.column };
                told
            }
            Left::NotAdmitted => {
                let detail = "the programme does not take this person as a member who registers".to_owned();
                self.about("", true, "not_admitted", detail)
            }
            Left::Tags => {
                self.about("tags", true, "not_added", "the member has left: nothing is added".to_owned())
            }
        }));
        told
    }
}

/// A figure of the standing, as a file would have it.
fn said_of(programme: &Programme, column: &str, said: &Opening) -> String {
    let figure = |figure: Option<u64>| figure.map_or(String::new(), |figure| figure.to_string());
    match column {
        "growth" => figure(said.growth),
        "prior_orders" => figure(said.prior_orders),
        "prior_amount" => said.prior_amount.map_or(String::new(), |money| money.show(programme.currency)),
        "tier" => said.tier.as_ref().map_or(String::new(), ToString::to_string),
        _ => match said.tier_until {
            Some(Some(until)) => programme.zone.show(until),
            _ => "never".to_owned(),
        },
    }
}
