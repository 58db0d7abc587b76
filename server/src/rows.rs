//! Files in, and the report of what is told of them.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use csv::Writer;
use domain::json::Json;
use files::{Known, Lines, Sheet, Told, guard::guarded};

use crate::{
    cli::Read,
    start::{StartError, failed},
};

/// Reads a file whole; nothing of it has landed if it cannot be read.
pub(crate) fn open(file: &Path, read: &Read, known: &Known) -> Result<Sheet, StartError> {
    let bytes =
        std::fs::read(file).map_err(|error| failed(&format!("cannot read {}", file.display()), &error))?;
    files::read(&bytes, &read.options(), known)
        .map_err(|error| StartError(format!("{}: {error} ({})", file.display(), error.code)))
}

/// The columns of a report.
const HEADER: [&str; 6] = ["lines", "column", "value", "landed", "code", "detail"];

fn cells(told: &Told) -> [String; 6] {
    let landed = if told.landed { "yes" } else { "no" };
    [
        told.lines.to_string(),
        guarded(&told.column).into_owned(),
        guarded(&told.value).into_owned(),
        landed.to_owned(),
        told.code.to_string(),
        guarded(&told.detail).into_owned(),
    ]
}

/// Where rejected rows are written: the path given, or beside the file.
pub(crate) fn rejected_path(file: &Path, given: Option<&PathBuf>) -> PathBuf {
    given.cloned().unwrap_or_else(|| {
        let mut name = file.as_os_str().to_owned();
        name.push(".rejected.csv");
        PathBuf::from(name)
    })
}

/// Fails if nothing could be written there later.
pub(crate) fn must_be_writable(path: &Path) -> io::Result<()> {
    let is_new = !path.exists();
    File::options().append(true).create(true).open(path)?;
    if is_new { std::fs::remove_file(path) } else { Ok(()) }
}

/// Writes what is told; if there is nothing, writes no report and deletes an older one.
pub(crate) fn report(path: &Path, told: &[Told]) -> io::Result<()> {
    if told.is_empty() {
        return match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let mut writer = Writer::from_writer(BufWriter::new(File::create(path)?));
    writer.write_record(HEADER)?;
    for told in told {
        writer.write_record(cells(told))?;
    }
    writer.flush()
}

/// Adds to the report, and waits until that is on disk.
pub(crate) fn report_more(path: &Path, told: &[Told]) -> io::Result<()> {
    let file = File::options().append(true).create(true).open(path)?;
    let is_new = file.metadata()?.len() == 0;
    let mut writer = Writer::from_writer(Vec::new());
    if is_new {
        writer.write_record(HEADER)?;
    }
    for told in told {
        writer.write_record(cells(told))?;
    }
    let text = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    (&file).write_all(&text)?;
    file.sync_data()
}

/// What a report tells, by lines; a row that was cut off in the middle is left out. Reports of 0.1.0 have a line, a
/// code and a detail.
pub(crate) fn reported(path: &Path) -> io::Result<BTreeMap<Lines, Vec<Told>>> {
    let mut rows: BTreeMap<Lines, Vec<Told>> = BTreeMap::new();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(rows),
        file => file?,
    };
    for row in csv::ReaderBuilder::new().flexible(true).from_reader(file).records().flatten() {
        let cell = |index: usize| {
            row.get(index).map(|cell| files::guard::unguarded(cell).to_owned()).unwrap_or_default()
        };
        let Some(lines) = Lines::parse(&cell(0)) else { continue };
        let told = match row.len() {
            3 => Told::row(lines, cell(1), cell(2)),
            6 => Told {
                lines,
                column: cell(1),
                value: cell(2),
                landed: cell(3) == "yes",
                code: cell(4).into(),
                detail: cell(5),
            },
            _ => continue,
        };
        let known = rows.entry(lines).or_default();
        if !known.contains(&told) {
            known.push(told);
        }
    }
    Ok(rows)
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
