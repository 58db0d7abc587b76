//! Bytes to text. A file says what it is by a mark, or is UTF-8, or its encoding is told; nothing is guessed into
//! the data. What is likely is only named.

use encoding_rs::{BIG5, Encoding, GB18030, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};

use crate::Unreadable;

const UTF_16: &str = "UTF-16";

/// How an encoding is told, by its label (`gb18030`, `utf-16`, `windows-1252`).
///
/// # Errors
/// No encoding has that label.
pub fn encoding(label: &str) -> Result<&'static Encoding, Unreadable> {
    let found = Encoding::for_label_no_replacement(label.trim().as_bytes());
    found.ok_or_else(|| {
        let detail = format!(
            "there is no encoding \"{label}\": gb18030, big5, utf-8, utf-16, shift_jis, windows-1252 and others of \
             the web's list are known"
        );
        Unreadable::new("unknown_encoding", detail)
    })
}

/// The file's text, without its mark.
///
/// # Errors
/// It is not text, not UTF-8 and no encoding is told, or not of the encoding that is told; with the line and with
/// what is likely.
pub fn decoded(bytes: &[u8], told: Option<&'static Encoding>) -> Result<String, Unreadable> {
    if let Some(what) = no_text(bytes) {
        return Err(Unreadable::new("not_text", what));
    }
    // A mark of UTF-8 is no accident.
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return utf8(rest);
    }
    match told {
        None => utf8(bytes),
        Some(told) if told == UTF_8 => utf8(bytes),
        Some(told) => {
            if is_surely_utf8(bytes) {
                let detail = format!("it is UTF-8 and not {}: leave --encoding out", told.name());
                return Err(Unreadable::new("wrong_encoding", detail));
            }
            of(bytes, told)
        }
    }
}

/// What is no text at all, and how people can make it one.
fn no_text(bytes: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| bytes.starts_with(with);
    if begins(b"PK\x03\x04") {
        return Some(
            "it is a workbook or an archive and no text: save it as CSV (laurel import reads .xlsx too)",
        );
    }
    if begins(b"\xd0\xcf\x11\xe0") {
        return Some("it is a workbook of the old kind (.xls): save it as .xlsx or as CSV");
    }
    if begins(b"\x1f\x8b") {
        return Some("it is compressed: unpack it first");
    }
    begins(b"%PDF").then_some("it is a PDF and no table")
}

fn utf8(bytes: &[u8]) -> Result<String, Unreadable> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let zero = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            return Err(not_utf8(bytes, zero.min(error.valid_up_to())));
        }
    };
    // Plain letters in UTF-16 are valid UTF-8 with a zero beside each.
    match text.find('\0') {
        Some(at) if likely(bytes) == UTF_16 => Err(not_utf8(bytes, at)),
        Some(at) => {
            let detail =
                "a zero byte stands in it, which no text has: a part of the file is missing or damaged";
            Err(Unreadable::new("not_text", detail).at(line_at(bytes, at)))
        }
        None => Ok(text.to_owned()),
    }
}

fn not_utf8(bytes: &[u8], at: usize) -> Unreadable {
    let likely = likely(bytes);
    let label = likely.to_ascii_lowercase();
    let detail = format!("it is not UTF-8; it looks like {likely}: --encoding {label}");
    Unreadable::new("wrong_encoding", detail).at(line_at(bytes, at))
}

fn line_at(bytes: &[u8], at: usize) -> u64 {
    let before = &bytes[..at.min(bytes.len())];
    let feeds = before.iter().filter(|byte| **byte == b'\n').count();
    let returns = before.iter().filter(|byte| **byte == b'\r').count();
    // Lines end by a feed, by both, or by a return alone.
    feeds.max(returns) as u64 + 1
}

/// Whether it is UTF-8 with as many characters of several bytes as no text of another encoding has by accident.
fn is_surely_utf8(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let long = text.chars().filter(|one| one.len_utf8() > 1).take(100);
    let (all, three) =
        long.fold((0, 0), |(all, three), one| (all + 1, three + u32::from(one.len_utf8() > 2)));
    all >= 4 && three >= 1
}

fn of(bytes: &[u8], told: &'static Encoding) -> Result<String, Unreadable> {
    let is_sixteen = told == UTF_16LE || told == UTF_16BE;
    let (told, bytes) = match bytes {
        [0xff, 0xfe, rest @ ..] if is_sixteen => (UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] if is_sixteen => (UTF_16BE, rest),
        // Without a mark: where the zeros of plain letters stand.
        _ if is_sixteen => (if zeros_lead(bytes) { UTF_16BE } else { UTF_16LE }, bytes),
        _ => (told, bytes),
    };
    let read = told.decode_without_bom_handling_and_without_replacement(bytes);
    let text = read.filter(|text| !text.contains('\0')).ok_or_else(|| {
        let likely = likely(bytes);
        let label = likely.to_ascii_lowercase();
        let detail = format!("it is not {}; it looks like {likely}: --encoding {label}", told.name());
        Unreadable::new("wrong_encoding", detail)
    })?;
    Ok(text.into_owned())
}

fn zeros_lead(bytes: &[u8]) -> bool {
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    zeros(0) > zeros(1)
}

/// The encoding that bytes look like, of those that shops' files have.
fn likely(bytes: &[u8]) -> &'static str {
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || zeros * 8 > bytes.len() {
        return UTF_16;
    }
    if std::str::from_utf8(bytes).is_ok() {
        return "UTF-8";
    }
    let reads = |as_: &'static Encoding| as_.decode_without_bom_handling_and_without_replacement(bytes);
    if reads(GB18030).is_some() && is_mostly_chinese(bytes) {
        return "GB18030";
    }
    // A letter with an accent stands between plain ones.
    if alone(bytes) * 2 > high(bytes) {
        return "windows-1252";
    }
    let asian = [(BIG5, "Big5"), (SHIFT_JIS, "Shift_JIS")];
    let reading = asian.into_iter().find(|(as_, _)| {
        let text = reads(as_);
        text.is_some_and(|text| {
            text.chars().filter(|one| *one as u32 >= 0x3000).count() * 2 > high(bytes) / 2
        })
    });
    reading.map_or("windows-1252", |(_, name)| name)
}

/// How many bytes above plain letters have none beside them.
fn alone(bytes: &[u8]) -> usize {
    let is_plain = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_none_or(|byte| *byte < 0x80);
    let highs = bytes.iter().enumerate().filter(|(_, byte)| **byte >= 0x80);
    highs.filter(|(at, _)| is_plain(at.checked_sub(1)) && is_plain(Some(at + 1))).count()
}

fn high(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte >= 0x80).count()
}

/// Whether most bytes above plain letters stand in pairs of the characters that Chinese text is written with: the
/// first level of GB 2312.
fn is_mostly_chinese(bytes: &[u8]) -> bool {
    let (mut common, mut other, mut at) = (0, 0, 0);
    while at < bytes.len() {
        match bytes[at..] {
            [0xb0..=0xd7, 0xa1..=0xfe, ..] => {
                common += 1;
                at += 2;
            }
            // Rarer characters, and punctuation in full width.
            [0xa1..=0xf7, 0xa1..=0xfe, ..] => at += 2,
            [0x80..=0xff, ..] => {
                other += 1;
                at += 1;
            }
            _ => at += 1,
        }
    }
    common > other
}
