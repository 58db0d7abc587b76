//! Tags that are set by hand. Those of a rule are derived whenever a member is looked at, and never stored.

use domain::{
    event::EventType,
    member::{Member, MemberId},
    programme::Programme,
    refusal::Refusal,
};

use super::{changes::tie, told::has_left};
use crate::{
    access::requests::{Request, Told, answering, remember_with_person},
    ledger::parts::{MemberPart, Parts},
    people::{People, view::MemberView},
    store::{
        Expect, Version, WRITES_MAX, Write,
        error::{Error, until_settled},
        keys,
        records::{Answer, HappenedRecord},
        turns::Turn,
        write::{put, still},
    },
};

/// The most tags that a member may have by hand.
pub(super) const TAGS_MAX: usize = 50;

/// A change of a member's tags by hand.
#[derive(Clone, Debug)]
pub struct TagChange {
    /// Whose.
    pub member: MemberId,
    /// Tags to add.
    pub add: Vec<String>,
    /// Tags to take away.
    pub remove: Vec<String>,
}

impl People {
    /// Sets and takes away tags by hand, all or nothing; what is so already is no change. `tell` makes the answer
    /// from the member as it is then.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::MemberNotActive`] of one who has left, [`Refusal::TagNotFound`],
    /// [`Refusal::TagHasRule`], [`Refusal::LimitExceeded`]; see [`Error`].
    pub async fn change_tags(
        &self,
        request: &Request,
        change: &TagChange,
        tell: impl Fn(&MemberView) -> Answer,
    ) -> Result<Told, Error> {
        let done = until_settled(|_| async {
            let request = self.access.renewed(request);
            self.attempt_to_tag(&request, change, &tell).await
        });
        self.access.or_remembered(request, done.await).await
    }

    async fn attempt_to_tag(
        &self,
        request: &Request,
        change: &TagChange,
        tell: &impl Fn(&MemberView) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let mut turns = self.ledger.queues.begin();
        turns.take(&[Turn::Member(change.member)]).await;
        let loaded = self.records.reach(change.member).await?.ok_or(Refusal::MemberNotFound)?;
        let id = loaded.record.member.id;
        let person = self.records.person(id).await?;
        let (loaded, member, timely) = self.ledger.settle_stored(request, id, loaded).await?;
        if has_left(member.status) {
            return Err(Refusal::MemberNotActive { status: member.status.word() }.into());
        }
        let (person, version) = person.ok_or(Refusal::MemberNotFound)?;
        let programmes = self.programme.timeline_of(&member).await?;
        let (mut after, before) = (member.clone(), member.tags);
        let changed = tag_by_hand(programmes.newest(), &mut after, &change.add, &change.remove)?;
        let now = request.now.max(after.as_of);
        let view = self.view(&after, Some(&loaded.record), person, now).await?;
        let answer = tell(&view);
        let mut parts = Parts::new(&self.programme, &programmes, request.by, now);
        let timely_count = timely.len();
        let mut told = None;
        if changed {
            told = Some(told_outward(request, id, &before, &after.tags, loaded.version));
            parts.member(MemberPart::plain(Some(&loaded), None, &after, timely));
        }
        let mut writes: Vec<Write> = parts.into_writes();
        request.note(&mut writes);
        writes.extend(told);
        writes.extend(remember_with_person(request, id, &answer));
        if request.key.is_some() {
            // The answer goes with the person, unless the person is erased meanwhile.
            writes.push(still(keys::person(id), version));
            writes.extend(answering(request, &loaded).filter(|_| !changed));
        }
        if writes.len() > WRITES_MAX {
            // The effects of time are written first, if everything is too much for one commit.
            self.ledger.settle_first(request, &loaded, timely_count, now).await?;
        }
        if !writes.is_empty() {
            self.programme.commit_timely(request, writes).await?;
        }
        Ok(Told { answer, replayed: false })
    }
}

/// The write that tells which tags came and which went, in the commit that changes the member: it was read in that version.
pub(super) fn told_outward(
    request: &Request,
    member: MemberId,
    before: &[String],
    after: &[String],
    version: Version,
) -> Write {
    let those = |of: &[String], without: &[String]| {
        let own: Vec<&str> = of.iter().filter(|tag| !without.contains(tag)).map(String::as_str).collect();
        own.join(",")
    };
    let about =
        vec![("added".to_owned(), those(after, before)), ("removed".to_owned(), those(before, after))];
    let noted = HappenedRecord {
        what: EventType::TagsChanged.word().to_owned(),
        at: request.now,
        by: request.by,
        member: Some(member),
        brand: None,
        about,
        fields: Vec::new(),
    };
    put(keys::happened(request.now, tie(b"tags changed\0", member, version, 0)), Expect::Absent, &noted)
}

/// Adds and takes away tags that are set by hand; whether anything changes.
///
/// # Errors
/// [`Refusal::TagNotFound`], [`Refusal::TagHasRule`], [`Refusal::LimitExceeded`]; the member is as it was, or given
/// up.
pub(super) fn tag_by_hand(
    programme: &Programme,
    member: &mut Member,
    add: &[String],
    remove: &[String],
) -> Result<bool, Refusal> {
    for tag in add.iter().chain(remove) {
        let named = || tag.chars().take(60).collect::<String>();
        match programme.tag(tag) {
            None => return Err(Refusal::TagNotFound { tag: named() }),
            Some(rule) if rule.when.is_some() => return Err(Refusal::TagHasRule { tag: named() }),
            Some(_) => {}
        }
    }
    let before = member.tags.clone();
    member.tags.retain(|tag| !remove.contains(tag));
    for tag in add {
        if !member.tags.contains(tag) {
            member.tags.push(tag.clone());
        }
    }
    if member.tags == before {
        return Ok(false);
    }
    if member.tags.len() > TAGS_MAX {
        // What the programme has no more takes nobody's place.
        member.tags.retain(|tag| programme.has_hand_tag(tag));
    }
    match member.tags.len() > TAGS_MAX {
        true => Err(Refusal::LimitExceeded { what: "tags" }),
        false => Ok(true),
    }
}
