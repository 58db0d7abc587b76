//! `laurel import` at its work: dry runs, reports, workbooks, and files of 0.1.0 and of its own.

use crate::{desk::Desk, tidy::root};

const AT: &str = "--data data --program program.json --test-clock 2026-01-01T00:00:00+08:00";

#[test]
fn a_dry_run_tells_what_would_land_and_writes_nothing() {
    let desk = Desk::new();
    desk.write(
        "members.csv",
        &["phone,points,balance_id", "13800138001,5,a", "138 0013 8001,6,b", "13800138001,7,a"],
    );
    let said = desk.run(&format!("import members.csv {AT} --dry-run"), 1);
    assert!(said.contains("members created 1, known before 1\nopening balances 2, 11 points"), "{said}");
    assert!(desk.read("members.csv.rejected.csv").contains("duplicate_row"));
    assert!(!desk.path().join("data").exists(), "nothing was written");
    let said = desk.run(&format!("import members.csv {AT}"), 1);
    assert!(said.contains("members created 1, known before 1\nopening balances 2, 11 points"), "{said}");
    // A programme that would be saved is not, and one that is known is fine.
    desk.run(&format!("import members.csv {AT} --dry-run"), 1);
    let other = desk.read("program.json").replace("\"Desk\"", "\"Another\"");
    std::fs::write(desk.path().join("other.json"), other).unwrap();
    let said = desk.run("import members.csv --data data --program other.json --dry-run", 2);
    assert!(said.contains("save it first"), "{said}");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_lands() {
    let desk = Desk::new();
    desk.write("members.csv", &["phone,points", "13800138001,5"]);
    let said = desk.run(&format!("import members.csv {AT} --rejected nowhere/told.csv"), 2);
    assert!(said.contains("cannot write what is told to nowhere/told.csv"), "{said}");
    assert!(!desk.path().join("data").exists(), "nothing was written");
    desk.run(&format!("import members.csv {AT} --rejected told.csv"), 0);
    assert!(!desk.path().join("told.csv").exists(), "there is nothing to tell");
}

/// A zip archive of these files, none of them compressed.
fn zip(files: &[(&str, String)]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
        })
    };
    let (mut out, mut index) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let size = u32::try_from(text.len()).unwrap().to_le_bytes();
        let mut about = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        about.extend(crc(text.as_bytes()).to_le_bytes());
        about.extend([size, size].concat());
        about.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        about.extend([0, 0]);
        index.extend([&b"PK\x01\x02\x14\0"[..], &about, &[0; 10]].concat());
        index.extend(u32::try_from(out.len()).unwrap().to_le_bytes());
        index.extend(name.as_bytes());
        out.extend([b"PK\x03\x04", &about[..], name.as_bytes(), text.as_bytes()].concat());
    }
    let (start, count) =
        (u32::try_from(out.len()).unwrap(), u16::try_from(files.len()).unwrap().to_le_bytes());
    let length = u32::try_from(index.len()).unwrap().to_le_bytes();
    out.extend(index);
    out.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &length, &start.to_le_bytes(), &[0, 0]].concat());
    out
}

/// A workbook of these cells, by their places.
fn workbook(cells: &[(&str, &str)]) -> Vec<u8> {
    let main = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    let links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let row = |(place, text): &(&str, &str)| {
        let number = place.trim_start_matches(char::is_alphabetic);
        format!("<row r=\"{number}\"><c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c></row>")
    };
    let rows: String = cells.iter().map(row).collect();
    let book = format!(
        "<workbook {main} xmlns:r=\"{links}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let rels = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
         <Relationship Id=\"r1\" Type=\"{links}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
    );
    let top = rels.replace("worksheet", "officeDocument").replace("officeDocuments/sheet1", "xl/workbook");
    zip(&[
        ("_rels/.rels", top),
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", rels),
        ("xl/worksheets/sheet1.xml", format!("<worksheet {main}><sheetData>{rows}</sheetData></worksheet>")),
    ])
}

#[test]
fn a_workbook_is_as_large_as_its_cells() {
    let desk = Desk::new();
    for (cells, exit, says) in [
        (&[("A1", "phone"), ("A3", "13800138001"), ("A1048576", "13800138002")][..], 0, "members created 2,"),
        (&[("A1", "phone"), ("XFD1048576", "13800138001")], 2, "200 columns"),
        (&[("A1", "phone"), ("A2", "13800138001"), ("GS3", "x")], 2, "column 201"),
    ] {
        std::fs::write(desk.path().join("members.xlsx"), workbook(cells)).unwrap();
        let said = desk.run(&format!("import members.xlsx {AT}"), exit);
        assert!(said.contains(says), "{cells:?}: {said}");
    }
}

/// What `scripts/record-data` had 0.1.0 import, sent again as this build reads files: it is known.
#[test]
fn what_0_1_0_imported_is_known_in_its_folder() {
    let script = std::fs::read_to_string(root().join("scripts/record-data")).unwrap();
    let text = |name: &str| {
        let from = script.split_once(&format!("\n{name} = \"\"\"")).unwrap().1;
        from.split_once("\"\"\"").unwrap().0.to_owned()
    };
    // As a shop would mend it: the end of a balance, and somebody's growth.
    let mended =
        text("MEMBERS").replace("2027-01-01T00:00:00+08:00", "2027-06-30").replace(",75,,650", ",75,,660");
    let lots = "channel,external_id,brand,points,expires_at,balance_id\nwechat,o-4,acme,500,,\nwechat,o-4,acme,40,2027-03-31,gift\n";
    for (name, text, words, told, moves) in [
        ("unchanged", &text("MEMBERS"), "", &[][..], ["0", "0"]),
        ("billed", &text("BILLED"), "--bill", &[], ["0", "0"]),
        ("not billed", &text("BILLED"), "", &["balance_conflict"], ["0", "0"]),
        ("mended", &mended, "", &["balance_conflict", "standing_conflict"], ["0", "0"]),
        ("corrected", &mended, "--correct", &[], ["0", "0"]),
        ("a lot more", &lots.to_owned(), "", &[], ["40", "0"]),
    ] {
        let desk = Desk::new();
        let unpacked = std::process::Command::new("tar")
            .arg("-xzf")
            .arg(root().join("tests/data/v0.1.0/data.tar.gz"))
            .arg("-C")
            .arg(desk.path())
            .status();
        assert!(unpacked.unwrap().success());
        std::fs::copy(root().join("tests/data/v0.1.0/master-key"), desk.path().join("data/master-key"))
            .unwrap();
        std::fs::write(desk.path().join("members.csv"), text).unwrap();
        for (points, run) in moves.into_iter().zip(1..) {
            let at = "--test-clock 2026-03-05T10:00:02+08:00";
            let exit = i32::from(!told.is_empty());
            let said = desk.run(&format!("import members.csv --data data {words} {at}"), exit);
            assert!(said.contains("members created 0,"), "{name}, run {run}: {said}");
            assert!(said.contains(&format!(", {points} points\n")), "{name}, run {run}: {said}");
            let report =
                std::fs::read_to_string(desk.path().join("members.csv.rejected.csv")).unwrap_or_default();
            let rows = csv::Reader::from_reader(report.as_bytes())
                .into_records()
                .map(|row| row.unwrap()[4].to_owned())
                .collect::<Vec<_>>();
            let mut rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            rows.sort_unstable();
            assert_eq!(rows, told, "{name}, run {run}: {report}");
        }
        desk.run("audit --data data", 0);
    }
}
