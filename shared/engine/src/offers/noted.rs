//! What is told outward of what is set aside 预留 and let go (feed.md): neither has an entry of its own, so a note in the
//! same commit says it. A hold that ends by itself is written by nobody, and nothing is told of it: the note of the hold
//! says until when it lasts.

use domain::{
    event::EventType,
    id::{GrantId, MemberId},
    offer::{grant::HeldBy, printed::Printed},
    time::Instant,
};
use sha2::{Digest as _, Sha256};

use crate::{
    access::requests::Request,
    store::{
        Expect, Version, Write, keys,
        records::{HappenedRecord, UseRecord, UseState},
        write::put,
    },
};

/// What the notes call the order or the use, the end, the grants, and all offers that are set aside.
const ORDER: &str = "order_id";
const USE: &str = "use_id";
const UNTIL: &str = "until";
const GRANTS: &str = "grants";
const OFFERS: &str = "offers";

/// What a note says of what was set aside, or let go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside<'a> {
    /// `order_id` or `use_id`, and which.
    pub by: (&'static str, &'a str),
    /// Until when; none where it was let go.
    pub until: Option<Instant>,
    /// The grants, and windows of what is had without being issued.
    pub grants: Vec<GrantId>,
    /// The offers, each once.
    pub offers: Vec<&'a str>,
}

/// The write that notes that a member's offers were set aside, or let go, in the commit of these `writes`, which tell it
/// from others of its moment. `None` where they are the use alone: then nothing is set aside that others could want.
pub(super) fn noted(
    request: &Request,
    (member, now): (MemberId, Instant),
    record: &UseRecord,
    kind: EventType,
    writes: &[Write],
) -> Option<Write> {
    if writes.len() < 2 {
        return None;
    }
    let (name, id) = match &record.by {
        HeldBy::Order(order) => (ORDER, order.as_str()),
        HeldBy::Use(used) => (USE, used.as_str()),
    };
    let mut about = vec![(name.to_owned(), id.to_owned())];
    if let (EventType::GrantHeld, UseState::Held { until }) = (kind, record.state) {
        about.push((UNTIL.to_owned(), until.0.to_string()));
    }
    let (mut grants, mut offers) = (Vec::new(), Vec::new());
    for taken in &record.taken {
        let id = taken.grant.filter(|id| Printed::of_id(*id).is_none()).map(hex);
        grants.extend(id.filter(|id| !grants.contains(id)));
        let offer = taken.offer.to_string();
        if !offers.contains(&offer) {
            offers.push(offer);
        }
    }
    about.push((GRANTS.to_owned(), grants.join(",")));
    about.push((OFFERS.to_owned(), offers.join(",")));
    let what = kind.word().to_owned();
    let (by, brand) = (request.by, Some(record.brand.clone()));
    let noted = HappenedRecord { what, at: now, by, member: Some(member), brand, about, fields: Vec::new() };
    Some(put(keys::happened(now, tie(kind, writes)), Expect::Absent, &noted))
}

/// What tells a commit from all others of its moment: which records it writes over, and in which versions.
fn tie(kind: EventType, writes: &[Write]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(kind.word());
    for write in writes {
        hash.update(b"\0");
        hash.update(write.key.as_bytes());
        if let Expect::Version(Version(version)) = write.expect {
            hash.update(version.to_be_bytes());
        }
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut tie = [0; 16];
    tie.copy_from_slice(&digest[..16]);
    tie
}

/// What a list holds: no id of an offer has a comma.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|part| !part.is_empty())
}

fn hex(GrantId(id): GrantId) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl HappenedRecord {
    /// What it notes of what was set aside or let go, if that.
    pub fn set_aside(&self) -> Option<SetAside<'_>> {
        let about = |asked: &str| {
            let own = self.about.iter().find(|(name, _)| name == asked);
            own.map(|(_, value)| value.as_str())
        };
        let by = |name| about(name).map(|id| (name, id));
        let ids = parts(about(GRANTS)?).map(|id| u128::from_str_radix(id, 16));
        let ids = ids.map(|id| id.map(|id| GrantId(id.to_be_bytes())));
        Some(SetAside {
            by: by(ORDER).or_else(|| by(USE))?,
            until: about(UNTIL).and_then(|until| until.parse().ok()).map(Instant),
            grants: ids.collect::<Result<_, _>>().ok()?,
            offers: about(OFFERS).into_iter().flat_map(parts).collect(),
        })
    }
}
