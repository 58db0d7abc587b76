//! How a person is reached: in which language, by which clock, and when not 免打扰.

/// Most [`QuietHours`] of one person.
pub const QUIET_HOURS_MAX: usize = 4;

/// A language in which members are written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Locale {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Locale {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Locale::Zh => "zh",
            Locale::En => "en",
        }
    }
}

/// Hours in which a person is told nothing, by the person's own clock. Where `to` is not later than `from` they run
/// over midnight and end on the next day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuietHours {
    /// From that minute of the day on: 0 to 1439.
    pub from: u32,
    /// Before that minute: 0 to 1440, and another than `from`.
    pub to: u32,
    /// The days of the week that they begin on, rising, one to six; Monday is 0. `None`: every day.
    pub days: Option<Vec<u32>>,
}
