//! Files as shops have them, and what is read of each.

// A test that cannot continue fails where it is.
#![allow(clippy::expect_used)]

use domain::time::Zone;
use files::{
    DateOrder, Options, Reader, Sheet, names, read, read_json_lines,
    value::{self, Wrong},
};

/// What is read of a file: a line for each row (`LINES: column=value|…`, or `LINES! code column`), or why it cannot
/// be read (`code @line`).
fn shown(read: Result<Sheet, files::Unreadable>) -> String {
    let sheet = match read {
        Ok(sheet) => sheet,
        Err(error) => {
            return error.line.map_or(error.code.to_owned(), |line| format!("{} @{line}", error.code));
        }
    };
    let rows = sheet.rows().map(|row| match row {
        Ok(row) => {
            let cells = row.cells().map(|cell| format!("{}={}", cell.column.field, cell.text));
            format!("{}: {}", row.lines, cells.collect::<Vec<_>>().join("|"))
        }
        Err(told) => format!("{}! {} {}", told.lines, told.code, told.column).trim_end().to_owned(),
    });
    rows.collect::<Vec<_>>().join("\n")
}

fn check_as(options: &Options, bytes: &[u8], want: &str) {
    let name = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    assert_eq!(shown(read(bytes, options, &names::MEMBERS)), want, "{name:?} {options:?}");
}

fn check(text: impl AsRef<[u8]>, want: &str) {
    check_as(&Options::default(), text.as_ref(), want);
}

#[test]
fn cells_stand_under_their_columns_or_the_row_is_told() {
    check("phone,points\n13800138001,1,200\n", "2! malformed_row");
    check("phone,points\n13800138001,\"1,200\"\n", "2: phone=13800138001|points=1,200");
    check("phone,name,points\n13800138001,5\n", "2! malformed_row");
    check("phone,points\n13800138001,5,,,\n", "2: phone=13800138001|points=5");
    check("phone,points,,\n13800138001,5,,\n", "2: phone=13800138001|points=5");
    check("phone,points,,\n13800138001,5,,x\n", "2! malformed_row");
    check("phone,points\n,,,,\n\n  ,\t\n13800138001,5\n", "5: phone=13800138001|points=5");
    check("\n,,\nphone,points\n13800138001,5", "4: phone=13800138001|points=5");
    check("phone,points\n", "");
    check("", "no_header");
    check("\n\n", "no_header");
}

#[test]
fn lines_end_by_each_of_the_three_ends() {
    let want = "2: phone=13800138001|points=5\n3: phone=13800138002|points=6";
    for end in ["\n", "\r\n", "\r"] {
        let text = ["phone,points", "13800138001,5", "13800138002,6"].join(end);
        check(&text, want);
        check(format!("{text}{end}"), want);
        check(format!("\u{feff}{text}{end}"), want);
    }
}

#[test]
fn what_separates_cells_is_seen_in_the_header_or_told() {
    let want = "2: phone=13800138001|name=Li, Lei|points=5";
    check("phone;name;points\n13800138001;Li, Lei;5\n", want);
    check("phone\tname\tpoints\n13800138001\tLi, Lei\t5\n", want);
    check("phone,name,points\n13800138001,\"Li, Lei\",5\n", want);
    let after = "3: phone=13800138001|name=Li, Lei|points=5";
    check("sep=;\nphone;name;points\n13800138001;Li, Lei;5\n", after);
    check("\u{feff}sep=;\r\nphone;name;points\r\n13800138001;Li, Lei;5\r\n", after);
    check("SEP=\t\nphone\tname\tpoints\n13800138001\tLi, Lei\t5\n", after);
    let told = Options { delimiter: Some('|'), ..Options::default() };
    check_as(&told, b"phone|name|points\n13800138001|Li, Lei|5\n", want);
    let told = Options { delimiter: Some('"'), ..Options::default() };
    check_as(&told, b"phone|name\n", "unknown_delimiter");
    // One column alone is separated by nothing.
    check("phone\n13800138001\n", "2: phone=13800138001");
}

