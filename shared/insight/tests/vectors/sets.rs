//! What public data sets give: the models' fits, and the figures of a whole history.

use std::collections::BTreeMap;

use insight::{
    bgnbd::{self, Bgnbd, Cell, History},
    fit::Fitted,
    gamma_gamma::{self, GammaGamma, Spent},
    holdout::{self, history},
    rfm,
    survival::Gaps,
};
use serde_json::{Value, json};

use super::told::{data, differences, digits, reference};

/// The expectations of the set whose name has this part in it. `None`, with a word, if the file has no such set.
fn set(part: &str) -> Option<Value> {
    let reference = reference()?;
    let sets = reference["sets"].as_array().cloned().unwrap_or_default();
    let found = sets.into_iter().find(|set| set["set"].as_str().is_some_and(|name| name.contains(part)));
    if found.is_none() {
        println!("left out: the reference has no set {part}");
    }
    found
}

/// Every model's parameters and likelihood under the set's tolerances.
fn check(set: &Value, found: &Value) {
    let mut wrong = Vec::new();
    for (name, expected) in set["expect"].as_object().unwrap().iter().filter(|(name, _)| *name != "published")
    {
        let found = found.get(name).unwrap_or_else(|| panic!("nothing here answers {name}"));
        let relative = |name: &str| set["relative"][name].as_f64().unwrap();
        let Some(parts) = expected.as_object() else {
            println!("{name}: to {:.1} digits", digits(found, expected));
            wrong.extend(differences(name, found, expected, relative("log_likelihood")));
            continue;
        };
        for (part, expected) in parts {
            let relative = match part.as_str() {
                "members" | "unit" => 0.0,
                "log_likelihood" => relative("log_likelihood"),
                _ => relative("parameters"),
            };
            println!("{name}.{part}: to {:.1} digits", digits(&found[part], expected));
            wrong.extend(differences(&format!("{name}.{part}"), &found[part], expected, relative));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", set["set"], wrong.join("\n"));
}

fn told_bgnbd(fit: &Fitted<Bgnbd>, unit: &str) -> Value {
    let of = &fit.parameters;
    json!({"r": of.r(), "alpha": of.alpha(), "a": of.a(), "b": of.b(), "log_likelihood": fit.log_likelihood,
        "members": fit.members, "unit": unit})
}

fn told_gamma_gamma(fit: &Fitted<GammaGamma>) -> Value {
    let of = &fit.parameters;
    json!({"p": of.p(), "q": of.q(), "v": of.v(), "log_likelihood": fit.log_likelihood, "members": fit.members})
}

/// The named columns of a CSV with a heading, as numbers.
fn columns<const N: usize>(text: &str, names: [&str; N]) -> Vec<[f64; N]> {
    let mut lines = text.lines();
    let heading: Vec<&str> = lines.next().unwrap().split(',').map(str::trim).collect();
    let at = names.map(|name| heading.iter().position(|other| *other == name).unwrap());
    let row = |line: &str| {
        let values: Vec<&str> = line.split(',').collect();
        at.map(|at| values[at].trim().parse().unwrap())
    };
    lines.filter(|line| !line.trim().is_empty()).map(row).collect()
}

/// x, t_x and T of every customer, in weeks with two decimals.
#[test]
fn bgnbd_fits_cdnow_in_weeks() {
    let Some((set, text)) = set("cdnow_customers_summary.csv").zip(data("cdnow_customers_summary.csv"))
    else {
        return;
    };
    let rows = columns(&text, ["frequency", "recency", "T"]);
    let cell = |[x, last, age]: &[f64; 3]| Cell {
        history: History::new(*x as u32, *last, *age).unwrap(),
        members: 1,
    };
    let cells: Vec<Cell> = rows.iter().map(cell).collect();
    let fit = bgnbd::fit(&cells).unwrap();
    let published = Bgnbd::new(0.243, 4.414, 0.793, 2.426).unwrap();
    let likelihood = bgnbd::log_likelihood(&published, &cells);
    check(
        &set,
        &json!({"bgnbd.fit": told_bgnbd(&fit, "week"), "bgnbd.log_likelihood at published parameters": likelihood}),
    );
}

#[test]
fn gamma_gamma_fits_cdnow() {
    let name = "cdnow_customers_summary_with_transactions.csv";
    let Some((set, text)) = set(name).zip(data(name)) else { return };
    let rows = columns(&text, ["x", "zbar"]);
    let members: Vec<Spent> = rows.iter().filter_map(|[x, mean]| Spent::new(*x as u32, *mean)).collect();
    let fit = gamma_gamma::fit(&members).unwrap();
    let published = GammaGamma::new(6.25, 3.74, 15.44).unwrap();
    let likelihood = gamma_gamma::log_likelihood(&published, &members);
    check(
        &set,
        &json!({"gamma_gamma.fit": told_gamma_gamma(&fit), "gamma_gamma.log_likelihood at published parameters": likelihood}),
    );
}

/// One row of the sets with an order a line: whose, on which day since 1970, for how many cents.
struct Order {
    member: String,
    day: i32,
    cents: i64,
}

/// Days since 1970-01-01 of a day written 19970312 (Hinnant, *chrono-compatible low-level date algorithms*).
fn day(written: &str) -> i32 {
    let number: i32 = written.parse().unwrap();
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

fn cents(written: &str) -> i64 {
    let (whole, part) = written.split_once('.').unwrap_or((written, ""));
    whole.parse::<i64>().unwrap() * 100 + format!("{part:0<2}").parse::<i64>().unwrap()
}

/// The orders of a file without a heading, by member, in order of the day.
fn orders(text: &str, [member, at, amount]: [usize; 3]) -> BTreeMap<String, Vec<Order>> {
    let mut members: BTreeMap<String, Vec<Order>> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Some copies have a heading.
        if words.len() > amount && words[at].bytes().all(|letter| letter.is_ascii_digit()) {
            let order =
                Order { member: words[member].to_owned(), day: day(words[at]), cents: cents(words[amount]) };
            members.entry(order.member.clone()).or_default().push(order);
        }
    }
    members.values_mut().for_each(|orders| orders.sort_by_key(|order| order.day));
    members
}

fn days(orders: &[Order]) -> Vec<i32> {
    orders.iter().map(|order| order.day).collect()
}

/// The later order days up to `today` on which something was spent, and the mean of what was spent on later days.
fn spent(orders: &[Order], today: i32) -> Option<Spent> {
    let first = orders.first()?.day;
    let later: Vec<&Order> = orders.iter().filter(|order| first < order.day && order.day <= today).collect();
    let days = later.chunk_by(|one, other| one.day == other.day).count();
    let sum: i64 = later.iter().map(|order| order.cents).sum();
    Spent::new(u32::try_from(days).ok()?, sum as f64 / 100.0 / days as f64)
}

fn cells(members: &BTreeMap<String, Vec<Order>>, today: i32) -> Vec<Cell> {
    let histories = members.values().filter_map(|orders| history(&days(orders), today));
    histories.map(|history| Cell { history, members: 1 }).collect()
}

#[test]
fn both_models_fit_cdnow_in_days() {
    let Some((set, text)) = set("CDNOW_sample.txt").zip(data("CDNOW_sample.txt")) else { return };
    let members = orders(&text, [1, 2, 4]);
    let today = day("19970930");
    let fit = bgnbd::fit(&cells(&members, today)).unwrap();
    let amounts: Vec<Spent> = members.values().filter_map(|orders| spent(orders, today)).collect();
    let amounts = gamma_gamma::fit(&amounts).unwrap();
    check(
        &set,
        &json!({"bgnbd.fit": told_bgnbd(&fit, "day"), "gamma_gamma.fit": told_gamma_gamma(&amounts)}),
    );
}

/// The bars of the holdout, on weeks 1 to 39 and 40 to 78 and on the last quarter.
#[test]
fn cdnow_is_foretold() {
    let Some(text) = data("CDNOW_sample.txt") else { return };
    let members = orders(&text, [1, 2, 4]);
    let all: Vec<Vec<i32>> = members.values().map(|orders| days(orders)).collect();
    let told: Vec<&[i32]> = all.iter().map(Vec::as_slice).collect();
    let quarter = holdout::bgnbd(&told, day("19980630")).unwrap();
    println!("last quarter: {quarter:?}");
    assert!(quarter.fits() && quarter.auc.unwrap() >= 0.75, "{quarter:?}");
    let half = holdout::bgnbd_from(&told, day("19970930"), day("19980630")).unwrap();
    println!("after 1997-09-30: {half:?}");
    let ratio = half.ratio.unwrap();
    assert!((ratio - 0.88).abs() <= 0.02 && half.auc.unwrap() >= 0.75, "{half:?}");
}

/// How many of the members have each score.
fn scores<T: Ord + Copy>(figures: &[T]) -> (Vec<u8>, Value) {
    let cuts = rfm::cuts(figures);
    let scores: Vec<u8> = figures.iter().map(|figure| rfm::score_of(&cuts, figure).unwrap()).collect();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    scores.iter().for_each(|score| *counts.entry(score.to_string()).or_default() += 1);
    (scores, json!(counts))
}

fn rfm_told(members: &BTreeMap<String, Vec<Order>>) -> Value {
    let each = || members.values();
    let (r, rs) = scores(&each().map(|orders| orders.last().unwrap().day).collect::<Vec<i32>>());
    let (f, fs) = scores(&each().map(Vec::len).collect::<Vec<usize>>());
    let (m, ms) =
        scores(&each().map(|orders| orders.iter().map(|order| order.cents).sum()).collect::<Vec<i64>>());
    let of = |id: i64| {
        let at = members.keys().position(|member| member.parse() == Ok(id)).unwrap();
        [r[at], f[at], m[at]].map(f64::from)
    };
    json!({"r": rs, "f": fs, "m": ms, "id 1": of(1), "id 3": of(3)})
}

fn gaps(members: &BTreeMap<String, Vec<Order>>, today: i32, each: bool) -> Gaps {
    let mut gaps = Gaps::new();
    for orders in members.values() {
        let mut days = days(orders);
        days.dedup();
        days.truncate(if each { usize::MAX } else { 2 });
        for pair in days.windows(2) {
            gaps.add(pair[1].abs_diff(pair[0]), true).unwrap();
        }
        if each || days.len() == 1 {
            gaps.add(today.abs_diff(*days.last().unwrap()), false).unwrap();
        }
    }
    gaps
}

/// S on the days that are asked about.
fn survival(gaps: &Gaps, asked: &Value) -> Value {
    let days: Vec<u32> = asked.as_object().unwrap().keys().map(|day| day.parse().unwrap()).collect();
    let points = gaps.curve(&days).into_iter();
    Value::Object(points.map(|point| (point.day.to_string(), json!(point.survival))).collect())
}

#[test]
fn figures_of_all_cdnow() {
    let Some((set, text)) = set("CDNOW_master.txt").zip(data("CDNOW_master.txt")) else { return };
    let expect = &set["expect"];
    let members = orders(&text, [0, 1, 3]);
    let today = day("19980630");
    let (first, each) = (gaps(&members, today, false), gaps(&members, today, true));
    let amount: i64 = members.values().flatten().map(|order| order.cents).sum();
    let band = first.curve(&[365])[0].band.unwrap();
    let found = json!({
        "members": members.len(),
        "orders": members.values().map(Vec::len).sum::<usize>(),
        "amount": format!("{}.{:02}", amount / 100, amount % 100),
        "rfm": rfm_told(&members),
        "survival first": survival(&first, &expect["survival first"]),
        "survival first events": first.events(),
        "survival each": survival(&each, &expect["survival each"]),
        "survival each median": each.median(),
    });
    let mut wrong = Vec::new();
    // Cohorts are counted by whoever keeps the orders, and the band is written with six places.
    for (name, expected) in expect.as_object().unwrap().iter().filter(|(name, _)| found.get(name).is_some()) {
        println!("{name}: to {:.1} digits", digits(&found[name], expected));
        wrong.extend(differences(name, &found[name], expected, 1e-12));
    }
    wrong.extend(differences("band at 365", &json!([band.0, band.1]), &expect["band at 365"], 1e-6));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
