//! Sizes that a new version must keep, and what its author should know. Older versions were saved by the rules of
//! their time: neither is asked of them again.

use std::sync::Arc;

use super::{BrandKind, Expiry, Programme};
use crate::{
    condition::Condition,
    member::LOTS_MAX,
    shape::Fault,
    time::{Day, DayNumber},
};

/// The most nodes of a condition: each `all`, `any`, `not` and comparison is one.
pub(crate) const NODES_MAX: usize = 200;

/// Days in four years.
const CYCLE: i32 = 1_461;

impl Programme {
    /// What a new version may not hold so much of.
    pub fn beyond_sizes(&self) -> Vec<Fault> {
        let conditions = self.conditions();
        let beyond = conditions.into_iter().filter(|(_, condition)| condition.nodes() > NODES_MAX);
        let fault = |(at, condition): (String, &Condition)| {
            let detail = format!("at most {NODES_MAX} nodes in all, and there are {}", condition.nodes());
            Fault::new(at, "too_many_nodes", detail)
        };
        beyond.map(fault).collect()
    }

    /// What a new version may not say of attributes after those versions: another kind, or a condition on one that
    /// there never was.
    pub fn attributes_after(&self, earlier: &[Arc<Programme>]) -> Vec<Fault> {
        let known = |id: &str| {
            let id = id.to_owned();
            let mut all = earlier.iter().flat_map(|version| &version.attributes);
            all.find(move |old| old.id == id)
        };
        let changed = self.attributes.iter().enumerate().filter_map(|(index, own)| {
            let old = known(&own.id).filter(|old| old.kind.word() != own.kind.word())?;
            let detail = format!("{} is of the kind {}, and stays so for ever", own.id, old.kind.word());
            Some(Fault::new(format!("/attributes/{index}/kind"), "unchangeable", detail))
        });
        let unknown = self.conditions().into_iter().flat_map(|(at, condition)| {
            let gone = condition.attributes_gone().into_iter().filter(|id| known(id).is_none());
            let fault = |id| Fault::new(at.as_str(), "unknown_fact", format!("no attribute {id}"));
            gone.map(fault).collect::<Vec<_>>()
        });
        changed.chain(unknown).collect()
    }

    /// What is allowed, and may not be what is meant.
    pub fn warnings(&self) -> Vec<Fault> {
        let earning = self.brands.iter().filter(|brand| brand.kind == BrandKind::Own || brand.may.earn);
        let (brands, lots) = (earning.count(), self.lots_of_a_brand());
        let all = lots.saturating_mul(brands);
        if all <= LOTS_MAX {
            return Vec::new();
        }
        let detail = format!(
            "a member who buys at {brands} brands every day comes to {all} lots, and at most {LOTS_MAX} are kept apart: \
             beyond that those of a brand with the nearest ends unite; points that end by the month, the quarter or \
             the year make fewer"
        );
        vec![Fault::new("/points/expiry", "too_many_lots", detail)]
    }

    /// The most lots of one brand that a member has who buys there once a day.
    fn lots_of_a_brand(&self) -> usize {
        let (expiry, hold) = (self.points.expiry, self.points.hold_days as usize);
        let life = match expiry {
            Expiry::YearEnd { years } => 366 * (years as usize + 1),
            Expiry::Months { months, round } => 31 * (months + round) as usize,
            Expiry::Days { days } => days as usize,
            // One end, and what is held is apart until it is released.
            Expiry::Inactivity { .. } | Expiry::Never => return 1 + hold,
        };
        let days = life + CYCLE as usize;
        let first = Day::new_year(2021).number().plus(-i32::try_from(life).unwrap_or(i32::MAX / 2));
        let day = |index: usize| first.plus(i32::try_from(index).unwrap_or(i32::MAX / 2));
        let end = |index: usize| expiry.day_after(Day::from_number(day(index))).map(Day::number);
        let ends: Vec<Option<DayNumber>> = (0..days).map(end).collect();
        // How many different ends there are up to each day: they never fall.
        let mut different = vec![0usize; days];
        for index in 1..days {
            different[index] = different[index - 1] + usize::from(ends[index] != ends[index - 1]);
        }
        let lots = (life..days).map(|today| {
            let alive = ends.partition_point(|end| end.is_some_and(|end| end <= day(today)));
            // The orders of so many days are held, each until a moment of its own.
            let (held, released) = ((today + 1 - alive).min(hold), today.checked_sub(hold));
            let released = released.filter(|last| *last >= alive);
            held + released.map_or(0, |last| different[last] - different[alive] + 1)
        });
        lots.max().unwrap_or(0)
    }
}
