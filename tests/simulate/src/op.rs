//! Operations: the clients' requests, their bytes, and which answers are right. A feature has a file, which
//! also draws its requests, and a row in [`Op`] or in [`Command`].

mod by_hand;
mod cards;
mod earning;
mod known;
mod ledger;
mod log;
mod merging;
pub(crate) mod offers;
mod orders;
mod people;
mod programme;
mod redeeming;
mod refunds;
mod revising;
mod sweeps;

use domain::id::{OrderId, RedemptionPart};
use std::{collections::HashMap, fmt::Write as _};

use laurel_tests::model::{
    Model,
    command::{Command, RedemptionKey},
};

pub(crate) use self::{
    cards::{Look, Scan},
    known::{AddIdentity, Correct, FindIdentity, Persons, RemoveIdentity, Stays},
    ledger::{Cursor, Ledger},
    log::Log,
    merging::Merge,
    offers::Offer,
    orders::FindOrder,
    people::{Find, Register, Show},
    programme::Program,
    sweeps::{Schedule, Sweep},
};
use crate::{
    answer::{compare_partner, compare_told},
    answered::{Got, Next},
    faults::Kind,
    world::{View, World},
};

/// How a command is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// By the admin.
    Plain,
    /// By the admin, as a dry run.
    DryRun,
    /// By the partner, signed.
    Signed,
}

/// The partner brand of every simulated programme.
pub(crate) const PARTNER: &str = "moon";

/// One request, whatever its outcome.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A command on a member's ledger.
    Command(Dispatch),
    /// Somebody registers.
    Register(Register),
    /// A member is shown.
    Show(Show),
    /// Somebody is looked for.
    Find(Find),
    /// An identity is added to a member.
    AddIdentity(AddIdentity),
    /// One is removed.
    RemoveIdentity(RemoveIdentity),
    /// Somebody is looked for by one that was added.
    FindIdentity(FindIdentity),
    /// What is known of a member is corrected.
    Correct(Correct),
    /// Two records of one person are joined.
    Merge(Merge),
    /// A member's card is looked at.
    Look(Look),
    /// A card is scanned.
    Scan(Scan),
    /// A page of a ledger.
    Ledger(Ledger),
    /// The activity log.
    Log(Log),
    /// An order is looked for.
    FindOrder(FindOrder),
    /// A scheduled function by its URL.
    Sweep(Sweep),
    /// A scheduled function by its schedule's event.
    Schedule(Schedule),
    /// A new version of the programme.
    Program(Program),
    /// A new version of an offer.
    Offer(Offer),
}

/// What the simulation needs from an operation: each feature's own part.
pub(crate) trait Asked {
    /// What it counts as in the table of faults.
    fn kind(&self) -> Kind;

    /// Whether the same request may be sent again, whatever the outcome of the first: it is recognised, or
    /// does nothing more.
    fn is_recognised(&self, _keyed: bool) -> bool {
        true
    }

    /// Whether a repeat must get a success back byte for byte.
    fn must_repeat(&self, _keyed: bool) -> bool {
        false
    }

    /// Whether its effect was undone since, so that a repeat is refused.
    fn is_undone(&self, _: &Model) -> bool {
        false
    }

    /// Method, path with its query, and body.
    fn request(&self, names: &Names<'_>) -> Sent;

    /// Whether what it reads is also changed by what others do than the member that it is about.
    fn is_of_several(&self) -> bool {
        false
    }

    /// The member that it is about, as far as is known.
    fn about(&self, _: &World) -> Option<usize> {
        None
    }

    /// How things stand for it.
    fn view(&self, _: &World, _now: i64, _known: usize) -> View {
        View::Other
    }

    /// Compares its answer with a state.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    fn compare(&self, world: &World, got: &Got<'_>, view: &View, known: usize) -> Result<Next, String>;
}

/// The same of a command on a member's ledger.
trait Commanded {
    fn kind(&self) -> Kind;

    fn is_recognised(&self, _keyed: bool) -> bool {
        true
    }

    fn must_repeat(&self, _keyed: bool) -> bool {
        true
    }

    fn is_undone(&self, _: &Model) -> bool {
        false
    }

    fn about(&self, model: &Model) -> Option<usize>;

    /// Whether its effect follows from several records, which are read one after the other.
    fn reads_apart(&self) -> bool {
        false
    }

    fn method(&self) -> &'static str {
        "POST"
    }

