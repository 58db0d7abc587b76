//! The audit of offers' accounts: compares what they count with what grants, uses and their returns come to by the
//! ledgers, and by the uses of guests, who have none. It shares only the shape of the records with the code that wrote
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{
    event::OfferTaken,
    id::{GrantId, OfferId},
    member::MemberId,
    number::SignedMoney,
    offer::printed::Printed,
    time::{Day, DayNumber, Instant, MINUTE_MILLIS, Zone},
};

use crate::{
    accounts::taken::Taken,
    store::{
        Key, Record,
        error::Error,
        keys::{self, StockPart, kind},
        records::{
            EntryRecord, OfferAccountRecord, OfferDaysRecord, PrintedCodeRecord, UseRecord, UseState,
            WindowRecord, decode,
        },
    },
};

/// The most that is said of one offer: damage may be in every day.
const SAID_MAX: usize = 20;

/// What a walk over the whole store has found of offers so far.
#[derive(Default)]
pub(crate) struct OfferTally {
    offers: BTreeMap<OfferId, Both>,
    /// What was taken in windows, less what is stored of them. Zero in the end.
    windows: HashMap<GrantId, Window>,
    /// The same of printed codes, each by its id without the offer's number.
    codes: HashMap<(OfferId, GrantId), i64>,
    /// Pieces that were issued and came back, and the day of their issue.
    back: HashMap<GrantId, Back>,
}

/// An offer as its account has it, and as the ledgers have it.
#[derive(Default)]
struct Both {
    counted: Counts,
    told: Counts,
    /// From which day on the account's days are whole.
    since: Option<DayNumber>,
}

/// What is counted of an offer.
#[derive(Default)]
struct Counts {
    issued: i128,
    used: i128,
    spent: i128,
    /// Pieces and uses by the day to which limits of a day count them.
    by_limit: BTreeMap<DayNumber, (i128, i128)>,
    taken: BTreeMap<DayNumber, Taken>,
    /// Uses and money that are held, by the minute in which that ends and the day on which it was taken.
    held: BTreeMap<(i64, DayNumber), (u64, u64)>,
}

/// What was taken in a window, less what is stored.
struct Window {
    offer: OfferId,
    member: Option<MemberId>,
    pieces: i64,
}

#[derive(Default)]
struct Back {
    offer: Option<OfferId>,
    day: Option<DayNumber>,
    pieces: i128,
}

impl OfferTally {
    /// Notes a record, if it concerns offers.
    pub(crate) fn note(&mut self, key: &Key, record: &Record) -> Result<(), Error> {
        if let Some((offer, _)) = keys::read_offer_account(key) {
            self.note_account(offer, &decode(key, &record.value)?);
        } else if let Some((offer, ..)) = keys::read_offer_days(key) {
            let sheet: OfferDaysRecord = decode(key, &record.value)?;
            let counted = &mut self.offers.entry(offer).or_default().counted;
            sheet.days.iter().for_each(|day| counted.taken.entry(day.day).or_default().add(&day.taken()));
        } else if key.kind() == kind::USE {
            let used: UseRecord = decode(key, &record.value)?;
            self.note_use(&used, *key == keys::offer_use(&used.brand, &used.by));
        } else if let (kind::GRANT, Some((.., 0))) = (key.kind(), keys::read_grant(key)) {
            let window: WindowRecord = decode(key, &record.value)?;
            if let Some(id) = keys::grant_id(key) {
                let own = self.window(id, &window.offer);
                own.pieces -= i64::from(window.taken);
                own.member = Some(window.holder);
            }
        } else if let Some((offer, StockPart::PrintedCode)) = keys::read_stock(key) {
            let code: PrintedCodeRecord = decode(key, &record.value)?;
            if let Some((batch, index)) = keys::read_printed_code(key) {
                self.of_code(&offer, Printed { offer: 0, batch, index }, -i64::from(code.taken));
            }
        }
        Ok(())
    }

    fn note_account(&mut self, offer: OfferId, account: &OfferAccountRecord) {
        let both = self.offers.entry(offer).or_default();
        both.since = both.since.max(account.since);
        let counted = &mut both.counted;
        counted.issued += i128::from(account.issued);
        counted.used += i128::from(account.used);
        counted.spent += account.spent.0;
        for day in &account.days {
            let sum = counted.by_limit.entry(day.day).or_default();
            *sum = (sum.0 + i128::from(day.issued), sum.1 + i128::from(day.used));
        }
        for day in &account.taken {
            counted.taken.entry(day.day).or_default().add(&day.taken());
        }
        for hold in &account.holds {
            let sum = counted.held.entry((hold.minute, hold.day)).or_default();
            *sum = (sum.0.saturating_add(hold.uses), sum.1.saturating_add(hold.amount.0));
        }
    }

