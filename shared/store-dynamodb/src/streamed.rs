//! A record of the table's stream, whoever reads it: a server by the Streams API, a function by what Lambda hands it.

use engine::store::{Changed, Committed, Instant, Manner, Version};

use crate::{item::manner, place::Place, version::made_at};

/// A record of the stream. Only what Laurel's own items have is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Streamed {
    /// The partition key, `k`.
    pub partition: Vec<u8>,
    /// The sort key, `s`.
    pub sort: Vec<u8>,
    /// The item's value, `v`; `None` if it was deleted.
    pub value: Option<Vec<u8>>,
    /// The number of the version, `n`: of a deleted item, the one that was deleted.
    pub version: Option<u64>,
    /// The number of the commit's manner, `w`.
    pub manner: Option<String>,
    /// Whether there was no such item before.
    pub is_new: bool,
}

impl Streamed {
    /// The write that it tells of, as a commit of its own; `None` of what is no item of Laurel's.
    pub fn committed(self) -> Option<Committed> {
        let Streamed { partition: k, sort: s, value, version, manner: number, is_new } = self;
        let key = Place { k, s }.key();
        let Some(value) = value else {
            let version = Version(version.unwrap_or(0));
            let writes = vec![Changed { key, version, value: None, is_new: false }];
            return Some(Committed { version, manner: Manner::Plain, writes });
        };
        let version = Version(version?);
        let manner = match &number {
            None => Manner::Plain,
            Some(number) => manner(number)?,
        };
        let writes = vec![Changed { key, version, value: Some(value.into()), is_new }];
        Some(Committed { version, manner, writes })
    }
}

/// When a commit of that version was made, by the clock of whoever made it.
pub fn committed_at(version: Version) -> Instant {
    Instant(made_at(version))
}
