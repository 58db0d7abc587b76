//! What is held about a person and no other answer shows: for the export of a person alone.

use domain::{
    attribute::BYTES_MAX,
    id::ReferralCode,
    member::{Member, MemberId, Person},
    time::Instant,
};
use engine::{
    FriendsNow, HeldReferral,
    id::SignalHash,
    records::{CardUse, MemberCardRecord, SIGNALS_MAX},
};

use super::{ReferralWord, Show};
use crate::{At, AttributeShown, CARD_STEP_MILLIS, Id, List, Named, OrNull, Text, Ulid, answer, attributes};

const MINUTE_MILLIS: i64 = 60_000;

answer! {
    /// The last change of a person.
    pub struct LastChange {
        /// who made it: a key's id, or the member's own
        by: Text<64>,
        /// when
        at: At,
    }
}

answer! {
    /// A code of the card that points were spent with.
    pub struct SpentCode {
        /// the step's or minute's beginning that it was made for
        at: At,
        /// whether it was made for tills without a network
        offline: bool,
    }
}

answer! {
    /// The member's card.
    pub struct HeldCard {
        /// when it was made
        made_at: At,
        /// whether a device was given its key
        device: bool,
        /// the last codes that points were spent with
        spent: List<SpentCode, 0, 1_000>,
    }
}

answer! {
    /// How many of a member's friends are in each state.
    pub struct FriendsCount {
        /// the first order is awaited
        open: u64,
        /// somebody is to look at it
        review: u64,
        /// given, and held
        held: u64,
        /// given, and the hold has ended
        pub done: u64,
        /// nothing is given
        void: u64,
    }
}

answer! {
    /// Who has brought a member.
    pub struct BroughtMember {
        /// the bare id; it may have been merged into another since
        member_id: Ulid<MemberId>,
        /// before when the first order counts
        until: At,
        /// what has come of it
        state: OrNull<ReferralWord>,
    }
}

answer! {
    /// What is held of referral.
    pub struct KeptReferral {
        /// the code that friends come with; null before anybody has looked at it
        code: OrNull<Text<16>>,
        /// who has brought the person; null: nobody
        brought_by: OrNull<BroughtMember>,
        /// what has come of friends
        friends: FriendsCount,
        /// hashes of what shops have said that tells whether two are one, in hexadecimal
        signals: List<Text<32>, 0, SIGNALS_MAX>,
    }
}

answer! {
    /// What is held beside.
    pub struct Kept<'a> {
        /// the code that the person came with
        referral_code: OrNull<Id<&'a ReferralCode>>,
        /// who has brought the person, and whom the person has brought
        referral: KeptReferral,
        /// attributes that the programme has no more, by their ids
        attributes: Named<AttributeShown<'a>, BYTES_MAX>,
        /// tags set by hand that the programme has no more
        tags: List<Text<64, &'a str>, 0, 10_000>,
        /// null before anybody has looked at it
        card: OrNull<HeldCard>,
        /// when link codes were asked for lately
        link_codes: List<At, 0, 20>,
        /// the last change of the person that was told
        changed: OrNull<LastChange>,
    }
}

impl From<FriendsNow> for FriendsCount {
    fn from(now: FriendsNow) -> FriendsCount {
        let FriendsNow { open, review, held, done, void } = now;
        FriendsCount { open, review, held, done, void }
    }
}

impl<'p> Show<'p> {
    /// What is held about a person beside what the member shows.
    pub fn kept<'a>(
        &self,
        member: &'a Member,
        person: &'a Person,
        (card, asked): (Option<&MemberCardRecord>, &[Instant]),
        referral: &HeldReferral,
    ) -> Kept<'a>
    where
        'p: 'a,
    {
        let shown = attributes::shown(self.programme, person, true);
        let gone = person.attributes.iter().filter(|(id, _)| shown.iter().all(|(own, _)| own != id));
        let tags = member.tags.iter().filter(|tag| !self.programme.has_hand_tag(tag));
        Kept {
            referral_code: OrNull(person.referral_code.as_ref().map(Id)),
            referral: self.kept_referral(referral),
            attributes: Named(gone.map(|(id, value)| (id.as_str().into(), AttributeShown(value))).collect()),
            tags: tags.map(|tag| Text(tag.as_str())).collect(),
            card: OrNull(card.map(|card| self.held_card(card))),
            link_codes: asked.iter().map(|at| self.instant(*at)).collect(),
            changed: OrNull(
                person
                    .changed
                    .as_ref()
                    .map(|changed| LastChange { by: Text(changed.by.clone()), at: self.instant(changed.at) }),
            ),
        }
    }

    fn kept_referral(&self, held: &HeldReferral) -> KeptReferral {
        let brought_by = held.brought_by.map(|(by, state)| BroughtMember {
            member_id: Ulid(by.referrer),
            until: self.instant(by.until),
            state: OrNull(state.map(|state| ReferralWord(state.word()))),
        });
        let hex =
            |SignalHash(hash): &SignalHash| Text(hash.iter().map(|byte| format!("{byte:02x}")).collect());
        KeptReferral {
            code: OrNull(held.code.clone().map(Text)),
            brought_by: OrNull(brought_by),
            friends: held.friends.into(),
            signals: held.signals.iter().map(hex).collect(),
        }
    }

    fn held_card(&self, card: &MemberCardRecord) -> HeldCard {
        let spent = |used: &CardUse| {
            let millis = if used.offline { MINUTE_MILLIS } else { CARD_STEP_MILLIS };
            let at = i64::try_from(used.at).unwrap_or(i64::MAX).saturating_mul(millis);
            SpentCode { at: self.instant(Instant(at)), offline: used.offline }
        };
        HeldCard {
            made_at: self.instant(card.made_at),
            device: card.device.is_some(),
            spent: card.used.iter().map(spent).collect(),
        }
    }
}