#[test]
fn a_quote_is_told_by_its_lines() {
    let rows = |quote: usize, close: Option<usize>| {
        let row = |number: usize| {
            let at = if Some(number) == close { "\"" } else { "" };
            let mark = if number == quote { "\"" } else { at };
            format!("{},{mark}Li Lei,5\n", 13_800_000_000_u64 + number as u64)
        };
        format!("phone,name,points\n{}", (1..=1_999).map(row).collect::<String>())
    };
    // A quote before the name in row 10 of 1,999 that never closes.
    check(rows(10, None), "unclosed_quote @11");
    // The same, and another before the last one: a record over 1,990 lines.
    let read = shown(read(rows(10, Some(1_999)).as_bytes(), &Options::default(), &names::MEMBERS));
    let told: Vec<&str> = read.lines().filter(|line| line.contains('!')).collect();
    assert_eq!(told, ["11-2000! malformed_row name"]);
    assert_eq!(read.lines().count(), 10, "the nine rows before it and what is told");
    let sheet = files::read(rows(10, Some(1_999)).as_bytes(), &Options::default(), &names::MEMBERS).unwrap();
    let told = sheet.rows().find_map(Result::err).unwrap();
    assert!(told.detail.contains("lines 11 to 2000: a quote opened in line 11"), "{}", told.detail);

    check("phone,name\n1,\"Li\"Lei\n2,x\n", "2! malformed_row name\n3: phone=2|name=x");
    check("phone,name\n1,Li \"Leo\" Lei\n2,x\n", "2! malformed_row name\n3: phone=2|name=x");
    check("phone,name\n1,\"Li \"\"Leo\"\" Lei\"\n", "2: phone=1|name=Li \"Leo\" Lei");
    check("phone,name\n1,\"Li Lei\"  \n", "2: phone=1|name=Li Lei");
    check("phone,name\n1,\"Li\nLei\"\n2,x\n", "2-3! malformed_row name\n4: phone=2|name=x");
    let notes = Options { ignore: vec!["notes".to_owned()], ..Options::default() };
    check_as(&notes, b"phone,notes\n1,\"two\r\nlines\"\n2,x\n", "2-3: phone=1\n4: phone=2");
    check_as(&notes, b"phone,notes\n1,\"two\" lines\n", "2! malformed_row");
}

#[test]
fn a_file_that_is_no_utf8_is_refused_with_what_it_looks_like() {
    // 手机,姓名 / 13800138001,李雷 in GB 18030.
    let gbk = b"\xca\xd6\xbb\xfa,\xd0\xd5\xc3\xfb\n13800138001,\xc0\xee\xc0\xd7\n";
    let sixteen = |big: bool, mark: bool| -> Vec<u8> {
        let text = format!("{}phone,name\n13800138001,李雷\n", if mark { "\u{feff}" } else { "" });
        let pair = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(pair).collect()
    };
    let latin = b"phone,name\n13800138001,M\xfcller\n13800138002,Fran\xe7ois\n";
    let big5 = b"phone,name\n13800138001,\xa7\xf5\xb9p\xb3\xaf\xac\xfc\xaa\xe2\n";
    for (bytes, looks, line, label, want) in [
        (&gbk[..], "GB18030", 1, "gb18030", "2: phone=13800138001|name=李雷"),
        (gbk, "GB18030", 1, "GBK", "2: phone=13800138001|name=李雷"),
        (&sixteen(false, true), "UTF-16", 1, "utf-16", "2: phone=13800138001|name=李雷"),
        (&sixteen(true, true), "UTF-16", 1, "utf-16", "2: phone=13800138001|name=李雷"),
        (&sixteen(false, false), "UTF-16", 1, "utf-16", "2: phone=13800138001|name=李雷"),
        (&sixteen(true, false), "UTF-16", 1, "utf-16be", "2: phone=13800138001|name=李雷"),
        (
            latin,
            "windows-1252",
            2,
            "windows-1252",
            "2: phone=13800138001|name=Müller\n3: phone=13800138002|name=François",
        ),
        (big5, "Big5", 2, "big5", "2: phone=13800138001|name=李雷陳美芬"),
    ] {
        let error = read(bytes, &Options::default(), &names::MEMBERS).unwrap_err();
        assert_eq!((error.code, error.line), ("wrong_encoding", Some(line)), "{looks}: {error}");
        let says = format!("it looks like {looks}: --encoding {}", looks.to_lowercase());
        assert!(error.detail.contains(&says), "{error}");
        let told = Options { encoding: Some(label.to_owned()), ..Options::default() };
        check_as(&told, bytes, want);
    }
    let told = |label: &str| Options { encoding: Some(label.to_owned()), ..Options::default() };
    check_as(&told("klingon"), b"phone\n", "unknown_encoding");
    check_as(&told("gb18030"), "phone,name\n1,李雷\n2,韩梅梅\n".as_bytes(), "wrong_encoding");
    check_as(&told("gb18030"), b"phone,name\n1,\xff\xff\n", "wrong_encoding");
    check_as(&told("utf-8"), "phone,name\n1,李雷\n".as_bytes(), "2: phone=1|name=李雷");
    check(b"\xd0\xcf\x11\xe0\xa1\xb1", "not_text");
}

