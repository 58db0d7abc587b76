//! A version of the programme, in one record or several.

use domain::time::Instant;

use super::{
    By, Stored,
    layout::{Damaged, Layout as _, Reader, layout},
};

/// A version of the programme, as it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgramRecord {
    /// Since when it is in force.
    pub since: Instant,
    /// Who saved it.
    pub by: By,
    /// The document's text, or how it begins.
    pub document: String,
    /// How many further records hold the rest of it.
    pub further: u32,
}

/// How a version's document goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgramPart {
    /// Its text.
    pub text: String,
}

impl Stored for ProgramRecord {
    const FORMAT: u8 = 2;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<ProgramRecord, Damaged> {
        match format {
            1 => {
                let Format1 { since, by, document } = Format1::read(from)?;
                Ok(ProgramRecord { since, by, document, further: 0 })
            }
            _ => Err(Damaged),
        }
    }
}

impl Stored for ProgramPart {}

/// The number of the newest version.
impl Stored for u32 {}

/// A version in format 1, which held all of its document.
struct Format1 {
    since: Instant,
    by: By,
    document: String,
}

layout! { struct ProgramRecord { since, by, document, further } }
layout! { struct ProgramPart { text } }
layout! { struct Format1 { since, by, document } }
