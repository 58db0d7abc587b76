//! What is asked of the model, as it was sent, and what it answers.

use super::calendar;
use super::member::{Entry, Standing};
use super::program::{list, text};
use serde_json::Value;
use smol_str::SmolStr;

/// A member by its place in the model; none is a member that there is not.
pub type Whom = Option<usize>;

/// Brand and order: the name of an order, and of the redemption made for one.
pub type OrderKey = (SmolStr, SmolStr);

/// A command on a member's ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// An order earns.
    Order(Order),
    /// An activity earns.
    Activity(Activity),
    /// Points are spent.
    Redeem(Redeem),
    /// An order is refunded.
    Refund(Refund),
    /// The redemption made for that order is cancelled; none: there is no such redemption.
    Cancel(Option<OrderKey>),
    /// Points or growth by hand.
    Adjust(Adjust),
    /// A badge by hand.
    Badge(Whom, SmolStr),
    /// `active`, `suspended` or `closed`.
    Status(Whom, SmolStr),
}

/// An order as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Who.
    pub member: Whom,
    /// Where.
    pub brand: SmolStr,
    /// Its id there.
    pub order_id: SmolStr,
    /// A decimal string.
    pub amount: Option<SmolStr>,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Milliseconds since the epoch.
    pub occurred_at: Option<i64>,
}

/// A line as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its id in the order.
    pub line_id: SmolStr,
    /// Its category.
    pub category: Option<SmolStr>,
    /// How many units.
    pub quantity: i64,
    /// A decimal string.
    pub amount: SmolStr,
}

/// An activity as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activity {
    /// Who.
    pub member: Whom,
    /// Where.
    pub brand: SmolStr,
    /// What.
    pub activity: SmolStr,
    /// Its name.
    pub reference: Option<SmolStr>,
    /// Milliseconds since the epoch.
    pub occurred_at: Option<i64>,
}

/// A redemption as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redeem {
    /// Who.
    pub member: Whom,
    /// Where.
    pub brand: SmolStr,
    /// How many.
    pub points: i64,
    /// What for.
    pub order_id: SmolStr,
}

/// A refund as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    /// The order.
    pub order: OrderKey,
    /// What of it.
    pub what: Refunded,
    /// Its name.
    pub refund_id: Option<SmolStr>,
}

/// What of an order is refunded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refunded {
    /// All that is left.
    All,
    /// So much.
    Amount(SmolStr),
    /// So many units of lines.
    Lines(Vec<(SmolStr, i64)>),
}

/// An adjustment as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adjust {
    /// Who.
    pub member: Whom,
    /// Where.
    pub brand: SmolStr,
    /// Points.
    pub points: i64,
    /// Growth.
    pub growth: i64,
    /// Its name.
    pub id: SmolStr,
    /// When added points end.
    pub expires_at: Option<i64>,
}

/// What a command is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// It was done, now or before.
    Done(Box<Done>),
    /// It was refused.
    Refused(Refused),
}

/// Status, code, and what the refusal tells beside them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The code.
    pub code: &'static str,
    /// `available` and `debt`.
    pub balance: Option<(i64, i64)>,
    /// `remaining`, of an order without lines.
    pub remaining: Option<String>,
}

/// What is told of what was done.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Done {
    /// The HTTP status.
    pub status: u16,
    /// The entry; none where nothing was left to do.
    pub entry: Option<Entry>,
    /// Points granted, and before limits.
    pub earned: Option<(i64, i64)>,
    /// The tier that was reached.
    pub upgraded: Option<usize>,
    /// Badges that followed.
    pub badges: Vec<SmolStr>,
    /// Points taken by a refund.
    pub taken: Option<i64>,
    /// Points given back by a cancellation.
    pub restored: Option<i64>,
    /// Available, held, debt.
    pub balance: (i64, i64, i64),
    /// The tier.
    pub tier: usize,
    /// The growth.
    pub growth: i64,
}

impl Done {
    pub(crate) fn new(status: u16, member: &Standing, entry: Option<Entry>) -> Done {
        Done {
            status,
            entry,
            earned: None,
            upgraded: None,
            badges: Vec::new(),
            taken: None,
            restored: None,
            balance: (member.available(), member.held(), member.debt),
            tier: member.tier,
            growth: member.growth,
        }
    }
}

impl Told {
    /// The status.
    pub fn status(&self) -> u16 {
        match self {
            Told::Done(done) => done.status,
            Told::Refused(refused) => refused.status,
        }
    }
}