#[test]
fn columns_are_known_in_two_languages_and_by_other_names() {
    check(
        "手机号,姓名,积分,到期\n1,李雷,5,2027-01-31\n",
        "2: phone=1|name=李雷|points=5|expires_at=2027-01-31",
    );
    check("Phone, EXPIRES AT ,Points\n1,never,5\n", "2: phone=1|expires_at=never|points=5");
    check("phone,phone_2,Phone 5,email_2\n1,2,5,a@b.c\n", "2: phone=1|phone_2=2|phone_5=5|email_2=a@b.c");
    check("external.WeChat,consent.email\no1,yes\n", "2: external.WeChat=o1|consent.email=yes");
    check("phone,phone_6\n1,2\n", "unknown_column @1");
    check("phone,pionts\n1,2\n", "unknown_column @1");
    check("phone,手机\n1,2\n", "duplicate_column @1");
    check("phone,,points\n1,,2\n", "unknown_column @1");
    let nearest = |title: &str| {
        let text = format!("phone,{title}\n1,2\n");
        read(text.as_bytes(), &Options::default(), &names::MEMBERS).unwrap_err().detail
    };
    for (title, name) in
        [("pionts", "points"), ("Expire at", "expires_at"), ("手机号码1", "phone"), ("e mails", "email")]
    {
        assert!(nearest(title).contains(&format!("is it {name}?")), "{title}: {}", nearest(title));
    }
    assert!(!nearest("shoe size of the dog").contains("is it"), "nothing is near");
    let own = Options {
        map: vec![("Customer Phone".to_owned(), "phone".to_owned())],
        ignore: vec!["notes".to_owned(), "Tel".to_owned()],
        ..Options::default()
    };
    check_as(&own, b"CustomerPhone,Notes,tel\n1,x,2\n", "2: phone=1");
    check_as(&own, b"phone,Notes\n1,x\n", "unknown_column @1");
    let wrong = Options { map: vec![("a".to_owned(), "phnoe".to_owned())], ..Options::default() };
    check_as(&wrong, b"a\n1\n", "unknown_column @1");
}

#[test]
fn what_guards_a_cell_from_a_spreadsheet_is_no_part_of_it() {
    check("phone,name\n'13800138001,'=Li\n", "2: phone=13800138001|name==Li");
    check("phone,name\n\"=\"\"+8613800138001\"\"\",'t Hart\n", "2: phone=+8613800138001|name='t Hart");
}

