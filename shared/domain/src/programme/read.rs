//! Reads a programme document: its shape first, then what must agree across it. Every fault is reported at
//! once.
//!
//! A document here has the right shape, or its faults are reported and the result is thrown away. So a
//! missing or unreadable field is an optional one, and gets the contract's default.

use std::collections::HashSet;

use super::{
    Activity, BadgeRule, Expiry, Given, GrowthRules, Lifecycle, Limit, OnLapse, OnShort, PROGRAM, Per,
    PointsRules, Programme, TagRule, Tier, TrialRule, boosts, brand::brand, offers, referral,
    registration::registration,
};
use crate::{
    attribute::{AttributeKind, AttributeRule},
    condition::{Condition, Reader},
    id::{ActivityId, BadgeId, TierId},
    json::Json,
    number::{Currency, Money, Rate},
    shape::{Fault, beside},
    time::{Day, Instant, Zone},
};

/// Reads the document as that version, in force since then.
///
/// # Errors
/// All faults of the document, each with a pointer to its place.
pub fn read(document: &Json, version: u32, since: Instant) -> Result<Programme, Vec<Fault>> {
    let faults = PROGRAM.check(document);
    if !faults.is_empty() {
        return Err(every_fault(document, faults));
    }
    let (programme, faults) = agreed(document, version, since);
    programme.filter(|_| faults.is_empty()).ok_or(faults)
}

/// What this build reads of offers and obeys nowhere yet, by its place.
const NOT_YET: [&[&str]; 1] = [&["referral", "friend", "offer"]];

/// Reads a document that is to be a new version: it says nothing that is not obeyed.
///
/// # Errors
/// All faults of the document.
pub fn read_new(document: &Json, version: u32, since: Instant) -> Result<Programme, Vec<Fault>> {
    let programme = read(document, version, since)?;
    let is_there = |path: &&&[&str]| path.iter().try_fold(document, |json, name| json.get(name)).is_some();
    let fault = |path: &&[&str]| {
        let detail = "this build reads it and does not obey it yet: leave it out";
        Fault::new(format!("/{}", path.join("/")), "not_yet", detail)
    };
    let mut faults: Vec<Fault> = NOT_YET.iter().filter(is_there).map(fault).collect();
    for (index, (_, reward)) in programme.referral.iter().flat_map(|rules| &rules.referrer).enumerate() {
        if reward.offer.is_some() {
            let at = index.to_string();
            faults.push(fault(&["referral", "referrer", &at, "offer"].as_slice()));
        }
    }
    if faults.is_empty() { Ok(programme) } else { Err(faults) }
}

/// The faults of a document's shape, and what does not agree across the rest of it, so that both can be fixed
/// at once. Faults that may only follow from those of the shape are left out.
pub fn every_fault(document: &Json, shape: Vec<Fault>) -> Vec<Fault> {
    // A value with a wrong form is read as missing; a value beyond its limits is not read.
    let legible = shape
        .iter()
        .all(|fault| ["unknown_field", "wrong_type", "wrong_format", "required"].contains(&fault.code));
    if !legible {
        return shape;
    }
    let (_, further) = agreed(document, 1, Instant(0));
    beside(shape, further)
}

