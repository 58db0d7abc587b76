//! The header: which column is which. A name that is not known ends the run before anything lands, and is told with
//! the nearest one.

use std::borrow::Cow;

use crate::{Options, Unreadable};

/// The most phones, or addresses, that a row may have: `phone`, `phone_2` … `phone_5`.
pub const NUMBERED_MAX: u32 = 5;

/// The most columns of a file.
pub const COLUMNS_MAX: usize = 200;

/// The longest name of a column, in characters.
pub const TITLE_MAX: usize = 200;

/// The longest name of which a near one is looked for, in characters.
const NEAR_MAX: usize = 40;

/// Characters of a text that are told of it.
const SHOWN: usize = 60;

/// How a text begins, for a sentence about it.
pub fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Refuses more columns than a file has, and a name that is none.
///
/// # Errors
/// There are too many, or a name is too long.
pub(crate) fn must_fit<'a>(titles: impl Iterator<Item = &'a str>) -> Result<(), Unreadable> {
    for (index, title) in titles.enumerate() {
        if index >= COLUMNS_MAX {
            return Err(Unreadable::new("too_large", format!("a file has at most {COLUMNS_MAX} columns")));
        }
        if title.chars().nth(TITLE_MAX).is_some() {
            let detail =
                format!("a column's name has at most {TITLE_MAX} characters, and not \"{}\"", short(title));
            return Err(Unreadable::new("unknown_column", detail));
        }
    }
    Ok(())
}

/// The columns that a kind of file may have.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Names, each with the other names that mean the same.
    pub names: &'static [&'static [(&'static str, &'static [&'static str])]],
    /// What an open name begins with; what follows is the shop's own.
    pub prefixes: &'static [&'static str],
    /// Names that there may be several of: `phone`, `phone_2` ….
    pub numbered: &'static [&'static str],
}

/// A column of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name, as this crate lists it.
    pub field: String,
    /// Its name, as the file has it.
    pub title: String,
    /// Its place in a record.
    pub index: usize,
}

/// A name without what people write differently: case, blanks, `_`.
pub(crate) fn plain(name: &str) -> String {
    let kept = name.trim_start_matches('\u{feff}').chars();
    kept.filter(|one| !one.is_whitespace() && *one != '_').flat_map(char::to_lowercase).collect()
}

impl Known {
    /// Every name that is not open.
    fn listed(&self) -> impl Iterator<Item = &'static str> {
        self.names.iter().flat_map(|part| part.iter()).map(|(name, _)| *name)
    }

    /// The column of that name; `None` of one that is not known.
    pub fn field(&self, title: &str) -> Option<String> {
        let told = plain(title);
        let mut named = self.names.iter().flat_map(|part| part.iter());
        let is = |(name, others): &&(&str, &[&str])| {
            plain(name) == told || others.iter().any(|other| plain(other) == told)
        };
        if let Some((name, _)) = named.find(is) {
            return Some((*name).to_owned());
        }
        for name in self.numbered {
            let number = told.strip_prefix(name).and_then(|number| number.parse::<u32>().ok());
            if let Some(number) = number.filter(|number| (2..=NUMBERED_MAX).contains(number)) {
                return Some(format!("{name}_{number}"));
            }
        }
        self.prefixes.iter().find_map(|prefix| {
            let (before, own) = title.trim().split_once('.')?;
            let own = own.trim();
            let is_it = plain(before) == plain(prefix.trim_end_matches('.'));
            // Consents are named in small letters; ids of other systems are as they are.
            let own = if *prefix == "consent." { own.to_lowercase() } else { own.to_owned() };
            (is_it && !own.is_empty()).then(|| format!("{prefix}{own}"))
        })
    }

    /// The name that is nearest to one that is not known, if any is near.
    fn nearest(&self, title: &str) -> Option<String> {
        title.chars().nth(NEAR_MAX).is_none().then_some(())?;
        let told = plain(title);
        let all = self.names.iter().flat_map(|part| part.iter());
        let spelt =
            all.flat_map(|(name, others)| others.iter().chain([name]).map(move |spelt| (*name, *spelt)));
        let distance = |(_, spelt): &(&str, &str)| strsim::damerau_levenshtein(&plain(spelt), &told);
        let (name, spelt) = spelt.min_by_key(distance)?;
        let near = distance(&(name, spelt)) * 2 < told.chars().count().max(plain(spelt).chars().count());
        near.then(|| name.to_owned())
    }

    fn list(&self) -> String {
        let names: Vec<&str> = self.listed().collect();
        let open: Vec<String> = self.prefixes.iter().map(|prefix| format!("{prefix}…")).collect();
        format!("{}, {}", names.join(", "), open.join(", "))
    }
}

