//! How far a replay has come, noted in the store under the hash of its file and of how that is read: read otherwise, it
//! has other events.

use bytes::Bytes;
use edge::Api;
use files::{DateOrder, Options};
use sha2::{Digest, Sha256};

use super::events::Event;
use crate::start::{StartError, failed};

/// How far a replay has come.
#[derive(Clone, Copy, Default)]
pub(super) struct Progress {
    /// Events that are over, in their order.
    pub(super) events: usize,
    /// How many of them were refused.
    pub(super) refused: u64,
}

/// The names under which a file's progress is noted.
pub(super) struct Names {
    own: String,
    /// That of 0.1.0.
    older: String,
}

/// What is noted of a file.
#[derive(Clone, Copy, Default)]
pub(super) struct Noted {
    own: Option<(Progress, Mark)>,
    /// What 0.1.0 noted.
    pub(super) older: Option<Progress>,
}

/// Tells apart what stands for different events.
type Mark = [u8; 8];

/// The mark of events that are over, which grows with them.
#[derive(Clone, Default)]
pub(super) struct Over {
    hash: Sha256,
    events: usize,
}

impl Over {
    /// These are over too.
    pub(super) fn add(&mut self, events: &[Event]) {
        for event in events {
            let Event { at, kind, first, rows, .. } = event;
            self.hash.update(at.0.to_be_bytes());
            self.hash.update(kind.word().as_bytes());
            for number in [*first, *rows] {
                self.hash.update((number as u64).to_be_bytes());
            }
        }
        self.events += events.len();
    }

    fn mark(&self) -> Mark {
        let digest: [u8; 32] = self.hash.clone().finalize().into();
        let mut mark = Mark::default();
        mark.copy_from_slice(&digest[..8]);
        mark
    }
}

impl Names {
    /// Of the file with these bytes, read like this.
    pub(super) fn of(bytes: &[u8], options: &Options) -> Names {
        let mut hash = Sha256::new_with_prefix(bytes);
        let older = shown(hash.clone());
        // What a file may be decides whether it is read, and not as what.
        let Options { encoding, delimiter, map, ignore, sheet, dates, workbook: _, rows_max: _ } = options;
        let (mut map, mut ignore) = (map.clone(), ignore.clone());
        map.sort();
        ignore.sort();
        let dates = match dates {
            DateOrder::Plain => "",
            DateOrder::DayFirst => "day",
            DateOrder::MonthFirst => "month",
        };
        let delimiter = delimiter.map(String::from).unwrap_or_default();
        let mut add = |texts: &[&str]| {
            hash.update((texts.len() as u64).to_be_bytes());
            for text in texts {
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text);
            }
        };
        let [encoding, sheet] = [encoding, sheet].map(|text| text.as_deref().unwrap_or_default());
        add(&[encoding, &delimiter, sheet, dates]);
        add(&map.iter().flat_map(|(title, name)| [title.as_str(), name]).collect::<Vec<_>>());
        add(&ignore.iter().map(String::as_str).collect::<Vec<_>>());
        Names { own: shown(hash), older }
    }
}

