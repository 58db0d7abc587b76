//! What is told outward of what happens: the types of events, in one table.
//!
//! Each kind of ledger entry has its type in [`Row::told`](super::Row::told). The others are of what has no entry. A
//! type is published: its word never changes, and a new one is added here.

/// Who may hear of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hearers {
    /// Staff, the house's own brands, and the partner brand that it concerns.
    Partners,
    /// Staff, and the house's own brands.
    House,
    /// Staff, and the brand that it names.
    Own,
}

macro_rules! types {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal $hearers:ident;)+) => {
        /// A type of event.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum EventType {
            $($(#[doc = $doc])+ $name,)+
        }

        impl EventType {
            /// Every type, in the order in which they are published.
            pub const ALL: &'static [EventType] = &[$(EventType::$name,)+];

            /// Its word: a group, a point, and what happened.
            pub const fn word(self) -> &'static str {
                match self {
                    $(EventType::$name => $word,)+
                }
            }

            /// Who may hear of it.
            pub const fn hearers(self) -> Hearers {
                match self {
                    $(EventType::$name => Hearers::$hearers,)+
                }
            }

            /// What it says, for the documentation.
            pub fn means(self) -> &'static str {
                match self {
                    $(EventType::$name => concat!($($doc),+).trim(),)+
                }
            }
        }
    };
}

types! {
    /// an order or an activity earned
    PointsEarned "points.earned" Partners;
    /// an order was told anew
    OrderRevised "order.revised" Partners;
    /// an order was refunded
    PointsReversed "points.reversed" Partners;
    /// points were spent
    PointsRedeemed "points.redeemed" Partners;
    /// a redemption was cancelled
    RedemptionCancelled "redemption.cancelled" Partners;
    /// points expired
    PointsExpired "points.expired" House;
    /// expired points came back for a redemption that was told late
    PointsRestored "points.restored" House;
    /// an activity was done
    ActivityDone "activity.done" Partners;
    /// what an activity gave was taken back
    ActivityReversed "activity.reversed" Partners;
    /// staff or an import moved points or growth
    PointsAdjusted "points.adjusted" House;
    /// the member was suspended, made active again, closed or erased
    StatusChanged "member.status_changed" House;
    /// the tier changed
    TierChanged "tier.changed" House;
    /// the tier's period ended and the tier was kept
    TierKept "tier.kept" House;
    /// a trial of a higher tier began
    TrialStarted "trial.started" House;
    /// the tier of a trial was reached while it ran
    TrialEnded "trial.ended" House;
    /// a badge was issued
    BadgeIssued "badge.issued" House;
    /// a badge was taken back
    BadgeRemoved "badge.removed" House;
    /// a grant of an offer was claimed, bought or issued
    GrantIssued "grant.issued" Partners;
    /// a grant of an offer was taken back
    GrantRevoked "grant.revoked" Partners;
    /// offers were used
    GrantUsed "grant.used" Partners;
    /// a use of offers came back, in part or whole
    GrantReturned "grant.returned" Partners;
    /// grants were set aside for an order or a use
    GrantHeld "grant.held" House;
    /// what was set aside was let go before its end
    GrantReleased "grant.released" House;
    /// somebody became a member
    MemberRegistered "member.registered" House;
    /// the profile or a consent changed
    MemberUpdated "member.updated" House;
    /// an identity was added to a member that was there
    IdentityAdded "identity.added" House;
    /// an identity was removed
    IdentityRemoved "identity.removed" House;
    /// tags were set or taken away by hand
    TagsChanged "tags.changed" House;
    /// a member was linked with a partner
    LinkMade "link.made" Partners;
    /// a link ended
    LinkEnded "link.ended" Partners;
    /// two records of one person were joined
    MemberMerged "member.merged" House;
    /// two records that had been joined were parted again
    MemberUnmerged "member.unmerged" House;
    /// a friend, or who has brought the friend, got points for it, or they were taken back
    ReferralRewarded "referral.rewarded" House;
    /// the person was erased
    MemberErased "member.erased" House;
    /// a version of the programme was saved
    ProgramSaved "program.saved" House;
    /// a version of an offer was saved
    OfferSaved "offer.saved" House;
    /// a month was closed
    SettlementClosed "settlement.closed" House;
    /// a webhook was switched off, because its receiver failed
    WebhookDisabled "webhook.disabled" Own;
    /// somebody asked for a test
    WebhookTest "webhook.test" Own;
}

impl EventType {
    /// The type of that word.
    pub fn of(word: &str) -> Option<EventType> {
        EventType::ALL.iter().copied().find(|own| own.word() == word)
    }

    /// Whether the pattern means it: its word, `*`, or `group.*`.
    pub fn is_in(self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some("") => true,
            Some(group) => group.ends_with('.') && self.word().starts_with(group),
            None => self.word() == pattern,
        }
    }

    /// Whether a pattern means any type at all.
    pub fn is_pattern(pattern: &str) -> bool {
        EventType::ALL.iter().any(|own| own.is_in(pattern))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_type_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = EventType::ALL.iter().map(|own| own.word()).collect();
        assert_eq!(words.len(), EventType::ALL.len());
        for own in EventType::ALL {
            assert_eq!(EventType::of(own.word()), Some(*own));
            let parts: Vec<&str> = own.word().split('.').collect();
            assert!(parts.len() == 2 && parts.iter().all(|part| !part.is_empty()), "{}", own.word());
            assert!(!own.means().is_empty());
        }
        assert_eq!(EventType::of("points"), None);
    }

    #[test]
    fn a_pattern_is_a_word_a_group_or_all() {
        for (pattern, earned, tier, any) in [
            ("*", true, true, true),
            ("points.*", true, false, true),
            ("points.earned", true, false, true),
            ("tier.*", false, true, true),
            ("points", false, false, false),
            ("points.", false, false, false),
            ("point*", false, false, false),
            ("points.earned*", false, false, false),
            ("p*", false, false, false),
            (".*", false, false, false),
            ("", false, false, false),
            ("*.*", false, false, false),
            ("points.spent", false, false, false),
        ] {
            assert_eq!(EventType::PointsEarned.is_in(pattern), earned, "{pattern}");
            assert_eq!(EventType::TierChanged.is_in(pattern), tier, "{pattern}");
            assert_eq!(EventType::is_pattern(pattern), any, "{pattern}");
        }
    }
}
