//! Ledgers, page by page.

use laurel_tests::model::member::Entry;
use serde::Deserialize;

use super::{
    entry::{GotEntry, compare_entry},
    read, same, same_instant,
};

#[derive(Deserialize)]
struct GotPage<'a> {
    #[serde(borrow)]
    entries: Vec<GotEntry<'a>>,
    next_cursor: Option<&'a str>,
}

/// A page of a ledger, with `all` the moving entries from `below` downwards still to come, `written` of them
/// written down. Returns the next page's cursor, with what is below it.
pub(crate) fn compare_page(
    body: &[u8],
    limit: usize,
    all: &[std::rc::Rc<Entry>],
    below: usize,
    written: Option<usize>,
) -> Result<Option<(String, usize)>, String> {
    let page: GotPage = read(body)?;
    if page.entries.len() > limit || (page.next_cursor.is_some() && page.entries.len() < limit) {
        return Err(format!("{} entries on a page of {limit}", page.entries.len()));
    }
    let mut left = below;
    let mut seq = page.entries.first().map(|entry| entry.seq);
    for entry in &page.entries {
        same("entry/seq", Some(entry.seq), seq)?;
        seq = seq.and_then(|seq| seq.checked_sub(1));
        if entry.points == 0 && entry.growth == 0 && entry.lots.is_empty() {
            // That entry moves nothing: the member shows its tiers and badges.
            continue;
        }
        left = left.checked_sub(1).ok_or("an entry that the model does not know")?;
        compare_entry(entry, &all[left], None)?;
        match written {
            Some(written) if left < written => {
                same_instant("entry/recorded_at", entry.recorded_at, all[left].recorded_at)?;
            }
            Some(_) => same("entry/recorded_at", entry.recorded_at, None)?,
            None => {}
        }
    }
    match page.next_cursor {
        Some(next) => Ok(Some((next.to_owned(), left))),
        None if left == 0 => Ok(None),
        None => Err(format!("the ledger ends where {left} entries are missing")),
    }
}