fn shown(hash: Sha256) -> String {
    let digest: [u8; 32] = hash.finalize().into();
    format!("replay:{}", digest[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// What is noted of the file.
pub(super) async fn noted(api: &Api, names: &Names) -> Result<Noted, StartError> {
    let unreadable = |error| failed("cannot read the store", &error);
    let own = api.engine.records().note(&names.own).await.map_err(unreadable)?;
    let own = own.and_then(|bytes| {
        let (numbers, mark) = bytes.split_first_chunk::<16>()?;
        Some((progress(*numbers), Mark::try_from(mark).ok()?))
    });
    let older = api.engine.records().note(&names.older).await.map_err(unreadable)?;
    let older = older.and_then(|bytes| <[u8; 16]>::try_from(&bytes[..]).ok()).map(progress);
    Ok(Noted { own, older })
}

fn progress(numbers: [u8; 16]) -> Progress {
    let numbers = u128::from_be_bytes(numbers);
    let (events, refused) = ((numbers >> 64) as u64, numbers as u64);
    Progress { events: usize::try_from(events).unwrap_or(usize::MAX), refused }
}

impl Noted {
    /// Whether the file was replayed by this build.
    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// How many of these events are over, with their mark. Where they are others than those that were counted, each is
    /// looked for by its name.
    pub(super) fn over(&self, events: &[Event]) -> Over {
        let mut over = Over::default();
        let Some((progress, mark)) = self.own.filter(|(progress, _)| progress.events <= events.len()) else {
            return over;
        };
        over.add(&events[..progress.events]);
        match over.mark() == mark {
            true => over,
            false => Over::default(),
        }
    }

    /// How many events were refused.
    pub(super) fn refused(&self) -> Option<u64> {
        self.own.map(|(progress, _)| progress.refused)
    }
}

impl Over {
    /// How many.
    pub(super) fn events(&self) -> usize {
        self.events
    }
}

/// Notes two numbers of eight bytes, the events and how many of them were refused, and the mark of the events.
pub(super) async fn set(api: &Api, names: &Names, over: &Over, refused: u64) -> Result<(), StartError> {
    let value = (u128::from(over.events as u64) << 64) | u128::from(refused);
    let value = Bytes::from([&value.to_be_bytes()[..], &over.mark()].concat());
    api.engine
        .records()
        .set_note(&names.own, value)
        .await
        .map_err(|error| failed("cannot write to the store", &error))
}

#[cfg(test)]
mod tests {
    use domain::time::Instant;
    use files::Lines;

    use super::{
        super::events::{Event, Kind},
        *,
    };

    fn event(first: usize) -> Event {
        let (at, lines) = (Instant(first as i64), Lines::one(first as u64 + 2));
        Event { at, kind: Kind::Earn, lines, first, rows: 1, unnamed: None }
    }

    /// Events that are others than those that were counted are not skipped.
    #[test]
    fn what_was_counted_is_over_only_where_it_is_the_same() {
        let events: Vec<Event> = (0..5).map(event).collect();
        let mut counted = Over::default();
        counted.add(&events[..1]);
        counted.add(&events[1..3]);
        let progress = Progress { events: 3, refused: 0 };
        let noted = Noted { own: Some((progress, counted.mark())), older: None };
        for (rows, over) in [(&[0, 1, 2, 3, 4][..], 3), (&[0, 1, 2], 3), (&[0, 1], 0), (&[0, 1, 3, 4], 0)] {
            let events: Vec<Event> = rows.iter().map(|row| event(*row)).collect();
            assert_eq!(noted.over(&events).events(), over, "{rows:?}");
        }
        assert_eq!(Noted::default().over(&events).events(), 0);
    }

    #[test]
    fn a_file_has_a_name_for_each_way_of_reading_it() {
        let name = |options: Options| Names::of(b"a,b\n", &options).own;
        let plain = Options::default;
        let text = |text: &str| Some(text.to_owned());
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let names = [
            name(plain()),
            name(Options { encoding: text("gb18030"), ..plain() }),
            name(Options { sheet: text("gb18030"), ..plain() }),
            name(Options { delimiter: Some(';'), ..plain() }),
            name(Options { dates: DateOrder::DayFirst, ..plain() }),
            name(Options { dates: DateOrder::MonthFirst, ..plain() }),
            name(Options { map: vec![pair("a", "b")], ..plain() }),
            name(Options { ignore: vec!["a".to_owned()], ..plain() }),
            name(Options { ignore: vec!["a".to_owned(), "b".to_owned()], ..plain() }),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[index + 1..].contains(name), "{index}");
        }
        let map = |map: &[(&str, &str)]| map.iter().map(|(one, other)| pair(one, other)).collect();
        let one = name(Options { map: map(&[("a", "b"), ("c", "d")]), ..plain() });
        assert_eq!(one, name(Options { map: map(&[("c", "d"), ("a", "b")]), ..plain() }));
    }
}