pub(crate) fn refuse(status: u16, code: &'static str) -> Told {
    Told::Refused(Refused { status, code, balance: None, remaining: None })
}

pub(crate) fn invalid() -> Told {
    refuse(422, "invalid_field")
}

impl Command {
    /// Who it is about, where it says so.
    pub fn whom(&self) -> Whom {
        match self {
            Command::Order(Order { member, .. })
            | Command::Activity(Activity { member, .. })
            | Command::Redeem(Redeem { member, .. })
            | Command::Adjust(Adjust { member, .. })
            | Command::Badge(member, _)
            | Command::Status(member, _) => *member,
            Command::Refund(_) | Command::Cancel(_) => None,
        }
    }

    /// The name under which it is done at most once.
    pub(crate) fn reference(&self) -> Option<SmolStr> {
        match self {
            Command::Activity(told) => {
                let reference = told.reference.as_ref()?;
                Some(smol_str::format_smolstr!("activity {} {} {reference}", told.brand, told.activity))
            }
            Command::Refund(told) => {
                let id = told.refund_id.as_ref()?;
                Some(smol_str::format_smolstr!("refund {} {} {id}", told.order.0, told.order.1))
            }
            Command::Adjust(told) => Some(smol_str::format_smolstr!("adjustment {}", told.id)),
            _ => None,
        }
    }

    /// The command that a request's body is; `member` finds one by its id, `redemption` likewise.
    pub(crate) fn read(
        path: &str,
        body: &Value,
        member: impl Fn(&str) -> Whom,
        redemption: impl Fn(&str) -> Option<OrderKey>,
    ) -> Option<Command> {
        let word = |value: &Value| SmolStr::new(text(value));
        let maybe = |value: &Value| value.as_str().map(SmolStr::new);
        let whom = member(&text(&body["member_id"]));
        let brand = word(&body["brand"]);
        let at = |value: &Value| value.as_str().and_then(calendar::instant);
        let occurred_at = at(&body["occurred_at"]);
        Some(match path {
            "/earn-points" if body["activity"].is_string() => Command::Activity(Activity {
                member: whom,
                brand,
                activity: word(&body["activity"]),
                reference: maybe(&body["activity_ref"]),
                occurred_at,
            }),
            "/earn-points" => Command::Order(Order {
                member: whom,
                brand,
                order_id: word(&body["order_id"]),
                amount: maybe(&body["amount"]),
                lines: list(&body["lines"]).iter().map(read_line).collect(),
                occurred_at,
            }),
            "/redeem" => Command::Redeem(Redeem {
                member: whom,
                brand,
                points: body["points"].as_i64().unwrap_or(0),
                order_id: word(&body["for"]["order_id"]),
            }),
            "/reverse" if body["redemption_id"].is_string() => {
                Command::Cancel(redemption(&text(&body["redemption_id"])))
            }
            "/reverse" => Command::Refund(Refund {
                order: (brand, word(&body["order_id"])),
                what: read_refunded(&body["refund"]),
                refund_id: maybe(&body["refund_id"]),
            }),
            "/adjust" => Command::Adjust(Adjust {
                member: whom,
                brand,
                points: body["points"].as_i64().unwrap_or(0),
                growth: body["growth"].as_i64().unwrap_or(0),
                id: word(&body["adjustment_id"]),
                expires_at: at(&body["expires_at"]),
            }),
            "/issue-badge" => Command::Badge(whom, word(&body["badge"])),
            _ => return None,
        })
    }
}

fn read_line(line: &Value) -> Line {
    Line {
        line_id: SmolStr::new(text(&line["line_id"])),
        category: line["category"].as_str().map(SmolStr::new),
        quantity: line["quantity"].as_i64().unwrap_or(1),
        amount: SmolStr::new(text(&line["amount"])),
    }
}

fn read_refunded(refund: &Value) -> Refunded {
    match (refund["lines"].as_array(), refund["amount"].as_str()) {
        _ if refund == "all" => Refunded::All,
        (Some(lines), _) => {
            let part =
                |part: &Value| (SmolStr::new(text(&part["line_id"])), part["quantity"].as_i64().unwrap_or(0));
            Refunded::Lines(lines.iter().map(part).collect())
        }
        (None, amount) => Refunded::Amount(SmolStr::new(amount.unwrap_or_default())),
    }
}
