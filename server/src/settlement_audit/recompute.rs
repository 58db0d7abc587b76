//! The sums of a month's entries.

use std::collections::{BTreeMap, HashMap};

use domain::number::Currency;
use serde_json::Value;

use super::{
    books::Entry,
    fraction::Fraction,
    offers::{Funder, Funding, Gift, Left},
};
use crate::start::StartError;

/// The kinds of entries, in words: each is counted below, or left out on purpose. An unknown word is
/// reported, because whatever it moves would be missing from the sums.
const KINDS: [&str; 18] = [
    "earn",
    "activity",
    "redeem",
    "expire",
    "reverse_earn",
    "revise",
    "reverse_redeem",
    "adjust",
    "tier",
    "badge",
    "restore",
    "reverse_activity",
    "merge",
    "referral",
    "grant",
    "revoke",
    "use",
    "reverse_use",
];

/// What a line is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct LineId {
    pub(super) brand: String,
    /// `issued`, `honoured`, `expired`, `block_bought` or `offers`.
    pub(super) word: &'static str,
    /// For honoured points: the brand that issued them.
    pub(super) issuer: Option<String>,
    /// For what offers gave: who bears it, and the brand where they were used. Both have the line in their accounts.
    pub(super) pair: Option<(Funder, String)>,
}

impl std::fmt::Display for LineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.brand, self.word)?;
        self.issuer.iter().try_for_each(|issuer| write!(f, " from {issuer}"))?;
        self.pair.iter().try_for_each(|(funder, using)| {
            write!(f, " used at {using}, borne by {}", funder.as_deref().unwrap_or("the programme"))
        })
    }
}

/// What a line adds up to.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) points: i64,
    pub(super) exact: Fraction,
    pub(super) amount: Fraction,
    /// Digits of the currency after the point.
    pub(super) digits: u32,
}

/// All findings.
pub(super) struct Found {
    pub(super) lines: BTreeMap<LineId, Line>,
    pub(super) members: u64,
    pub(super) entries: u64,
    /// Entries that a line counts.
    pub(super) counted: u64,
    pub(super) blocks: u64,
    /// Guests' tellings of uses and returns, in whatever month.
    pub(super) guests: u64,
}

/// The prices of every version of the programme, by version and brand: issuing, honouring.
pub(super) struct Prices {
    by_version: HashMap<(u64, String), (Fraction, Fraction)>,
    digits: u32,
}

impl Prices {
    /// Reads exported versions.
    pub(super) fn read(programs: &[Value]) -> Result<Prices, StartError> {
        let (mut by_version, mut digits) = (HashMap::new(), 2);
        for line in programs {
            let version = line["version"].as_u64().unwrap_or(0);
            let wrong = |what: &str| StartError(format!("version {version} of the programme: {what}"));
            let code = line["document"]["currency"].as_str().unwrap_or_default();
            digits = Currency::of(code).ok_or_else(|| wrong("it has no known currency"))?.digits;
            for brand in line["document"]["brands"].as_array().into_iter().flatten() {
                let price = |name: &str| match &brand[name] {
                    Value::Null => Ok(Fraction::nought()),
                    price => Fraction::parse(price.as_str().unwrap_or_default())
                        .ok_or_else(|| wrong("a price is none")),
                };
                let id = brand["id"].as_str().unwrap_or_default().to_owned();
                by_version.insert((version, id), (price("issue_price")?, price("honour_price")?));
            }
        }
        Ok(Prices { by_version, digits })
    }

    fn of(&self, version: u64, brand: &str) -> Result<&(Fraction, Fraction), String> {
        let found = self.by_version.get(&(version, brand.to_owned()));
        found.ok_or_else(|| format!("version {version} has no brand {brand}"))
    }
}

/// Points of a line and their value, so far.
struct Sum {
    points: i64,
    value: Fraction,
}

/// A redemption, and what of it has not been given back.
struct Redemption<'a> {
    entry: &'a Entry,
    /// Points by issuer in the order in which they were drawn.
    left: Vec<(String, i64)>,
}

impl<'a> Redemption<'a> {
    fn of(entry: &'a Entry) -> Redemption<'a> {
        let left = entry.lots.iter().map(|(issuer, points)| (issuer.clone(), -points)).collect();
        Redemption { entry, left }
    }

    /// What a cancellation gives back, by issuer, what was drawn last first: what repaid debt and what was lost
    /// count as given back too.
    fn give_back(&mut self, cancelled: &Entry) -> Vec<(String, i64)> {
        let (mut rest, mut back) = (cancelled.points + cancelled.lost, Vec::new());
        while rest > 0
            && let Some((issuer, left)) = self.left.pop()
        {
            let points = left.min(rest);
            rest -= points;
            if left > points {
                self.left.push((issuer.clone(), left - points));
            }
            back.push((issuer, points));
        }
        back
    }
}

/// The sums of a month.
pub(super) struct Sums {
    month: String,
    prices: Prices,
    funding: Funding,
    left: Left,
    sums: BTreeMap<LineId, Sum>,
    entries: u64,
    counted: u64,
    blocks: u64,
    guests: u64,
}

impl Sums {
    pub(super) fn new(month: &str, prices: Prices) -> Sums {
        let month = month.to_owned();
        Sums {
            month,
            prices,
            funding: Funding::default(),
            left: Left::default(),
            sums: BTreeMap::new(),
            entries: 0,
            counted: 0,
            blocks: 0,
            guests: 0,
        }
    }

