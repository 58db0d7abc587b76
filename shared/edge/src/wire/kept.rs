//! What is held about a person and no other answer shows: for the export of a person alone.

use domain::{
    attribute::BYTES_MAX,
    id::ReferralCode,
    member::{Member, Person},
    time::Instant,
};
use engine::records::{CardUse, MemberCardRecord};

use super::Show;
use crate::{At, AttributeShown, CARD_STEP_MILLIS, Id, List, Named, OrNull, Text, answer, attributes};

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
    /// What is held beside.
    pub struct Kept<'a> {
        /// the code that the person came with
        referral_code: OrNull<Id<&'a ReferralCode>>,
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

impl<'p> Show<'p> {
    /// What is held about a person beside what the member shows.
    pub fn kept<'a>(
        &self,
        member: &'a Member,
        person: &'a Person,
        card: Option<&MemberCardRecord>,
        asked: &[Instant],
    ) -> Kept<'a>
    where
        'p: 'a,
    {
        let shown = attributes::shown(self.programme, person, true);
        let gone = person.attributes.iter().filter(|(id, _)| shown.iter().all(|(own, _)| own != id));
        let tags = member.tags.iter().filter(|tag| !self.programme.has_hand_tag(tag));
        Kept {
            referral_code: OrNull(person.referral_code.as_ref().map(Id)),
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
