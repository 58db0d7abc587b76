//! Makes the bugs' edits in a text.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    ops::Range,
    path::Path,
};

use crate::{Bug, CHOSEN};

/// What every package with edits gets in the copy: which bug is chosen.
const QUESTION: &str = r#"
mod planted {
    use std::sync::LazyLock;
    static CHOSEN: LazyLock<usize> =
        LazyLock::new(|| std::env::var("VARIABLE").ok().and_then(|number| number.parse().ok()).unwrap_or(0));
    #[inline]
    pub(crate) fn is(number: usize) -> bool {
        *CHOSEN == number
    }
}
"#;

/// Every source of the folders that have edits, by its path from the root.
///
/// # Errors
/// A folder or a file cannot be read.
pub fn sources(root: &Path, bugs: &[Bug]) -> io::Result<BTreeMap<String, String>> {
    let folders: BTreeSet<&str> = bugs.iter().flat_map(|bug| &bug.edits).map(|edit| edit.folder).collect();
    let mut found = BTreeMap::new();
    let mut waiting: Vec<String> = folders.into_iter().map(str::to_owned).collect();
    while let Some(path) = waiting.pop() {
        for entry in fs::read_dir(root.join(&path))? {
            let entry = entry?;
            let name = format!("{path}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                waiting.push(name);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(entry.path())?;
                found.insert(name, text);
            }
        }
    }
    Ok(found)
}

/// The replacement at a place in a source, and its bug.
type Change<'a> = (Range<usize>, String, &'a str);

/// The changed sources, with all bugs in them, each behind its switch.
///
/// # Errors
/// Every edit that cannot be made, and what to do about it.
pub fn planted(
    sources: &BTreeMap<String, String>,
    bugs: &[Bug],
) -> Result<BTreeMap<String, String>, Vec<String>> {
    let mut wrong = Vec::new();
    let mut changes: BTreeMap<&str, Vec<Change>> = BTreeMap::new();
    let bare: BTreeMap<&str, Bare> =
        sources.iter().map(|(file, text)| (file.as_str(), Bare::of(text))).collect();
    for (bug, number) in bugs.iter().zip(1..) {
        for edit in &bug.edits {
            let within = bare.iter().filter(|(file, _)| file.starts_with(&format!("{}/", edit.folder)));
            let places: Vec<(&str, Range<usize>)> = within
                .flat_map(|(file, bare)| bare.places(&edit.find).into_iter().map(|place| (*file, place)))
                .collect();
            match places.as_slice() {
                [(file, place)] if edit.becomes.contains("BUG") => {
                    let text = edit.becomes.replace("BUG", &format!("crate::planted::is({number})"));
                    changes.entry(file).or_default().push((
                        place.clone(),
                        text.trim_end().to_owned(),
                        bug.name,
                    ));
                }
                [_] => wrong.push(format!("{}: what the text becomes does not ask `BUG`", bug.name)),
                _ => wrong.push(unfound(bug, edit, &places)),
            }
        }
    }
    let mut changed = BTreeMap::new();
    for (file, mut changes) in changes {
        changes.sort_by_key(|(place, ..)| place.start);
        for pair in changes.windows(2) {
            if pair[0].0.end > pair[1].0.start {
                wrong.push(format!(
                    "{} and {} change the same text of {file}: shorten one",
                    pair[0].2, pair[1].2
                ));
            }
        }
        let mut text = sources[file].clone();
        for (place, becomes, _) in changes.into_iter().rev() {
            if text.is_char_boundary(place.start) && place.end <= text.len() {
                text.replace_range(place, &becomes);
            }
        }
        changed.insert(file.to_owned(), text);
    }
    for folder in bugs.iter().flat_map(|bug| &bug.edits).map(|edit| edit.folder).collect::<BTreeSet<_>>() {
        let lib = format!("{folder}/lib.rs");
        let text = changed.get(&lib).or(sources.get(&lib)).cloned().unwrap_or_default();
        let question = QUESTION.replace("VARIABLE", CHOSEN);
        changed.insert(lib, format!("#![allow(warnings)]\n{text}{question}"));
    }
    if wrong.is_empty() { Ok(changed) } else { Err(wrong) }
}

fn unfound(bug: &Bug, edit: &crate::Edit, places: &[(&str, Range<usize>)]) -> String {
    let (name, folder, find) = (bug.name, edit.folder, &edit.find);
    match places {
        [] => format!(
            "{name}: this text stands nowhere in {folder}:\n    {find}\nThe code has changed: find what the bug \
             ({wrong}) is now, and write the edit of tests/zoo/bugs/*.txt anew",
            wrong = bug.wrong
        ),
        _ => {
            let files: Vec<&str> = places.iter().map(|(file, _)| *file).collect();
            format!(
                "{name}: this text stands {} times in {folder}, in {}:\n    {find}\nLet the edit of \
                 tests/zoo/bugs/*.txt have more of what is around the one that is meant",
                files.len(),
                files.join(", ")
            )
        }
    }
}

/// A text without its white space, and the original position of each byte.
struct Bare {
    text: String,
    offsets: Vec<usize>,
}

impl Bare {
    fn of(text: &str) -> Bare {
        let (mut bare, mut offsets) = (String::new(), Vec::new());
        for (offset, letter) in text.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
            bare.push(letter);
            offsets.extend((0..letter.len_utf8()).map(|byte| offset + byte));
        }
        Bare { text: bare, offsets }
    }

    /// Every occurrence of the other text, ignoring white space.
    fn places(&self, find: &str) -> Vec<Range<usize>> {
        let find = Bare::of(find).text;
        let found = self.text.match_indices(&find).filter(|_| !find.is_empty());
        found.map(|(at, _)| self.offsets[at]..self.offsets[at + find.len() - 1] + 1).collect()
    }
}
