//! A member, with what is known of the person.

use domain::{
    id::{BadgeId, BrandId, MergeId, TierId},
    member::{self, ConsentWay, Lot, MemberId, Person, QUIET_HOURS_MAX},
    number::{Currency, Money},
};
use engine::MemberView;

use super::{IdentityId, Show};
use crate::{
    At, AttributeShown, DayText, Id, List, LocaleWord, MoneyText, Named, OrNull, QuietHoursShown, Secrets,
    Text, Ulid, answer, attributes, word_of, words,
};

/// Who looks at a member.
#[derive(Clone, Copy)]
pub struct Viewer<'a> {
    /// What ids of identities follow from.
    pub secrets: &'a Secrets,
    /// Whether staff look, who see attributes of staff too.
    pub staff: bool,
}

word_of! {
    /// What an identity is.
    pub struct IdentityKindWord: &["phone", "email", "external"];
}

answer! {
    /// How a person is known.
    pub struct Identity<'a> {
        /// the identity's, as long as the member has it
        id: Ulid<IdentityId>,
        /// what it is
        kind: IdentityKindWord,
        /// the number, address or id
        value: Text<256, &'a str>,
        /// whether a shop vouches for it
        verified: bool,
        /// the other system, of an external identity
        channel: Option<Text<64, &'a str>>,
    }
}

answer! {
    /// Where a person lives.
    pub struct Region<'a> {
        /// 商圈
        area: Option<Text<100, &'a str>>,
        /// 市
        city: Option<Text<100, &'a str>>,
        /// 国家
        country: Option<Text<100, &'a str>>,
        /// 区
        district: Option<Text<100, &'a str>>,
        /// 省
        province: Option<Text<100, &'a str>>,
    }
}

answer! {
    /// Who a person is.
    pub struct Profile<'a> {
        /// as the person gives it
        name: Option<Text<100, &'a str>>,
        /// YYYY-MM-DD
        birthday: Option<DayText<&'a str>>,
        /// as the person gives it
        gender: Option<Text<32, &'a str>>,
        /// the language in which the person is written to
        locale: Option<LocaleWord>,
        /// the IANA name of the zone of the person's own clock; left out where it is the programme's
        time_zone: Option<Text<64, &'a str>>,
        /// hours of that clock in which the person is told nothing; left out without any
        quiet_hours: Option<List<QuietHoursShown, 1, QUIET_HOURS_MAX>>,
        /// where the person lives
        region: Option<Region<'a>>,
        /// what the programme declares beside, by its ids; left out without any
        attributes: Option<Named<AttributeShown<'a>, 50>>,
    }
}

answer! {
    /// A trial of a higher tier.
    pub struct Trial<'a> {
        /// the tier
        id: Id<&'a TierId>,
        /// until when
        until: At,
    }
}

answer! {
    /// The tier above a member's.
    pub struct NextTier<'a> {
        /// the tier
        id: Id<&'a TierId>,
        /// how much growth is missing
        growth_needed: u64,
    }
}

answer! {
    /// The tier that a member has.
    pub struct MemberTier<'a> {
        /// the tier
        id: Id<&'a TierId>,
        /// since when
        since: At,
        /// until when it holds; null is for ever
        valid_until: OrNull<At>,
        /// whether it is the member's for life
        lifetime: bool,
        /// a trial that is under way
        trial: OrNull<Trial<'a>>,
        /// null on the highest
        next: OrNull<NextTier<'a>>,
    }
}

answer! {
    /// Points of one end.
    pub struct MemberLot<'a> {
        /// null is never
        expires_at: OrNull<At>,
        /// who issued them
        brand: Id<&'a BrandId>,
        /// null: they can be spent
        held_until: OrNull<At>,
        /// how many
        points: u64,
    }
}

answer! {
    /// A member's points, lot by lot.
    pub struct MemberPoints<'a> {
        /// points that can be spent
        available: u64,
        /// points that cannot be spent yet
        held: u64,
        /// points owed
        debt: u64,
        /// in spending order, free before held
        lots: List<MemberLot<'a>, 0, 1_000>,
    }
}

answer! {
    /// A badge that a member has.
    pub struct MemberBadge<'a> {
        /// the badge
        id: Id<&'a BadgeId>,
        /// when it was issued
        issued_at: At,
    }
}

answer! {
    /// Figures of a member's orders.
    pub struct MemberStats {
        /// how many orders
        orders: u64,
        /// what they came to, refunds taken off
        amount: MoneyText,
        /// when the first happened
        first_order_at: OrNull<At>,
        /// when the last happened
        last_order_at: OrNull<At>,
        /// orders before Laurel, as an import told them; in no fact
        prior: OrNull<PriorStats>,
    }
}

