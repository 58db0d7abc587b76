//! A reader's place in the feed.

use super::{Stored, layout::layout};

/// How far a reader of the feed has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlaceRecord {
    /// The store's own position.
    pub position: Vec<u8>,
}

impl Stored for PlaceRecord {}

layout! { struct PlaceRecord { position } }
