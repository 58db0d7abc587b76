//! What lists of offers find on Complete Journey's baskets, as a multiple of what the most popular things would: learnt from
//! the days until the cut, and asked for those after it. Recall@10 is what of the ten is bought later, of all that is or
//! of ten, in the mean over members or baskets.

use std::collections::{BTreeMap, BTreeSet};

use insight::{
    cycle::{Bought, Cycle, WINDOW},
    ease::{Ease, LAMBDA},
    pairs::{Counts, with_it},
};
use serde_json::Value;

use super::told::{data, reference};

/// The last day that is learnt from.
const CUT: i64 = 304;

/// A line of a basket.
struct Line {
    household: i64,
    basket: i64,
    day: i64,
    product: i64,
    kind: i64,
}

fn lines(text: &str) -> Vec<Line> {
    let numbers = |line: &str| -> Vec<i64> { line.split(',').map(|word| word.parse().unwrap()).collect() };
    let line = |line: &str| match numbers(line)[..] {
        [household, basket, day, product, kind] => Line { household, basket, day, product, kind },
        _ => panic!("{line}"),
    };
    text.lines().skip(1).map(line).collect()
}

/// The items that so many households bought before the cut, numbered in their order.
fn items(lines: &[Line], item: fn(&Line) -> i64, households: usize) -> BTreeMap<i64, u32> {
    let mut buyers: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.day <= CUT) {
        buyers.entry(item(line)).or_default().insert(line.household);
    }
    let known = buyers.into_iter().filter(|(_, buyers)| buyers.len() >= households);
    known.map(|(item, _)| item).zip(0..).collect()
}

/// Each household's or basket's items, before the cut or after it.
fn sets(
    lines: &[Line],
    of: fn(&Line) -> i64,
    item: fn(&Line) -> i64,
    items: &BTreeMap<i64, u32>,
    after: bool,
) -> BTreeMap<i64, BTreeSet<u32>> {
    let mut sets: BTreeMap<i64, BTreeSet<u32>> = BTreeMap::new();
    for line in lines.iter().filter(|line| (line.day > CUT) == after) {
        if let Some(item) = items.get(&item(line)) {
            sets.entry(of(line)).or_default().insert(*item);
        }
    }
    sets
}

/// The items by how many sets have them, most first.
fn popular(sets: &BTreeMap<i64, BTreeSet<u32>>) -> Vec<u32> {
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    sets.values().flatten().for_each(|item| *counts.entry(*item).or_default() += 1);
    let mut popular: Vec<(u32, u32)> = counts.into_iter().collect();
    popular.sort_by_key(|(item, count)| (std::cmp::Reverse(*count), *item));
    popular.into_iter().map(|(item, _)| item).collect()
}

/// Sums of recalls: of the list's, and of the popular's.
#[derive(Default)]
struct Recalls {
    list: f64,
    popular: f64,
    asked: u32,
}

impl Recalls {
    fn add(&mut self, list: &[u32], popular: impl Iterator<Item = u32>, bought: &BTreeSet<u32>) {
        let ten = bought.len().min(10) as f64;
        let recall = |hits: usize| hits as f64 / ten;
        self.list += recall(list.iter().take(10).filter(|item| bought.contains(item)).count());
        self.popular += recall(popular.take(10).filter(|item| bought.contains(item)).count());
        self.asked += 1;
    }

    fn check(&self, name: &str, least: f64) {
        let asked = f64::from(self.asked);
        let times = self.list / self.popular;
        println!(
            "{name}: {} asked, {:.4}, popularity {:.4}, times {times:.2}",
            self.asked,
            self.list / asked,
            self.popular / asked
        );
        assert!(times >= least, "{name}: {times:.3} times popularity, expected {least}");
    }
}

/// The expectations, and the baskets. `None`, with a word, where either is not.
fn told() -> Option<(Value, Vec<Line>)> {
    let sets = reference()?["sets"].as_array().cloned().unwrap_or_default();
    let set = sets
        .into_iter()
        .find(|set| set["set"].as_str().is_some_and(|name| name.contains("completejourney")))?;
    Some((set["expect"].clone(), lines(&data("complete_journey.csv")?)))
}

fn household(line: &Line) -> i64 {
    line.household
}

fn new_products(lines: &[Line]) -> Recalls {
    let items = items(lines, |line| line.product, 100);
    let [before, after] =
        [false, true].map(|after| sets(lines, household, |line| line.product, &items, after));
    let members = before.values().map(|set| set.iter().copied().collect::<Vec<u32>>());
    let ease = Ease::fit(items.len(), members, LAMBDA).unwrap();
    let (popular, none) = (popular(&before), BTreeSet::new());
    let mut recalls = Recalls::default();
    for (household, bought) in &after {
        let own = before.get(household).unwrap_or(&none);
        let new: BTreeSet<u32> = bought.difference(own).copied().collect();
        if !new.is_empty() {
            let has: Vec<u32> = own.iter().copied().collect();
            let offers: Vec<u32> = ease.offers(&has, 10).into_iter().map(|(item, _)| item).collect();
            recalls.add(&offers, popular.iter().copied().filter(|item| !own.contains(item)), &new);
        }
    }
    recalls
}

