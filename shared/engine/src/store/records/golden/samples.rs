//! The samples: of every record the plainest value, every variant, every option both ways, and extremes.

mod entry;
mod grants;
mod offers;
mod person;
mod referral;
mod settlement;
mod staff;
mod webhooks;

use domain::{
    brought::Opening,
    id::{ActivityId, BadgeId, BlockRef, BrandId, MergeId, TierId},
    member::{
        Absorbed, ActivityCount, Badge, Lot, Member, MemberId, MergedInto, OrderStats, Periods, Rest, Rests,
        Standing, Status, Trial,
    },
    number::{Amount, Money},
    referral::{BroughtBy, Friends},
    time::{DayNumber, Instant},
};

pub(super) use self::{
    entry::entry,
    grants::used,
    offers::{
        offer, offer_account, offer_days, offer_version, offers, printed, printed_code, printed_used,
        stock_batch, stock_codes, stock_pool, window, word,
    },
    person::person,
    referral::{edge, friend_code, member_code, signals},
    settlement::{settlement_account, settlement_month, settlement_paid, settlement_sums},
    staff::staff_change,
    webhooks::{delivery, happened, retry, webhooks},
};
use super::Samples;
use crate::store::{
    id::{AskedHash, CallerId, CardHash, CardNumber, ContentHash, KeyHash, PartnerKeyId, Reference},
    records::{
        Answer, BlockRecord, By, CallerRecord, CardRecord, CardUse, ClaimRecord, Held, KeyRecord,
        LinkCodeRecord, LinkEnd, LinkRecord, MemberCardRecord, MemberRecord, NonceRecord, PartedRecord,
        PartnerKeyRecord, PartnerRecord, PlaceRecord, Pool, ProgramPart, ProgramRecord, Progress,
        ReferenceRecord, Remembered, RequestRecord, Shard, Stock, Window,
    },
};

/// Whole numbers of 64 bits around every length that they are stored in.
const WHOLE: [u64; 7] = [0, 1, 127, 128, 16_384, 1 << 53, u64::MAX];
const SIGNED: [i64; 7] = [i64::MIN, -65, -64, 0, 63, 64, i64::MAX];
const ID: MemberId = MemberId(*b"0123456789abcdef");
const AT: Instant = Instant(1_767_225_600_123);
/// Before 1970.
const LONG_AGO: Instant = Instant(-1_000);

