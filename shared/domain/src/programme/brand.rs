//! Brands: who issues and honours points, what each may do, what a point costs it, and how far it
//! may go (partners.md, "A brand").

use super::read::{list, small, text};
use crate::{
    id::BrandId,
    json::Json,
    number::{Currency, Money, Rate},
    shape::{COUNT, Fault, Shape, optional, required},
};

/// A brand.
#[derive(Clone, PartialEq, Debug)]
pub struct Brand {
    /// Its id.
    pub id: BrandId,
    /// The name that people know; its id unless given.
    pub name: String,
    /// Whether it belongs to the house.
    pub kind: BrandKind,
    /// Its multiplier for points.
    pub rate: Rate,
    /// Its own limit of lateness, if narrower than the programme's.
    pub late_days: Option<u32>,
    /// What a partner may do. An own brand may do everything.
    pub may: May,
    /// What a partner sees of a member.
    pub sees: Sees,
    /// What it owes the programme for a point it issues, in units of the currency.
    pub issue_price: Rate,
    /// What the programme owes it for a point it honours, in units of the currency.
    pub honour_price: Rate,
    /// How many points it may issue and honour, and over what time.
    pub limits: Vec<BrandLimit>,
    /// How it pays for what it issues; `None` is without bounds, billed by the month.
    pub funding: Option<Funding>,
}

/// Whose a brand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BrandKind {
    /// The house's own: it acts on every member.
    Own,
    /// Somebody else's: it acts on members that are linked to it.
    Partner,
}

/// What a partner may do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct May {
    /// Issue points.
    pub earn: bool,
    /// Honour points.
    pub redeem: bool,
    /// Refund its orders and cancel its redemptions.
    pub reverse: bool,
    /// Price orders with offers, and use what members have of them.
    pub use_offers: bool,
}

/// What a partner sees of a member.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sees {
    /// The tier.
    pub tier: bool,
    /// What the member can spend, and owes.
    pub balance: bool,
}

/// A limit on a brand, by the local calendar of when its entries are recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BrandLimit {
    /// What it counts over.
    pub per: BrandPer,
    /// The most points it may issue.
    pub issue: Option<u64>,
    /// The most points it may honour.
    pub redeem: Option<u64>,
}

/// What a brand's limit counts over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BrandPer {
    /// A local day.
    Day,
    /// A local month.
    Month,
    /// A local day of one member.
    MemberDay,
}

impl BrandPer {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            BrandPer::Day => "day",
            BrandPer::Month => "month",
            BrandPer::MemberDay => "member_day",
        }
    }
}

/// What a brand does with points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It issues them: orders and activities earn.
    Issue,
    /// It honours them: they are redeemed there.
    Redeem,
}

impl Way {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Way::Issue => "issue",
            Way::Redeem => "redeem",
        }
    }
}

impl Brand {
    /// The most points that it may issue or honour over that, if there is a limit.
    pub fn limit(&self, per: BrandPer, way: Way) -> Option<u64> {
        let limit = self.limits.iter().find(|limit| limit.per == per)?;
        match way {
            Way::Issue => limit.issue,
            Way::Redeem => limit.redeem,
        }
    }
}

/// How a brand pays for the points it issues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Funding {
    /// From blocks bought before; nothing is issued past the last.
    Prepaid,
    /// By the month, up to a credit if one is given.
    Postpaid {
        /// The most it may owe.
        credit: Option<Money>,
    },
}

const LIMIT: Shape = Shape::Object(&[
    required("per", Shape::OneOf(&["day", "month", "member_day"]), "what it counts over, by recorded_at"),
    optional("issue", COUNT, "the most points issued"),
    optional("redeem", COUNT, "the most points honoured"),
]);

const FUNDING: Shape = Shape::Object(&[
    required("mode", Shape::OneOf(&["prepaid", "postpaid"]), "from blocks bought before, or by the month"),
    optional("credit", Shape::Money, "postpaid: the most it may owe; without bounds unless given"),
]);

