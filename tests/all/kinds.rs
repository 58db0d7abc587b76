//! Only the files of rows and of their columns may match some kinds of entry and skip the rest: such a match
//! would silently skip a kind that somebody adds.
//!
//! Sources are read as tokens, not as Rust: enough to see a `match`, its arms, and its patterns.

use std::fs;

use crate::tidy::{files, name, root};

/// Enums of which every `match` names every variant, and the file that is exempt.
const WHOLE: [(&str, &str); 2] =
    [("EntryKind", "shared/domain/src/event/row.rs"), ("Moves", "shared/domain/src/event/columns.rs")];

/// What to do instead.
const ADVICE: &str = "read the entry's row (shared/domain/src/event/row.rs), or match and name every variant; \
    see docs/ADDING.md, \"A kind of entry\"";

/// The tokens of a source: words, numbers and signs one by one (`::`, `=>`, `==` and `!=` whole), without
/// comments; a string literal is one token `""`.
fn tokens(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is_word = |at: usize| {
        bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 128)
    };
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let rest = &text[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = text_literal(rest) {
            found.push("\"\"");
            length
        } else if is_word(at) {
            let length = (at..).take_while(|at| is_word(*at)).count();
            found.push(&rest[..length]);
            length
        } else {
            let sign = ["::", "=>", "==", "!="].into_iter().find(|sign| rest.starts_with(sign));
            let length = sign.map_or(1, str::len);
            if !bytes[at].is_ascii_whitespace() {
                found.push(&rest[..length]);
            }
            length
        };
        at += length;
    }
    found
}

/// Comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = &text[at..];
        if rest.is_empty() {
            return at;
        } else if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
}

/// The length of the string or character literal that begins here; a lifetime is not a literal.
fn text_literal(text: &str) -> Option<usize> {
    let plain = text.trim_start_matches('b');
    let prefix = text.len() - plain.len();
    if let Some(raw) = plain.strip_prefix('r') {
        let marks = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[marks..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(marks));
        return Some(prefix + 1 + marks + 1 + body.find(&end)? + end.len());
    }
    let quote = plain.chars().next().filter(|letter| ['"', '\''].contains(letter))?;
    let mut letters = plain.char_indices().skip(1).peekable();
    let mut count = 0;
    while let Some((at, letter)) = letters.next() {
        count += 1;
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return (quote == '"' || count > 1).then_some(prefix + at + 1);
        } else if quote == '\'' && count > 1 && !plain[1..].starts_with('\\') {
            return None; // a lifetime
        }
    }
    None
}

