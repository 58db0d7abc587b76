//! A row as a person: who it is, what is known of it, and what it brings along.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    attribute::{AttributeKind, AttributeRule, NoValue},
    brought::Opening,
    id::{BadgeId, BalanceId},
    json::Json,
    member::{ConsentWay, Consented, REGION_PARTS},
    number::{Figure, Money},
    programme::Programme,
    time::Instant,
};
use edge::Api;
use engine::{Coming, ComingBalance, Registration, store::Claim};
use files::{
    Cell, Lines, Reader, Row, Told,
    value::{self, Wrong},
};

use crate::{
    How, brand_of,
    told::{Fault, code_of, identity_column, pointers, told_of},
};

/// The balance of a row that names none.
pub(crate) const OPENING: &str = "opening";

/// The reason of the entries, for people.
const REASON: &str = "opening balance";

/// How rows are read.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The functions.
    pub api: &'a Api,
    /// The newest version.
    pub programme: &'a Programme,
    /// Reads values.
    pub reader: Reader,
    /// What is asked for.
    pub how: How,
    /// The moment at which the run began.
    pub now: Instant,
}

/// A row that was read, with what is told of it already.
pub(crate) struct Ready {
    pub(crate) coming: Coming,
    pub(crate) lines: Lines,
    /// Its cells, by field: the title of the column, and the text.
    pub(crate) cells: BTreeMap<String, (String, String)>,
    /// The fields of its identities, in their order.
    pub(crate) identities: Vec<String>,
    pub(crate) told: Vec<Told>,
}

/// A field that says how a person is known: its kind, its channel, and its value.
pub struct Named<'a> {
    /// The cell of the value.
    pub cell: Cell<'a>,
    /// `phone`, `email` or `external`.
    pub kind: &'static str,
    /// The channel of an external identity.
    pub channel: Option<&'a str>,
}

/// How a row's person is known, in the order of the columns.
///
/// # Errors
/// A value has lost something on its way, or an id has no channel; the cell, and what is wrong.
pub fn identities<'a>(row: &'a Row<'_>) -> Result<Vec<Named<'a>>, (Cell<'a>, Wrong)> {
    let mut named = Vec::new();
    for cell in row.cells() {
        let field = cell.column.field.as_str();
        let (kind, channel) = match field {
            _ if field.starts_with("phone") => ("phone", None),
            _ if field.starts_with("email") => ("email", None),
            "external_id" => {
                let wrong = || Wrong {
                    code: "required",
                    detail: "an external id needs its channel: a column channel, or external.<channel>"
                        .into(),
                };
                let channel = row.get("channel").ok_or_else(|| (cell, wrong()))?;
                ("external", Some(channel.text))
            }
            "channel" if row.get("external_id").is_none() => {
                let detail = "a channel without its external_id says nothing".into();
                return Err((cell, Wrong { code: "required", detail }));
            }
            _ => match field.strip_prefix("external.") {
                Some(channel) => ("external", Some(channel)),
                None => continue,
            },
        };
        value::exact(cell).map_err(|wrong| (cell, wrong))?;
        // `13800138000.0` is a number that a script has read and written.
        let (whole, rest) = cell.text.split_once('.').unwrap_or((cell.text, ""));
        let is_number = whole.len() > 5 && whole.bytes().all(|byte| byte.is_ascii_digit());
        if kind == "phone" && is_number && !rest.is_empty() && rest.bytes().all(|byte| byte == b'0') {
            return Err((cell, value::scientific()));
        }
        named.push(Named { cell, kind, channel });
    }
    Ok(named)
}