#[test]
fn json_lines_are_rows() {
    let json = |text: &str| shown(read_json_lines(text.as_bytes(), &Options::default(), &names::MEMBERS));
    assert_eq!(
        json("{\"phone\":\"1\",\"points\":5}\n\n{\"name\":\"Li\",\"phone\":\"2\",\"consent.email\":true}\n"),
        "1: phone=1|points=5\n3: phone=2|name=Li|consent.email=yes"
    );
    assert_eq!(json("{\"phone\":\"1\",\"pionts\":5}"), "unknown_column");
    assert_eq!(json("{\"phone\":1.5}"), "malformed_json @1");
    assert_eq!(json("[1]"), "malformed_json @1");
    assert_eq!(json("{\"phone\":\"1\""), "malformed_json @1");
}

const READER: fn(DateOrder) -> Reader =
    |dates| Reader { zone: Zone::of("Asia/Shanghai").expect("a zone"), dates };

fn end(dates: DateOrder, text: &str) -> String {
    let reader = READER(dates);
    match reader.end(text) {
        Ok(None) => "empty".to_owned(),
        Ok(Some(None)) => "never".to_owned(),
        Ok(Some(Some(at))) => reader.zone.show(at),
        Err(Wrong { code, .. }) => code.to_owned(),
    }
}

#[test]
fn an_end_is_good_through_its_day() {
    let through = "2020-02-01T00:00:00+08:00";
    for (text, want) in [
        ("2020-01-31", through),
        ("2020/1/31", through),
        ("2020/01/31 0:00", through),
        ("2020-01-31 00:00:00", through),
        ("2020年1月31日", through),
        ("２０２０年１月３１日", through),
        ("20200131", through),
        ("20200131 00:00", through),
        ("2020-01-31 08:30", "2020-01-31T08:30:00+08:00"),
        ("2020/1/31 8:30:05", "2020-01-31T08:30:05+08:00"),
        ("2020-01-31T08:30:05.25", "2020-01-31T08:30:05.250+08:00"),
        ("2020-01-31T00:00:00+08:00", "2020-01-31T00:00:00+08:00"),
        ("2020-01-30T16:00:00Z", "2020-01-31T00:00:00+08:00"),
        ("2020-01-31 00:00:00 +0800", "2020-01-31T00:00:00+08:00"),
        ("2020-01-31 00:00:00+08", "2020-01-31T00:00:00+08:00"),
        ("never", "never"),
        ("Never", "never"),
        ("9999-12-31", "never"),
        ("9999/12/31 23:59:59", "never"),
        ("99991231", "never"),
        ("9999-12-31T23:59:59+08:00", "never"),
        ("0000-00-00", "empty"),
        ("0000-00-00 00:00:00", "empty"),
        ("31/01/2020", "wrong_format"),
        ("2020-02-30", "out_of_range"),
        ("20-01-31", "wrong_format"),
        ("2020-01", "wrong_format"),
        ("2020-01/31", "wrong_format"),
        ("43861", "wrong_format"),
        ("2020-01-31 25:00", "wrong_format"),
        ("2020-01-31 morning", "wrong_format"),
        ("soon", "wrong_format"),
        ("", "wrong_format"),
    ] {
        assert_eq!(end(DateOrder::Plain, text), want, "{text}");
    }
    assert_eq!(end(DateOrder::DayFirst, "31/01/2020"), through);
    assert_eq!(end(DateOrder::DayFirst, "1.2.2020"), "2020-02-02T00:00:00+08:00");
    assert_eq!(end(DateOrder::MonthFirst, "1/31/2020"), through);
    assert_eq!(end(DateOrder::DayFirst, "1/31/2020"), "out_of_range");
    assert_eq!(end(DateOrder::DayFirst, "2020-01-31"), through);
    assert_eq!(DateOrder::parse("DD/MM/YYYY"), Some(DateOrder::DayFirst));
    assert_eq!(DateOrder::parse("dd-yyyy"), None);
}

#[test]
fn a_birthday_is_a_date() {
    let day = |text: &str| READER(DateOrder::Plain).day(text).map(|day| day.map(domain::time::Day::show));
    assert_eq!(day("1990/5/7"), Ok(Some("1990-05-07".to_owned())));
    assert_eq!(day("1990-05-07 00:00:00"), Ok(Some("1990-05-07".to_owned())));
    assert_eq!(day("0000-00-00"), Ok(None));
    assert_eq!(day("1990-05-07 08:00").unwrap_err().code, "wrong_format");
    assert_eq!(day("never").unwrap_err().code, "wrong_format");
}

