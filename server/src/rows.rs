//! CSV files in and out: rows by column name, and a report of rejected rows.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
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

    /// The row's value in that column, unless it is empty.
    pub(crate) fn get<'a>(&self, row: &'a StringRecord, name: &str) -> Option<&'a str> {
        let index = self.names.iter().position(|own| own == name)?;
        row.get(index).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// Opens a CSV file and reads its header.
pub(crate) fn open(file: &Path, known: &[&str]) -> Result<(csv::Reader<File>, Columns), StartError> {
    let named = |error: &dyn std::error::Error| failed(&format!("cannot read {}", file.display()), error);
    let text = File::open(file).map_err(|error| named(&error))?;
    read(text, known).map_err(|StartError(what)| StartError(format!("{}: {what}", file.display())))
}

/// Reads the header of a CSV text.
pub(crate) fn read<R: io::Read>(text: R, known: &[&str]) -> Result<(csv::Reader<R>, Columns), StartError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let header = reader.headers().map_err(|error| failed("cannot read the header", &error))?.clone();
    let columns = Columns::read(&header, known)?;
    Ok((reader, columns))
}

/// A rejected row, and why.
#[derive(Debug)]
pub struct Rejected {
    /// Its line in the file.
    pub line: u64,
    /// A stable word.
    pub code: String,
    /// Why, for people.
    pub detail: String,
}

/// The columns of a report.
const HEADER: [&str; 3] = ["line", "code", "detail"];

impl Rejected {
    fn cells(&self) -> [String; 3] {
        [self.line.to_string(), self.code.clone(), safe(&self.detail)]
    }
}

/// Where rejected rows are written: the path given, or beside the file.
pub(crate) fn rejected_path(file: &Path, given: Option<&PathBuf>) -> PathBuf {
    given.cloned().unwrap_or_else(|| {
        let mut name = file.as_os_str().to_owned();
        name.push(".rejected.csv");
        PathBuf::from(name)
    })
}

/// Writes the rejected rows; if there are none, writes no report and deletes an older one.
pub(crate) fn report(path: &Path, rejected: &[Rejected]) -> io::Result<()> {
    if rejected.is_empty() {
        return match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let mut writer = Writer::from_writer(BufWriter::new(File::create(path)?));
    writer.write_record(HEADER)?;
    for row in rejected {
        writer.write_record(row.cells())?;
    }
    writer.flush()
}

/// Adds one row to the report and waits until it is on disk.
pub(crate) fn report_one(path: &Path, rejected: &Rejected) -> io::Result<()> {
    let file = File::options().append(true).create(true).open(path)?;
    let is_new = file.metadata()?.len() == 0;
    let mut writer = Writer::from_writer(Vec::new());
    if is_new {
        writer.write_record(HEADER)?;
    }
    writer.write_record(rejected.cells())?;
    let text = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    (&file).write_all(&text)?;
    file.sync_data()
}

/// The rows of a report, the last of each line; a row that was cut off in the middle is left out.
pub(crate) fn reported(path: &Path) -> io::Result<BTreeMap<u64, Rejected>> {
    let mut rows = BTreeMap::new();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(rows),
        file => file?,
    };
    for row in csv::ReaderBuilder::new().flexible(true).from_reader(file).records().flatten() {
        let (Some(Ok(line)), Some(code), Some(detail)) = (row.get(0).map(str::parse), row.get(1), row.get(2))
        else {
            continue;
        };
        rows.insert(line, Rejected { line, code: code.to_owned(), detail: detail.to_owned() });
    }
    Ok(rows)
}

/// Text that a spreadsheet treats as text, whatever it begins with.
pub(crate) fn safe(text: &str) -> String {
    let number =
        text.strip_prefix(['+', '-']).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    match text.as_bytes().first() {
        _ if number => text.to_owned(),
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// A JSON object of the fields that are present.
pub(crate) fn object(fields: impl IntoIterator<Item = (&'static str, Option<Json>)>) -> Json {
    let there = fields.into_iter().filter_map(|(name, value)| Some((name.into(), value?)));
    Json::Object(there.collect())
}

/// A JSON string, if the value is present.
pub(crate) fn text(value: Option<&str>) -> Option<Json> {
    value.map(|text| Json::Text(text.into()))
}
