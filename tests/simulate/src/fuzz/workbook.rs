//! Workbooks: an archive as it is, and one around the bytes of a sheet, which a fuzzer would hardly pack by itself.
//!
//! The reader that we use panics at a cell's place of too many digits, which is caught where it is called; a fuzzer that ends
//! at every panic goes on with `RUSTFLAGS="-C overflow-checks=off"`.

use files::{Known, Options, Sheet, Unreadable};

/// The columns of a small file.
const KNOWN: Known = Known {
    names: &[&[("phone", &["mobile"]), ("points", &[]), ("amount", &[])]],
    prefixes: &["external."],
    numbered: &["phone"],
};

const ROWS_MAX: usize = 200;

/// A workbook is read, in the same rows each time, or it is told of with a code.
pub(super) fn feed(data: &[u8]) {
    let sheet = |text: &[u8]| archive(&[&SHELL[..], &[("xl/worksheets/sheet1.xml", text)]].concat());
    let cells = [SHEET_BEGIN.as_bytes(), data, SHEET_END.as_bytes()].concat();
    for book in [data.to_vec(), sheet(data), sheet(&cells)] {
        let (first, again) = (read(&book), read(&book));
        match (first, again) {
            (Ok(first), Ok(again)) => {
                assert!(first.len() <= ROWS_MAX && first.len() == again.len());
                for index in 0..first.len() {
                    let told = |sheet: &Sheet| format!("{:?}", sheet.row(index));
                    assert_eq!(told(&first), told(&again), "row {index}");
                }
            }
            (Err(first), Err(again)) => {
                assert!(!first.code.is_empty());
                assert_eq!(format!("{first:?}"), format!("{again:?}"));
            }
            (first, again) => panic!("{:?}, then {:?}", first.is_ok(), again.is_ok()),
        }
    }
}

fn read(book: &[u8]) -> Result<Sheet, Unreadable> {
    let options = Options { workbook: true, rows_max: Some(ROWS_MAX), ..Options::default() };
    files::read(book, &options, &KNOWN)
}

const SHEET_BEGIN: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>phone</t></is></c><c r="B1" t="inlineStr"><is><t>points</t></is></c></row>"#;
const SHEET_END: &str = "</sheetData></worksheet>";

/// What stands in a workbook beside its sheet.
const SHELL: [(&str, &[u8]); 3] = [
    (
        "_rels/.rels",
        br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    ),
    (
        "xl/workbook.xml",
        br#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
    ),
];

/// A zip archive of these files, none of them compressed.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
        })
    };
    // A fuzzer's input is far smaller than 4 GiB.
    let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let count = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
    let (mut out, mut index) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut about = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        about.extend(crc(bytes).to_le_bytes());
        about.extend([size(bytes.len()), size(bytes.len())].concat());
        about.extend(count(name.len()));
        about.extend([0, 0]);
        index.extend([&b"PK\x01\x02\x14\0"[..], &about, &[0; 10]].concat());
        index.extend(size(out.len()));
        index.extend(name.as_bytes());
        out.extend([b"PK\x03\x04", &about[..], name.as_bytes(), bytes].concat());
    }
    let (start, length, number) = (size(out.len()), size(index.len()), count(files.len()));
    out.extend(index);
    out.extend([&b"PK\x05\x06\0\0\0\0"[..], &number, &number, &length, &start, &[0, 0]].concat());
    out
}
