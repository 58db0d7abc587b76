//! How far a reader has come in each shard of a stream, and the bytes of that.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use engine::store::Position;

/// A shard of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shard {
    pub(super) id: Arc<str>,
    /// Whose records come before its own.
    pub(super) parent: Option<Arc<str>>,
    /// Whether nothing is added to it any more.
    pub(super) is_closed: bool,
}

impl Shard {
    pub(super) fn of(told: aws_sdk_dynamodbstreams::types::Shard) -> Option<Shard> {
        let is_closed =
            told.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some());
        Some(Shard { id: told.shard_id?.into(), parent: told.parent_shard_id.map(Arc::from), is_closed })
    }
}

/// How far a shard has been read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Progress {
    /// Not at all: it begins with its oldest record.
    Start,
    /// Not at all; records from before that moment, in milliseconds since 1970, are none of the reader's. Those of the
    /// last minute before it are, because their times are rounded down.
    Since(i64),
    /// Up to the record of that number.
    After(Arc<str>),
    /// To the end.
    Done,
}

/// What the positions of streams begin with.
const MARK: &str = "d1";

impl Progress {
    fn write(&self) -> String {
        match self {
            Progress::Start => "0".to_owned(),
            Progress::Since(millis) => format!("s{millis}"),
            Progress::After(sequence) => format!("a{sequence}"),
            Progress::Done => "e".to_owned(),
        }
    }

    fn read(text: &str) -> Option<Progress> {
        match text.split_at_checked(1)? {
            ("0", "") => Some(Progress::Start),
            ("s", millis) => millis.parse().ok().map(Progress::Since),
            ("a", sequence) if !sequence.is_empty() => Some(Progress::After(sequence.into())),
            ("e", "") => Some(Progress::Done),
            _ => None,
        }
    }
}

/// The places of one reader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Places {
    label: String,
    of: BTreeMap<Arc<str>, Progress>,
}

impl Places {
    /// In no shard yet.
    pub(super) fn new(label: &str) -> Places {
        Places { label: label.to_owned(), of: BTreeMap::new() }
    }

    /// Before all that is still there.
    pub(super) fn oldest(label: &str, shards: &[Shard]) -> Places {
        let of = shards.iter().map(|shard| (shard.id.clone(), Progress::Start)).collect();
        Places { label: label.to_owned(), of }
    }

    pub(super) fn set(&mut self, shard: Arc<str>, progress: Progress) {
        self.of.insert(shard, progress);
    }

    /// Takes up shards that are new and drops those that are gone; `false` if one is gone that was not read to its end.
    pub(super) fn follow(&mut self, shards: &[Shard]) -> bool {
        let there: BTreeSet<&str> = shards.iter().map(|shard| &*shard.id).collect();
        // A shard in which there was nothing yet is missed by nobody.
        let is_lost = |(shard, progress): (&Arc<str>, &Progress)| {
            !there.contains(&**shard) && matches!(progress, Progress::Start | Progress::After(_))
        };
        if self.of.iter().any(is_lost) {
            return false;
        }
        self.of.retain(|shard, _| there.contains(&**shard));
        for shard in shards {
            self.of.entry(shard.id.clone()).or_insert(Progress::Start);
        }
        true
    }

    /// The shards that can be read on: those whose parents have been read to their ends.
    pub(super) fn readable(&self, shards: &[Shard]) -> Vec<(Arc<str>, Progress)> {
        let done = |parent: &Arc<str>| self.of.get(parent).is_none_or(|progress| *progress == Progress::Done);
        let readable = shards.iter().filter(|shard| shard.parent.as_ref().is_none_or(done));
        let places = readable.filter_map(|shard| Some((shard.id.clone(), self.of.get(&shard.id)?.clone())));
        places.filter(|(_, progress)| *progress != Progress::Done).collect()
    }

    /// The bytes: the stream's label, and a line for each shard.
    pub(super) fn position(&self) -> Position {
        let mut text = format!("{MARK}\n{}\n", self.label);
        for (shard, progress) in &self.of {
            text.push_str(&format!("{shard} {}\n", progress.write()));
        }
        Position::new(text)
    }

    /// The places of a position of the stream with that label.
    pub(super) fn read(label: &str, position: &Position) -> Option<Places> {
        let text = std::str::from_utf8(position.as_bytes()).ok()?.strip_suffix('\n')?;
        let mut lines = text.split('\n');
        if lines.next() != Some(MARK) || lines.next() != Some(label) {
            return None;
        }
        let mut places = Places::new(label);
        for line in lines {
            let (shard, progress) = line.split_once(' ')?;
            places.of.insert(shard.into(), Progress::read(progress)?);
        }
        Some(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parent: Option<&str>, is_closed: bool) -> Shard {
        Shard { id: id.into(), parent: parent.map(Arc::from), is_closed }
    }

    fn readable(places: &Places, shards: &[Shard]) -> Vec<String> {
        places.readable(shards).into_iter().map(|(shard, _)| shard.to_string()).collect()
    }

    #[test]
    fn a_position_is_read_as_it_was_written_and_nothing_else_is() {
        let mut places = Places::new("2026-11-30T05:00:00.000");
        for (name, progress) in [
            ("shardId-1", Progress::Start),
            ("shardId-2", Progress::Since(-5)),
            ("shardId-3", Progress::After("000001".into())),
            ("shardId-4", Progress::Done),
        ] {
            places.set(name.into(), progress);
        }
        let position = places.position();
        assert_eq!(Places::read("2026-11-30T05:00:00.000", &position), Some(places.clone()));
        assert_eq!(Places::read("another", &position), None);
        let text = String::from_utf8(position.as_bytes().to_vec()).unwrap();
        for (from, to) in [
            ("d1", "d2"),
            ("s-5", "sx"),
            ("s-5", "s"),
            ("a000001", "a"),
            (" e", " e1"),
            (" 0", ""),
            ("\n", ""),
        ] {
            let damaged = Position::new(text.replacen(from, to, 1));
            assert_eq!(Places::read("2026-11-30T05:00:00.000", &damaged), None, "{from} {to}");
        }
        let none = Places::new("l");
        assert_eq!(Places::read("l", &none.position()), Some(none));
    }

    #[test]
    fn a_shard_is_read_after_its_parent() {
        let shards = [shard("a", None, true), shard("b", Some("a"), false), shard("c", Some("gone"), false)];
        let mut places = Places::oldest("l", &shards);
        assert_eq!(readable(&places, &shards), ["a", "c"]);
        places.set("a".into(), Progress::After("7".into()));
        assert_eq!(readable(&places, &shards), ["a", "c"]);
        places.set("a".into(), Progress::Done);
        assert_eq!(readable(&places, &shards), ["b", "c"]);
    }

    #[test]
    fn shards_come_and_go() {
        let mut places = Places::new("l");
        places.set("a".into(), Progress::Done);
        places.set("b".into(), Progress::Since(1));
        let shards = [shard("b", None, true), shard("c", Some("b"), false)];
        assert!(places.follow(&shards));
        assert_eq!(readable(&places, &shards), ["b"], "the new one is after it");
        places.set("b".into(), Progress::Done);
        assert_eq!(places.readable(&shards), [("c".into(), Progress::Start)]);
        places.set("c".into(), Progress::After("9".into()));
        assert!(!places.follow(&[shard("d", Some("c"), false)]), "the rest of it is lost");
    }
}