#[test]
fn a_local_time_that_the_clock_skips_is_the_first_one_after() {
    let reader = Reader { zone: Zone::of("America/New_York").unwrap(), dates: DateOrder::Plain };
    let begin = |text: &str| reader.zone.show(reader.begin(text).unwrap().unwrap());
    assert_eq!(begin("2021-03-14 02:30"), "2021-03-14T03:00:00-04:00");
    assert_eq!(begin("2021-11-07 01:30"), "2021-11-07T01:30:00-04:00");
    assert_eq!(begin("2021-11-07"), "2021-11-07T00:00:00-04:00");
    assert_eq!(reader.begin("never").unwrap_err().code, "wrong_format");
}

#[test]
fn figures_are_whole_and_have_no_marks() {
    let signed = |text: &str| value::signed(text).map(|figure| figure.get()).map_err(|wrong| wrong.code);
    for (text, want) in [
        ("100", Ok(100)),
        ("100.0", Ok(100)),
        ("100.00", Ok(100)),
        ("-20", Ok(-20)),
        ("−20", Ok(-20)),
        ("１００", Ok(100)),
        (" 0 ", Ok(0)),
        ("9007199254740991", Ok(9_007_199_254_740_991)),
        ("9007199254740992", Err("out_of_range")),
        ("1,200", Err("wrong_format")),
        ("1 200", Err("wrong_format")),
        ("1.5", Err("wrong_format")),
        ("100.", Err("wrong_format")),
        ("1.38E+10", Err("spreadsheet_number")),
        ("1e3", Err("wrong_format")),
        ("--1", Err("wrong_format")),
        ("", Err("wrong_format")),
        ("many", Err("wrong_format")),
    ] {
        assert_eq!(signed(text), want, "{text}");
    }
    assert_eq!(value::figure("-1").unwrap_err().code, "wrong_format");
    assert_eq!(value::decimal("1234.50"), Ok("1234.50".to_owned()));
    assert_eq!(value::decimal("1,234.50").unwrap_err().code, "wrong_format");
    for (text, want) in
        [("1.38E+10", true), ("1,38E+10", true), ("1E5", true), ("8.6E", false), ("ABE12", false)]
    {
        // `1E5` without a sign may be somebody's id.
        assert_eq!(value::is_scientific(text), want && text.contains('+'), "{text}");
    }
    for (text, want) in [("是", Some(true)), ("No", Some(false)), ("２", None), ("2020-01-31", None)] {
        assert_eq!(value::yes_or_no(text), want, "{text}");
    }
}

/// A workbook with two sheets: numbers, dates, an empty row and a number of more digits than a workbook keeps.
#[cfg(feature = "xlsx")]
#[test]
fn a_workbook_reads_as_its_cells_are_shown() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/files/members.xlsx");
    let bytes = std::fs::read(path).unwrap();
    let workbook = Options { workbook: true, ..Options::default() };
    check_as(
        &workbook,
        &bytes,
        "2: phone=13800138031|name=李雷|birthday=1990-05-07|points=1200|expires_at=2027-12-31|registered_at=2020-01-31 08:30:00\n\
         3: phone=13800138032|name=韩梅梅|points=88.0|expires_at=never\n\
         5: phone=1.3800138003333332E+18|name=Jim|points=5",
    );
    let other = Options { sheet: Some("说明".to_owned()), ..workbook.clone() };
    check_as(&other, &bytes, "unknown_column @1");
    let missing = Options { sheet: Some("Sheet1".to_owned()), ..workbook };
    check_as(&missing, &bytes, "unknown_sheet");
    check(b"PK\x03\x04 and no more", "not_text");
    // Where none is read, it is no text.
    check(&bytes, "not_text");
    check_as(&missing, b"phone\n1\n", "unknown_sheet");
}
