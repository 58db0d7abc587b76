//! Workbooks (`.xlsx`): cells as they would stand in a text file.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};

use crate::Unreadable;

/// The rows of a sheet with their numbers, from 1, each from the sheet's first column on.
///
/// # Errors
/// It is no workbook, or has no such sheet.
pub(crate) fn rows(bytes: &[u8], sheet: Option<&str>) -> Result<Vec<(u64, Vec<String>)>, Unreadable> {
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
    let range = book.worksheet_range(&name).map_err(unreadable)?;
    let (top, left) = range.start().unwrap_or_default();
    let before = vec![String::new(); left as usize];
    let rows = (u64::from(top) + 1..).zip(range.rows());
    Ok(rows
        .map(|(line, cells)| (line, before.iter().cloned().chain(cells.iter().map(shown)).collect()))
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
