//! The clients' next requests: drawn from the seed and from the model's state, so that they aim at what
//! members have, and at the instants at which something falls due.

use edge::CardReference;
use laurel_tests::model::{
    DAY, Dice, Model, NEVER,
    command::{Activity, Order, Redeem, Refund},
};
use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};

use crate::op::{Cursor, Op, PARTNER, Persons, Way};

pub(crate) const MINUTE: i64 = 60 * 1000;

/// From 27 December 2011 to 2 January 2012, in days since 1970. There was no 30 December west of the date line.
const SKIPPED: std::ops::Range<i64> = 15_335..15_342;

/// Draws an operation, from what the model knows at that moment.
type Draw = fn(&mut Writer, &Model, i64) -> Op;

/// A request, and how many times in a hundred it comes.
const ROWS: &[(i64, Draw)] = &[
    (22, Writer::order),
    (5, Writer::revise),
    (8, Writer::activity),
    (1, Writer::take_back),
    (11, Writer::redeem),
    (10, Writer::refund),
    (4, Writer::cancel),
    (4, Writer::adjust),
    (2, Writer::badge),
    (1, Writer::take_badge),
    (1, Writer::status),
    (2, Writer::tag),
    (2, Writer::sweep),
    (1, Writer::register),
    (1, Writer::document_seldom),
    (3, Writer::find),
    (6, Writer::ledger),
    (2, Writer::find_order),
    (1, Writer::log),
    (2, Writer::add_identity),
    (1, Writer::remove_identity),
    (1, Writer::find_identity),
    (1, Writer::correct),
    (1, Writer::look),
    (2, Writer::scan),
    (2, Writer::merge),
    (5, Writer::show),
];

/// A request of the partner, and how many times in ten it comes.
const SIGNED: &[(i64, Draw)] = &[
    (3, Writer::order),
    (1, Writer::revise),
    (2, Writer::activity),
    (1, Writer::take_back),
    (2, Writer::redeem),
    (1, Writer::refund),
    (1, Writer::cancel),
];

/// Earlier requests, to be repeated, refunded and cancelled.
pub(crate) struct Writer {
    /// Chance of what is asked.
    pub(crate) dice: Dice,
    /// The programme's newest document.
    pub(crate) document: Value,
    brands: Vec<SmolStr>,
    pub(crate) yen: bool,
    number: u32,
    pub(crate) people: u32,
    pub(crate) orders: Vec<(Order, Way)>,
    pub(crate) redeems: Vec<(Redeem, Way)>,
    pub(crate) refunds: Vec<(Refund, Way)>,
    pub(crate) activities: Vec<(Activity, Way)>,
    /// How the next command is sent.
    pub(crate) way: Way,
    /// Cursors that answers gave, and their members.
    pub(crate) cursors: Vec<(usize, Cursor)>,
    /// Members' cards that were seen.
    pub(crate) cards: Vec<(usize, CardReference)>,
    /// Codes that requests spend with, and whose they are.
    pub(crate) tokens: Vec<(usize, String)>,
    /// Codes that were spent with, and by which request.
    pub(crate) spent: Vec<(String, usize)>,
    /// Codes that more than one request shows.
    pub(crate) shared: Vec<String>,
    /// What was asked of persons.
    pub(crate) persons: Persons,
}

impl Writer {
    /// Nothing was asked yet.
    pub(crate) fn new(dice: Dice, document: Value) -> Writer {
        let brands = document["brands"].as_array().map_or(&[][..], Vec::as_slice);
        Writer {
            dice,
            brands: brands.iter().filter_map(|brand| brand["id"].as_str()).map(SmolStr::new).collect(),
            yen: document["currency"] == "JPY",
            document,
            number: 0,
            people: 0,
            orders: Vec::new(),
            redeems: Vec::new(),
            refunds: Vec::new(),
            activities: Vec::new(),
            way: Way::Plain,
            cursors: Vec::new(),
            cards: Vec::new(),
            tokens: Vec::new(),
            spent: Vec::new(),
            shared: Vec::new(),
            persons: Persons::default(),
        }
    }