answer! {
    /// Figures of a member's orders before Laurel.
    pub struct PriorStats {
        /// how many orders
        orders: u64,
        /// what they came to
        amount: MoneyText,
    }
}

word_of! {
    /// Whether a member takes part.
    pub struct MemberStatus: &["active", "suspended", "closed", "erased", "merged"];
}

word_of! {
    /// Where a member stands in its life as a customer.
    pub struct Lifecycle: &["new", "active", "dormant", "lost"];
}

answer! {
    /// Another record of the same person, which was merged into a member.
    pub struct AbsorbedMember {
        /// the record
        id: Ulid<MemberId>,
        /// the merge
        merge_id: Ulid<MergeId>,
        /// when
        at: At,
    }
}

answer! {
    /// A member as of now.
    pub struct Member<'a> {
        /// the member
        id: Ulid<MemberId>,
        /// whether it takes part
        status: MemberStatus,
        /// when it registered
        registered_at: At,
        /// how the person is known, by way of absorbed records too
        identities: List<Identity<'a>, 0, 180>,
        /// who the person is
        profile: Profile<'a>,
        /// what the person agreed to, by channel
        consents: Named<bool, 20>,
        /// the brand of registration
        brand: OrNull<Id<&'a str>>,
        /// the channel of registration
        channel: OrNull<Text<64, &'a str>>,
        /// the terms the person agreed to
        terms_version: OrNull<Text<64, &'a str>>,
        /// the tier
        tier: MemberTier<'a>,
        /// growth
        growth: u64,
        /// growth of the tier's period; may go below 0
        period_growth: i64,
        /// points
        points: MemberPoints<'a>,
        /// badges, in order of issue
        badges: List<MemberBadge<'a>, 0, 200>,
        /// tags, those by hand and those of a rule, in the programme's order
        tags: List<Text<64, &'a str>, 0, 200>,
        /// 生命周期
        lifecycle: Lifecycle,
        /// figures of its orders
        stats: MemberStats,
        /// other records of the same person that were merged into this one; for staff, left out without any
        absorbed: Option<List<AbsorbedMember, 1, 8>>,
    }
}

answer! {
    /// What a person has agreed to, or refused.
    pub struct GivenConsent<'a> {
        /// for what
        channel: Text<64, &'a str>,
        /// whether it was given
        given: bool,
        /// since when, if that is known
        at: OrNull<At>,
        /// how it was told, if that is known
        how: OrNull<ConsentWord>,
    }
}

words! {
    /// How a consent was told.
    pub enum ConsentWord {
        /// By a file that said since when.
        Import = "import",
        /// By a registration.
        Registration = "registration",
        /// By a correction of what is known of the person.
        Correction = "correction",
    }
}

