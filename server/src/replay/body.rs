//! What an event asks of its function.

use domain::json::Json;
use files::{
    Cell, Row, Told,
    value::{self, Wrong},
};
use landing::{identities, registration};
use serde_json::Value;

use super::{
    Run,
    events::{Event, Kind},
    says,
};
use crate::rows::{object, text};

/// A request in the making.
pub(super) struct Played {
    /// The kind of event, in a word.
    pub(super) kind: &'static str,
    /// The function.
    pub(super) function: &'static str,
    /// The body.
    pub(super) body: Json,
}

/// The request of an event, or what is told of it: of each of its rows.
pub(super) fn of(run: &Run, event: &Event) -> Result<Played, Vec<Told>> {
    let rows: Vec<Row<'_>> = (event.first..event.first + event.rows)
        .map(|index| run.sheet.row(index))
        .collect::<Result<_, _>>()
        .map_err(|told| vec![told])?;
    let mut told: Vec<Told> = rows.iter().flat_map(|row| of_no_use(row, event.kind)).collect();
    if told.is_empty() {
        match (Made { run, event, rows: &rows }).body() {
            Ok(played) => return Ok(played),
            Err(wrong) => told.push(wrong),
        }
    }
    for row in &rows {
        if !told.iter().any(|told| told.lines == row.lines) {
            let detail = format!("nothing of this event lands: line {} of it is told", told[0].lines);
            told.push(row.told(None, false, "incomplete_event", detail));
        }
    }
    Err(told)
}

/// What stands in columns that the kind has no use for.
fn of_no_use(row: &Row<'_>, kind: Kind) -> Vec<Told> {
    let common = ["kind", "occurred_at", "brand", "member_id", "channel", "external_id"];
    let has_use = |field: &str| {
        common.contains(&field)
            || ["phone", "email", "external."].iter().any(|who| field.starts_with(who))
            || kind.columns().contains(&field)
            || (kind == Kind::Refund && ["sku", "category"].contains(&field))
    };
    let cells = row.cells().filter(|cell| !has_use(&cell.column.field));
    let told = cells.map(|cell| {
        let detail = match (kind, cell.column.field.as_str()) {
            (Kind::Earn, "points") => {
                "an earn's points follow from its amount: is there a decimal comma?".to_owned()
            }
            (kind, field) => format!("{} {} has no use for {field}", article(kind), kind.word()),
        };
        row.told(Some(cell), false, "invalid_field", detail)
    });
    told.collect()
}

fn article(kind: Kind) -> &'static str {
    if kind == Kind::Earn { "an" } else { "a" }
}

struct Made<'a> {
    run: &'a Run,
    event: &'a Event,
    rows: &'a [Row<'a>],
}

impl<'a> Made<'a> {
    fn body(&self) -> Result<Played, Told> {
        let kind = self.event.kind.word();
        Ok(match self.event.kind {
            Kind::Earn => Played { kind, function: "earn-points", body: self.order()? },
            Kind::Redeem => Played { kind, function: "redeem", body: self.redemption()? },
            Kind::Refund => Played { kind, function: "reverse", body: self.refund()? },
        })
    }

    fn wrong(&self, row: &Row<'_>, cell: Cell<'_>, wrong: Wrong) -> Told {
        let code = if wrong.code == "spreadsheet_number" { wrong.code } else { "invalid_field" };
        row.told(Some(cell), false, code, wrong.detail)
    }

    /// A cell as it stands, if it has lost nothing on its way.
    fn exact(&self, row: &Row<'a>, field: &str) -> Result<Option<String>, Told> {
        let Some(cell) = row.get(field) else { return Ok(None) };
        value::exact(cell).map(|text| Some(text.to_owned())).map_err(|wrong| self.wrong(row, cell, wrong))
    }

    fn text(&self, row: &Row<'a>, field: &str) -> Result<Option<Json>, Told> {
        Ok(self.exact(row, field)?.map(|text| Json::Text(text.into())))
    }

    fn amount(&self, row: &Row<'a>) -> Result<Option<Json>, Told> {
        let Some(cell) = row.get("amount") else { return Ok(None) };
        value::decimal(cell.text)
            .map(|amount| Some(Json::Text(amount.into())))
            .map_err(|wrong| self.wrong(row, cell, wrong))
    }

    /// A whole number, or a decimal one as the contract writes it.
    fn number(&self, row: &Row<'a>, field: &str) -> Result<Option<Json>, Told> {
        let Some(cell) = row.get(field) else { return Ok(None) };
        if let Ok(whole) = value::signed(cell.text) {
            return Ok(Some(Json::Whole(whole.get())));
        }
        value::decimal(cell.text)
            .map(|number| Some(Json::Text(number.into())))
            .map_err(|wrong| self.wrong(row, cell, wrong))
    }

    fn brand(&self) -> Result<Option<Json>, Told> {
        let own = self.text(&self.rows[0], "brand")?;
        Ok(own.or_else(|| text(self.run.only_brand.as_deref())))
    }

    /// The field that names the member.
    fn member(&self) -> Result<(&'static str, Option<Json>), Told> {
        let row = &self.rows[0];
        if let Some(id) = self.text(row, "member_id")? {
            return Ok(("member_id", Some(id)));
        }
        let named = identities(row).map_err(|(cell, wrong)| self.wrong(row, cell, wrong))?;
        let place = |kind: &str| ["phone", "email", "external"].iter().position(|own| *own == kind);
        let first = named.iter().min_by_key(|named| place(named.kind));
        Ok(("identity", first.map(|named| registration(named, false))))
    }