    /// Notes a use. `is_newest` is whether it is the last telling of it.
    fn note_use(&mut self, used: &UseRecord, is_newest: bool) {
        if let UseState::Held { until } = used.state {
            let minute = until.0.div_euclid(MINUTE_MILLIS);
            let counted = |taken: &&OfferTaken| used.held_at.iter().any(|(offer, _)| *offer == taken.offer);
            for taken in used.taken.iter().filter(counted) {
                let held = &mut self.told(&taken.offer).held;
                let sum = held.entry((minute, used.day)).or_default();
                *sum = (sum.0.saturating_add(taken.uses), sum.1.saturating_add(taken.amount.0));
            }
            return;
        }
        if is_newest {
            for has in &used.has {
                self.told(&has.offer).by_limit.entry(used.day).or_default().1 += i128::from(has.uses);
            }
        }
        // Of a member's the ledger tells.
        if used.member.is_none() {
            self.moved(None, used.recorded, &used.had, &used.taken);
            for part in used.returns.iter().filter(|_| is_newest) {
                self.moved(None, part.recorded, &part.restored, &[]);
            }
        }
    }

    /// Notes a ledger entry.
    pub(crate) fn note_entry(&mut self, entry: &EntryRecord) {
        let (kind, today) = (&entry.event.kind, entry.event.today);
        if let Some(issued) = kind.issued() {
            let (pieces, own) = (i128::from(issued.pieces), self.told(&issued.offer));
            own.issued += pieces;
            own.by_limit.entry(today).or_default().0 += pieces;
            let issued_now = Taken { issued: issued.pieces.into(), ..Taken::default() };
            own.taken.entry(today).or_default().add(&issued_now);
            if entry.grant.as_deref().is_some_and(|kept| kept.revoked.is_some()) {
                let back = self.back.entry(issued.name.id()).or_default();
                (back.offer, back.day) = (Some(issued.offer.clone()), Some(today));
            }
        } else if let Some(revoked) = kind.revoked() {
            let pieces = i128::from(revoked.pieces);
            self.told(&revoked.offer).issued -= pieces;
            self.back.entry(revoked.name.id()).or_default().pieces += pieces;
        } else if let Some(step) = kind.use_moves() {
            self.moved(Some(entry.member), today, step.had, step.taken);
        }
    }

    /// A use has these after it had those: what it newly takes and what it gives back counts on that day.
    fn moved(&mut self, member: Option<MemberId>, day: DayNumber, had: &[OfferTaken], taken: &[OfferTaken]) {
        let mut pairs: BTreeMap<(&OfferId, Option<GrantId>), (Figures, Figures)> = BTreeMap::new();
        for own in had {
            pairs.entry((&own.offer, own.grant)).or_default().0.add(own);
        }
        for own in taken {
            pairs.entry((&own.offer, own.grant)).or_default().1.add(own);
        }
        for ((offer, grant), (had, has)) in pairs {
            let told = self.told(offer);
            told.used += i128::from(has.uses) - i128::from(had.uses);
            let amount = i128::from(has.amount) - i128::from(had.amount);
            told.spent += amount;
            let moved = Taken {
                issued: 0,
                used: has.uses.saturating_sub(had.uses),
                returned: had.uses.saturating_sub(has.uses),
                amount: SignedMoney(amount),
            };
            told.taken.entry(day).or_default().add(&moved);
            let Some(id) = grant else { continue };
            let pieces = has.pieces - had.pieces;
            if let Some(code) = Printed::of_id(id) {
                self.of_code(offer, code, pieces);
            } else if keys::read_grant(&keys::grant_of(id)).is_some_and(|(.., number)| number == 0) {
                let own = self.window(id, offer);
                own.pieces += pieces;
                own.member = own.member.or(member);
            }
        }
    }

    fn told(&mut self, offer: &OfferId) -> &mut Counts {
        &mut self.offers.entry(offer.clone()).or_default().told
    }

    fn window(&mut self, id: GrantId, offer: &OfferId) -> &mut Window {
        let new = || Window { offer: offer.clone(), member: None, pieces: 0 };
        self.windows.entry(id).or_insert_with(new)
    }

    fn of_code(&mut self, offer: &OfferId, code: Printed, pieces: i64) {
        let id = Printed { offer: 0, ..code }.id();
        *self.codes.entry((offer.clone(), id)).or_default() += pieces;
    }