/// A JSON object of the fields that are present.
fn object(fields: impl IntoIterator<Item = (&'static str, Option<Json>)>) -> Json {
    let there = fields.into_iter().filter_map(|(name, value)| Some((name.into(), value?)));
    Json::Object(there.collect())
}

fn text(value: Option<&str>) -> Option<Json> {
    value.map(|text| Json::Text(text.into()))
}

/// An identity as the contract writes it.
pub fn registration(named: &Named<'_>, verified: bool) -> Json {
    object([
        ("kind", text(Some(named.kind))),
        ("channel", text(named.channel)),
        ("value", text(Some(named.cell.text))),
        ("verified", verified.then_some(Json::Bool(true))),
    ])
}

/// A row in the making.
struct Made<'a> {
    row: &'a Row<'a>,
    strict: bool,
    told: Vec<Told>,
    refused: Vec<Told>,
}

impl<'a> Made<'a> {
    /// What is wrong with an optional field: the row comes without it.
    fn left_out(&mut self, cell: Cell<'_>, code: &'static str, detail: &str) {
        let told = self.row.told(Some(cell), !self.strict, code_of(code), detail);
        if self.strict { self.refused.push(told) } else { self.told.push(told) }
    }

    /// What is wrong with a field that the row cannot come without.
    fn refuse(&mut self, cell: Option<Cell<'_>>, wrong: &Wrong) {
        self.refused.push(self.row.told(cell, false, code_of(wrong.code), wrong.detail.clone()));
    }

    /// An optional field, read.
    fn optional<T>(&mut self, field: &str, read: impl FnOnce(&str) -> Result<Option<T>, Wrong>) -> Option<T> {
        let cell = self.row.get(field)?;
        let read = if value::is_misread(cell.text) { Err(value::misread()) } else { read(cell.text) };
        read.unwrap_or_else(|wrong| {
            // The row is borrowed longer than this.
            let row = self.row;
            if let Some(cell) = row.get(field) {
                self.left_out(cell, wrong.code, &wrong.detail);
            }
            None
        })
    }

    /// A field that the row cannot come without if it is there, read.
    fn needed<T>(&mut self, field: &str, read: impl FnOnce(&str) -> Result<Option<T>, Wrong>) -> Option<T> {
        let row = self.row;
        let cell = row.get(field)?;
        read(cell.text).unwrap_or_else(|wrong| {
            self.refuse(Some(cell), &wrong);
            None
        })
    }
}