    /// The next operation.
    pub(crate) fn draw(&mut self, model: &Model, now: i64) -> Op {
        if model.members() < 2 {
            return self.register(model, now);
        }
        if model.members() < 16 && self.dice.below(40) == 0 {
            return self.register(model, now);
        }
        if self.skips_a_date(now) && self.dice.percent(40) {
            self.way = Way::Plain;
            return self.activity(model, now);
        }
        self.way = if self.dice.percent(7) { Way::Signed } else { Way::Plain };
        let rows = if self.way == Way::Signed { SIGNED } else { ROWS };
        let draw = self.dice.row(rows);
        draw(self, model, now)
    }

    /// Whether these are the days around one that the zone's calendar does not have. Members come every day then,
    /// so that streaks go over it.
    fn skips_a_date(&self, now: i64) -> bool {
        let zone = self.document["time_zone"].as_str();
        matches!(zone, Some("Pacific/Apia" | "Pacific/Fakaofo")) && SKIPPED.contains(&now.div_euclid(DAY))
    }

    pub(crate) fn fresh(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    pub(crate) fn member(&mut self, model: &Model) -> usize {
        // A few members get more requests than others, so that requests meet.
        let most = if self.dice.percent(30) { model.members().min(3) } else { model.members() };
        self.dice.below(most as i64) as usize
    }

    /// Whether the command can also be sent this way.
    pub(crate) fn is_sent(&self, brand: &str, way: Way) -> bool {
        way == self.way && (way != Way::Signed || brand == PARTNER)
    }

    /// As sent, or as a dry run.
    pub(crate) fn tried(&self, dry_run: bool) -> Way {
        if dry_run { Way::DryRun } else { self.way }
    }

    /// A member, and sometimes one that does not exist.
    pub(crate) fn whom(&mut self, model: &Model) -> Option<usize> {
        if self.dice.below(200) == 0 { None } else { Some(self.member(model)) }
    }

    pub(crate) fn brand(&mut self) -> SmolStr {
        if self.way == Way::Signed {
            return SmolStr::new_static(PARTNER);
        }
        if self.dice.below(300) == 0 {
            return SmolStr::new_static("nowhere");
        }
        let place = self.dice.below(self.brands.len() as i64) as usize;
        self.brands[place].clone()
    }

    pub(crate) fn one_of<T: Clone>(dice: &mut Dice, from: &[T]) -> Option<T> {
        // The newest get most requests.
        let most = if dice.percent(70) { from.len().min(20) } else { from.len() };
        let index = from.len() - most + dice.below(most as i64) as usize;
        from.get(index).cloned()
    }

    pub(crate) fn money(&self, units: i64) -> SmolStr {
        match self.yen {
            true => format_smolstr!("{units}"),
            false => format_smolstr!("{}.{:02}", units / 100, units % 100),
        }
    }

    /// The next time: mostly a little later, sometimes at or around something that falls due.
    pub(crate) fn later(&mut self, model: &Model, now: i64, far: bool) -> i64 {
        if self.skips_a_date(now) {
            return now + self.dice.below(2 * 60 * MINUTE);
        }
        match self.dice.below(100) {
            0..45 => now,
            45..80 => now + self.dice.below(90 * MINUTE),
            80..90 => now + DAY * self.dice.between(1, 2),
            90..92 if far => now + DAY * self.dice.between(5, 40),
            92 if far && self.dice.percent(15) => now + DAY * self.dice.between(41, 500),
            _ if model.members() == 0 => now,
            _ => self.due(model, now, if far { 800 } else { 5 }),
        }
    }

    fn due(&mut self, model: &Model, now: i64, days: i64) -> i64 {
        let member = self.member(model);
        let standing = &model.member(member).standing;
        let lots = standing.lots.iter().flat_map(|lot| [Some(lot.expires_at), lot.held_until]);
        let tier = [Some(standing.valid_until), standing.trial.map(|(_, until)| until)];
        let ahead = lots.chain(tier).flatten().filter(|at| *at != NEVER && *at > now);
        match ahead.min().filter(|at| *at < now + days * DAY) {
            Some(at) => now.max(at + self.dice.between(-1, 1)),
            None => now,
        }
    }
}
