//! CSV files in and out: rows by column name, and a report of rows that were not taken.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use csv::{StringRecord, Writer};
use domain::json::Json;

use crate::start::{StartError, failed};

/// The columns a file may have.
pub(crate) struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// The file's columns, which must be among those known.
    pub(crate) fn read(header: &StringRecord, known: &[&str]) -> Result<Columns, StartError> {
        let names: Vec<String> =
            header.iter().map(|name| name.trim().trim_start_matches('\u{feff}').to_owned()).collect();
        for (index, name) in names.iter().enumerate() {
            if !known.contains(&name.as_str()) || names[..index].contains(name) {
                let detail =
                    format!("column \"{name}\" is unknown or stands twice; there are {}", known.join(", "));
                return Err(StartError(detail));
            }
        }
        Ok(Columns { names })
    }

    /// What the row has in that column, unless it is empty.
    pub(crate) fn get<'a>(&self, row: &'a StringRecord, name: &str) -> Option<&'a str> {
        let index = self.names.iter().position(|own| own == name)?;
        row.get(index).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// Opens a CSV file and reads its header.
pub(crate) fn open(file: &Path, known: &[&str]) -> Result<(csv::Reader<File>, Columns), StartError> {
    let unreadable =
        |error: &dyn std::error::Error| failed(&format!("cannot read {}", file.display()), error);
    let reader = csv::ReaderBuilder::new().flexible(true).from_path(file);
    let mut reader = reader.map_err(|error| unreadable(&error))?;
    let header = reader.headers().map_err(|error| unreadable(&error))?.clone();
    let columns = Columns::read(&header, known)?;
    Ok((reader, columns))
}

/// A row that was not taken, and why.
pub(crate) struct Rejected {
    /// Its line in the file.
    pub(crate) line: u64,
    /// A stable word.
    pub(crate) code: String,
    /// Why, for people.
    pub(crate) detail: String,
}

/// Where rejected rows are written: the path given, or beside the file.
pub(crate) fn rejected_path(file: &Path, given: Option<&PathBuf>) -> PathBuf {
    given.cloned().unwrap_or_else(|| {
        let mut name = file.as_os_str().to_owned();
        name.push(".rejected.csv");
        PathBuf::from(name)
    })
}

/// Writes the rejected rows, if there are any.
pub(crate) fn report(path: &Path, rejected: &[Rejected]) -> io::Result<()> {
    if rejected.is_empty() {
        return Ok(());
    }
    let mut writer = Writer::from_writer(BufWriter::new(File::create(path)?));
    writer.write_record(["line", "code", "detail"])?;
    for row in rejected {
        writer.write_record([&row.line.to_string(), &row.code, &safe(&row.detail)])?;
    }
    writer.flush()
}

/// Text as a spreadsheet takes it for text, whatever it begins with.
pub(crate) fn safe(text: &str) -> String {
    let number =
        text.strip_prefix(['+', '-']).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    match text.as_bytes().first() {
        _ if number => text.to_owned(),
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// A JSON object of the fields that are there.
pub(crate) fn object(fields: impl IntoIterator<Item = (&'static str, Option<Json>)>) -> Json {
    let there = fields.into_iter().filter_map(|(name, value)| Some((name.into(), value?)));
    Json::Object(there.collect())
}

/// A JSON text of what is there.
pub(crate) fn text(value: Option<&str>) -> Option<Json> {
    value.map(|text| Json::Text(text.into()))
}