fn named<T>(samples: impl IntoIterator<Item = (&'static str, T)>) -> Samples<T> {
    samples.into_iter().map(|(name, sample)| (name.to_owned(), sample)).collect()
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn bys() -> [(&'static str, By); 5] {
    // Exhaustive: a new variant needs a sample.
    let name = |by: By| match by {
        By::Caller(_) => "by_caller",
        By::Time => "by_time",
        By::Import => "by_import",
        By::Schedule => "by_schedule",
        By::Member(_) => "by_member",
    };
    [By::Caller(CallerId::of([0xab; 16])), By::Time, By::Import, By::Schedule, By::Member(ID)]
        .map(|by| (name(by), by))
}

fn statuses() -> [(&'static str, Status); 5] {
    let all = [Status::Active, Status::Suspended, Status::Closed, Status::Erased, Status::Merged];
    all.map(|status| match status {
        Status::Active | Status::Suspended | Status::Closed | Status::Erased | Status::Merged => {
            (status.word(), status)
        }
    })
}

fn full_member() -> Member {
    Member {
        id: ID,
        status: Status::Active,
        registered_at: LONG_AGO,
        as_of: AT,
        version: 0,
        seq: 300,
        growth: 2_500,
        period_growth: -20,
        standing: Standing {
            tier: TierId::of_checked("gold"),
            since: AT,
            valid_until: Some(Instant(AT.0 + 1)),
            kept: 3,
            counted: None,
        },
        lifetime: Some(TierId::of_checked("silver")),
        trial: Some(Trial { tier: TierId::of_checked("black"), until: Instant(AT.0 + 2) }),
        tried: vec![TierId::of_checked("black"), TierId::of_checked("silver")],
        lots: vec![
            Lot {
                expires_at: Some(Instant(AT.0 + 3)),
                brand: BrandId::of_checked("acme"),
                held_until: None,
                points: 10,
            },
            Lot { expires_at: None, brand: BrandId::of_checked("bean"), held_until: Some(AT), points: 128 },
        ],
        debt: 7,
        active_on: DayNumber(20_454),
        ends_with: None,
        badges: vec![Badge { id: BadgeId::of_checked("first_order"), issued_at: AT }],
        by_hand: Vec::new(),
        tags: texts(&["vip", "茶"]),
        granted: vec![(DayNumber(20_453), 5), (DayNumber(20_454), 6)],
        activities: vec![ActivityCount {
            id: ActivityId::of_checked("check_in"),
            days: vec![(DayNumber(-1), 1), (DayNumber(20_454), 2)],
            streak_day: DayNumber(20_454),
            streak: 2,
        }],
        orders: OrderStats {
            count: 2,
            amount: Money(8_850),
            rests: Rests::default(),
            first_at: Some(LONG_AGO),
            last_at: Some(AT),
            categories: texts(&["tea", "books"]),
            more_categories: true,
        },
        opening: Opening::default(),
        merged: None,
        absorbed: Vec::new(),
        brought_by: None,
        friends: Friends::default(),
    }
}

fn opening() -> Opening {
    Opening {
        growth: Some(2_000),
        tier: Some(TierId::of_checked("gold")),
        tier_until: Some(None),
        prior_orders: Some(17),
        prior_amount: Some(Money(123_450)),
    }
}

pub(super) fn member() -> Samples<MemberRecord> {
    let newborn = Member::new(ID, AT, AT, &TierId::of_checked("basic"));
    let record = |member| MemberRecord { member, last: None, leads_to: None };
    let mut samples = named([
        ("newborn", record(newborn.clone())),
        ("full", MemberRecord { member: full_member(), last: Some(b"oacme\0A-1".to_vec()), leads_to: None }),
    ]);
    let into = MergedInto { member: ID, merge: MergeId(*b"merge-0000000001"), at: AT };
    let merged = Member { status: Status::Merged, merged: Some(into), ..newborn.clone() };
    samples.push((text("merged_into"), record(merged.clone())));
    samples
        .push((text("merged_and_shorter"), MemberRecord { member: merged, last: None, leads_to: Some(ID) }));
    let absorbed = vec![Absorbed { member: ID, merge: MergeId(*b"merge-0000000001"), at: AT }; 2];
    samples.push((text("absorbed"), record(Member { absorbed, ..newborn.clone() })));
    let brought_by = Some(BroughtBy { referrer: ID, until: AT });
    let friends = Friends { given: 3, held: vec![LONG_AGO, AT], month: DayNumber(20_454), in_month: 2 };
    samples.push((text("referring"), record(Member { brought_by, friends, ..newborn.clone() })));
    samples
        .extend(statuses().map(|(name, status)| (text(name), record(Member { status, ..newborn.clone() }))));
    for (at, (whole, signed)) in WHOLE.into_iter().zip(SIGNED).enumerate() {
        let member =
            Member { seq: whole, growth: whole, period_growth: signed, debt: whole, ..newborn.clone() };
        samples.push((format!("numbers_{at}"), record(member)));
    }
    let counted = Periods { from: DayNumber(20_454), months: 1_200, number: u32::MAX };
    let standing = Standing { counted: Some(counted), ..newborn.standing.clone() };
    samples.push((text("periods"), record(Member { version: 128, standing, ..newborn.clone() })));
    let brought = Member { opening: opening(), ..newborn.clone() };
    samples.push((text("brought"), record(brought)));
    let member = Member {
        granted: vec![(DayNumber(i32::MIN), u64::MAX), (DayNumber(i32::MAX), 0)],
        active_on: DayNumber(i32::MIN),
        ..newborn.clone()
    };
    let by_hand = vec![BadgeId::of_checked("first_order"), BadgeId::of_checked("founder")];
    samples.push((text("badges_by_hand"), record(Member { by_hand, ..newborn.clone() })));
    let rest = |of, parts, orders| Rest { of, parts, orders };
    let most = rest(u64::MAX, u128::from(u64::MAX) * u128::from(u64::MAX - 1), u64::MAX);
    let rests = Rests::of(vec![rest(3, 4, 2), rest(347, 300, 1), most]).unwrap_or_default();
    let orders = OrderStats { rests, ..newborn.orders.clone() };
    samples.push((text("orders_rests"), record(Member { orders, ..newborn.clone() })));
    samples.push((text("ends_with"), record(Member { ends_with: Some(AT), ..newborn })));
    samples.push((text("days"), record(member)));
    samples
}

pub(super) fn block() -> Samples<BlockRecord> {
    let block = BlockRecord {
        brand: BrandId::of_checked("bean"),
        number: 1,
        reference: BlockRef::of_checked("PO-1"),
        points: 5_000_000,
        price: Money(5_000_000),
        bought_at: AT,
        content: ContentHash([7; 16]),
    };
    let largest = BlockRecord { number: u32::MAX, points: u64::MAX, price: Money(u64::MAX), ..block.clone() };
    named([("block", block), ("largest", largest)])
}

fn answers() -> [(&'static str, Answer); 2] {
    [
        ("answer", Answer { status: 200, body: "{\"name\":\"小明\"}".into() }),
        ("empty", Answer { status: u16::MAX, body: Vec::new() }),
    ]
}

pub(super) fn answer() -> Samples<Answer> {
    named(answers())
}

pub(super) fn request() -> Samples<RequestRecord> {
    let [(_, whole), (_, empty)] = answers();
    let all = [
        Remembered::Entry(b"oacme\0A-1".to_vec()),
        Remembered::Whole(whole),
        Remembered::Personal([b"w".as_slice(), &[1; 32]].concat()),
        Remembered::Nothing(ID),
    ];
    let name = |answer: &Remembered| match answer {
        Remembered::Entry(_) => "entry",
        Remembered::Whole(_) => "whole",
        Remembered::Personal(_) => "personal",
        Remembered::Nothing(_) => "nothing",
    };
    let of = |held, answer| RequestRecord { held, at: AT, answer };
    // As in format 1; and such a record, rewritten.
    let content = Held::Content(ContentHash([9; 16]));
    let mut samples = named(all.clone().map(|answer| (name(&answer), of(content, answer))));
    samples.push((text("whole_empty"), of(content, Remembered::Whole(empty))));
    samples.push((text("content_anew"), of(content, Remembered::Nothing(ID))));
    let asked = Held::Asked(AskedHash([10; 16]));
    samples.extend(all.map(|answer| (format!("asked_{}", name(&answer)), of(asked, answer))));
    samples
}

pub(super) fn program() -> Samples<ProgramRecord> {
    let record = |by| ProgramRecord { since: AT, by, document: text("{\"name\": \"Club\"}"), further: 0 };
    let mut samples = named(bys().map(|(name, by)| (name, record(by))));
    samples.push((text("in_parts"), ProgramRecord { further: 3, ..record(By::Time) }));
    samples
}

pub(super) fn program_part() -> Samples<ProgramPart> {
    named(
        [("middle", "\"茶\", \"te"), ("end", "a\"]}")]
            .map(|(name, part)| (name, ProgramPart { text: text(part) })),
    )
}

pub(super) fn program_head() -> Samples<u32> {
    named([("first", 1), ("seven_bits", 127), ("eight_bits", 128), ("largest", u32::MAX)])
}

pub(super) fn caller() -> Samples<CallerRecord> {
    let caller = CallerRecord {
        name: text("Till 1"),
        roles: texts(&["earn", "redeem"]),
        brand: None,
        hash: KeyHash([3; 32]),
        created_at: AT,
        rotated_at: AT,
        revoked_at: None,
        generation: 1,
    };
    let revoked = CallerRecord {
        brand: Some(BrandId::of_checked("acme")),
        revoked_at: Some(Instant(AT.0 + 5)),
        generation: 300,
        ..caller.clone()
    };
    named([("caller", caller), ("revoked", revoked)])
}

pub(super) fn partner() -> Samples<PartnerRecord> {
    let keys = [KeyRecord::Ed25519([5; 32]), KeyRecord::HmacSha256((0..60).collect())];
    let name = |key: &KeyRecord| match key {
        KeyRecord::Ed25519(_) => "ed25519",
        KeyRecord::HmacSha256(_) => "hmac_sha256",
    };
    let of = |key: KeyRecord, revoked_at| PartnerKeyRecord {
        id: PartnerKeyId([4; 16]),
        key,
        created_at: AT,
        revoked_at,
    };
    let mut samples = named(keys.map(|key| (name(&key), PartnerRecord { keys: vec![of(key, None)] })));
    let [public, secret] = [KeyRecord::Ed25519([6; 32]), KeyRecord::HmacSha256(vec![8; 200])];
    let both = PartnerRecord { keys: vec![of(public, Some(AT)), of(secret, None)] };
    samples.extend(named([("none", PartnerRecord::default()), ("one_revoked", both)]));
    samples
}

pub(super) fn place() -> Samples<PlaceRecord> {
    let place = |position: &[u8]| PlaceRecord { position: position.to_vec() };
    named([("some", place(&[1, 2, 3])), ("none", place(&[]))])
}

pub(super) fn nonce() -> Samples<NonceRecord> {
    named([("nonce", NonceRecord { until: AT }), ("long_ago", NonceRecord { until: LONG_AGO })])
}

pub(super) fn claim() -> Samples<ClaimRecord> {
    named([("claim", ClaimRecord { member: ID })])
}

pub(super) fn link_code() -> Samples<LinkCodeRecord> {
    let of =
        |by, used| LinkCodeRecord { member: ID, brand: BrandId::of_checked("moon"), by, asked_at: AT, used };
    let mut samples = named(bys().map(|(name, by)| (name, of(by, None))));
    samples.push((text("used"), of(By::Member(ID), Some(Reference([0x11; 16])))));
    samples
}

pub(super) fn asked_code() -> Samples<Instant> {
    named([("asked", AT), ("long_ago", LONG_AGO)])
}

pub(super) fn reference() -> Samples<ReferenceRecord> {
    named([("reference", ReferenceRecord { member: ID })])
}

pub(super) fn parted() -> Samples<PartedRecord> {
    named([("parted", PartedRecord { of: ID, from: LONG_AGO, until: AT })])
}

pub(super) fn card() -> Samples<CardRecord> {
    named([("card", CardRecord { member: ID })])
}

pub(super) fn member_card() -> Samples<MemberCardRecord> {
    let card = MemberCardRecord {
        number: CardNumber([0x11; 16]),
        hash: CardHash([0x22; 16]),
        made_at: AT,
        device: None,
        used: Vec::new(),
        forgotten: None,
    };
    let by = CardNumber([0x33; 16]);
    let online = CardUse { offline: false, at: 58_907_520, until: AT, by };
    let offline = CardUse { offline: true, at: u64::MAX, until: LONG_AGO, by };
    let used = MemberCardRecord { device: Some(by), used: vec![online, offline], ..card.clone() };
    let forgotten = MemberCardRecord { forgotten: Some(29_453_760), ..used.clone() };
    named([("card", card), ("used", used), ("forgotten", forgotten)])
}

pub(super) fn link() -> Samples<LinkRecord> {
    let link = LinkRecord {
        reference: Reference([0x22; 16]),
        asked_by: By::Member(ID),
        asked_at: AT,
        linked_at: Instant(AT.0 + 1),
        from_seq: 0,
        end: None,
    };
    let mut samples = named([("stands", link.clone())]);
    samples.extend(bys().map(|(name, by)| {
        let end = Some(LinkEnd { by, at: Instant(AT.0 + 2), seq: 300 });
        (format!("ended_{name}"), LinkRecord { from_seq: 128, end, ..link.clone() })
    }));
    samples
}

fn account_stock() -> Stock {
    let window = |number, left| Some(Window { number, left });
    Stock {
        windows: [window(20_454, 1_000), None, window(-1, -5), window(24_312, i64::MAX)],
        blocks: vec![(1, 100), (7, u64::MAX)],
        credit: Amount(123_456_789),
        open: vec![(24_312, Amount(-1)), (24_313, Amount(i128::MAX))],
    }
}

pub(super) fn account_shard() -> Samples<Shard> {
    named([("empty", Shard::default()), ("full", Shard { version: 3, stock: account_stock() })])
}

pub(super) fn account_pool() -> Samples<Pool> {
    let closed = vec![(24_311, Amount(0)), (24_312, Amount(i128::MIN))];
    let full = Pool { version: 3, stock: account_stock(), out: u32::MAX, gathering: true, bought: 7, closed };
    named([("empty", Pool::default()), ("full", full)])
}

pub(super) fn progress() -> Samples<Progress> {
    let on = Progress { slices: 180_000, from: Some(b"q\x01".to_vec()) };
    named([("day", Progress { slices: 9, from: None }), ("within_a_slice", on)])
}
