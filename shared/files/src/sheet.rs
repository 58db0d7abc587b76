//! A file that was read: its columns, and its rows one after the other.

use std::borrow::Cow;

use serde_json::Value;

use crate::{
    Column, DateOrder, Known, Lines, Told, Unreadable, guard, header,
    records::{Record, Records},
    text,
};

/// How a file is to be read, where it does not say so itself.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Options {
    /// The encoding's label; UTF-8 unless told.
    pub encoding: Option<String>,
    /// What separates cells; as the header has it unless told.
    pub delimiter: Option<char>,
    /// Columns under names of the shop's own: what the file says, and what it means.
    pub map: Vec<(String, String)>,
    /// Columns that are not read.
    pub ignore: Vec<String>,
    /// The sheet of a workbook; its first unless told.
    pub sheet: Option<String>,
    /// How dates are written beside the forms that can be read one way only.
    pub dates: DateOrder,
    /// Whether a workbook (`.xlsx`) is read; else it is refused as no text.
    pub workbook: bool,
    /// The most rows; any number unless told.
    pub rows_max: Option<usize>,
}

impl Options {
    fn must_hold(&self, rows: usize) -> Result<(), Unreadable> {
        match self.rows_max.filter(|most| rows > *most) {
            Some(most) => {
                Err(Unreadable::new("too_long", format!("at most {most} rows at once; it has more")))
            }
            None => Ok(()),
        }
    }
}

/// Where rows come from.
#[derive(Debug)]
enum Source {
    /// A text: where each record begins, in bytes and lines.
    Text { text: String, delimiter: u8, starts: Vec<(usize, u64)> },
    /// Cells that were no text.
    Cells(Vec<(u64, Vec<String>)>),
}

/// A file that was read whole: nothing in it keeps the rows from being read.
#[derive(Debug)]
pub struct Sheet {
    columns: Vec<Column>,
    /// Cells of the header, without empty ones at its end.
    width: usize,
    source: Source,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Its lines.
    pub lines: Lines,
    columns: &'a [Column],
    cells: Vec<Cow<'a, str>>,
}

/// A cell that is not empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell<'a> {
    /// Its column.
    pub column: &'a Column,
    /// What stands in it, without blanks around it and without what guards it from a spreadsheet.
    pub text: &'a str,
}

/// Reads a file whole: its encoding, its delimiter, its header and its quotes.
///
/// # Errors
/// It cannot be read as it is, and nothing of it may land.
pub fn read(bytes: &[u8], options: &Options, known: &Known) -> Result<Sheet, Unreadable> {
    if let Some(sheet) = workbook(bytes, options, known)? {
        return Ok(sheet);
    }
    if options.sheet.is_some() {
        return Err(Unreadable::new("unknown_sheet", "only a workbook (.xlsx) has sheets"));
    }
    let encoding = options.encoding.as_deref().map(text::encoding).transpose()?;
    let text = text::decoded(bytes, encoding)?;
    of_text(text, options, known)
}

#[cfg(feature = "xlsx")]
fn workbook(bytes: &[u8], options: &Options, known: &Known) -> Result<Option<Sheet>, Unreadable> {
    if !options.workbook || !bytes.starts_with(b"PK\x03\x04") {
        return Ok(None);
    }
    let rows = crate::workbook::rows(bytes, options.sheet.as_deref())?;
    of_cells(rows, options, known).map(Some)
}

#[cfg(not(feature = "xlsx"))]
fn workbook(_: &[u8], _: &Options, _: &Known) -> Result<Option<Sheet>, Unreadable> {
    Ok(None)
}

fn no_header() -> Unreadable {
    Unreadable::new("no_header", "it is empty: the first line names the columns")
}

fn of_text(text: String, options: &Options, known: &Known) -> Result<Sheet, Unreadable> {
    let (at, line, said) = preamble(&text);
    let told = options.delimiter.map(delimiter).transpose()?;
    let delimiter = match told.or(said) {
        Some(delimiter) => delimiter,
        None => by_header(&text, at, line, options, known)?,
    };
    let mut records = Records::from(&text, at, line, delimiter);
    let titles = loop {
        let record = records.read()?.ok_or_else(no_header)?;
        if !record.is_blank() {
            break record;
        }
    };
    if let Some(cell) = titles.beside {
        let detail = format!("the header's cell {} has text beside its quotes", cell + 1);
        return Err(Unreadable::new("unknown_column", detail).at(titles.lines.first));
    }
    let names: Vec<&str> = titles.cells.iter().map(AsRef::as_ref).collect();
    let line = titles.lines.first;
    let (columns, width) = header::columns(known, options, &names).map_err(|error| error.at(line))?;
    let mut starts = Vec::new();
    loop {
        let line = records.line();
        let Some(record) = records.read()? else { break };
        if !record.is_blank() {
            starts.push((record.start, line));
            options.must_hold(starts.len())?;
        }
    }
    Ok(Sheet { columns, width, source: Source::Text { text, delimiter, starts } })
}

