//! Workbooks (`.xlsx`): cells as they would stand in a text file.

use std::{collections::BTreeMap, io::Cursor, panic::catch_unwind};

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};

use crate::{Unreadable, header::COLUMNS_MAX};

/// The most rows of a sheet.
const ROWS_MAX: u32 = 1 << 20;

/// A sheet's rows with their numbers.
type Rows = Vec<(u64, Vec<String>)>;

/// The rows of a sheet with their numbers, from 1, each from the sheet's first column on.
///
/// # Errors
/// It is no workbook, or has no such sheet.
pub(crate) fn rows(bytes: &[u8], sheet: Option<&str>) -> Result<Rows, Unreadable> {
    // A place of more digits than there are rows is more than the reader counts to: it panics. Nothing outlives that.
    catch_unwind(|| cells(bytes, sheet)).unwrap_or_else(|_| {
        let detail = "it cannot be read as a workbook (.xlsx): a cell stands in no row that there is";
        Err(Unreadable::new("not_text", detail))
    })
}

fn cells(bytes: &[u8], sheet: Option<&str>) -> Result<Rows, Unreadable> {
    let unreadable = |error: calamine::XlsxError| {
        Unreadable::new("not_text", format!("it cannot be read as a workbook (.xlsx): {error}"))
    };
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).map_err(unreadable)?;
    let names = book.sheet_names();
    let name = match sheet {
        Some(told) => names.iter().find(|name| name.trim() == told.trim()),
        None => names.first(),
    };
    let name = name.cloned().ok_or_else(|| {
        let detail =
            format!("it has no sheet \"{}\"; it has {}", sheet.unwrap_or_default(), names.join(", "));
        Unreadable::new("unknown_sheet", detail)
    })?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(unreadable)?;
    // Cells are read one by one: two of them at the corners of a sheet span more than any memory holds.
    let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    while let Some(cell) = cells.next_cell().map_err(unreadable)? {
        let (row, column) = cell.get_position();
        let text = shown(&Data::from(cell.get_value().clone()));
        if text.trim().is_empty() {
            continue;
        }
        if row >= ROWS_MAX || column as usize >= COLUMNS_MAX {
            let detail = format!(
                "a cell stands in row {}, column {}: a sheet has at most {ROWS_MAX} rows and {COLUMNS_MAX} columns",
                u64::from(row) + 1,
                u64::from(column) + 1
            );
            return Err(Unreadable::new("too_large", detail));
        }
        let cells = rows.entry(row).or_default();
        let width = cells.len().max(column as usize + 1);
        cells.resize(width, String::new());
        cells[column as usize] = text;
    }
    let width = rows.values().next().map_or(0, Vec::len);
    Ok(rows
        .into_iter()
        .map(|(row, mut cells)| {
            // Cells that nobody has filled are not in the file.
            cells.resize(cells.len().max(width), String::new());
            (u64::from(row) + 1, cells)
        })
        .collect())
}

/// A cell as it would stand in a text file.
fn shown(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(whole) => whole.to_string(),
        // A workbook keeps 15 digits: a longer number is not the one that was typed.
        Data::Float(number) if number.abs() >= 1e15 => format!("{number:E}").replace('E', "E+"),
        Data::Float(number) => number.to_string(),
        Data::Bool(flag) => (if *flag { "yes" } else { "no" }).to_owned(),
        Data::DateTime(at) if at.is_datetime() => {
            let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            match (hour, minute, second, milli) {
                (0, 0, 0, 0) => date,
                (_, _, _, 0) => format!("{date} {hour:02}:{minute:02}:{second:02}"),
                _ => format!("{date} {hour:02}:{minute:02}:{second:02}.{milli:03}"),
            }
        }
        Data::DateTime(lasting) => lasting.as_f64().to_string(),
        Data::Error(error) => error.to_string(),
    }
}