    /// Writes the body without its last brace, or nothing if it has none, and returns the path.
    fn write(&self, names: &Names<'_>, way: Way, out: &mut String) -> String;
}

/// As its feature has it.
fn commanded(command: &Command) -> &dyn Commanded {
    match command {
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

impl Op {
    /// A command, sent that way.
    pub(crate) fn command(command: Command, way: Way) -> Op {
        Op::Command(Dispatch { command, way })
    }

    /// As its feature has it.
    pub(crate) fn asked(&self) -> &dyn Asked {
        match self {
            Op::Command(op) => op,
            Op::Register(op) => op,
            Op::Show(op) => op,
            Op::Find(op) => op,
            Op::AddIdentity(op) => op,
            Op::RemoveIdentity(op) => op,
            Op::FindIdentity(op) => op,
            Op::Correct(op) => op,
            Op::Merge(op) => op,
            Op::Look(op) => op,
            Op::Scan(op) => op,
            Op::Ledger(op) => op,
            Op::Log(op) => op,
            Op::FindOrder(op) => op,
            Op::Sweep(op) => op,
            Op::Schedule(op) => op,
            Op::Program(op) => op,
            Op::Offer(op) => op,
        }
    }

    /// What it counts as in the table of faults.
    pub(crate) fn kind(&self) -> Kind {
        self.asked().kind()
    }

    /// Whether the partner signs it.
    pub(crate) fn is_signed(&self) -> bool {
        matches!(self, Op::Command(Dispatch { way: Way::Signed, .. }))
    }
}

/// A command on a member's ledger, and how it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    pub(crate) command: Command,
    pub(crate) way: Way,
}

impl Asked for Dispatch {
    fn kind(&self) -> Kind {
        if self.way == Way::DryRun { Kind::Read } else { commanded(&self.command).kind() }
    }

    fn is_recognised(&self, keyed: bool) -> bool {
        commanded(&self.command).is_recognised(keyed)
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        self.way != Way::DryRun && commanded(&self.command).must_repeat(keyed)
    }

    fn is_undone(&self, model: &Model) -> bool {
        commanded(&self.command).is_undone(model)
    }

    fn request(&self, names: &Names<'_>) -> Sent {
        let mut body = String::with_capacity(192);
        let path = commanded(&self.command).write(names, self.way, &mut body);
        if !body.is_empty() {
            body.push_str(if self.way == Way::DryRun { r#","dry_run":true}"# } else { "}" });
        }
        Sent { method: commanded(&self.command).method(), path, body }
    }

    fn about(&self, world: &World) -> Option<usize> {
        commanded(&self.command).about(&world.model)
    }

    fn view(&self, world: &World, now: i64, known: usize) -> View {
        let (told, after) = world.model.judge(&self.command, now, known);
        View::Told(Box::new(told), after.map(Box::new))
    }

    fn compare(&self, world: &World, got: &Got<'_>, view: &View, known: usize) -> Result<Next, String> {
        let (status, body, program) = (got.status, got.body, world.model.program(known));
        let dry_run = self.way == Way::DryRun;
        // What a refund would take follows from the order and the member, which are read one after the other.
        if dry_run && commanded(&self.command).reads_apart() && got.attempt.blurred && status == 200 {
            return Ok(Next::Nothing);
        }
        let View::Told(told, _) = view else { return Err(Got::nothing()) };
        match self.way {
            Way::Signed => compare_partner(status, body, told, program, self.command.whom().is_some())?,
            Way::Plain | Way::DryRun => compare_told(status, body, told, program, dry_run)?,
        }
        Ok(Next::Nothing)
    }
}

/// The ids that requests name.
pub(crate) struct Names<'a> {
    /// Those of members.
    pub(crate) ids: &'a [String],
    /// The partner's references to them.
    pub(crate) links: &'a HashMap<usize, String>,
}

impl Names<'_> {
    /// A member's id, or one that does not exist.
    fn id(&self, member: Option<usize>) -> &str {
        member.map_or("mbr_00000000000000000000000000", |member| &self.ids[member])
    }

    /// How that way of asking names a member.
    fn who(&self, member: Option<usize>, way: Way) -> (&'static str, &str) {
        if way != Way::Signed {
            return ("member_id", self.id(member));
        }
        let reference = member.and_then(|member| self.links.get(&member));
        ("member_ref", reference.map_or("lnk_00000000000000000000000000", String::as_str))
    }

    /// The id of a redemption.
    fn redemption(&self, (brand, order_id, part): &RedemptionKey) -> String {
        edge::wire::id(engine::redemption_id(
            &domain::id::BrandId::of_checked(brand),
            &OrderId::of_checked(order_id),
            part.as_deref().map(RedemptionPart::of_checked).as_ref(),
        ))
    }
}

/// A request as it goes out.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// The method; `EVENT` for a schedule's.
    pub(crate) method: &'static str,
    /// The path with its query.
    pub(crate) path: String,
    /// The body.
    pub(crate) body: String,
}

impl Sent {
    fn get(path: String) -> Sent {
        Sent { method: "GET", path, body: String::new() }
    }
}

/// Writes an instant into a body, if there is one.
fn instant(name: &str, at: Option<i64>, out: &mut String) {
    if let Some(at) = at {
        // Writing to a string cannot fail.
        _ = write!(out, r#","{name}":"{}""#, crate::instant::write(at));
    }
}