    /// What does not agree, in words: by member what it took in windows, and by offer everything else. Of what is held
    /// nothing need be left once it has ended; without a moment nobody knows that, and nothing is asked of it.
    pub(crate) fn differences(mut self, now: Option<(Instant, Zone)>) -> Differences {
        for back in std::mem::take(&mut self.back).into_values() {
            if let (Some(offer), Some(day)) = (back.offer, back.day) {
                self.told(&offer).by_limit.entry(day).or_default().0 -= back.pieces;
            }
        }
        let mut differences = Differences::default();
        for (offer, both) in self.offers {
            let mut said = both.differences(now);
            if said.len() > SAID_MAX {
                said.truncate(SAID_MAX);
                said.push("and more".to_owned());
            }
            if !said.is_empty() {
                differences.offers.insert(offer, said);
            }
        }
        for window in self.windows.into_values().filter(|window| window.pieces != 0) {
            let (offer, more) = (window.offer, window.pieces);
            match window.member {
                Some(member) => {
                    let text = format!("offer {offer}: {more:+} used beside what its windows say");
                    differences.members.entry(member).or_default().push(text);
                }
                None => {
                    let text = format!("windows: {more:+} used beside what they say");
                    differences.offers.entry(offer).or_default().push(text);
                }
            }
        }
        for ((offer, id), more) in self.codes.into_iter().filter(|(_, more)| *more != 0) {
            let (batch, index) = Printed::of_id(id).map_or((0, 0), |code| (code.batch, code.index));
            let text = format!("printed code {index} of batch {batch}: {more:+} used beside what it says");
            differences.offers.entry(offer).or_default().push(text);
        }
        differences
    }
}

/// What does not agree, in words.
#[derive(Default)]
pub(crate) struct Differences {
    pub(crate) members: BTreeMap<MemberId, Vec<String>>,
    pub(crate) offers: BTreeMap<OfferId, Vec<String>>,
}

/// Sums of what a use takes of a grant.
#[derive(Default)]
struct Figures {
    pieces: i64,
    uses: u64,
    amount: u64,
}

impl Figures {
    fn add(&mut self, taken: &OfferTaken) {
        self.pieces += i64::from(taken.pieces);
        self.uses = self.uses.saturating_add(taken.uses);
        self.amount = self.amount.saturating_add(taken.amount.0);
    }
}

impl Both {
    fn differences(&self, now: Option<(Instant, Zone)>) -> Vec<String> {
        let Both { counted, told, since } = self;
        let mut said = Vec::new();
        let mut differs = |what: &str, counted: String, told: String| {
            if counted != told {
                said.push(format!("{what}: {counted} are counted, {told} by the ledger"));
            }
        };
        differs("pieces issued", counted.issued.to_string(), told.issued.to_string());
        differs("uses", counted.used.to_string(), told.used.to_string());
        differs("minor units of its budget", counted.spent.to_string(), told.spent.to_string());
        let days: BTreeSet<_> = counted.taken.keys().chain(told.taken.keys()).copied().collect();
        for day in days {
            let show = |taken: &BTreeMap<DayNumber, Taken>| {
                let Taken { issued, used, returned, amount } = taken.get(&day).copied().unwrap_or_default();
                format!("{issued} issued, {used} used, {returned} returned, {} minor units", amount.0)
            };
            let what = format!("taken on {}", Day::from_number(day).show());
            differs(&what, show(&counted.taken), show(&told.taken));
        }
        let limited: BTreeSet<_> = counted.by_limit.keys().chain(told.by_limit.keys()).copied().collect();
        for day in limited.into_iter().filter(|day| since.is_some_and(|since| *day >= since)) {
            let show = |by_limit: &BTreeMap<DayNumber, (i128, i128)>| {
                let (issued, used) = by_limit.get(&day).copied().unwrap_or_default();
                format!("{issued} issued, {used} used")
            };
            let what = format!("by limits of {}", Day::from_number(day).show());
            differs(&what, show(&counted.by_limit), show(&told.by_limit));
        }
        let Some((now, zone)) = now else { return said };
        let minute = now.0.div_euclid(MINUTE_MILLIS);
        let held: BTreeSet<_> = counted.held.keys().chain(told.held.keys()).copied().collect();
        for place in held.into_iter().filter(|(ends, _)| *ends > minute) {
            let show = |held: &BTreeMap<(i64, DayNumber), (u64, u64)>| {
                let (uses, amount) = held.get(&place).copied().unwrap_or_default();
                format!("{uses} uses, {amount} minor units")
            };
            let what = format!("held until {}", zone.show(Instant(place.0 * MINUTE_MILLIS)));
            differs(&what, show(&counted.held), show(&told.held));
        }
        said
    }
}