    /// Instants are exported in the programme's zone, so that their text begins with the local month.
    fn is_of_month(&self, instant: &str) -> bool {
        instant.strip_prefix(self.month.as_str()).is_some_and(|rest| rest.starts_with('-'))
    }

    fn add(&mut self, brand: &str, word: &'static str, issuer: Option<&str>, points: i64, value: &Fraction) {
        let id = LineId { brand: brand.to_owned(), word, issuer: issuer.map(str::to_owned), pair: None };
        self.add_to(id, points, value);
    }

    fn add_to(&mut self, id: LineId, points: i64, value: &Fraction) {
        let sum = self.sums.entry(id).or_insert_with(|| Sum { points: 0, value: Fraction::nought() });
        sum.points += points;
        sum.value.add(value);
    }

    /// A version of an offer; all of them come before what was used.
    pub(super) fn offer(&mut self, version: &Value) -> Result<(), String> {
        self.funding.read(version)
    }

    /// Counts what a guest's use gave, or what of it came back, if that was recorded in the month.
    pub(super) fn guest(&mut self, line: &Value) -> Result<(), String> {
        let wrong = || format!("a guest's use that cannot be read: {line}");
        let gift = Gift::read(line).ok().flatten().ok_or_else(wrong)?;
        self.left.follow(&gift);
        self.guests += 1;
        if self.is_of_month(line["recorded_on"].as_str().ok_or_else(wrong)?) {
            self.gave(&gift).map_err(|what| format!("a guest's use at {}: {what}", gift.brand()))?;
        }
        Ok(())
    }

    /// What of uses came back without having been given, in words.
    pub(super) fn over_returned(&self) -> Vec<String> {
        self.left.differences()
    }

    /// What offers gave, in the accounts of both: the brand where they were used is owed it, who bears it owes it.
    fn gave(&mut self, gift: &Gift) -> Result<(), String> {
        let using = gift.brand().to_owned();
        for (funder, value) in gift.shares(&self.funding)? {
            let pair = Some((funder.clone(), using.clone()));
            let line = |brand: &str| LineId {
                brand: brand.to_owned(),
                word: "offers",
                issuer: None,
                pair: pair.clone(),
            };
            self.add_to(line(&using), 0, &value);
            if let Some(funder) = funder.filter(|funder| *funder != using) {
                self.add_to(line(&funder), 0, &value);
            }
        }
        Ok(())
    }

    /// Counts a block, if it was bought in the month.
    pub(super) fn block(&mut self, block: &Value) -> Result<(), String> {
        let text = |name: &str| block[name].as_str().unwrap_or_default();
        if self.is_of_month(text("bought_at")) {
            let price =
                Fraction::parse(text("price")).ok_or_else(|| format!("a block without a price: {block}"))?;
            self.add(text("brand"), "block_bought", None, 0, &price);
            self.blocks += 1;
        }
        Ok(())
    }

