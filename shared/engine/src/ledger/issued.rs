//! Grants as their entries, and what is kept beside those, say.

use domain::{
    decide::IssuedBefore,
    event::GrantIssued,
    member::{Member, MemberId, Status},
    offer::grant::Grant,
};

use crate::store::{
    Key, keys,
    records::{EntryRecord, KeptGrant},
};

/// A grant as its entry and what is kept beside it say; `member` is who holds it now.
pub(crate) fn grant_of(issued: &GrantIssued, entry: &EntryRecord, member: &Member) -> Grant {
    let as_new = KeptGrant::default();
    let grant = plain(issued, entry, entry.grant.as_deref().unwrap_or(&as_new));
    let has_left = matches!(member.status, Status::Closed | Status::Erased);
    Grant { member: member.id, revoked: grant.revoked || has_left, ..grant }
}

fn plain(issued: &GrantIssued, entry: &EntryRecord, kept: &KeptGrant) -> Grant {
    let left = if issued.is_used { 0 } else { issued.quantity.saturating_sub(kept.taken) };
    Grant {
        id: Some(issued.name.id()),
        offer: issued.offer.clone(),
        version: issued.version,
        member: entry.member,
        quantity: Some(issued.quantity),
        left: Some(left),
        valid_from: issued.valid_from,
        valid_until: kept.ends.or(issued.valid_until),
        revoked: kept.revoked.is_some(),
        given_until: kept.given_until,
        held: kept.held.as_ref().map(|held| held.shown()),
        source: issued.source,
        issued_at: Some(entry.event.at),
        code: kept.code.clone(),
    }
}

/// A grant as it was issued; `None` if the entry issues none.
pub fn as_issued(entry: &EntryRecord) -> Option<Grant> {
    let issued = issued_by(entry)?;
    let code = entry.grant.as_deref().and_then(|kept| kept.code.clone());
    let as_new = KeptGrant { code, ..KeptGrant::default() };
    Some(Grant { member: entry.member, ..plain(issued, entry, &as_new) })
}

/// A grant as it was when the other entry took it back; `None` if the one issues none, or the other takes none back.
pub fn as_revoked(issued: &EntryRecord, entry: &EntryRecord) -> Option<Grant> {
    let revoked = entry.event.kind.revoked()?;
    let grant = as_issued(issued)?;
    let (member, left) = (entry.member, Some(revoked.left));
    Some(Grant { member, left, valid_until: revoked.valid_until, revoked: true, ..grant })
}

/// What an entry issues, if it does.
pub(crate) fn issued_by(entry: &EntryRecord) -> Option<&GrantIssued> {
    entry.event.kind.issued()
}

/// What an entry has issued, as limits count it; `None` if it issues nothing.
pub(crate) fn issued_before(entry: &EntryRecord) -> Option<IssuedBefore> {
    let issued = issued_by(entry)?;
    let kept = entry.grant.as_deref();
    let is_back = kept.is_some_and(|kept| kept.revoked.is_some() && kept.taken == 0);
    Some(IssuedBefore { name: issued.name, pieces: if is_back { 0 } else { issued.pieces } })
}

/// The member and all that it has absorbed.
pub(crate) fn family(member: &Member) -> impl Iterator<Item = MemberId> {
    std::iter::once(member.id).chain(member.absorbed.iter().map(|absorbed| absorbed.member))
}

/// Whether the key is of a window of an offer that is not issued, and no grant's.
pub(crate) fn is_window(key: &Key) -> bool {
    keys::read_grant(key).is_none_or(|(.., number)| number == 0)
}