/// What separates cells, as a byte that is no other thing.
fn delimiter(told: char) -> Result<u8, Unreadable> {
    let byte = u8::try_from(told).ok().filter(u8::is_ascii);
    let good = byte
        .filter(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\r' | b'\n' | b'.' | b'-'));
    good.ok_or_else(|| {
        let detail = format!("\"{told}\" cannot separate cells: a comma, a semicolon, a tab or |");
        Unreadable::new("unknown_delimiter", detail)
    })
}

/// What stands before the header: a first line `sep=;`, as Excel writes it.
fn preamble(text: &str) -> (usize, u64, Option<u8>) {
    let first = text.split(['\r', '\n']).next().unwrap_or_default();
    let told = first.trim().trim_matches('"');
    let said = told.get(..4).filter(|word| word.eq_ignore_ascii_case("sep=")).map(|_| &told[4..]);
    let said = match said.map(str::as_bytes) {
        Some([one]) => *one,
        // A tab at the end is a blank too.
        Some([]) if first.contains('\t') => b'\t',
        _ => return (0, 1, None),
    };
    let rest = &text[first.len()..];
    let end = if rest.starts_with("\r\n") { 2 } else { usize::from(!rest.is_empty()) };
    match delimiter(char::from(said)) {
        Ok(said) => (first.len() + end, 2, Some(said)),
        Err(_) => (0, 1, None),
    }
}

/// The delimiter under which most names of the header are known; the comma, if none is.
fn by_header(text: &str, at: usize, line: u64, options: &Options, known: &Known) -> Result<u8, Unreadable> {
    let mut best = (b',', 0, 0);
    for delimiter in [b',', b';', b'\t'] {
        let mut records = Records::from(text, at, line, delimiter);
        let first = loop {
            // Under another delimiter a quote may open where none does.
            match records.read() {
                Ok(Some(record)) if record.is_blank() => {}
                Ok(Some(record)) => break Some(record),
                Ok(None) => return Err(no_header()),
                Err(error) if delimiter == b',' && !text[at..].contains([';', '\t']) => return Err(error),
                Err(_) => break None,
            }
        };
        let Some(first) = first else { continue };
        let cells = first.cells.iter().filter(|cell| !cell.trim().is_empty()).count();
        let named = header::recognised(known, options, first.cells.iter().map(AsRef::as_ref));
        if (named, cells) > (best.1, best.2) {
            best = (delimiter, named, cells);
        }
    }
    Ok(best.0)
}

#[cfg(feature = "xlsx")]
fn of_cells(rows: Vec<(u64, Vec<String>)>, options: &Options, known: &Known) -> Result<Sheet, Unreadable> {
    let blank = |(_, cells): &(u64, Vec<String>)| cells.iter().all(|cell| cell.trim().is_empty());
    let mut rows = rows.into_iter().filter(|row| !blank(row));
    let (line, titles) = rows.next().ok_or_else(no_header)?;
    let names: Vec<&str> = titles.iter().map(String::as_str).collect();
    let (columns, width) = header::columns(known, options, &names).map_err(|error| error.at(line))?;
    Ok(Sheet { columns, width, source: Source::Cells(rows.collect()) })
}

/// Reads rows that are JSON objects, one a line; their fields are the columns, and their values texts, whole
/// numbers, `true`, `false` or `null`.
///
/// # Errors
/// A line is no such object, or has a field that is no column.
pub fn read_json_lines(bytes: &[u8], options: &Options, known: &Known) -> Result<Sheet, Unreadable> {
    let text = text::decoded(bytes, None)?;
    let wrong = |line: u64, detail: String| Unreadable::new("malformed_json", detail).at(line);
    options.must_hold(text.lines().filter(|line| !line.trim().is_empty()).count())?;
    let mut titles: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for (line, json) in (1..).zip(text.lines()) {
        if json.trim().is_empty() {
            continue;
        }
        let object = serde_json::from_str(json).map_err(|error| wrong(line, error.to_string()))?;
        let Value::Object(fields) = object else {
            return Err(wrong(line, "a row is a JSON object".to_owned()));
        };
        let mut cells = vec![String::new(); titles.len()];
        for (title, value) in fields {
            let cell = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(flag) => (if flag { "yes" } else { "no" }).to_owned(),
                Value::Number(number) if !number.is_f64() => number.to_string(),
                _ => {
                    return Err(wrong(
                        line,
                        format!("{} is a text, a whole number, true, false or null", header::short(&title)),
                    ));
                }
            };
            let index = match titles.iter().position(|own| *own == title) {
                Some(index) => index,
                None => {
                    titles.push(title);
                    cells.push(String::new());
                    header::must_fit(titles.iter().map(String::as_str)).map_err(|error| error.at(line))?;
                    titles.len() - 1
                }
            };
            cells[index] = cell;
        }
        rows.push((line, cells));
    }
    let names: Vec<&str> = titles.iter().map(String::as_str).collect();
    let (columns, width) = header::columns(known, options, &names)?;
    // A later row may have a field that an earlier one has not.
    rows.iter_mut().for_each(|(_, cells)| cells.resize(width, String::new()));
    Ok(Sheet { columns, width, source: Source::Cells(rows) })
}