pub(super) const BRAND: Shape = Shape::Object(&[
    required("id", Shape::Id, "the brand's id"),
    optional("name", Shape::Text { max: 100 }, "as people know it"),
    optional(
        "kind",
        Shape::OneOf(&["own", "partner"]),
        "own brands act on every member, partners on those linked to them; own unless given",
    ),
    optional("rate", Shape::Rate, "what its orders' points are multiplied by; 1 unless given"),
    optional(
        "may",
        Shape::List { of: &Shape::OneOf(&["earn", "redeem", "reverse", "use"]), min: 0, max: 4 },
        "what a partner may do; nothing unless given",
    ),
    optional(
        "sees",
        Shape::List { of: &Shape::OneOf(&["tier", "balance"]), min: 0, max: 2 },
        "what a partner is told of a member; neither unless given",
    ),
    optional("issue_price", Shape::Rate, "what it owes for a point it issues; 0 unless given"),
    optional("honour_price", Shape::Rate, "what it is owed for a point it honours; 0 unless given"),
    optional(
        "late_days",
        Shape::Whole { min: 0, max: 36_500 },
        "a narrower limit of lateness for this brand",
    ),
    optional("limits", Shape::List { of: &LIMIT, min: 0, max: 3 }, "on what it issues and honours"),
    optional("funding", FUNDING, "how it pays for what it issues; by the month unless given"),
]);

pub(super) fn brand(json: &Json, at: &str, currency: Option<Currency>, faults: &mut Vec<Fault>) -> Brand {
    let id = text(json, "id");
    let says = |name: &str, word: &str| {
        json.get(name).map_or(&[][..], Json::list).iter().any(|own| own.text() == Some(word))
    };
    let price = |name: &str| json.text_of(name).and_then(Rate::parse).unwrap_or(Rate::ZERO);
    Brand {
        id: BrandId::of_checked(id),
        name: json.text_of("name").unwrap_or(id).to_owned(),
        kind: if json.text_of("kind") == Some("partner") { BrandKind::Partner } else { BrandKind::Own },
        rate: json.text_of("rate").and_then(Rate::parse).unwrap_or(Rate::ONE),
        late_days: small(json, "late_days"),
        may: May {
            earn: says("may", "earn"),
            redeem: says("may", "redeem"),
            reverse: says("may", "reverse"),
            use_offers: says("may", "use"),
        },
        sees: Sees { tier: says("sees", "tier"), balance: says("sees", "balance") },
        issue_price: price("issue_price"),
        honour_price: price("honour_price"),
        limits: limits(json, at, faults),
        funding: json
            .get("funding")
            .filter(|json| **json != Json::Null)
            .map(|json| funding(json, &format!("{at}/funding"), currency, faults)),
    }
}

fn limits(json: &Json, at: &str, faults: &mut Vec<Fault>) -> Vec<BrandLimit> {
    let figure = |json: &Json, name: &str| json.whole_of(name).and_then(|number| u64::try_from(number).ok());
    let limits = list(json, "limits", |json, _| BrandLimit {
        per: match text(json, "per") {
            "day" => BrandPer::Day,
            "month" => BrandPer::Month,
            _ => BrandPer::MemberDay,
        },
        issue: figure(json, "issue"),
        redeem: figure(json, "redeem"),
    });
    for (index, limit) in limits.iter().enumerate() {
        let here = format!("{at}/limits/{index}");
        if limit.issue.is_none() && limit.redeem.is_none() {
            faults.push(Fault::new(here.as_str(), "required", "issue, redeem, or both"));
        }
        if limits[..index].iter().any(|other| other.per == limit.per) {
            let detail = format!("{} stands twice", limit.per.word());
            faults.push(Fault::new(format!("{here}/per"), "duplicate", detail));
        }
    }
    limits
}

fn funding(json: &Json, at: &str, currency: Option<Currency>, faults: &mut Vec<Fault>) -> Funding {
    let told = json.text_of("credit");
    let prepaid = json.text_of("mode") == Some("prepaid");
    let credit = currency.and_then(|currency| Money::parse(told?, currency));
    if prepaid && told.is_some() {
        faults.push(Fault::new(format!("{at}/credit"), "unknown_field", "prepaid does not take it"));
    } else if told.is_some() && currency.is_some() && credit.is_none() {
        let detail = "more digits after the point than the currency has";
        faults.push(Fault::new(format!("{at}/credit"), "wrong_format", detail));
    }
    if prepaid { Funding::Prepaid } else { Funding::Postpaid { credit } }
}