impl<'p> Show<'p> {
    /// How the person is known, by way of records too that the member has absorbed.
    pub fn identities<'a>(&self, view: &'a MemberView, viewer: Viewer<'_>) -> List<Identity<'a>, 0, 180> {
        let of = |id: MemberId, identities: &'a [member::Identity]| {
            identities.iter().map(move |own| self.identity(id, own, viewer.secrets))
        };
        let others = view.others.iter().flat_map(|(id, identities)| of(*id, identities));
        of(view.member.id, &view.person.identities).chain(others).collect()
    }

    /// What the person has agreed to, or refused.
    pub fn consents<'a>(&self, person: &'a Person) -> List<GivenConsent<'a>, 0, 20> {
        let given = person.consents.iter().map(|(channel, given)| {
            let since = person.consents_since.get(channel).copied();
            GivenConsent {
                channel: Text(channel),
                given: *given,
                at: self.maybe(since.map(|since| since.at)),
                how: OrNull(since.map(|since| match since.how {
                    ConsentWay::Import => ConsentWord::Import,
                    ConsentWay::Registration => ConsentWord::Registration,
                    ConsentWay::Correction => ConsentWord::Correction,
                })),
            }
        });
        given.collect()
    }

    /// A member.
    pub fn member<'a>(&self, view: &'a MemberView, viewer: Viewer<'_>) -> Member<'a>
    where
        'p: 'a,
    {
        let MemberView { member, person, others: _, prior, tags, now } = view;
        let lifecycle = self.programme.lifecycle.of(member, self.zone(), *now);
        Member {
            id: Ulid(member.id),
            status: MemberStatus(member.status.word()),
            registered_at: self.instant(member.registered_at),
            identities: self.identities(view, viewer),
            profile: self.profile(person, viewer.staff),
            consents: Named(person.consents.iter().map(|(name, given)| (name.into(), *given)).collect()),
            // An erased person has none.
            brand: OrNull(Some(person.brand.as_str()).filter(|brand| !brand.is_empty()).map(Id)),
            channel: OrNull(person.channel.as_deref().map(Text)),
            terms_version: OrNull(person.terms_version.as_deref().map(Text)),
            tier: self.tier(member),
            growth: member.growth,
            period_growth: member.period_growth,
            points: MemberPoints {
                available: member.available(),
                held: member.held(),
                debt: member.debt,
                lots: member.lots.iter().map(|lot| self.lot(lot)).collect(),
            },
            badges: member
                .badges
                .iter()
                .map(|badge| MemberBadge { id: Id(&badge.id), issued_at: self.instant(badge.issued_at) })
                .collect(),
            tags: tags.iter().map(|tag| Text(tag.as_str())).collect(),
            lifecycle: Lifecycle(lifecycle),
            stats: MemberStats {
                orders: member.orders.count,
                amount: MoneyText(member.orders.amount.show(self.currency())),
                first_order_at: self.maybe(member.orders.first_at),
                last_order_at: self.maybe(member.orders.last_at),
                prior: OrNull(self.prior(*prior)),
            },
            absorbed: (viewer.staff && !member.absorbed.is_empty()).then(|| {
                let absorbed = member.absorbed.iter();
                absorbed
                    .map(|one| AbsorbedMember {
                        id: Ulid(one.member),
                        merge_id: Ulid(one.merge),
                        at: self.instant(one.at),
                    })
                    .collect()
            }),
        }
    }

    /// An identity of that member.
    pub fn identity<'a>(
        &self,
        member: MemberId,
        identity: &'a member::Identity,
        secrets: &Secrets,
    ) -> Identity<'a> {
        Identity {
            id: Ulid(secrets.identity_id(member, identity)),
            kind: IdentityKindWord(identity.kind.word()),
            value: Text(&identity.value),
            verified: identity.verified,
            channel: Some(Text(identity.channel.as_str())).filter(|channel| !channel.is_empty()),
        }
    }

    fn profile<'a>(&self, person: &'a Person, staff: bool) -> Profile<'a> {
        let part = |name: &str| person.region.get(name).map(|part| Text(part.as_str()));
        let region = Region {
            area: part("area"),
            city: part("city"),
            country: part("country"),
            district: part("district"),
            province: part("province"),
        };
        let attributes = attributes::shown(self.programme, person, staff);
        let attributes = attributes.into_iter().map(|(id, value)| (id.into(), value)).collect::<Vec<_>>();
        Profile {
            name: person.name.as_deref().map(Text),
            birthday: person.birthday.as_deref().map(DayText),
            gender: person.gender.as_deref().map(Text),
            locale: person.locale.map(LocaleWord::from),
            time_zone: person.time_zone.as_deref().map(Text),
            quiet_hours: QuietHoursShown::all(&person.quiet_hours),
            region: (!person.region.is_empty()).then_some(region),
            attributes: (!attributes.is_empty()).then_some(Named(attributes)),
        }
    }

    fn prior(&self, (orders, amount): (Option<u64>, Option<Money>)) -> Option<PriorStats> {
        let said = orders.is_some() || amount.is_some();
        said.then(|| PriorStats {
            orders: orders.unwrap_or(0),
            amount: MoneyText(amount.unwrap_or_default().show(self.currency())),
        })
    }

    fn lot<'a>(&self, lot: &'a Lot) -> MemberLot<'a> {
        MemberLot {
            expires_at: self.maybe(lot.expires_at),
            brand: Id(&lot.brand),
            held_until: self.maybe(lot.held_until),
            points: lot.points,
        }
    }

    fn tier<'a>(&self, member: &'a member::Member) -> MemberTier<'a>
    where
        'p: 'a,
    {
        let standing = &member.standing;
        // A programme that no longer has the member's tier shows the way from its lowest.
        let rank = self.programme.rank(&standing.tier).unwrap_or(0);
        let next = self.programme.tiers.get(rank + 1).map(|next| NextTier {
            id: Id(&next.id),
            // More growth than the next tier needs stands until something makes it rise.
            growth_needed: next.growth.saturating_sub(member.growth),
        });
        MemberTier {
            id: Id(&standing.tier),
            since: self.instant(standing.since),
            valid_until: self.maybe(standing.valid_until),
            lifetime: member.lifetime.as_ref() == Some(&standing.tier),
            trial: OrNull(
                member
                    .trial
                    .as_ref()
                    .map(|trial| Trial { id: Id(&trial.tier), until: self.instant(trial.until) }),
            ),
            next: OrNull(next),
        }
    }

    fn currency(&self) -> Currency {
        self.programme.currency
    }
}