/// Each household's purchase days of each type before the cut.
fn days(lines: &[Line], items: &BTreeMap<i64, u32>) -> BTreeMap<(u32, i64), BTreeSet<i64>> {
    let mut days: BTreeMap<(u32, i64), BTreeSet<i64>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.day <= CUT) {
        if let Some(item) = items.get(&line.kind) {
            days.entry((*item, line.household)).or_default().insert(line.day);
        }
    }
    days
}

/// By the chance of each type, with one prior for all; among equal chances, by the member's own days.
fn again_types(lines: &[Line]) -> Recalls {
    let items = items(lines, |line| line.kind, 20);
    let [before, after] = [false, true].map(|after| sets(lines, household, |line| line.kind, &items, after));
    let days = days(lines, &items);
    let bought = |days: &BTreeSet<i64>| Bought {
        days: days.len() as u32,
        since_first: (CUT - days.first().unwrap()) as u32,
    };
    let cycle = Cycle::fit(&days.values().map(bought).collect::<Vec<Bought>>()).unwrap();
    let mut lists: BTreeMap<i64, Vec<(f64, usize, u32)>> = BTreeMap::new();
    for ((item, household), days) in &days {
        let recent = days.iter().filter(|day| CUT - **day < i64::from(WINDOW)).count();
        let chance = cycle.chance(recent as u32, 14.0).unwrap();
        lists.entry(*household).or_default().push((chance, days.len(), *item));
    }
    let (popular, mut recalls) = (popular(&before), Recalls::default());
    for (household, bought) in &after {
        let mut list = lists.remove(household).unwrap_or_default();
        list.sort_by(|one, other| {
            other.0.total_cmp(&one.0).then(other.1.cmp(&one.1)).then(one.2.cmp(&other.2))
        });
        let list: Vec<u32> = list.into_iter().map(|(_, _, item)| item).collect();
        recalls.add(&list, popular.iter().copied(), bought);
    }
    recalls
}

/// What goes with each type, by the baskets before the cut.
fn pairs(before: &BTreeMap<i64, BTreeSet<u32>>, items: usize) -> Vec<Vec<u32>> {
    let (mut one, mut both) = (vec![0u64; items], vec![vec![0u64; items]; items]);
    for set in before.values() {
        for x in set {
            one[*x as usize] += 1;
            set.iter().for_each(|y| both[*x as usize][*y as usize] += 1);
        }
    }
    let all = before.len() as u64;
    let each = (0..items).map(|x| {
        let counts = (0..items).filter(|y| *y != x).map(|y| {
            let both = both[x][y];
            let (x_only, y_only) = (one[x] - both, one[y] - both);
            (y as u32, Counts { both, x_only, y_only, neither: all - both - x_only - y_only })
        });
        with_it(&counts.collect::<Vec<(u32, Counts)>>(), 20).into_iter().map(|(item, _)| item).collect()
    });
    each.collect()
}

/// The rest of a basket from its first line.
fn with_types(lines: &[Line]) -> Recalls {
    let items = items(lines, |line| line.kind, 20);
    let [before, after] =
        [false, true].map(|after| sets(lines, |line| line.basket, |line| line.kind, &items, after));
    let mut first: BTreeMap<i64, u32> = BTreeMap::new();
    for line in lines {
        if let Some(item) = items.get(&line.kind) {
            first.entry(line.basket).or_insert(*item);
        }
    }
    let (pairs, popular) = (pairs(&before, items.len()), popular(&before));
    let mut recalls = Recalls::default();
    for (basket, bought) in &after {
        let given = first[basket];
        let rest: BTreeSet<u32> = bought.iter().copied().filter(|item| *item != given).collect();
        if !rest.is_empty() {
            recalls.add(&pairs[given as usize], popular.iter().copied().filter(|item| *item != given), &rest);
        }
    }
    recalls
}

#[test]
fn offers_find_more_than_popularity() {
    let Some((expect, lines)) = told() else { return };
    for (name, least) in expect.as_object().unwrap() {
        let recalls = match name.as_str() {
            "again, product types" => again_types(&lines),
            "new, products" => new_products(&lines),
            "with, product types" => with_types(&lines),
            _ => panic!("{name} is a list that nothing here makes"),
        };
        recalls.check(name, least.as_f64().unwrap());
    }
}
