//! Reads an offer's document: its shape first, then what must agree across it. Every fault is reported at once.
//!
//! A document here has the right shape, or its faults are reported and the result is thrown away. So a missing or
//! unreadable field is an optional one, and gets the contract's default.

use super::{
    Funder, Gives, How, Items, Limits, Offer, Period, Restore, SHAPE, Stack, Window, With,
    code::fold,
    gives::{Kind, WAYS, given},
    when::openings,
};
use crate::{
    attribute::{AttributeKind, AttributeRule},
    condition::{self, Condition},
    id::{BrandId, OfferId},
    json::Json,
    number::{Figure, Money, Rate},
    programme::{NODES_MAX, Programme, check_names},
    shape::{Fault, beside},
};

/// Reads the document as that version of that offer, under the programme in force.
///
/// # Errors
/// All faults of the document, each with a pointer to its place.
pub fn read(document: &Json, id: &OfferId, version: u32, programme: &Programme) -> Result<Offer, Vec<Fault>> {
    let shape = SHAPE.check(document);
    let mut reading = Reading { programme, is_new: true, faults: Vec::new() };
    let offer = reading.offer(document, id, version);
    let faults = beside(shape, reading.faults);
    offer.filter(|_| faults.is_empty()).ok_or(faults)
}

/// Reads a document that was saved, under whatever programme is in force now: it may name brands, tiers, badges,
/// attributes and their values that are gone. Such a tier has nobody, such a brand is no shop, and everybody lacks such
/// an attribute. It passed the rules of its day, and is not asked for those of today.
///
/// # Errors
/// Something of it cannot be represented: it is no document that [`read`] ever accepted.
pub fn read_saved(
    document: &Json,
    id: &OfferId,
    version: u32,
    programme: &Programme,
) -> Result<Offer, Vec<Fault>> {
    let mut reading = Reading { programme, is_new: false, faults: Vec::new() };
    let offer = reading.offer(document, id, version);
    let faults = reading.faults;
    offer.filter(|_| faults.is_empty()).ok_or_else(|| match faults.is_empty() {
        true => vec![Fault::new("", "wrong_format", "no offer")],
        false => faults,
    })
}

