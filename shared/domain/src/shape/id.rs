//! What an id may be: of a programme's, of a shop's, of ours.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Whether the text is an id: 1–64 of `[A-Za-z0-9._:-]`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

/// Whether a shop may call something of its own (an order, a line, a refund …) that: 1–64 characters of NFC text
/// without control characters, and without blanks at its ends.
pub fn is_shop_id(text: &str) -> bool {
    wrong_in_shop_id(text).is_none()
}

/// The most characters of an id.
pub(super) const ID_CHARS_MAX: usize = 64;

/// What is wrong with a shop's id, if anything, in words that follow the text itself.
pub(super) fn wrong_in_shop_id(text: &str) -> Option<String> {
    // Most are plain ASCII, and short: nothing to look up.
    if is_id(text) {
        return None;
    }
    let blank = |letter: char| letter.is_whitespace() || INVISIBLE.contains(&letter);
    let length = text.chars().count();
    if length == 0 {
        return Some("is empty".into());
    }
    if length > ID_CHARS_MAX {
        return Some(format!("has {length} characters"));
    }
    if let Some(control) = text.chars().find(|letter| letter.is_control()) {
        return Some(format!("holds the control character U+{:04X}", u32::from(control)));
    }
    if text.starts_with(blank) {
        return Some("begins with a blank".into());
    }
    if text.ends_with(blank) {
        return Some("ends with a blank".into());
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    (!nfc.is_normalized(text)).then(|| {
        let composed = nfc.normalize(text);
        let codes: Vec<String> =
            composed.chars().map(|letter| format!("U+{:04X}", u32::from(letter))).collect();
        format!("is not in normal form C, in which it is {}", codes.join(" "))
    })
}

/// What no one sees at the end of an id, though Unicode does not call it a blank: a zero-width space and a byte order
/// mark.
const INVISIBLE: [char; 2] = ['\u{200b}', '\u{feff}'];

/// Whether the text is the prefix and a ULID.
pub fn is_ulid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == 26
            && rest.as_bytes()[0] <= b'7'
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"ILOU".contains(&byte)))
    })
}
