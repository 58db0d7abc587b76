//! From a text to the digits of one telephone number, or why it holds something else.

use super::Unread;

/// Digits that no number has more of: those of E.164, and the longest exit code before them.
const DIGITS_MAX: usize = 24;

/// The zeros of the decimal digits of all scripts (Unicode's general category Nd); nine more follow each.
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066,
    0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950,
    0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6,
    0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// Words that an extension follows.
const EXTENSIONS: [&str; 14] =
    ["ext", "x", "доб", "转", "轉", "分机", "分機", "内线", "內線", "int", "anexo", "ramal", "poste", "app"];

/// A number's digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Folded {
    /// Whether it began with `+`.
    pub(super) plus: bool,
    /// The digits, in ASCII.
    pub(super) digits: String,
}

/// The digit that the character is, in any script.
fn digit(c: char) -> Option<char> {
    let at = ZEROS.partition_point(|zero| *zero <= c as u32).checked_sub(1)?;
    char::from_digit(c as u32 - ZEROS[at], 10)
}

/// Whether the character only groups digits, or is one of the marks that copying from a telephone or a page leaves.
fn is_passed_over(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' | '\u{fe63}' | '\u{ff0d}'
            | '.' | '\u{b7}' | '\u{ff0e}'
            | '(' | ')' | '[' | ']' | '\u{ff08}' | '\u{ff09}'
            | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The digits of the text, and whether `+` stands before them.
///
/// # Errors
/// Something else than the digits of one number stands in it.
pub(super) fn fold(text: &str) -> Result<Folded, Unread> {
    if let Some(whole) = by_spreadsheet(text.trim()) {
        let lost = "was written by a spreadsheet as a number";
        let detail = match whole {
            Some(whole) => format!("{} {lost}: {whole}? Format the column as text", shown(text)),
            None => format!("{} {lost}, without its last digits: format the column as text", shown(text)),
        };
        return Err(Unread::new("spreadsheet_number", detail));
    }
    let (mut plus, mut digits, mut slash) = (false, String::new(), None);
    for (at, c) in text.char_indices() {
        match c {
            _ if digit(c).is_some() => digits.extend(digit(c)),
            '+' | '\u{ff0b}' if !plus && digits.is_empty() => plus = true,
            '+' | '\u{ff0b}' => {
                let detail = format!("{} has a + that does not stand before all digits", shown(text));
                return Err(Unread::new("plus_in_number", detail));
            }
            _ if is_passed_over(c) => {}
            // 030/1234567: behind an area code, which is never a whole number.
            '/' | '\u{ff0f}' if slash.is_none() && (2..=6).contains(&digits.len()) => {
                slash = Some((at, digits.len()));
            }
            _ => return Err(foreign(text, at, c, digits.len())),
        }
    }
    if digits.is_empty() {
        return Err(Unread::new("no_digits", format!("{} has no digits", shown(text))));
    }
    if let Some((at, _)) = slash.filter(|(_, before)| digits.len() < before + 4) {
        return Err(foreign(text, at, '/', digits.len()));
    }
    if digits.len() > DIGITS_MAX {
        return Err(too_long(text));
    }
    Ok(Folded { plus, digits })
}

/// The refusal of a text with more digits than a number has.
pub(super) fn too_long(text: &str) -> Unread {
    Unread::new("too_long", format!("{} has more digits than a number: two numbers?", shown(text)))
}

/// Whether a spreadsheet has written the text as a number: `1.38E+10`, of which digits are lost, or
/// `13800138000.0`, whose digits are these.
fn by_spreadsheet(text: &str) -> Option<Option<&str>> {
    let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        let mantissa = mantissa
            .split_once(['.', ','])
            .map_or(is_whole(mantissa), |(whole, part)| is_whole(whole) && is_whole(part));
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        return (mantissa && is_whole(exponent)).then_some(None);
    }
    let (whole, part) = text.rsplit_once(['.', ','])?;
    let is_zero = !part.is_empty() && part.len() <= 2 && part.bytes().all(|byte| byte == b'0');
    // A number in groups, 06.12.34.56.00, has points before it.
    (is_zero && whole.len() >= 5 && is_whole(whole.strip_prefix('+').unwrap_or(whole))).then_some(Some(whole))
}

/// The refusal of a text for its character at that byte, which comes after so many digits.
fn foreign(text: &str, at: usize, c: char, before: usize) -> Unread {
    let rest = text[at..].to_lowercase();
    let after = rest.chars().filter(|c| digit(*c).is_some()).count();
    let (a_number, sent) = (before >= 5, shown(text));
    let extension = a_number
        && after <= 6
        && (matches!(c, '#' | '*' | ',' | ';' | '~' | '\u{ff0c}') && after > 0
            || EXTENSIONS.iter().any(|word| rest.starts_with(word)));
    if extension {
        let detail = format!("{sent} has an extension: the number alone can be kept");
        Unread::new("extension", detail)
    } else if !c.is_alphabetic() && a_number && after >= 5 {
        Unread::new("second_number", format!("{sent} is two numbers: each is an identity of its own"))
    } else if c.is_alphabetic() {
        let guess = match c {
            'o' | 'O' | 'о' | 'О' | 'ο' | 'Ο' | '〇' => ": a zero?",
            'l' | 'I' | 'i' | '|' => ": a one?",
            _ => "; digits alone make a number",
        };
        Unread::new("letter_in_number", format!("{sent} has the letter {c} among its digits{guess}"))
    } else {
        Unread::new("sign_in_number", format!("{sent} has the sign {c}; digits alone make a number"))
    }
}

/// What was sent, in quotes; only the beginning of what is long.
pub(super) fn shown(text: &str) -> String {
    let text = text.trim();
    let cut: String = text.chars().take(40).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("\"{cut}{more}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_are_digits() {
        assert!(ZEROS.windows(2).all(|pair| pair[0] + 10 <= pair[1]), "in order, and apart");
        for zero in ZEROS {
            for value in 0..10 {
                let c = char::from_u32(zero + value).unwrap();
                assert_eq!(digit(c), char::from_digit(value, 10), "{c}");
                assert!(c.is_numeric(), "{c}");
            }
        }
        for c in ['a', '①', '一', '½', '²', '/', ':', '\u{1fbfa}'] {
            assert_eq!(digit(c), None, "{c}");
        }
    }
}