    /// When it happened, as the file has it if that is a whole moment: an order's content is compared as sent.
    fn moment(&self) -> Option<Json> {
        let told = self.rows[0].get("occurred_at").map(|cell| cell.text.to_owned());
        let whole = told.filter(|told| domain::time::Instant::parse(told).is_some());
        text(Some(&whole.unwrap_or_else(|| self.run.reader.zone.show(self.event.at))))
    }

    fn order(&self) -> Result<Json, Told> {
        let row = &self.rows[0];
        let lines = match row.get("line_id") {
            None => None,
            Some(_) => {
                let line = |row: &Row<'a>| {
                    Ok(object([
                        ("line_id", self.text(row, "line_id")?),
                        ("sku", self.text(row, "sku")?),
                        ("category", self.text(row, "category")?),
                        ("quantity", self.number(row, "quantity")?.or(Some(Json::Whole(1)))),
                        ("amount", self.amount(row)?),
                    ]))
                };
                Some(Json::List(self.rows.iter().map(line).collect::<Result<_, Told>>()?))
            }
        };
        let amount = if lines.is_some() { None } else { self.amount(row)? };
        let useless = ["sku", "category", "quantity"].iter().find_map(|field| row.get(field));
        if let Some(cell) = useless.filter(|_| lines.is_none()) {
            let detail = "what is of a line needs its line_id".to_owned();
            return Err(row.told(Some(cell), false, "invalid_field", detail));
        }
        Ok(object([
            self.member()?,
            ("brand", self.brand()?),
            ("order_id", self.text(row, "order_id")?),
            ("amount", amount),
            ("lines", lines),
            ("channel", self.text(row, "order_channel")?),
            ("occurred_at", self.moment()),
        ]))
    }

    /// The event's own name in that column, or the one that follows from what it says.
    fn named(&self, field: &str) -> Result<Option<Json>, Told> {
        let own = self.text(&self.rows[0], field)?;
        let unnamed = self.event.unnamed.as_ref();
        Ok(own.or_else(|| text(unnamed.map(|unnamed| unnamed.name.as_str()))))
    }

    fn redemption(&self) -> Result<Json, Told> {
        let row = &self.rows[0];
        let points = self.number(row, "points")?;
        let order = object([
            ("kind", text(Some("order"))),
            ("order_id", self.text(row, "order_id")?),
            ("part", self.named("part")?),
        ]);
        Ok(object([self.member()?, ("brand", self.brand()?), ("points", points), ("for", Some(order))]))
    }

    fn refund(&self) -> Result<Json, Told> {
        let row = &self.rows[0];
        let asked = if row.get("line_id").is_some() {
            let line = |row: &Row<'a>| {
                if let Some(cell) = row.get("amount") {
                    let detail =
                        "what refunded lines come to follows from the order: quantity alone".to_owned();
                    return Err(row.told(Some(cell), false, "invalid_field", detail));
                }
                let quantity = self.number(row, "quantity")?;
                Ok(object([("line_id", self.text(row, "line_id")?), ("quantity", quantity)]))
            };
            let lines = Json::List(self.rows.iter().map(line).collect::<Result<_, Told>>()?);
            Some(object([("lines", Some(lines))]))
        } else if row.get("amount").is_some_and(|cell| says::is_all(cell.text)) {
            text(Some("all"))
        } else {
            Some(object([("amount", self.amount(row)?)]))
        };
        Ok(object([
            ("brand", self.brand()?),
            ("order_id", self.text(row, "order_id")?),
            ("refund_id", self.named("refund_id")?),
            ("refund", asked),
        ]))
    }
}

/// What is told of an event that its function refuses.
pub(super) fn told(run: &Run, event: &Event, answer: &Value) -> Vec<Told> {
    let code = answer["code"].as_str().unwrap_or_default().to_owned();
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let plain = |detail: &str| Told::row(event.lines, code.clone(), detail);
    if errors.is_empty() {
        return vec![plain(answer["detail"].as_str().unwrap_or_default())];
    }
    let told = errors.iter().map(|fault| {
        let pointer = fault["pointer"].as_str().unwrap_or_default();
        let mut told = plain(&format!("{pointer} {}", fault["detail"].as_str().unwrap_or_default()));
        if let Some((column, value)) = cell_of(run, event, pointer) {
            (told.column, told.value) = (column, value);
        }
        told
    });
    told.collect()
}

/// The cell that a pointer into the request means.
fn cell_of(run: &Run, event: &Event, pointer: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = pointer.split('/').filter(|part| !part.is_empty()).collect();
    let line = parts.iter().find_map(|part| part.parse::<usize>().ok()).unwrap_or(0);
    let row = run.sheet.row(event.first + line.min(event.rows - 1)).ok()?;
    let field = match parts.last() {
        Some(&"value" | &"identity") => {
            let named = identities(&row).ok()?;
            let cell = named.first()?.cell;
            return Some((cell.column.title.clone(), cell.text.to_owned()));
        }
        Some(&"channel") => "order_channel",
        Some(field) => field,
        None => return None,
    };
    let cell = row.get(field)?;
    Some((cell.column.title.clone(), cell.text.to_owned()))
}

/// The text of a body.
pub(super) fn json_text(json: &Json) -> String {
    fn value(json: &Json) -> Value {
        match json {
            Json::Null | Json::NotWhole => Value::Null,
            Json::Bool(flag) => (*flag).into(),
            Json::Whole(number) => (*number).into(),
            Json::Text(text) => text.as_str().into(),
            Json::List(elements) => elements.iter().map(value).collect(),
            Json::Object(fields) => {
                Value::Object(fields.iter().map(|(name, json)| (name.to_string(), value(json))).collect())
            }
        }
    }
    value(json).to_string()
}