impl Reading<'_> {
    /// What claims one identity; `None` if it is none.
    fn claim(&self, named: &Named<'_>) -> Option<Claim> {
        let brand = self.programme.brands.first().map(|brand| brand.id.as_str());
        let identities = Json::List(vec![registration(named, false)]);
        let body = object([("identities", Some(identities)), ("brand", text(brand))]);
        let read = edge::checked(&body)
            .and_then(|registration| edge::person(self.api, registration, true, self.now));
        read.ok()?.1.pop()
    }

    /// What claims the row's identities, as far as they are any.
    pub(crate) fn claims(&self, row: &Row<'_>) -> Vec<Claim> {
        let named = identities(row).unwrap_or_default();
        named.iter().filter_map(|named| self.claim(named)).collect()
    }

    /// Each identity once, in whatever spellings it stands in the row.
    fn distinct<'r>(&self, named: Vec<Named<'r>>) -> Vec<Named<'r>> {
        if named.len() < 2 {
            return named;
        }
        let mut seen: Vec<Claim> = Vec::new();
        let mut is_new = |one: &Named<'_>| match self.claim(one) {
            Some(claim) if seen.iter().any(|own| own.own.hash == claim.own.hash) => false,
            Some(claim) => {
                seen.push(claim);
                true
            }
            None => true,
        };
        named.into_iter().filter(|one| is_new(one)).collect()
    }

    /// The row, or what is told of it.
    pub(crate) fn row(&self, row: &Row<'_>) -> Result<Ready, Vec<Told>> {
        let mut made = Made { row, strict: self.how.strict, told: Vec::new(), refused: Vec::new() };
        let named = identities(row)
            .map_err(|(cell, wrong)| vec![row.told(Some(cell), false, code_of(wrong.code), wrong.detail)])?;
        let named = self.distinct(named);
        if named.is_empty() {
            let detail = "nothing says who it is: a phone, an email or an external id";
            return Err(vec![row.told(None, false, "invalid_field", detail)]);
        }
        let brand = brand_of(self.programme, row.get("brand").map(|cell| cell.text));
        let Some(brand) = brand.filter(|brand| self.programme.brand(brand).is_some()) else {
            let ids: Vec<&str> = self.programme.brands.iter().map(|brand| brand.id.as_str()).collect();
            let detail = format!("a brand of the programme: {}", ids.join(", "));
            return Err(vec![row.told(row.get("brand"), false, "brand_not_found", detail)]);
        };
        let registered_at = made.optional("registered_at", |text| self.reader.begin(text));
        let late = registered_at.filter(|at| *at > self.now);
        if let Some(cell) = row.get("registered_at").filter(|_| late.is_some()) {
            made.left_out(cell, "out_of_range", "not ahead of now");
        }
        let registered_at = registered_at.filter(|_| late.is_none());
        let opening = self.opening(&mut made);
        let balance = self.balance(&mut made);
        let ids = |made: &mut Made<'_>, field: &str| {
            let ids = made.needed(field, |text| Ok(Some(listed(text))));
            ids.unwrap_or_default()
        };
        let (badges, tags) = (ids(&mut made, "badges"), ids(&mut made, "tags"));
        let person = self.person(&mut made, &named, brand.as_str());
        let Made { told, refused, .. } = made;
        let (person, claims) = match person {
            Ok(person) if refused.is_empty() => person,
            Ok(_) => return Err(refused),
            Err(also) => return Err([refused, also].concat()),
        };
        let id = self.api.new_id(self.now).map_err(|error| {
            vec![row.told(None, false, "internal", format!("there is no randomness: {error}"))]
        })?;
        let registration = Registration {
            id,
            registered_at: registered_at.unwrap_or(self.now),
            person,
            claims,
            signals: Vec::new(),
        };
        let cells = row
            .cells()
            .map(|cell| (cell.column.field.clone(), (cell.column.title.clone(), cell.text.to_owned())));
        Ok(Ready {
            coming: Coming {
                registration,
                says_registered: registered_at.is_some(),
                opening,
                balance,
                all: Arc::default(),
                badges: badges.iter().map(|id| BadgeId::of_checked(id)).collect(),
                tags,
                brand,
                reason: REASON.to_owned(),
                bill: self.how.bill,
                correct: self.how.correct,
                strict: self.how.strict,
            },
            lines: row.lines,
            cells: cells.collect(),
            identities: named.iter().map(|named| named.cell.column.field.clone()).collect(),
            told,
        })
    }

    fn opening(&self, made: &mut Made<'_>) -> Opening {
        let figure = |text: &str| value::figure(text).map(|figure| Some(figure.get()));
        let currency = self.programme.currency;
        let money = |text: &str| {
            let decimal = value::decimal(text)?;
            let money = Money::parse(&decimal, currency).filter(|money| Figure::of(money.0).is_some());
            let wrong = || Wrong {
                code: "wrong_format",
                detail: "an amount in the programme's currency, such as 1234.50, with no more digits".into(),
            };
            money.map(Some).ok_or_else(wrong)
        };
        Opening {
            growth: made.needed("growth", figure),
            tier: made.needed("tier", |text| Ok(Some(domain::id::TierId::of_checked(text)))),
            tier_until: made.needed("tier_until", |text| self.reader.end(text)),
            prior_orders: made.needed("prior_orders", figure),
            prior_amount: made.needed("prior_amount", money),
        }
    }

    /// The row's balance: it has one only where points are filled in.
    fn balance(&self, made: &mut Made<'_>) -> Option<ComingBalance> {
        let points = made.needed("points", |text| value::signed(text).map(Some));
        let expires_at = made.needed("expires_at", |text| self.reader.end(text));
        let held_until = made.needed("held_until", |text| match self.reader.end(text)? {
            Some(None) => Err(Wrong { code: "wrong_format", detail: "a hold has an end".into() }),
            end => Ok(end.flatten()),
        });
        let id = made.needed("balance_id", |text| {
            let wrong = || Wrong {
                code: "wrong_format",
                detail: "1 to 64 characters, without blanks at its ends".into(),
            };
            text.parse::<BalanceId>().map(Some).map_err(|_| wrong())
        });
        let id = id.unwrap_or_else(|| BalanceId::of_checked(OPENING));
        if made.row.get("points").is_none() {
            for cell in
                ["expires_at", "held_until", "balance_id"].into_iter().filter_map(|field| made.row.get(field))
            {
                made.left_out(
                    cell,
                    "not_added",
                    "a balance is told by its points, and these are empty: 0 says none",
                );
            }
        }
        points.map(|points| ComingBalance { id, points, expires_at, held_until })
    }

    /// The person, as the contract's registration reads it. Optional fields that it refuses are left out.
    fn person(
        &self,
        made: &mut Made<'_>,
        named: &[crate::row::Named<'_>],
        brand: &str,
    ) -> Result<(domain::member::Person, Vec<Claim>), Vec<Told>> {
        let row = made.row;
        let verified = self.how.verified;
        let (consents, since) = self.consents(made);
        let attributes = self.attributes(made);
        let birthday = made.optional("birthday", |text| self.reader.day(text));
        let gender = row.get("gender").map(|cell| match cell.text {
            "男" => "male",
            "女" => "female",
            other => other,
        });
        let mut fields: Vec<(&'static str, &'static str, String)> = Vec::new();
        let mut plain = |made: &mut Made<'_>, field: &'static str, pointer: &'static str| {
            if let Some(value) = made.optional(field, |text| Ok(Some(text.to_owned()))) {
                fields.push((field, pointer, value));
            }
        };
        plain(made, "name", "/profile/name");
        plain(made, "locale", "/profile/locale");
        plain(made, "time_zone", "/profile/time_zone");
        for field in REGION_PARTS {
            plain(made, field, "/profile/region");
        }
        plain(made, "terms_version", "/terms_version");
        plain(made, "registered_channel", "/channel");
        fields.extend(birthday.map(|day| ("birthday", "/profile/birthday", day.show())));
        fields.extend(gender.map(|gender| ("gender", "/profile/gender", gender.to_owned())));
        loop {
            let get = |name: &str| {
                fields.iter().find(|(field, ..)| *field == name).map(|(.., value)| value.as_str())
            };
            let part = |name: &'static str| (name, text(get(name)));
            let region = object(REGION_PARTS.map(part));
            let region = (!region.fields().is_empty()).then_some(region);
            let attributes = (!attributes.is_empty()).then(|| Json::Object(attributes.clone()));
            let profile = object([
                part("name"),
                part("birthday"),
                part("gender"),
                part("locale"),
                part("time_zone"),
                ("region", region),
                ("attributes", attributes),
            ]);
            let given = consents.iter().map(|(channel, given)| (channel.as_str().into(), Json::Bool(*given)));
            let consents = (!consents.is_empty()).then(|| Json::Object(given.collect()));
            let body = object([
                (
                    "identities",
                    Some(Json::List(named.iter().map(|one| registration(one, verified)).collect())),
                ),
                ("brand", text(Some(brand))),
                ("channel", text(get("registered_channel"))),
                ("terms_version", text(get("terms_version"))),
                ("consents", consents),
                ("profile", (!profile.fields().is_empty()).then_some(profile)),
            ]);
            let read = edge::checked(&body)
                .and_then(|registration| edge::person(self.api, registration, true, self.now));
            let problem = match read {
                Ok((mut person, claims)) => {
                    person.consents_since = since;
                    return Ok((person, claims));
                }
                Err(problem) => problem,
            };
            let before = fields.len();
            let pointers = pointers(&problem);
            let strict = self.how.strict;
            fields.retain(|(field, pointer, _)| {
                let own = if *pointer == "/profile/region" {
                    format!("{pointer}/{field}")
                } else {
                    (*pointer).to_owned()
                };
                let fault = pointers.iter().find(|fault| fault.pointer == own);
                if let (Some(Fault { code, detail, .. }), Some(cell)) = (fault, row.get(field)) {
                    let told = row.told(Some(cell), !strict, code.clone(), detail.clone());
                    if strict { made.refused.push(told) } else { made.told.push(told) }
                }
                fault.is_none()
            });
            if fields.len() == before {
                return Err(told_of(row.lines, &problem, |pointer| identity_column(named, pointer)));
            }
        }
    }

    /// The values of attributes that the programme has.
    fn attributes(&self, made: &mut Made<'_>) -> Vec<(domain::json::Text, Json)> {
        let mut attributes = Vec::new();
        let row = made.row;
        for cell in row.cells() {
            let Some(id) = cell.column.field.strip_prefix("attribute.") else { continue };
            let Some(rule) = self.programme.attribute(id) else {
                made.left_out(cell, "unknown_attribute", "the programme has no such attribute");
                continue;
            };
            match self.attribute(rule, cell.text) {
                Ok(value) => attributes.push((id.into(), value)),
                Err(wrong) => made.left_out(cell, wrong.code, &wrong.detail),
            }
        }
        attributes
    }

    /// A cell as the value of an attribute.
    fn attribute(&self, rule: &AttributeRule, text: &str) -> Result<Json, Wrong> {
        let words = |text: &str| Json::Text(text.into());
        let value = match &rule.kind {
            _ if value::is_misread(text) => return Err(value::misread()),
            AttributeKind::Choice(_) | AttributeKind::Text => words(text),
            AttributeKind::Choices(_) => Json::List(listed(text).iter().map(|one| words(one)).collect()),
            AttributeKind::Number => words(&value::decimal(text)?),
            // A cell that stands for nothing is refused as a date below.
            AttributeKind::Date => words(&self.reader.day(text)?.map_or_else(String::new, |day| day.show())),
            AttributeKind::Flag => value::yes_or_no(text).map_or(Json::Null, Json::Bool),
        };
        let wrong = |wrong: NoValue| Wrong { code: wrong.code, detail: wrong.detail.into() };
        rule.read(&value).map(|_| value).map_err(wrong)
    }

    fn consents(&self, made: &mut Made<'_>) -> (BTreeMap<String, bool>, BTreeMap<String, Consented>) {
        let (mut consents, mut since) = (BTreeMap::new(), BTreeMap::new());
        let row = made.row;
        for cell in row.cells() {
            let Some(channel) = cell.column.field.strip_prefix("consent.") else { continue };
            if let Some(given) = value::yes_or_no(cell.text) {
                consents.insert(channel.to_owned(), given);
                continue;
            }
            match self.reader.begin(cell.text) {
                Ok(None) => {}
                Ok(Some(at)) if at > self.now => {
                    made.left_out(cell, "out_of_range", "since when: not ahead of now")
                }
                Ok(Some(at)) => {
                    consents.insert(channel.to_owned(), true);
                    since.insert(channel.to_owned(), Consented { at, how: ConsentWay::Import });
                }
                Err(_) => {
                    made.left_out(cell, "wrong_format", "yes, no, 是, 否, or since when, such as 2020-01-31")
                }
            }
        }
        (consents, since)
    }
}

/// Ids between semicolons.
fn listed(text: &str) -> Vec<String> {
    let ids = text.split([';', '；']).map(str::trim).filter(|id| !id.is_empty());
    ids.map(str::to_owned).collect()
}