/// Reads a document of the right shape, and what does not agree across it.
fn agreed(document: &Json, version: u32, since: Instant) -> (Option<Programme>, Vec<Fault>) {
    let mut faults = Vec::new();
    let zone = Zone::of(text(document, "time_zone"));
    if zone.is_none() {
        faults.push(Fault::new("/time_zone", "unknown_time_zone", "no such IANA time zone"));
    }
    let currency = Currency::of(text(document, "currency"));
    if currency.is_none() {
        faults.push(Fault::new("/currency", "unknown_currency", "no such ISO 4217 currency"));
    }
    let region = document.text_of("default_region").unwrap_or("CN");
    if region.len() != 2 || !region.bytes().all(|byte| byte.is_ascii_uppercase()) {
        faults.push(Fault::new("/default_region", "wrong_format", "two capital letters"));
    }
    let Some(known_zone) = zone.or_else(|| Zone::of("UTC")) else { return (None, faults) };
    let amount = |text: &str| currency.and_then(|currency| Money::parse(text, currency));
    let attributes = attributes(document, &mut faults);
    let mut reader = Reader { amount: &amount, attributes: &attributes, faults: &mut faults };
    let tiers = list(document, "tiers", |json, at| tier(json, at, &mut reader));
    let badges = list(document, "badges", |json, at| BadgeRule {
        id: BadgeId::of_checked(text(json, "id")),
        when: json.get("when").and_then(|when| reader.read(when, &format!("{at}/when"))),
    });
    let tags = list(document, "tags", |json, at| TagRule {
        id: text(json, "id").to_owned(),
        when: json.get("when").and_then(|when| reader.read(when, &format!("{at}/when"))),
    });
    let registration = registration(document.get("registration").unwrap_or(&Json::Null), &mut reader);
    let boosts = boosts::boosts(document.get("points").unwrap_or(&Json::Null), known_zone, &mut reader);
    let brands = list(document, "brands", |json, at| brand(json, at, currency, &mut faults));
    let points = points(document.get("points").unwrap_or(&Json::Null), currency, &mut faults);
    let growth = growth(document.get("growth").unwrap_or(&Json::Null), currency, &mut faults);
    let programme = Programme {
        version,
        since,
        name: text(document, "name").to_owned(),
        zone: known_zone,
        currency: currency.unwrap_or(Currency::unnamed(0)),
        default_region: region.to_owned(),
        late_days: small(document, "late_days").unwrap_or(1_100),
        brands,
        points,
        growth,
        tiers,
        activities: list(document, "activities", |json, at| activity(json, at, &mut faults)),
        badges,
        tags,
        attributes,
        lifecycle: lifecycle(document.get("lifecycle").unwrap_or(&Json::Null), &mut faults),
        offline_points: document.get("card").and_then(|card| small(card, "offline_points")).unwrap_or(0),
        offers: offers::offers(document.get("offers").unwrap_or(&Json::Null), &mut faults),
        boosts,
        referral: document.get("referral").map(|own| referral::referral(own, currency, &mut faults)),
        registration,
        identities_proved: document
            .get("identities")
            .and_then(|identities| identities.get("require_proof"))
            .and_then(Json::bool)
            .unwrap_or(false),
        activity_days: small(document, "activity_days").unwrap_or(730),
    };
    agree(&programme, &mut faults);
    (Some(programme), faults)
}

/// What a new version may not change, as faults (rules, 2).
pub fn unchangeable(old: &Programme, new: &Programme) -> Vec<Fault> {
    let mut faults = Vec::new();
    if old.zone != new.zone {
        faults.push(Fault::new("/time_zone", "unchangeable", "the time zone cannot change"));
    }
    if old.currency != new.currency {
        faults.push(Fault::new("/currency", "unchangeable", "the currency cannot change"));
    }
    faults
}

pub(super) fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json.text_of(name).unwrap_or_default()
}

pub(super) fn small(json: &Json, name: &str) -> Option<u32> {
    json.whole_of(name).and_then(|number| u32::try_from(number).ok())
}