    /// Counts a member's entries, oldest first; returns what cannot be counted, in words.
    pub(super) fn ledger(&mut self, entries: &[Entry]) -> Vec<String> {
        let mut orders: HashMap<(&str, &str), &Entry> = HashMap::new();
        let mut activities: HashMap<(&str, &str, &str), &Entry> = HashMap::new();
        let mut redemptions: HashMap<&str, Redemption<'_>> = HashMap::new();
        let mut wrong = Vec::new();
        for entry in entries {
            if !KINDS.contains(&entry.kind.as_str()) {
                let (seq, kind) = (entry.seq, &entry.kind);
                wrong.push(format!("entry {seq}: a kind that this audit does not know: {kind}"));
            }
            match entry.kind.as_str() {
                "earn" => _ = orders.insert((&entry.brand, &entry.order_id), entry),
                "activity" => {
                    _ = activities.insert((&entry.brand, &entry.activity, &entry.activity_ref), entry)
                }
                "redeem" => _ = redemptions.insert(&entry.redemption_id, Redemption::of(entry)),
                // A purchase of an offer.
                "grant" if entry.points < 0 => {
                    _ = redemptions.insert(&entry.grant_id, Redemption::of(entry));
                }
                _ => {}
            }
            self.entries += 1;
            entry.gift.iter().for_each(|gift| self.left.follow(gift));
            // In whatever month: later parts continue where this one ends.
            let given_back = match entry.kind.as_str() {
                "reverse_redeem" => redemptions
                    .get_mut(entry.redemption_id.as_str())
                    .map(|of| (of.entry, of.give_back(entry))),
                "revoke" => {
                    redemptions.get_mut(entry.grant_id.as_str()).map(|of| (of.entry, of.give_back(entry)))
                }
                _ => None,
            };
            // Points that time alone ended, ended at their own instant. Points that a command brought after
            // their end, or took from a member who left, ended with the command.
            let own_instant = entry.kind == "expire" && entry.by_time;
            let when = if own_instant { Some(&entry.occurred_at) } else { entry.recorded_at.as_ref() };
            if !when.is_some_and(|when| self.is_of_month(when)) {
                continue;
            }
            let counted = match entry.kind.as_str() {
                // What an activity takes is in no line.
                "activity" if entry.forfeits => continue,
                "earn" | "activity" => self.issued(entry, entry),
                "adjust" if entry.bill => self.issued(entry, entry),
                // As if its brand had issued them, or taken them back.
                "referral" => self.issued(entry, entry),
                "reverse_earn" | "revise" if entry.points != 0 => {
                    match orders.get(&(entry.brand.as_str(), entry.order_id.as_str())) {
                        Some(order) => self.issued(entry, order),
                        None => Err("the refunded or revised order does not exist".to_owned()),
                    }
                }
                "reverse_activity" if entry.points != 0 => {
                    let known = (entry.brand.as_str(), entry.activity.as_str(), entry.activity_ref.as_str());
                    match activities.get(&known) {
                        Some(activity) => self.issued(entry, activity),
                        None => Err("the activity that is taken back does not exist".to_owned()),
                    }
                }
                "redeem" => self.honoured(entry, entry.lots.iter().cloned()),
                "grant" if entry.points < 0 => self.honoured(entry, entry.lots.iter().cloned()),
                // What an offer gives, as if its brand had issued it.
                "grant" if entry.bill => self.issued(entry, entry),
                "revoke" => match given_back {
                    Some((bought, lots)) => self.honoured(bought, lots.into_iter()),
                    // It had cost nothing.
                    None => continue,
                },
                "reverse_redeem" => match given_back {
                    Some((redemption, lots)) => self.honoured(redemption, lots.into_iter()),
                    None => Err("the cancelled redemption does not exist".to_owned()),
                },
                // What comes back for a redemption told late is no longer expired.
                "expire" | "restore" => {
                    for (brand, points) in &entry.lots {
                        self.add(brand, "expired", None, -points, &Fraction::nought());
                    }
                    Ok(())
                }
                "use" | "reverse_use" => match &entry.gift {
                    Some(gift) => self.gave(gift),
                    None => Err("it says not what offers gave".to_owned()),
                },
                _ => continue,
            };
            self.counted += 1;
            if let Err(what) = counted {
                wrong.push(format!("entry {}: {what}", entry.seq));
            }
        }
        wrong
    }

    /// The entry's points, at the price of another entry. What came from blocks, or goes back to them, was paid for
    /// with them; all of it is so where the other entry drew from blocks.
    fn issued(&mut self, entry: &Entry, priced_as: &Entry) -> Result<(), String> {
        let price = &self.prices.of(priced_as.version, &priced_as.brand)?.0;
        let to_pay = match priced_as.in_blocks {
            0 if entry.points < 0 => entry.points + entry.in_blocks,
            0 => entry.points - entry.in_blocks,
            _ => 0,
        };
        let value = price.times(to_pay);
        self.add(&entry.brand, "issued", None, entry.points, &value);
        Ok(())
    }

    /// Points of a redemption by issuer: what leaves lots is honoured, what comes back no longer is.
    fn honoured(
        &mut self,
        redemption: &Entry,
        lots: impl Iterator<Item = (String, i64)>,
    ) -> Result<(), String> {
        let price = self.prices.of(redemption.version, &redemption.brand)?.1.clone();
        for (issuer, points) in lots {
            self.add(&redemption.brand, "honoured", Some(&issuer), -points, &price.times(-points));
        }
        Ok(())
    }

    /// The lines that are not empty.
    pub(super) fn finish(self, members: u64) -> Found {
        let digits = self.prices.digits;
        let lines = self.sums.into_iter().filter(|(_, sum)| sum.points != 0 || !sum.value.is_nought());
        let lines = lines.map(|(id, sum)| {
            let amount = sum.value.rounded(digits);
            (id, Line { points: sum.points, exact: sum.value, amount, digits })
        });
        let lines = lines.collect();
        let (entries, counted, blocks, guests) = (self.entries, self.counted, self.blocks, self.guests);
        Found { lines, members, entries, counted, blocks, guests }
    }
}
