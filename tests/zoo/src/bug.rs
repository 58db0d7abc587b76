//! A bug, as described in `bugs/*.txt`.
//!
//! ```text
//! in shared/domain/src
//!
//! bug end-inclusive
//! wrong `<` for `<=` at an end: what ends now lasts for this moment still
//! breaks rule 2: ends are exclusive
//! - .filter(|due| *due <= now)
//! + .filter(|due| if BUG { *due < now } else { *due <= now })
//! ```
//!
//! `-` is a text that occurs once in the sources of that folder, `+` its replacement. The replacement must
//! keep the right code too, behind the question `BUG`. White space does not count. A bug may have several
//! edits.

use std::fmt;

/// A bug.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bug {
    /// What it is chosen by.
    pub name: &'static str,
    /// What is wrong.
    pub wrong: &'static str,
    /// The rule or promise that it breaks.
    pub breaks: &'static str,
    /// What makes it.
    pub edits: Vec<Edit>,
}

/// A text of the sources, and its replacement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// Where to look for it: the folder of a package's sources.
    pub folder: &'static str,
    /// The text, which occurs once.
    pub find: String,
    /// Its replacement, in which `BUG` asks whether this bug is chosen.
    pub becomes: String,
}

const FILES: [&str; 5] = [
    include_str!("../bugs/domain.txt"),
    include_str!("../bugs/engine.txt"),
    include_str!("../bugs/edge.txt"),
    include_str!("../bugs/outward.txt"),
    include_str!("../bugs/store.txt"),
];

/// Every bug.
///
/// # Panics
/// A line of `bugs/*.txt` is invalid.
pub fn all() -> Vec<Bug> {
    FILES.iter().flat_map(|text| read(text)).collect()
}

fn read(text: &'static str) -> Vec<Bug> {
    let (mut bugs, mut folder, mut before) = (Vec::<Bug>::new(), "", "");
    for line in text.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (kind, bugs.last_mut()) {
            ("" | "#", _) => {}
            ("in", _) => folder = rest,
            ("bug", _) => bugs.push(Bug { name: rest, wrong: "", breaks: "", edits: Vec::new() }),
            ("wrong", Some(bug)) => bug.wrong = rest,
            ("breaks", Some(bug)) => bug.breaks = rest,
            ("-", Some(bug)) => {
                if before != "-" {
                    bug.edits.push(Edit { folder, find: String::new(), becomes: String::new() });
                }
                if let Some(edit) = bug.edits.last_mut() {
                    edit.find += rest;
                }
            }
            ("+", Some(Bug { edits, .. })) if !edits.is_empty() => {
                if let Some(edit) = edits.last_mut() {
                    edit.becomes += rest;
                    edit.becomes.push('\n');
                }
            }
            _ => panic!("this line of the zoo's bugs is none: {line}"),
        }
        before = kind;
    }
    bugs
}

/// Its row in the table of docs/SIMULATOR.md.
impl fmt::Display for Bug {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "| `{}` | {} | {} |", self.name, self.wrong, self.breaks)
    }
}