impl Sheet {
    /// How many rows it has, blank ones not counted.
    pub fn len(&self) -> usize {
        match &self.source {
            Source::Text { starts, .. } => starts.len(),
            Source::Cells(rows) => rows.len(),
        }
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its columns, in their order, without those that are ignored.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether it has that column.
    pub fn has(&self, field: &str) -> bool {
        self.columns.iter().any(|column| column.field == field)
    }

    /// The row of that place, from 0.
    ///
    /// # Errors
    /// Its cells do not stand under the columns as they should: what is told of it.
    ///
    /// # Panics
    /// It has no such row.
    pub fn row(&self, index: usize) -> Result<Row<'_>, Told> {
        match &self.source {
            Source::Text { text, delimiter, starts } => {
                let (start, line) = starts[index];
                let read = Records::from(text, start, line, *delimiter).read();
                // The whole text has been read once, and its quotes close.
                let record =
                    read.ok().flatten().unwrap_or_else(|| panic!("line {line} cannot be read again"));
                self.checked(record)
            }
            Source::Cells(rows) => {
                let (line, cells) = &rows[index];
                let cells = cells.iter().map(|cell| Cow::Borrowed(cell.as_str())).collect();
                let lines = Lines::one(*line);
                self.checked(Record { lines, cells, quote: None, beside: None, start: 0 })
            }
        }
    }

    /// Every row.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row<'_>, Told>> {
        (0..self.len()).map(|index| self.row(index))
    }

    fn checked<'a>(&'a self, record: Record<'a>) -> Result<Row<'a>, Told> {
        let Record { lines, cells, quote, beside, .. } = record;
        let malformed = |detail: String| Err(Told::row(lines, "malformed_row", detail));
        let over = quote.map_or(String::new(), |line| {
            format!("lines {} to {}: a quote opened in line {line}; ", lines.first, lines.last)
        });
        // A text of an attribute may have several lines.
        let one_line = |column: &&Column| !column.field.starts_with("attribute.");
        let broken = |column: &&Column| {
            one_line(column) && cells.get(column.index).is_some_and(|cell| has_break(cell))
        };
        if let Some(cell) = beside {
            let column = self.columns.iter().find(|column| column.index == cell);
            let detail = "text stands beside its quotes: a quote that belongs to the text is doubled, and the \
                          cell is put in quotes";
            let mut told = Told::row(lines, "malformed_row", format!("{over}{detail}"));
            told.column = column.map_or(String::new(), |column| column.title.clone());
            return Err(told);
        }
        let full = cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        if full > self.width {
            let detail = format!(
                "{over}{full} cells stand under {} columns: is there a comma in a figure or in a text without \
                 quotes?",
                self.width
            );
            return malformed(detail);
        }
        if cells.len() < self.width {
            return malformed(format!("{over}{} cells stand under {} columns", cells.len(), self.width));
        }
        if let Some(column) = self.columns.iter().find(broken) {
            let mut told = Told::row(lines, "malformed_row", format!("{over}a cell has a line break"));
            told.column.clone_from(&column.title);
            if !over.is_empty() && lines.last - lines.first < 3 {
                told.value = cells[column.index].replace(['\r', '\n'], " ");
            }
            return Err(told);
        }
        Ok(Row { lines, columns: &self.columns, cells })
    }
}

fn has_break(cell: &str) -> bool {
    cell.trim().contains(['\r', '\n'])
}

impl Row<'_> {
    /// The row's cell in that column; `None` if it is empty, or there is no such column.
    pub fn get(&self, field: &str) -> Option<Cell<'_>> {
        let column = self.columns.iter().find(|column| column.field == field)?;
        self.cell(column)
    }

    /// Its cells that are not empty.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.columns.iter().filter_map(|column| self.cell(column))
    }

    fn cell<'a>(&'a self, column: &'a Column) -> Option<Cell<'a>> {
        let text = guard::unguarded(self.cells.get(column.index)?.trim());
        let text = text.trim();
        (!text.is_empty()).then_some(Cell { column, text })
    }

    /// What is told of a cell, or of the whole row.
    pub fn told(
        &self,
        cell: Option<Cell<'_>>,
        landed: bool,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Told {
        let column = cell.map_or(String::new(), |cell| cell.column.title.clone());
        let value = cell.map_or(String::new(), |cell| cell.text.to_owned());
        Told { lines: self.lines, column, value, landed, code: code.into(), detail: detail.into() }
    }
}