/// Where the bracket that opens at `open` closes.
fn closing(tokens: &[&str], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// The first of these signs after `from` that is not inside brackets.
fn next_of(tokens: &[&str], from: usize, signs: &[&str]) -> usize {
    let mut at = from;
    while at < tokens.len() {
        if signs.contains(&tokens[at]) {
            return at;
        }
        at = if ["(", "[", "{"].contains(&tokens[at]) { closing(tokens, at) + 1 } else { at + 1 };
    }
    at
}

/// Patterns of the arms of the `match` whose body opens there, guards left out.
fn arms<'t>(tokens: &'t [&'t str], open: usize) -> Vec<&'t [&'t str]> {
    let (mut found, mut at, end) = (Vec::new(), open + 1, closing(tokens, open));
    while at < end {
        let arrow = next_of(tokens, at, &["=>"]);
        if arrow >= end {
            break;
        }
        let guard = next_of(tokens, at, &["if"]).min(arrow);
        found.push(&tokens[at..guard]);
        at = arrow + 1;
        // A block ends its arm by itself; anything else continues to the comma.
        at = if tokens[at] == "{" { closing(tokens, at) + 1 } else { next_of(tokens, at, &[","]).min(end) };
        if tokens.get(at) == Some(&",") {
            at += 1;
        }
    }
    found
}

/// Whether a variant of that enum stands there.
fn names(tokens: &[&str], of: &str) -> bool {
    tokens.windows(2).any(|pair| pair[0] == of && pair[1] == "::")
}

/// The matches on some variants of the enum and not the others, in words.
fn partial(text: &str, of: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let then = |at: usize| tokens.get(at).copied().unwrap_or_default();
        let begins = then(at + 1) == of && then(at + 2) == "::";
        match tokens[at] {
            "match" => {
                let open = next_of(&tokens, at + 1, &["{"]);
                let arms = arms(&tokens, open);
                if arms.iter().any(|arm| names(arm, of)) {
                    let rest = arms.iter().filter(|arm| !names(arm, of));
                    found.extend(rest.map(|arm| format!("`{} =>` in a match on {of}", arm.join(" "))));
                }
            }
            "let" => {
                let pattern = &tokens[at..next_of(&tokens, at, &["=", ";"])];
                if names(pattern, of) {
                    found.push(format!("`{} =`", pattern.join(" ")));
                }
            }
            "matches" if then(at + 1) == "!" && names(&tokens[at + 2..closing(&tokens, at + 2)], of) => {
                found.push(format!("`matches!` of {of}"));
            }
            sign @ ("==" | "!=") if begins => found.push(format!("`{sign} {of}::{}`", then(at + 3))),
            word @ ("impl" | "for" | "as") if then(at + 1) == of => found.push(format!("`{word} {of}`")),
            "use" => {
                let end = next_of(&tokens, at, &[";"]);
                let all = (at..end).any(|at| tokens[at] == of && ["::", "as"].contains(&then(at + 1)));
                found.extend(all.then(|| format!("variants or another name of {of} by `use`")));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn no_kind_of_entry_is_passed_over() {
    let (mut read, mut looked) = (0, 0);
    let mut wrong = Vec::new();
    for path in files(&root(), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        read += 1;
        for (of, own) in WHOLE {
            // Here they are in string literals.
            if name(&path) == own || path.ends_with(file!()) || !text.contains(of) {
                continue;
            }
            looked += usize::from(names(&tokens(&text), of));
            wrong.extend(partial(&text, of).iter().map(|what| format!("{}: {what}", name(&path))));
        }
    }
    assert!(
        read > 200 && looked > 10,
        "this test looks in the wrong place: {read} files, {looked} with kinds"
    );
    assert!(wrong.is_empty(), "{}\n{ADVICE}", wrong.join("\n"));
}

#[test]
fn what_is_partial_is_seen() {
    for (text, count) in [
        // Whole, as far as the compiler sees to it.
        ("match what { EntryKind::A(_) | EntryKind::B { .. } => 1, EntryKind::C => { 2 } }", 0),
        (
            "match &event.kind { EntryKind::A(x) if x > 1 => f(|_| 1), EntryKind::A(_) => (), EntryKind::B => match n { _ => 3 } }",
            0,
        ),
        ("match n { Some(_) => EntryKind::A, _ => EntryKind::B }", 0),
        ("let kind = EntryKind::A(1); let x: EntryKind = y; if let Some(_) = z {}", 0),
        (
            "// match what { EntryKind::A => 1, _ => 2 }\nlet x = \"match what { EntryKind::A => 1, _ => 2 }\";",
            0,
        ),
        ("fn f<'a>(x: &'a EntryKind) -> char { match x { EntryKind::A => '{', EntryKind::B => '\\'' } }", 0),
        (
            "let raw = r#\"if let EntryKind::A = x\"#; /* if let EntryKind::A /* matches!(x, EntryKind::A) */ = x */",
            0,
        ),
        ("match other { Whatever::A => 1, _ => 2 }", 0),
        ("use event::{Event, EntryKind};", 0),
        // Not whole.
        ("match what { EntryKind::A => 1, _ => 2 }", 1),
        ("match what { EntryKind::A => { 1 } other => 2 }", 1),
        ("match f(|x| { x }).what { EntryKind::A => 1, _ if true => 2, EntryKind::B => 1 }", 1),
        ("match (n, &what) { (1, EntryKind::A) => 1, (_, EntryKind::A) => 3, (..) => 2 }", 1),
        ("match x { Some(EntryKind::A) => 1, Some(_) | None => 2 }", 1),
        ("match n { 1 => match what { EntryKind::A => 1, _ => 2 }, _ => 2 }", 1),
        ("if let EntryKind::A(x) = &event.kind {}", 1),
        ("if x && let Some(EntryKind::A) = y {}", 1),
        ("let EntryKind::A { brand, .. } = &event.kind else { return };", 1),
        ("while let EntryKind::A = f() {}", 1),
        ("assert!(matches!(event.kind, domain::event::EntryKind::A { .. }));", 1),
        ("if event.kind == EntryKind::A || EntryKind::B != x {}", 1),
        ("impl EntryKind { fn is_a(&self) -> bool { false } }", 1),
        (
            "use event::EntryKind::*; use event::EntryKind::{A, B}; use event::EntryKind as W; impl Show for EntryKind {}",
            4,
        ),
    ] {
        assert_eq!(partial(text, "EntryKind").len(), count, "{text}: {:?}", partial(text, "EntryKind"));
    }
}
