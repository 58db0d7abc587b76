//! Commands to the model, as sent, and its answers.

use super::calendar;
use super::draft::Draft;
use super::member::{Entry, Standing};
use super::program::text;
use super::{Model, activities, adjusting, badges, earning, redeeming, refunds, revising};
use serde_json::Value;
use smol_str::SmolStr;

pub use super::activities::{ActivityKey, TakeBack};
pub use super::adjusting::Adjust;
pub use super::badges::{Badge, Take};
pub use super::earning::{Activity, Line, Order};
pub use super::redeeming::{Cancel, Redeem};
pub use super::refunds::{Refund, Refunded};
pub use super::revising::Revise;
pub use super::status::Status;
pub use super::tags::Tag;

/// A member by its index in the model; `None` is a member that does not exist.
pub type Whom = Option<usize>;

/// Brand and order: the name of an order.
pub type OrderKey = (SmolStr, SmolStr);

/// Brand, order and part: the name of a redemption.
pub type RedemptionKey = (SmolStr, SmolStr, Option<SmolStr>);

/// A command on a member's ledger, by feature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// An order earns.
    Order(Order),
    /// An order is told anew.
    Revise(Revise),
    /// An activity earns.
    Activity(Activity),
    /// Points are spent.
    Redeem(Redeem),
    /// An order is refunded.
    Refund(Refund),
    /// A redemption is cancelled.
    Cancel(Cancel),
    /// An activity is taken back.
    TakeBack(TakeBack),
    /// Points or growth by hand.
    Adjust(Adjust),
    /// A badge by hand.
    Badge(Badge),
    /// A badge is taken back.
    Take(Take),
    /// `active`, `suspended` or `closed`.
    Status(Status),
    /// A tag by hand.
    Tag(Tag),
}

/// Parses a feature's commands.
const READERS: [fn(&Body<'_>) -> Option<Command>; 7] = [
    revising::read,
    activities::read,
    earning::read,
    redeeming::read,
    refunds::read,
    adjusting::read,
    badges::read,
];

/// What the model needs from a command: each feature's own part.
pub(crate) trait Asked {
    /// The member it is about, if it names one.
    fn whom(&self) -> Whom;

    /// Whose ledger it moves.
    ///
    /// # Errors
    /// What it names does not exist, or can no longer be moved.
    fn member(&self, _: &Model) -> Result<usize, Told> {
        self.whom().ok_or_else(|| refuse(404, "member_not_found"))
    }

    /// The name under which it is done at most once, if its answer is kept under one.
    fn reference(&self) -> Option<SmolStr> {
        None
    }

    /// The first answer again, if it is kept with what was made.
    fn replayed(&self, _: &Model) -> Option<Told> {
        None
    }

    /// What it does.
    ///
    /// # Errors
    /// It does nothing; this is the answer.
    fn decide(&self, draft: &mut Draft<'_>, model: &Model) -> Result<Told, Told>;
}

/// The answer to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// It was done, now or before.
    Done(Box<Done>),
    /// It was refused.
    Refused(Refused),
}

/// Status, code, and the refusal's data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The code.
    pub code: &'static str,
    /// `available` and `debt`.
    pub balance: Option<(i64, i64)>,
    /// `remaining`, of an order without lines, or of a redemption.
    pub remaining: Option<Value>,
    /// `revision`, of an order: its last.
    pub revision: Option<i64>,
}

/// The answer's figures for what was done.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Done {
    /// The HTTP status.
    pub status: u16,
    /// The entry; none if nothing was left to do.
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
    Told::Refused(Refused { status, code, balance: None, remaining: None, revision: None })
}

/// Refuses with the order's last revision.
pub(crate) fn refuse_revision(code: &'static str, revision: i64) -> Told {
    let revision = Some(revision);
    Told::Refused(Refused { status: 409, code, balance: None, remaining: None, revision })
}

pub(crate) fn invalid() -> Told {
    refuse(422, "invalid_field")
}

impl Command {
    /// As its feature has it.
    pub(crate) fn asked(&self) -> &dyn Asked {
        match self {
            Command::Order(sent) => sent,
            Command::Revise(sent) => sent,
            Command::Activity(sent) => sent,
            Command::Redeem(sent) => sent,
            Command::Refund(sent) => sent,
            Command::Cancel(sent) => sent,
            Command::TakeBack(sent) => sent,
            Command::Adjust(sent) => sent,
            Command::Badge(sent) => sent,
            Command::Take(sent) => sent,
            Command::Status(sent) => sent,
            Command::Tag(sent) => sent,
        }
    }

    /// The member it is about, if it names one.
    pub fn whom(&self) -> Whom {
        self.asked().whom()
    }

    /// The command that a request's body is; `member` finds one by its id, `redemption` likewise.
    pub(crate) fn read(
        path: &str,
        body: &Value,
        member: impl Fn(&str) -> Whom,
        redemption: impl Fn(&str) -> Option<RedemptionKey>,
    ) -> Option<Command> {
        let whom = member(&text(&body["member_id"]));
        let body = Body { path, value: body, whom, redemption: &redemption };
        READERS.iter().find_map(|read| read(&body))
    }
}

/// A request that is read.
pub(crate) struct Body<'a> {
    pub(crate) path: &'a str,
    pub(crate) value: &'a Value,
    /// Whom its `member_id` names.
    pub(crate) whom: Whom,
    redemption: &'a dyn Fn(&str) -> Option<RedemptionKey>,
}

impl Body<'_> {
    pub(crate) fn word(&self, name: &str) -> SmolStr {
        SmolStr::new(text(&self.value[name]))
    }

    pub(crate) fn maybe(&self, name: &str) -> Option<SmolStr> {
        self.value[name].as_str().map(SmolStr::new)
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.value[name].as_i64().unwrap_or(0)
    }

    pub(crate) fn instant(&self, name: &str) -> Option<i64> {
        self.value[name].as_str().and_then(calendar::instant)
    }

    /// The redemption that it names, if any.
    pub(crate) fn redemption(&self) -> Option<Option<RedemptionKey>> {
        self.value["redemption_id"].as_str().map(self.redemption)
    }
}