/// How many of these cells are names that are known, mapped or ignored.
pub(crate) fn recognised<'a>(
    known: &Known,
    options: &Options,
    cells: impl Iterator<Item = &'a str>,
) -> usize {
    let is_named = |title: &&str| {
        let told = plain(title);
        let mapped = options.map.iter().any(|(from, _)| plain(from) == told);
        let ignored = options.ignore.iter().any(|from| plain(from) == told);
        mapped || ignored || known.field(title).is_some()
    };
    cells.take(COLUMNS_MAX).filter(is_named).count()
}

/// The columns of a header, and how many cells it has without empty ones at its end. A column that is ignored is
/// not among them.
///
/// # Errors
/// A name is not known, or stands twice; or an option names a column that is not there.
pub(crate) fn columns(
    known: &Known,
    options: &Options,
    titles: &[&str],
) -> Result<(Vec<Column>, usize), Unreadable> {
    let width = titles.iter().rposition(|title| !title.trim().is_empty()).map_or(0, |last| last + 1);
    let titles = &titles[..width];
    must_fit(titles.iter().copied())?;
    let map = mapping(known, options, titles)?;
    let mut columns: Vec<Column> = Vec::new();
    for (index, title) in titles.iter().enumerate() {
        let title = title.trim().trim_start_matches('\u{feff}');
        let told = plain(title);
        let mapped = map.iter().find(|(from, _)| *from == told).map(|(_, to)| to.clone());
        if mapped.is_none() && options.ignore.iter().any(|from| plain(from) == told) {
            continue;
        }
        let field = mapped.or_else(|| known.field(title)).ok_or_else(|| unknown(known, index, title))?;
        if let Some(other) = columns.iter().find(|other| other.field == field) {
            let detail = format!(
                "the columns \"{}\" and \"{}\" both are {}: leave one out with --ignore, or say with --map what it is",
                short(&other.title),
                short(title),
                short(&field)
            );
            return Err(Unreadable::new("duplicate_column", detail));
        }
        columns.push(Column { field, title: title.to_owned(), index });
    }
    Ok((columns, width))
}

fn unknown(known: &Known, index: usize, title: &str) -> Unreadable {
    if title.is_empty() {
        let detail = format!("column {} has no name, and columns after it have one", index + 1);
        return Unreadable::new("unknown_column", detail);
    }
    let nearest = known.nearest(title).map_or(String::new(), |name| format!("; is it {name}?"));
    let title = short(title);
    let detail = format!(
        "the column \"{title}\" is not known{nearest} --map \"{title}=NAME\" says what it is, --ignore \
         \"{title}\" leaves it out; there are {}",
        known.list()
    );
    Unreadable::new("unknown_column", detail)
}

/// What each mapped name means, by its plain form.
fn mapping(known: &Known, options: &Options, titles: &[&str]) -> Result<Vec<(String, String)>, Unreadable> {
    let one = |(from, to): &(String, String)| {
        if !titles.iter().any(|title| plain(title) == plain(from)) {
            let detail = format!("--map \"{from}={to}\": the file has no column \"{from}\"");
            return Err(Unreadable::new("unknown_column", detail));
        }
        let field = known.field(to).ok_or_else(|| {
            let nearest = known.nearest(to).map_or(String::new(), |name| format!("; is it {name}?"));
            let detail =
                format!("--map \"{from}={to}\": {to} is not known{nearest} There are {}", known.list());
            Unreadable::new("unknown_column", detail)
        })?;
        Ok((plain(from), field))
    };
    options.map.iter().map(one).collect()
}
