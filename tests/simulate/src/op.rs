//! Operations: what clients ask, and the bytes with which they ask it.

use std::{collections::HashMap, fmt::Write as _};

use laurel_tests::model::command::{Command, Refunded};

use crate::{faults::Kind, instant};

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

/// One request, whatever becomes of it.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A command on a member's ledger.
    Command(Command, Way),
    /// Somebody with that number registers; `verified` with the identity of that second number.
    Register(u32, Option<u32>),
    /// `GET /members/{id}`.
    Show(usize),
    /// `POST /members/find`.
    Find(u32),
    /// A page of a ledger: how many, and the cursor to go on from.
    Ledger(usize, usize, Option<Cursor>),
    /// A scheduled function by its URL: which, `as_of`, and one member.
    Sweep(&'static str, Option<i64>, Option<usize>),
    /// A scheduled function by its schedule's event.
    Schedule(&'static str, Option<i64>),
    /// A new version of the programme.
    Program(std::rc::Rc<str>),
}

/// Where a ledger is read on: the text, and how many of the moving entries lie below it.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    /// As it was told.
    pub(crate) text: String,
    /// Moving entries that were not shown yet.
    pub(crate) below: usize,
    /// The moment it was told at.
    pub(crate) at: i64,
}

impl Op {
    /// What it counts as in the table of faults.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Op::Command(_, Way::DryRun) | Op::Show(_) | Op::Find(_) | Op::Ledger(..) => Kind::Read,
            Op::Command(command, _) => match command {
                Command::Order(_) => Kind::Order,
                Command::Activity(_) => Kind::Activity,
                Command::Redeem(_) => Kind::Redeem,
                Command::Refund(_) => Kind::Refund,
                Command::Cancel(_) => Kind::Cancel,
                Command::Adjust(_) => Kind::Adjust,
                Command::Badge(..) => Kind::Badge,
                Command::Status(..) => Kind::Status,
            },
            Op::Register(..) => Kind::Register,
            Op::Sweep(..) | Op::Schedule(..) => Kind::Sweep,
            Op::Program(_) => Kind::Program,
        }
    }

    /// Whether the same request may be sent again, whatever became of the first: it is recognised, or
    /// does no more than it did.
    pub(crate) fn is_recognised(&self, keyed: bool) -> bool {
        match self {
            Op::Command(Command::Refund(refund), _) => keyed || refund.refund_id.is_some(),
            Op::Command(Command::Activity(done), _) => keyed || done.reference.is_some(),
            _ => true,
        }
    }

    /// Method, path with its query, and body; `ids` are those of members, `redemption` tells the id of the
    /// redemption for an order.
    pub(crate) fn request(
        &self,
        ids: &[String],
        links: &HashMap<usize, String>,
        redemption: impl Fn(&str, &str) -> String,
    ) -> Sent {
        let nobody = "mbr_00000000000000000000000000";
        let id = |member: Option<usize>| member.map_or(nobody, |member| &ids[member]);
        let unlinked = "lnk_00000000000000000000000000";
        let reference = |member: Option<usize>| member.and_then(|member| links.get(&member));
        match self {
            Op::Command(Command::Status(member, status), _) => Sent {
                method: "POST",
                path: format!("/members/{}/status", id(*member)),
                body: format!(r#"{{"status":"{status}","reason":"simulated"}}"#),
            },
            Op::Command(command, way) => {
                let who = |member| match way {
                    Way::Signed => ("member_ref", reference(member).map_or(unlinked, String::as_str)),
                    _ => ("member_id", id(member)),
                };
                let (path, mut body) = command_text(command, who, redemption);
                body.push_str(if *way == Way::DryRun { r#","dry_run":true}"# } else { "}" });
                Sent { method: "POST", path: path.to_owned(), body }
            }
            Op::Register(person, other) => {
                let mut body = format!(r#"{{"identities":[{}"#, identity(*person, other.is_some()));
                if let Some(other) = other {
                    _ = write!(body, ",{}", identity(*other, false));
                }
                body.push_str(r#"],"brand":"acme"}"#);
                Sent { method: "POST", path: "/register".to_owned(), body }
            }
            Op::Show(member) => Sent::get(format!("/members/{}", ids[*member])),
            Op::Find(person) => Sent {
                method: "POST",
                path: "/members/find".to_owned(),
                body: format!(r#"{{"identity":{}}}"#, identity(*person, false)),
            },
            Op::Ledger(member, limit, cursor) => {
                let mut path = format!("/members/{}/ledger?limit={limit}", ids[*member]);
                if let Some(cursor) = cursor {
                    path = path + "&cursor=" + &cursor.text;
                }
                Sent::get(path)
            }
            Op::Sweep(path, as_of, member) => {
                let body = match (as_of, member) {
                    (_, Some(member)) => format!(r#"{{"member_id":"{}"}}"#, ids[*member]),
                    (Some(as_of), None) => format!(r#"{{"as_of":"{}"}}"#, instant::write(*as_of)),
                    (None, None) => "{}".to_owned(),
                };
                Sent { method: "POST", path: format!("/{path}"), body }
            }
            Op::Schedule(path, as_of) => {
                let time = as_of.map_or(String::new(), instant::write);
                let body = format!(
                    r#"{{"source":"aws.scheduler","detail-type":"Scheduled Event","time":"{time}"}}"#
                );
                Sent { method: "EVENT", path: (*path).to_owned(), body }
            }
            Op::Program(document) => {
                Sent { method: "PUT", path: "/program".to_owned(), body: document.to_string() }
            }
        }
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

fn identity(person: u32, verified: bool) -> String {
    let verified = if verified { r#","verified":true"# } else { "" };
    format!(r#"{{"kind":"external","channel":"sim","value":"p{person}"{verified}}}"#)
}

/// The path, and the body without its last brace.
fn command_text<'a>(
    command: &Command,
    who: impl Fn(Option<usize>) -> (&'static str, &'a str),
    redemption: impl Fn(&str, &str) -> String,
) -> (&'static str, String) {
    let mut body = String::with_capacity(192);
    let out = &mut body;
    let instant = |name: &str, at: Option<i64>, out: &mut String| {
        if let Some(at) = at {
            _ = write!(out, r#","{name}":"{}""#, instant::write(at));
        }
    };
    // Writing to a string cannot fail.
    let path = match command {
        Command::Order(order) => {
            let ((name, member), brand, order_id) = (who(order.member), &order.brand, &order.order_id);
            _ = write!(out, r#"{{"{name}":"{member}","brand":"{brand}","order_id":"{order_id}""#);
            if let Some(amount) = &order.amount {
                _ = write!(out, r#","amount":"{amount}""#);
            }
            for (place, line) in order.lines.iter().enumerate() {
                out.push_str(if place == 0 { r#","lines":["# } else { "," });
                let (line_id, quantity, amount) = (&line.line_id, line.quantity, &line.amount);
                _ = write!(out, r#"{{"line_id":"{line_id}","quantity":{quantity},"amount":"{amount}""#);
                if let Some(category) = &line.category {
                    _ = write!(out, r#","category":"{category}""#);
                }
                out.push('}');
            }
            out.push_str(if order.lines.is_empty() { "" } else { "]" });
            instant("occurred_at", order.occurred_at, out);
            "/earn-points"
        }
        Command::Activity(done) => {
            let ((name, member), brand, activity) = (who(done.member), &done.brand, &done.activity);
            _ = write!(out, r#"{{"{name}":"{member}","brand":"{brand}","activity":"{activity}""#);
            if let Some(reference) = &done.reference {
                _ = write!(out, r#","activity_ref":"{reference}""#);
            }
            instant("occurred_at", done.occurred_at, out);
            "/earn-points"
        }
        Command::Redeem(redeem) => {
            let ((name, member), brand, points) = (who(redeem.member), &redeem.brand, redeem.points);
            let order_id = &redeem.order_id;
            _ = write!(
                out,
                r#"{{"{name}":"{member}","brand":"{brand}","points":{points},"for":{{"kind":"order","order_id":"{order_id}"}}"#
            );
            "/redeem"
        }
        Command::Refund(refund) => {
            let (brand, order_id) = &refund.order;
            _ = write!(out, r#"{{"brand":"{brand}","order_id":"{order_id}","refund":"#);
            match &refund.what {
                Refunded::All => out.push_str(r#""all""#),
                Refunded::Amount(amount) => _ = write!(out, r#"{{"amount":"{amount}"}}"#),
                Refunded::Lines(lines) => {
                    for (place, (line_id, quantity)) in lines.iter().enumerate() {
                        out.push_str(if place == 0 { r#"{"lines":["# } else { "," });
                        _ = write!(out, r#"{{"line_id":"{line_id}","quantity":{quantity}}}"#);
                    }
                    out.push_str("]}");
                }
            }
            if let Some(refund_id) = &refund.refund_id {
                _ = write!(out, r#","refund_id":"{refund_id}""#);
            }
            "/reverse"
        }
        Command::Cancel(order) => {
            let known = order.as_ref().map(|(brand, order_id)| redemption(brand, order_id));
            let id = known.unwrap_or_else(|| "rdm_00000000000000000000000000".to_owned());
            _ = write!(out, r#"{{"redemption_id":"{id}""#);
            "/reverse"
        }
        Command::Adjust(adjust) => {
            let ((_, member), brand, name) = (who(adjust.member), &adjust.brand, &adjust.id);
            let (points, growth) = (adjust.points, adjust.growth);
            _ = write!(
                out,
                r#"{{"member_id":"{member}","brand":"{brand}","points":{points},"growth":{growth},"reason":"simulated","adjustment_id":"{name}""#
            );
            instant("expires_at", adjust.expires_at, out);
            "/adjust"
        }
        Command::Badge(member, badge) => {
            let (_, member) = who(*member);
            _ = write!(out, r#"{{"member_id":"{member}","badge":"{badge}","reason":"simulated""#);
            "/issue-badge"
        }
        // Its path names the member.
        Command::Status(..) => "",
    };
    (path, body)
}
