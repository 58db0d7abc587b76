//! Text that a spreadsheet is kept from computing with: how it is written and how it is read again.

use std::borrow::Cow;

/// What a spreadsheet takes for the beginning of a formula.
fn begins_a_formula(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r')
}

/// Whether an apostrophe before `rest` guards it and is no part of it.
fn is_guarded(rest: &str) -> bool {
    rest.starts_with(|next: char| begins_a_formula(next) || next == '\'' || next.is_ascii_digit())
}

/// Whether it is a number with its sign, which every spreadsheet may compute with.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']);
    digits.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The text as it is written, so that a spreadsheet shows it as it is, whatever it begins with. [`unguarded`] reads
/// it again.
pub fn guarded(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(begins_a_formula) && !is_number(text);
    let looks_guarded = text.strip_prefix('\'').is_some_and(is_guarded);
    match formula || looks_guarded {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// Digits as a spreadsheet keeps them, which would otherwise show `8.61E+12`: a formula that is the text.
pub fn as_text(text: &str) -> Cow<'_, str> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let long = digits.len() > 9 || (digits.len() > 1 && digits.starts_with('0'));
    match long && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Cow::Owned(format!("=\"{text}\"")),
        false => guarded(text),
    }
}

/// The text without what guarded it: an apostrophe, or `="…"` around it.
pub fn unguarded(text: &str) -> &str {
    let formula = text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"'));
    if let Some(inner) = formula.filter(|inner| !inner.contains('"')) {
        return inner.trim();
    }
    match text.strip_prefix('\'') {
        Some(rest) if is_guarded(rest) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guarded_reads_as_it_was() {
        for (text, written) in [
            ("Li Lei", "Li Lei"),
            ("=1+1", "'=1+1"),
            ("@li", "'@li"),
            ("-5", "-5"),
            ("+8613800138000", "+8613800138000"),
            ("-5 apples", "'-5 apples"),
            ("'t Hart", "'t Hart"),
            ("'=x", "''=x"),
            ("''", "'''"),
            ("'007", "''007"),
            ("+", "'+"),
        ] {
            assert_eq!(guarded(text), written, "{text}");
            assert_eq!(unguarded(&guarded(text)), text, "{text}");
            assert_eq!(unguarded(&as_text(text)), text, "{text}");
        }
        assert_eq!(as_text("+8613800138000"), "=\"+8613800138000\"");
        assert_eq!(as_text("007"), "=\"007\"");
        assert_eq!(as_text("1200"), "1200");
        assert_eq!(unguarded("'13800138000"), "13800138000");
    }
}