fn count(json: &Json, name: &str) -> u64 {
    json.whole_of(name).and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

fn rate(json: &Json, name: &str) -> Rate {
    json.text_of(name).and_then(Rate::parse).unwrap_or(Rate::ONE)
}

pub(super) fn list<T>(json: &Json, name: &str, mut each: impl FnMut(&Json, &str) -> T) -> Vec<T> {
    let elements = json.get(name).map_or(&[][..], Json::list);
    elements.iter().enumerate().map(|(index, element)| each(element, &format!("/{name}/{index}"))).collect()
}

/// An amount of the programme's currency in that field; `None` without one, and if it is none of it.
fn money(
    json: &Json,
    name: &str,
    at: &str,
    currency: Option<Currency>,
    faults: &mut Vec<Fault>,
) -> Option<Money> {
    let (told, currency) = (json.text_of(name)?, currency?);
    let money = Money::parse(told, currency);
    if money.is_none() {
        let detail =
            format!("at most 13 digits before the point and {} after it, not {told:?}", currency.digits);
        faults.push(Fault::new(format!("{at}/{name}"), "wrong_format", detail));
    }
    money
}

/// What the programme gives for an amount: per unit or by blocks, and one of them.
fn given(json: &Json, currency: Option<Currency>, faults: &mut Vec<Fault>) -> Given {
    let Some(block) = json.get("block") else {
        if json.get("per_unit").is_none() {
            faults.push(Fault::new("/points/per_unit", "required", "per_unit or block"));
        }
        return Given::PerUnit(rate(json, "per_unit"));
    };
    if json.get("per_unit").is_some() {
        faults.push(Fault::new("/points/block", "unknown_field", "per_unit or block, not both"));
    }
    let amount = money(block, "amount", "/points/block", currency, faults);
    if amount == Some(Money(0)) {
        faults.push(Fault::new("/points/block/amount", "out_of_range", "above 0"));
    }
    Given::Block { amount: amount.unwrap_or(Money(1)), points: count(block, "points") }
}

fn growth(json: &Json, currency: Option<Currency>, faults: &mut Vec<Fault>) -> GrowthRules {
    let mut steps: Vec<(Money, u64)> = Vec::new();
    for (index, step) in json.get("steps").map_or(&[][..], Json::list).iter().enumerate() {
        let at = format!("/growth/steps/{index}");
        let growth = count(step, "growth");
        let Some(from) = money(step, "from", &at, currency, faults) else { continue };
        let below = steps.last();
        if from.0 <= below.map_or(0, |(below, _)| below.0) {
            let detail = if below.is_none() { "above 0" } else { "above the step before it" };
            faults.push(Fault::new(format!("{at}/from"), "out_of_range", detail));
        }
        if below.is_some_and(|(_, below)| growth <= *below) {
            let detail = "above that of the step before it";
            faults.push(Fault::new(format!("{at}/growth"), "out_of_range", detail));
        }
        steps.push((from, growth));
    }
    GrowthRules { per_unit: rate(json, "per_unit"), per_order: count(json, "per_order"), steps }
}

fn points(json: &Json, currency: Option<Currency>, faults: &mut Vec<Fault>) -> PointsRules {
    let words = |name: &str| json.get(name).map_or(&[][..], Json::list).iter().filter_map(Json::text);
    let multipliers = json.get("category_multipliers").map_or(&[][..], Json::fields);
    let rules = PointsRules {
        given: given(json, currency, faults),
        minimum: json
            .get("minimum")
            .and_then(|minimum| money(minimum, "amount", "/points/minimum", currency, faults)),
        hold_days: small(json, "hold_days").unwrap_or(0),
        expiry: expiry(json.get("expiry").unwrap_or(&Json::Null), faults),
        on_short: if json.text_of("on_short") == Some("forgive") { OnShort::Forgive } else { OnShort::Debt },
        restore_grace_days: small(json, "restore_grace_days").unwrap_or(30),
        redeem_late_hours: small(json, "redeem_late_hours").unwrap_or(72),
        excluded_categories: words("excluded_categories").map(str::to_owned).collect(),
        category_multipliers: multipliers
            .iter()
            .filter_map(|(category, value)| Some((category.to_string(), Rate::parse(value.text()?)?)))
            .collect(),
        limits: list(json, "limits", |json, _| Limit {
            per: match text(json, "per") {
                "order" => Per::Order,
                "day" => Per::Day,
                _ => Per::Month,
            },
            points: count(json, "points"),
        }),
        pay: json.get("pay").map(|pay| offers::pay(pay, faults)),
    };
    if let Some(refund_days) = small(json, "refund_days")
        && shortest_life(rules.expiry).is_some_and(|days| days < i64::from(refund_days))
    {
        let detail = "points can expire within the refund window; refunds of spent points would be lost";
        faults.push(Fault::new("/points/refund_days", "outlives_points", detail));
    }
    rules
}

/// The least number of full days that points live, whenever they are earned; `None` is for ever. Checks every
/// date of a leap year's cycle, so that short months and roundings count.
fn shortest_life(expiry: Expiry) -> Option<i64> {
    let start = Day::new_year(2021).number();
    let lives = (0..1_461).map(|days| Day::from_number(start.plus(days))).map(|day| {
        // Points live to the end of their first day at least.
        expiry.day_after(day).map(|end| end.number().since(day.number()) - 1)
    });
    lives.min().flatten()
}

fn expiry(json: &Json, faults: &mut Vec<Fault>) -> Expiry {
    let mode = json.text_of("mode").unwrap_or("year_end");
    let taken: &[&str] = match mode {
        "year_end" => &["years"],
        "months" => &["months", "round"],
        "days" => &["days"],
        "inactivity" => &["months"],
        _ => &[],
    };
    for (name, _) in json.fields().iter().filter(|(name, value)| name != "mode" && *value != Json::Null) {
        if !taken.contains(&name.as_str()) {
            let at = format!("/points/expiry/{name}");
            faults.push(Fault::new(at, "unknown_field", format!("{mode} does not take it")));
        }
    }
    let mut needed = |name: &str| {
        let value = small(json, name);
        if value.is_none() {
            faults.push(Fault::new(format!("/points/expiry/{name}"), "required", format!("{mode} needs it")));
        }
        value.unwrap_or(1)
    };
    match mode {
        "months" => {
            let round = match json.text_of("round") {
                Some("month") => 1,
                Some("quarter") => 3,
                Some("year") => 12,
                _ => 0,
            };
            Expiry::Months { months: needed("months"), round }
        }
        "days" => Expiry::Days { days: needed("days") },
        "inactivity" => Expiry::Inactivity { months: needed("months") },
        "never" => Expiry::Never,
        _ => Expiry::YearEnd { years: small(json, "years").unwrap_or(1) },
    }
}

fn tier(json: &Json, at: &str, reader: &mut Reader<'_>) -> Tier {
    let null = &Json::Null;
    let part = |name: &str| json.get(name).unwrap_or(null);
    let lapse = part("on_lapse");
    if lapse.text_of("mode") == Some("deduct") && lapse.whole_of("growth").is_none() {
        reader.faults.push(Fault::new(format!("{at}/on_lapse/growth"), "required", "deduct needs it"));
    }
    Tier {
        id: TierId::of_checked(text(json, "id")),
        growth: count(json, "growth"),
        or: json.get("or").and_then(|or| reader.read(or, &format!("{at}/or"))),
        validity_months: small(part("validity"), "months"),
        retain_growth: json.get("retain").map(|retain| count(retain, "growth")),
        on_lapse: match lapse.text_of("mode") {
            Some("step") => OnLapse::Step,
            Some("deduct") => OnLapse::Deduct(count(lapse, "growth")),
            _ => OnLapse::Reset,
        },
        earn_multiplier: rate(part("benefits"), "earn_multiplier"),
        redeem_rate: rate(part("benefits"), "redeem_rate"),
        trial: json.get("trial").map(|trial| TrialRule {
            at_percent: small(trial, "at_percent").unwrap_or(99),
            days: small(trial, "days").unwrap_or(1),
        }),
        lifetime_periods: small(part("lifetime"), "periods"),
    }
}

fn activity(json: &Json, at: &str, faults: &mut Vec<Fault>) -> Activity {
    let moved = |name: &str| json.whole_of(name).unwrap_or(0);
    let takes = moved("points") < 0 || moved("growth") < 0;
    for name in ["points", "growth"].into_iter().filter(|name| takes && moved(name) > 0) {
        let detail = "an activity gives or takes: points and growth are both at least 0, or both at most 0";
        faults.push(Fault::new(format!("{at}/{name}"), "out_of_range", detail));
    }
    if takes && json.get("streak").is_some_and(|streak| !streak.list().is_empty()) {
        let detail = "an activity that takes has no streak";
        faults.push(Fault::new(format!("{at}/streak"), "unknown_field", detail));
    }
    Activity {
        id: ActivityId::of_checked(text(json, "id")),
        points: moved("points").unsigned_abs(),
        growth: moved("growth").unsigned_abs(),
        takes,
        per_day: small(json, "per_day"),
        per_month: small(json, "per_month"),
        once: json.get("once").and_then(Json::bool).unwrap_or(false),
        streak: list(json, "streak", |json, _| (small(json, "days").unwrap_or(1), count(json, "points"))),
    }
}

/// Those whose kind is legible.
fn attributes(document: &Json, faults: &mut Vec<Fault>) -> Vec<AttributeRule> {
    let read = list(document, "attributes", |json, at| {
        let kind = json.text_of("kind").filter(|kind| AttributeKind::WORDS.contains(kind))?;
        let choices = list(json, "values", |value, _| text(value, "id").to_owned());
        let chosen = matches!(kind, "choice" | "choices");
        if chosen && choices.is_empty() {
            faults.push(Fault::new(format!("{at}/values"), "required", format!("a {kind} needs its values")));
        } else if !chosen && json.get("values").is_some() {
            let detail = format!("a {kind} does not take them");
            faults.push(Fault::new(format!("{at}/values"), "unknown_field", detail));
        }
        let mut seen = HashSet::new();
        for (index, id) in choices.iter().enumerate().filter(|(_, id)| !seen.insert(id.as_str())) {
            let at = format!("{at}/values/{index}/id");
            faults.push(Fault::new(at, "duplicate", format!("{id} stands twice")));
        }
        let staff = json.get("staff").and_then(Json::bool).unwrap_or(false);
        Some(AttributeRule { id: text(json, "id").to_owned(), kind: AttributeKind::of(kind, choices), staff })
    });
    read.into_iter().flatten().collect()
}

fn lifecycle(json: &Json, faults: &mut Vec<Fault>) -> Lifecycle {
    let lifecycle = Lifecycle {
        new_days: small(json, "new_days").unwrap_or(30),
        active_days: small(json, "active_days").unwrap_or(90),
        lost_days: small(json, "lost_days").unwrap_or(180),
    };
    if lifecycle.active_days > lifecycle.lost_days {
        faults.push(Fault::new("/lifecycle/lost_days", "out_of_range", "not below active_days"));
    }
    lifecycle
}

/// What must agree across the document: unique ids, a rising ladder, names that exist.
fn agree(programme: &Programme, faults: &mut Vec<Fault>) {
    unique("brands", programme.brands.iter().map(|brand| brand.id.as_str()), faults);
    unique("tiers", programme.tiers.iter().map(|tier| tier.id.as_str()), faults);
    unique("badges", programme.badges.iter().map(|badge| badge.id.as_str()), faults);
    unique("tags", programme.tags.iter().map(|tag| tag.id.as_str()), faults);
    unique("attributes", programme.attributes.iter().map(|attribute| attribute.id.as_str()), faults);
    unique("activities", programme.activities.iter().map(|activity| activity.id.as_str()), faults);
    boosts::agree(programme, faults);
    referral::agree(programme, faults);
    for (index, tier) in programme.tiers.iter().enumerate() {
        let at = format!("/tiers/{index}");
        match index.checked_sub(1).map(|below| programme.tiers[below].growth) {
            None if tier.growth != 0 => {
                faults.push(Fault::new(
                    format!("{at}/growth"),
                    "out_of_range",
                    "the first tier has growth 0",
                ));
            }
            Some(below) if tier.growth <= below => {
                faults.push(Fault::new(format!("{at}/growth"), "out_of_range", "above the tier before it"));
            }
            _ => {}
        }
        // What a period must bring means nothing where there is none, and does no harm.
        if tier.lifetime_periods.is_some() && tier.validity_months.is_none() {
            let detail = "a tier without validity never lapses";
            faults.push(Fault::new(format!("{at}/lifetime"), "needs_validity", detail));
        }
        if let Some(or) = &tier.or {
            if !or.never_falls() {
                let detail = "only facts that never fall: referrals.count >=, badges contains, registered_at before_days";
                faults.push(Fault::new(format!("{at}/or"), "fact_may_fall", detail));
            }
            check_names(programme, or, &format!("{at}/or"), faults);
        }
    }
    for (index, badge) in programme.badges.iter().enumerate() {
        if let Some(when) = &badge.when {
            check_names(programme, when, &format!("/badges/{index}/when"), faults);
        }
    }
    for (index, tag) in programme.tags.iter().enumerate() {
        if let Some(when) = &tag.when {
            let at = format!("/tags/{index}/when");
            check_names(programme, when, &at, faults);
            let by_rule = |id: &&str| programme.tag(id).is_some_and(|tag| tag.when.is_some());
            faults.extend(when.tags().into_iter().filter(by_rule).map(|id| {
                let detail =
                    format!("{id} has a rule itself: a tag's rule may name tags that are set by hand");
                Fault::new(at.as_str(), "fact_depends_on_tag", detail)
            }));
        }
    }
    for (index, activity) in programme.activities.iter().enumerate() {
        let mut days: Vec<u32> = activity.streak.iter().map(|(days, _)| *days).collect();
        days.sort_unstable();
        if days.windows(2).any(|pair| pair[0] == pair[1]) {
            faults.push(Fault::new(
                format!("/activities/{index}/streak"),
                "duplicate",
                "a number of days stands twice",
            ));
        }
    }
}

/// What a condition names and the programme does not have.
pub(crate) fn check_names(programme: &Programme, condition: &Condition, at: &str, faults: &mut Vec<Fault>) {
    let tiers = condition.tiers().into_iter().filter(|id| programme.tier(id).is_none());
    faults.extend(tiers.map(|id| Fault::new(at, "unknown_tier", format!("no tier {id}"))));
    let badges =
        condition.badges().into_iter().filter(|id| programme.badge(&BadgeId::of_checked(id)).is_none());
    faults.extend(badges.map(|id| Fault::new(at, "unknown_badge", format!("no badge {id}"))));
}

pub(super) fn unique<'a>(name: &str, ids: impl Iterator<Item = &'a str>, faults: &mut Vec<Fault>) {
    let mut seen = HashSet::new();
    for (index, id) in ids.enumerate() {
        if !seen.insert(id) {
            faults.push(Fault::new(format!("/{name}/{index}/id"), "duplicate", format!("{id} stands twice")));
        }
    }
}