/// What a new version may not change, as faults: as far as its document says it, whatever else is wrong with that.
pub fn unchangeable(old: &Offer, new: &Json) -> Vec<Fault> {
    let mut faults = Vec::new();
    // What stands there and is no such word is a fault of another kind.
    let mut same = |at: &str, old: &str, new: Option<&str>| {
        if let Some(new) = new.filter(|new| *new != old) {
            let detail = format!("it is {old}, and stays so for ever; another offer may have {new}");
            faults.push(Fault::new(at, "unchangeable", detail));
        }
    };
    let one_of = |json: &Json, words: &[&'static str]| -> Option<&'static str> {
        words.iter().copied().find(|word| json.text() == Some(*word))
    };
    let or_absent =
        |json: Option<&Json>, words: &[&'static str]| json.map_or(Some("absent"), |json| one_of(json, words));
    let null = &Json::Null;
    same("/how", old.how.word(), new.get("how").and_then(|how| one_of(how, &How::ALL.map(How::word))));
    let gives = new.get("gives").unwrap_or(null);
    let kind = given(gives);
    same("/gives", old.gives.word(), kind);
    let window = old.per_member.map_or("absent", |own| own.per.word());
    let per = match new.get("per_member") {
        None => Some("absent"),
        Some(own) => own.get("per").and_then(|per| one_of(per, &Window::ALL.map(Window::word))),
    };
    same("/per_member/per", window, per);
    if let Gives::Service(service) = &old.gives
        && kind == Some(old.gives.word())
        && let Some(own) = gives.get("service")
    {
        let period = service.per.map_or("absent", Period::word);
        same("/gives/service/per", period, or_absent(own.get("per"), &Period::ALL.map(Period::word)));
    }
    faults
}

/// The word that a document asks for, as words are compared; none while it is suspended, and none that is no word.
pub fn word_of(document: &Json) -> Option<String> {
    let is_suspended = document.get("suspended").and_then(Json::bool).unwrap_or(false);
    document.text_of("word").filter(|word| !is_suspended && is_word(word)).map(fold)
}

fn is_word(told: &str) -> bool {
    (3..=15).contains(&told.len()) && told.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A field that goes only with some ways and kinds.
struct Fits {
    field: &'static str,
    with: fn(How, Kind) -> bool,
    detail: &'static str,
}

/// What goes with what. A field that nothing would obey is refused, and not kept as if it were.
const FITS: &[Fits] = &[
    Fits { field: "price", with: |how, _| how == How::Buy, detail: "of buy alone" },
    Fits { field: "word", with: |how, _| how == How::Code, detail: "of code alone" },
    Fits {
        field: "stock",
        with: |how, _| is_issued(how),
        detail: "taken when issued: of claim, buy or issue",
    },
    Fits {
        field: "valid",
        with: |how, _| is_issued(how),
        detail: "of what is issued: of claim, buy or issue",
    },
    Fits {
        field: "settle",
        with: |_, kind| matches!(kind, Kind::Item | Kind::Service),
        detail: "of an item or a service",
    },
    Fits {
        field: "per_member",
        with: |how, kind| !(how == How::Auto && kind == Kind::Service),
        detail: "a service of auto has its quantity in each window, and no other number",
    },
];

/// What access takes beside; of all else nothing.
const OF_ACCESS: [&str; 11] =
    ["brand", "name", "text", "image", "gives", "how", "items", "where", "when", "suspended", "version"];

fn is_issued(how: How) -> bool {
    matches!(how, How::Claim | How::Buy | How::Issue)
}

/// A document that is read.
pub(super) struct Reading<'a> {
    /// The programme that it is read under.
    pub programme: &'a Programme,
    /// Whether it is to be saved: then what it names must be there, and all that agrees must.
    pub is_new: bool,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

impl Reading<'_> {
    pub(super) fn fault<T>(
        &mut self,
        at: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Option<T> {
        self.faults.push(Fault::new(at, code, detail));
        None
    }

    /// A fault of a document that is to be saved, though what it says can be represented: one that was saved passed what
    /// was asked then.
    pub(super) fn rule(&mut self, at: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        if self.is_new {
            self.faults.push(Fault::new(at, code, detail));
        }
    }

    /// The pointer to a member of that name.
    pub(super) fn inside(&self, at: &str, name: &str) -> String {
        format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
    }

    /// An amount of the programme's currency in that field; `None` without one, and if it is none of it.
    pub(super) fn money(&mut self, json: &Json, name: &str, at: &str) -> Option<Money> {
        let (told, currency) = (json.text_of(name)?, self.programme.currency);
        let money = Money::parse(told, currency);
        if money.is_none() {
            let detail =
                format!("at most 13 digits before the point and {} after it, not {told:?}", currency.digits);
            return self.fault(format!("{at}/{name}"), "wrong_format", detail);
        }
        money
    }

    /// Such an amount above 0.
    pub(super) fn above_zero(&mut self, json: &Json, name: &str, at: &str) -> Option<Money> {
        let money = self.money(json, name, at)?;
        if money == Money(0) {
            self.rule(format!("{at}/{name}"), "out_of_range", "above 0");
        }
        Some(money)
    }

    fn offer(&mut self, document: &Json, id: &OfferId, version: u32) -> Option<Offer> {
        let null = &Json::Null;
        let part = |name: &str| document.get(name).unwrap_or(null);
        if !self.is_new && document.text_of("brand").is_none() {
            self.fault::<()>("/brand", "required", "no issuer");
        }
        let brand = BrandId::of_checked(document.text_of("brand").unwrap_or_default());
        self.knows_brand(&brand, "/brand");
        let how =
            document.text_of("how").and_then(|word| How::ALL.into_iter().find(|how| how.word() == word));
        let gives = document.get("gives").and_then(|gives| self.gives(gives, how));
        let kind = gives.as_ref().map(|(kind, _)| *kind);
        self.go_together(document, how, kind);
        let mut of_when = Vec::new();
        let when = openings(part("when"), "/when", self.programme.zone, &mut of_when);
        self.faults.extend(of_when.into_iter().filter(|_| self.is_new));
        let items = self.items(part("items"), document.get("items").is_some(), kind);
        let audience = self.audience(document.get("audience"));
        let per_member = self.per_member(document.get("per_member"), when.anniversary.is_some());
        let budget = self.money(part("budget"), "total", "/budget");
        let valid = self.valid(part("valid"));
        let stack = self.stack(part("stack"), kind);
        let word = self.word(document.text_of("word"));
        let settle = self.money(document, "settle", "");
        let brands = self.brands(part("where"), &brand);
        let funding = self.funding(document.get("funding"), &brand);
        let words = |json: &Json| json.list().iter().filter_map(Json::text).map(str::to_owned).collect();
        let small =
            |json: &Json, name: &str| json.whole_of(name).and_then(|number| u32::try_from(number).ok());
        let says = |json: &Json, name: &str| json.get(name).and_then(Json::bool).unwrap_or(false);
        Some(Offer {
            id: id.clone(),
            version,
            brand,
            gives: gives?.1,
            how: how?,
            audience,
            when,
            brands,
            channels: part("where").get("channels").map(words),
            items,
            price: part("price").whole_of("points").and_then(Figure::of),
            per_member,
            stock: limits(part("stock")),
            hands_out_codes: says(part("stock"), "codes"),
            uses: limits(part("uses")),
            budget,
            valid,
            stack,
            restore: match document.text_of("restore") {
                Some("never") => Restore::Never,
                _ => Restore::WholeOrder,
            },
            give_hours: small(document, "give"),
            hold_minutes: small(document, "hold_minutes"),
            word,
            settle,
            funding,
            suspended: says(document, "suspended"),
        })
    }

    /// What goes with how it is come by, and with what is given.
    fn go_together(&mut self, document: &Json, how: Option<How>, kind: Option<Kind>) {
        if how == Some(How::Buy) && document.get("price").is_none() {
            self.rule("/price", "required", "buy needs it");
        }
        let Some((how, kind)) = how.zip(kind) else { return };
        for (_, ways, detail) in WAYS.iter().filter(|(own, _, _)| *own == kind) {
            if !ways.contains(&how) {
                self.rule("/how", "out_of_range", *detail);
            }
        }
        // What is null is left out.
        for (name, _) in document.fields().iter().filter(|(_, value)| *value != Json::Null) {
            let wrong = FITS.iter().find(|rule| rule.field == name && !(rule.with)(how, kind));
            let detail = match wrong {
                Some(rule) => rule.detail,
                None if kind == Kind::Access && !OF_ACCESS.contains(&name.as_str()) => {
                    "access takes items, where and when alone"
                }
                None => continue,
            };
            self.rule(self.inside("", name), "unknown_field", detail);
        }
    }

    fn knows_brand(&mut self, brand: &BrandId, at: &str) {
        if self.is_new && self.programme.brand(brand).is_none() {
            self.rule(at, "unknown_brand", format!("no brand {brand}"));
        }
    }

    fn brands(&mut self, json: &Json, issuer: &BrandId) -> Vec<BrandId> {
        let told = json.get("brands").map_or(&[][..], Json::list).iter().filter_map(Json::text);
        let brands: Vec<BrandId> = told.map(BrandId::of_checked).collect();
        for (index, brand) in brands.iter().enumerate() {
            let at = format!("/where/brands/{index}");
            self.knows_brand(brand, &at);
            if brands[..index].contains(brand) {
                self.rule(at, "duplicate", format!("{brand} stands twice"));
            }
        }
        if brands.is_empty() { vec![issuer.clone()] } else { brands }
    }

    fn audience(&mut self, json: Option<&Json>) -> Option<Condition> {
        let (json, at, programme) = (json?, "/audience", self.programme);
        let amount = |text: &str| Money::parse(text, programme.currency);
        let known = if self.is_new { programme.attributes.clone() } else { with_words(programme, json) };
        let mut faults = Vec::new();
        let mut reader = condition::Reader { amount: &amount, attributes: &known, faults: &mut faults };
        let read = reader.read(json, at);
        // One that cannot be read would be for everybody.
        self.faults.extend(faults.into_iter().filter(|_| self.is_new || read.is_none()));
        let read = read?;
        if self.is_new {
            check_names(programme, &read, at, &mut self.faults);
            for id in read.attributes_gone() {
                self.rule(at, "unknown_fact", format!("no attribute {id}"));
            }
            if read.nodes() > NODES_MAX {
                let detail = format!("at most {NODES_MAX} nodes in all, and there are {}", read.nodes());
                self.rule(at, "too_many_nodes", detail);
            }
        }
        Some(read)
    }

    fn items(&mut self, json: &Json, are_given: bool, kind: Option<Kind>) -> Items {
        let words = |name: &str| -> Option<Vec<String>> {
            Some(json.get(name)?.list().iter().filter_map(Json::text).map(str::to_owned).collect())
        };
        let says = |name: &str| json.get(name).and_then(Json::bool).unwrap_or(false);
        let net = json.get("minimum_on").is_some();
        if let Some(kind) = kind {
            if says("not_priced") && matches!(kind, Kind::UnitPrice | Kind::Access) {
                self.rule("/items/not_priced", "unknown_field", "not of unit_price or access");
            }
            if net && !matches!(kind, Kind::Delivery | Kind::Item | Kind::Service) {
                self.rule("/items/minimum_on", "unknown_field", "of delivery, item or service alone");
            }
            for name in ["minimum", "minimum_quantity"] {
                if kind == Kind::Access && json.get(name).is_some() {
                    self.rule(format!("/items/{name}"), "unknown_field", "access covers single lines");
                }
            }
        }
        if net && json.get("minimum").is_none() {
            self.rule("/items/minimum", "required", "minimum_on needs it");
        }
        Items {
            categories: words("categories"),
            skus: words("skus"),
            excluded_categories: words("excluded_categories").unwrap_or_default(),
            excluded_skus: words("excluded_skus").unwrap_or_default(),
            minimum: self.money(json, "minimum", "/items"),
            minimum_quantity: json.whole_of("minimum_quantity").and_then(|least| u64::try_from(least).ok()),
            not_priced: says("not_priced"),
            minimum_on_net: net,
            are_given,
        }
    }

    fn stack(&mut self, json: &Json, kind: Option<Kind>) -> Stack {
        let group = json.text_of("group").map(str::to_owned);
        let with = json.get("with").map(|with| match with.text() {
            Some(_) => With::All,
            None => With::Named(with.list().iter().filter_map(Json::text).map(str::to_owned).collect()),
        });
        if kind != Some(Kind::UnitPrice) {
            return Stack { group, with: with.unwrap_or_default() };
        }
        if group.is_some_and(|group| group != PRICE_GROUP) {
            self.rule("/stack/group", "out_of_range", "a unit_price is of the group price");
        }
        Stack { group: Some(PRICE_GROUP.to_owned()), with: with.unwrap_or(With::All) }
    }

    fn word(&mut self, told: Option<&str>) -> Option<String> {
        let told = told?;
        if !is_word(told) {
            self.rule("/word", "wrong_format", "3 to 15 of A-Z a-z 0-9");
        }
        Some(fold(told))
    }

    fn funding(&mut self, json: Option<&Json>, issuer: &BrandId) -> Vec<(Funder, Rate)> {
        let mut shares: Vec<(Funder, Rate)> = Vec::new();
        let Some(json) = json else { return vec![(Funder::Brand(issuer.clone()), Rate::ONE)] };
        let mut sum = 0u64;
        for (index, part) in json.list().iter().enumerate() {
            let at = format!("/funding/{index}");
            let brand = part.text_of("brand").map(BrandId::of_checked);
            let programme = part.get("programme").and_then(Json::bool);
            let funder = match (brand, programme) {
                (Some(brand), None) => {
                    self.knows_brand(&brand, &format!("{at}/brand"));
                    Some(Funder::Brand(brand))
                }
                (None, Some(true)) => Some(Funder::Programme),
                (None, Some(false)) => {
                    self.fault(format!("{at}/programme"), "out_of_range", "true, or left out")
                }
                (Some(_), Some(_)) => {
                    self.fault(format!("{at}/programme"), "unknown_field", "brand or programme, not both")
                }
                (None, None) => self.fault(at.as_str(), "required", "brand or programme"),
            };
            let share = part.text_of("share").and_then(Rate::parse);
            if share == Some(Rate::ZERO) {
                self.rule(format!("{at}/share"), "out_of_range", "above 0");
            }
            sum = sum.saturating_add(share.map_or(0, Rate::millionths));
            let Some((funder, share)) = funder.zip(share) else { continue };
            if shares.iter().any(|(own, _)| *own == funder) {
                self.rule(at.as_str(), "duplicate", "it stands twice");
            }
            shares.push((funder, share));
        }
        if sum != Rate::ONE.millionths() {
            self.rule("/funding", "not_the_sum", "the shares add to 1");
        }
        shares
    }
}

/// The group of every unit price.
const PRICE_GROUP: &str = "price";

fn limits(json: &Json) -> Limits {
    let figure = |name: &str| json.whole_of(name).and_then(Figure::of);
    Limits { total: figure("total"), per_day: figure("per_day") }
}

/// The programme's attributes, those of choices with every word of a saved condition among their values: one that has
/// been removed is nobody's.
fn with_words(programme: &Programme, json: &Json) -> Vec<AttributeRule> {
    fn texts(json: &Json, into: &mut Vec<String>) {
        into.extend(json.text().map(str::to_owned));
        json.list().iter().for_each(|inner| texts(inner, into));
        json.fields().iter().for_each(|(_, inner)| texts(inner, into));
    }
    let mut words = Vec::new();
    texts(json, &mut words);
    let mut known = programme.attributes.clone();
    for rule in &mut known {
        if let AttributeKind::Choice(own) | AttributeKind::Choices(own) = &mut rule.kind {
            own.extend(words.iter().cloned());
        }
    }
    known
}
