//! Cursors of the ledger: where to continue, as opaque text.

use edge::Problem;
use engine::Place;

/// Longest cursor: a number and a key, in hexadecimal. The longest key names a brand, an order and a refund, each
/// text of up to 64 characters.
const CURSOR_BYTES_MAX: usize = 1_200;

/// The place as opaque text.
pub(crate) fn cursor(place: &Place) -> String {
    let key = place.key.iter().map(|byte| format!("{byte:02x}"));
    format!("{:x}.{}", place.seq, key.collect::<String>())
}

/// The place of that text.
///
/// # Errors
/// It is none of ours.
pub(crate) fn read_cursor(text: Option<&str>) -> Result<Option<Place>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this ledger");
    let (seq, key) = text.split_once('.').ok_or_else(wrong)?;
    let hex = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.len() > CURSOR_BYTES_MAX || !hex(seq) || !hex(key) {
        return Err(wrong());
    }
    let seq = u64::from_str_radix(seq, 16).ok().filter(|seq| *seq > 0).ok_or_else(wrong)?;
    let bytes = key.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
        pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    let bytes: Vec<u8> = bytes.collect::<Option<_>>().ok_or_else(wrong)?;
    Ok(Some(Place { seq, key: bytes }))
}
