//! What entries do to a member, and what follows from many of them.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use domain::{
    condition::Wants,
    decide,
    decide::{Command, Context, EarnOrder, Stop},
    event::{
        ActivityEarned, EntryKind, Event, History, Movement, Order, OrderLine, OrderRefunded, OrderState,
        Share, TierCause,
    },
    evolve, evolve_unchecked,
    id::{ActivityId, BrandId, OrderId, OrderLineId, TierId},
    json::Json,
    member::{CATEGORIES_MAX, COUNTED_DAYS, Lot, Member, MemberId},
    number::{Fraction, Money, Quantity, SignedMoney},
    programme::{self, Lifecycle, Timeline, Way},
    settle::{EVENTS_MAX, settle},
    time::{Day, DayNumber, Instant, Zone},
};

/// The fifteenth of June 2026, by which the rows below count.
const TODAY: i32 = 739_782;

/// Ten in the morning of a day, in UTC.
fn ten_of(day: i32) -> Instant {
    Zone::of("UTC").unwrap().midnight(Day::from_number(DayNumber(day))).plus_millis(36_000_000)
}

fn event(day: i32, points: i64, kind: EntryKind) -> Event {
    let share = Share { expires_at: None, brand: "acme".parse().unwrap(), held_until: None, points };
    let movement = Movement { shares: vec![share], ..Movement::default() };
    Event {
        occurred_at: ten_of(day),
        at: ten_of(day),
        today: DayNumber(day),
        movement,
        moves_expiry_to: None,
        kind,
    }
}

fn earned(brand: &str, order_id: &str, day: i32, points: u64, categories: &[Option<&str>]) -> Event {
    let line = |category: &Option<&str>| OrderLine {
        line_id: OrderLineId::of_checked("1"),
        sku: None,
        category: category.map(str::to_owned),
        quantity: Quantity(1_000),
        amount: SignedMoney(100),
    };
    let order = Order {
        brand: BrandId::of_checked(brand),
        order_id: OrderId::of_checked(order_id),
        day: DayNumber(day),
        channel: None,
        amount: Money(100),
        lines: categories.iter().map(line).collect(),
        tier: TierId::of_checked("basic"),
        version: 1,
        calculated: points,
        granted: points,
        growth: 0,
        lot: None,
        boosts: None,
        referral: None,
    };
    event(day, points as i64, EntryKind::OrderEarned(Box::new(order)))
}

fn done(activity: &str, day: i32, points: u64) -> Event {
    let kind = ActivityEarned {
        brand: "acme".parse().unwrap(),
        activity: ActivityId::of_checked(activity),
        reference: None,
        calculated: points,
        granted: points,
        day: DayNumber(day),
        streak: (DayNumber(day), 1),
    };
    event(day, points as i64, EntryKind::ActivityEarned(kind))
}

fn redeemed(brand: &str, day: i32, points: i64) -> Event {
    event(
        day,
        -points,
        EntryKind::PointsRedeemed {
            brand: BrandId::of_checked(brand),
            order_id: OrderId::of_checked("r"),
            part: None,
        },
    )
}

fn refunded(brand: &str, order_id: &str, day: i32, closes: bool) -> Event {
    let kind = OrderRefunded {
        brand: BrandId::of_checked(brand),
        order_id: OrderId::of_checked(order_id),
        revision: 1,
        amount: SignedMoney(100),
        rest_before: Fraction::NONE,
        closes,
        taken: 0,
        after: OrderState { refunds: 1, closed: closes, ..OrderState::default() },
    };
    event(day, 0, EntryKind::OrderRefunded(kind))
}

fn history(events: &[Event]) -> History {
    History { since: Instant(0), events: events.to_vec() }
}

#[test]
fn a_brands_points_of_a_day_are_its_own() {
    let of = history(&[
        earned("acme", "1", TODAY, 10, &[]),
        done("check_in", TODAY, 5),
        earned("acme", "2", TODAY - 1, 100, &[]),
        earned("acme", "3", TODAY + 1, 200, &[]),
        earned("moon", "1", TODAY, 400, &[]),
        redeemed("acme", TODAY, 3),
        redeemed("acme", TODAY - 1, 30),
        redeemed("moon", TODAY, 60),
        refunded("acme", "1", TODAY, true),
    ]);
    let counted = |brand: &str| {
        [Way::Issue, Way::Redeem].map(|way| of.counted_at(&BrandId::of_checked(brand), way, DayNumber(TODAY)))
    };
    assert_eq!(counted("acme"), [15, 3]);
    assert_eq!(counted("moon"), [400, 60]);
    assert_eq!(counted("bean"), [0, 0]);
}

#[test]
fn granted_points_are_those_of_the_days_asked_for() {
    let of = history(&[
        earned("acme", "1", TODAY, 1, &[]),
        done("check_in", TODAY + 1, 10),
        earned("acme", "2", TODAY + 2, 100, &[]),
        redeemed("acme", TODAY + 1, 1_000),
    ]);
    let between = |first: i32, last: i32| {
        of.granted(Day::from_number(DayNumber(TODAY + first)), Day::from_number(DayNumber(TODAY + last)))
    };
    assert_eq!([between(-1, -1), between(0, 0), between(1, 1), between(2, 2)], [0, 1, 10, 100]);
    assert_eq!([between(0, 1), between(1, 2), between(0, 2), between(3, 9)], [11, 110, 111, 0]);
}

#[test]
fn an_activity_was_done_as_often_as_it_was() {
    let of = history(&[
        done("check_in", TODAY, 5),
        done("check_in", TODAY, 5),
        done("review", TODAY, 5),
        done("check_in", TODAY + 1, 5),
        earned("acme", "1", TODAY, 1, &[]),
    ]);
    let times = |first: i32, last: i32| {
        of.times(
            &ActivityId::of_checked("check_in"),
            Day::from_number(DayNumber(TODAY + first)),
            Day::from_number(DayNumber(TODAY + last)),
        )
    };
    assert_eq!([times(-1, -1), times(0, 0), times(0, 1), times(1, 1), times(2, 3)], [0, 2, 3, 1, 0]);
}

#[test]
fn an_order_stands_while_anything_of_it_remains() {
    let since = ten_of(TODAY);
    let one = || earned("acme", "1", TODAY, 1, &[]);
    let early = Event { occurred_at: Instant(since.0 - 1), ..one() };
    let closing = |brand: &str, order_id: &str| refunded(brand, order_id, TODAY, true);
    for (events, recent, standing, what) in [
        (vec![], vec![], 0, "nothing"),
        (vec![one()], vec![], 1, "an order"),
        (vec![], vec![one()], 1, "what is being recorded counts"),
        (vec![early], vec![], 0, "before the moment"),
        (vec![redeemed("acme", TODAY, 1), done("check_in", TODAY, 1)], vec![], 0, "no orders"),
        (vec![one(), refunded("acme", "1", TODAY, false)], vec![], 1, "something remains"),
        (vec![one(), closing("acme", "1")], vec![], 0, "nothing remains"),
        (vec![one()], vec![closing("acme", "1")], 0, "from now on"),
        (vec![one(), closing("acme", "2")], vec![], 1, "another order"),
        (vec![one(), closing("moon", "1")], vec![], 1, "another brand's"),
    ] {
        assert_eq!(history(&events).orders_standing(&recent, since), standing, "{what}");
    }
}

#[test]
fn categories_are_those_of_every_line() {
    let of = history(&[
        earned("acme", "1", TODAY, 1, &[Some("tea"), None, Some("book")]),
        redeemed("acme", TODAY, 1),
        earned("acme", "2", TODAY, 1, &[None]),
    ]);
    let recent = [earned("moon", "3", TODAY, 1, &[Some("toy")])];
    assert_eq!(of.categories(&recent).collect::<Vec<_>>(), ["tea", "book", "toy"]);
    assert_eq!(of.categories(&[]).collect::<Vec<_>>(), ["tea", "book"]);
}

/// A member's record holds a limited number of categories, and knows that there were more.
#[test]
fn categories_of_a_member_are_bounded() {
    let mut member = Member::new(MemberId([1; 16]), Instant(0), Instant(0), &TierId::of_checked("basic"));
    let names: Vec<String> = (0..=CATEGORIES_MAX).map(|n| format!("c-{n}")).collect();
    for (count, more) in
        [(1, false), (CATEGORIES_MAX, false), (CATEGORIES_MAX, false), (CATEGORIES_MAX + 1, true)]
    {
        let categories: Vec<_> = names[..count].iter().map(|name| Some(name.as_str())).collect();
        evolve(&mut member, &earned("acme", "1", TODAY, 1, &categories));
        assert_eq!(member.orders.categories, names[..count.min(CATEGORIES_MAX)], "{count}");
        assert_eq!(member.orders.more_categories, more, "{count}");
    }
}

/// A rise holds from when it was recorded, though its order happened before; a lapse from its instant, though it was
/// recorded after.
#[test]
fn a_tier_is_held_since_it_was_reached_or_lapsed() {
    for (why, since) in [(TierCause::Raised, ten_of(TODAY)), (TierCause::Lapsed, ten_of(TODAY - 2))] {
        let mut member = Member::new(MemberId([1; 16]), Instant(0), Instant(0), &TierId::of_checked("basic"));
        let kind = EntryKind::TierChanged {
            from: TierId::of_checked("basic"),
            to: TierId::of_checked("silver"),
            why,
            valid_until: None,
            ends_trial: false,
        };
        let told = Event { occurred_at: ten_of(TODAY - 2), ..event(TODAY, 0, kind) };
        evolve(&mut member, &told);
        assert_eq!((member.standing.tier.as_str(), member.standing.since), ("silver", since), "{why:?}");
    }
}

/// What counts for limits is known day by day, for as long as it may be needed and no longer.
#[test]
fn days_are_counted_for_a_while() {
    let mut member = Member::new(MemberId([1; 16]), Instant(0), Instant(0), &TierId::of_checked("basic"));
    for day in TODAY..=TODAY + 2 * COUNTED_DAYS {
        evolve(&mut member, &earned("acme", &day.to_string(), day, 2, &[]));
        evolve(&mut member, &done("check_in", day, 3));
        evolve(&mut member, &done("check_in", day, 3));
    }
    let last: Vec<_> = (TODAY + COUNTED_DAYS..=TODAY + 2 * COUNTED_DAYS).map(DayNumber).collect();
    assert_eq!(member.granted, last.iter().map(|day| (*day, 8)).collect::<Vec<_>>());
    assert_eq!(member.activities[0].days, last.iter().map(|day| (*day, 2)).collect::<Vec<_>>());
}

/// Days are local dates, and bounds are exclusive.
#[test]
fn a_life_is_new_active_dormant_and_lost() {
    let bounds = Lifecycle { new_days: 30, active_days: 90, lost_days: 365 };
    // Days since the registration, and since the first order and the last one.
    for (registered, orders, word) in [
        (0, None, "new"),
        (29, None, "new"),
        (30, None, "dormant"),
        (9_999, None, "dormant"),
        (9_999, Some((29, 29)), "new"),
        (9_999, Some((30, 30)), "active"),
        (9_999, Some((200, 89)), "active"),
        (9_999, Some((200, 90)), "dormant"),
        (9_999, Some((9_999, 364)), "dormant"),
        (9_999, Some((9_999, 365)), "lost"),
    ] {
        let now = TODAY;
        let mut member = Member::new(
            MemberId([1; 16]),
            ten_of(now - registered),
            ten_of(now),
            &TierId::of_checked("basic"),
        );
        member.orders.first_at = orders.map(|(first, _)| ten_of(now - first));
        member.orders.last_at = orders.map(|(_, last)| ten_of(now - last));
        let found = bounds.of(&member, Zone::of("UTC").unwrap(), ten_of(now));
        assert_eq!(found, word, "{registered} {orders:?}");
    }
}

/// A minimal programme with that in its points.
fn programmes(points: &str) -> Timeline {
    programmes_with(points, "")
}

/// The same, with that beside them.
fn programmes_with(points: &str, beside: &str) -> Timeline {
    let document = format!(
        r#"{{"name": "Club", "time_zone": "UTC", "currency": "CNY", "default_region": "CN", "late_days": 400,
        "brands": [{{"id": "acme", "name": "Acme"}}], "growth": {{"per_unit": "1"}},
        "points": {{"per_unit": "1", "expiry": {{"mode": "never"}}{points}}},
        "tiers": [{{"id": "basic", "growth": 0}}]{beside}}}"#
    );
    let programme = programme::read(&Json::parse(document.as_bytes()).unwrap(), 1, Instant(0)).unwrap();
    Timeline::new(vec![Arc::new(programme)]).unwrap()
}

/// A limit's count of the last days is known without the ledger; only older days are looked up there.
#[test]
fn a_limit_asks_the_ledger_for_old_days_only() {
    let programmes = programmes(r#", "limits": [{"per": "day", "points": 50}]"#);
    let now = ten_of(TODAY);
    let context =
        Context { programmes: &programmes, now, person: None, history: None, any_age: false, bringing: None };
    let mut member = Member::new(MemberId([1; 16]), Instant(0), now, &TierId::of_checked("basic"));
    evolve(&mut member, &earned("acme", "0", TODAY, 20, &[]));
    for (days, want) in [
        (0, Ok(30)),
        (1, Ok(50)),
        (COUNTED_DAYS, Ok(50)),
        (
            COUNTED_DAYS + 1,
            Err(Stop::Wants(Wants::history(ten_of(TODAY - COUNTED_DAYS - 1).plus_millis(-36_000_000)))),
        ),
    ] {
        let order = EarnOrder {
            brand: "acme".parse().unwrap(),
            order_id: OrderId::of_checked("1"),
            channel: None,
            amount: Some(Money(10_000)),
            lines: Vec::new(),
            occurred_at: Some(ten_of(TODAY - days)),
        };
        let decided = decide(&context, &member, &Command::EarnOrder(&order));
        let granted = decided.map(|decision| decision.events[0].kind.row().granted.unwrap().points);
        assert_eq!(granted, want, "{days} days ago");
    }
}

/// Everything needed for one step is requested together, and reaches back as far as any part of it must.
#[test]
fn what_is_wanted_is_asked_for_at_once() {
    let fact = |fact: &str, op: &str, value: &str| {
        format!(r#"{{"fact": "{fact}", "op": "{op}", "value": {value}}}"#)
    };
    let recent = fact("orders.count_90d", ">=", "1");
    let whole = fact("categories", "contains", r#""tea""#);
    let person = fact("gender", "=", r#""f""#);
    let badge = |id: &str, when: &str| format!(r#"{{"id": "{id}", "when": {when}}}"#);
    let badges = |of: &[&str]| {
        let of: Vec<String> =
            of.iter().enumerate().map(|(at, when)| badge(&format!("b{at}"), when)).collect();
        format!(r#", "badges": [{}]"#, of.join(", "))
    };
    let limits = r#", "limits": [{"per": "day", "points": 50}, {"per": "month", "points": 500}]"#;
    let now = ten_of(TODAY);
    let midnight = |day: i32| ten_of(day).plus_millis(-36_000_000);
    let month = Zone::of("UTC").unwrap().day(ten_of(TODAY - COUNTED_DAYS - 40)).first_of_month().number().0;
    let day = month + 10;
    let ninety = Wants::history(midnight(TODAY - 89));
    for (points, beside, occurred, want) in [
        (limits, String::new(), day, Wants::history(midnight(month))),
        ("", badges(&[&person, &recent]), TODAY, Wants::PERSON.and(ninety)),
        ("", badges(&[&recent, &whole]), TODAY, Wants::history(Instant::MIN)),
        ("", badges(&[&format!(r#"{{"any": [{whole}, {recent}, {person}]}}"#)]), TODAY, Wants::PERSON),
        (
            "",
            badges(&[&format!(r#"{{"all": [{whole}, {recent}]}}"#), &person]),
            TODAY,
            Wants::PERSON.and(ninety),
        ),
    ] {
        let programmes = programmes_with(points, &beside);
        let context = Context {
            programmes: &programmes,
            now,
            person: None,
            history: None,
            any_age: false,
            bringing: None,
        };
        let mut member = Member::new(MemberId([1; 16]), Instant(0), now, &TierId::of_checked("basic"));
        member.orders.more_categories = true;
        let order = EarnOrder {
            brand: "acme".parse().unwrap(),
            order_id: OrderId::of_checked("1"),
            channel: None,
            amount: Some(Money(10_000)),
            lines: Vec::new(),
            occurred_at: Some(ten_of(occurred)),
        };
        let decided = decide(&context, &member, &Command::EarnOrder(&order));
        assert_eq!(decided.map(|_| ()), Err(Stop::Wants(want)), "{points}{beside}");
    }
}

/// One settling records a limited number of events; the next continues.
#[test]
fn a_settling_is_bounded() {
    let programmes = programmes("");
    let mut member =
        Member::new(MemberId([1; 16]), ten_of(TODAY), ten_of(TODAY), &TierId::of_checked("basic"));
    let lot = |days: i32| Lot {
        expires_at: Some(ten_of(TODAY + days)),
        brand: "acme".parse().unwrap(),
        held_until: None,
        points: 1,
    };
    member.lots = (1..=EVENTS_MAX as i32 + 5).map(lot).collect();
    let now = ten_of(TODAY + 100);
    let settled = [0; 3].map(|_| settle(&programmes, &mut member, now).len());
    assert_eq!(settled, [EVENTS_MAX, 5, 0]);
    assert_eq!((member.lots.len(), member.as_of), (0, now));
}

/// An impossible event means a wrong decision: nothing of it is written.
#[test]
fn what_does_not_follow_stops() {
    let lot =
        |points: u64| Lot { expires_at: None, brand: BrandId::of_checked("acme"), held_until: None, points };
    let member = || Member {
        lots: vec![lot(10)],
        growth: 5,
        ..Member::new(MemberId([1; 16]), Instant(0), Instant(0), &TierId::of_checked("basic"))
    };
    let moving = |points: i64, debt: i64, growth: i64| {
        let mut event = redeemed("acme", TODAY, -points);
        (event.movement.debt, event.movement.growth) = (debt, growth);
        event
    };
    let stops = |member: &Member, event: &Event| {
        let (mut after, before) = (member.clone(), member);
        let panic = std::panic::catch_unwind(move || evolve(&mut after, event)).err()?;
        let told = panic.downcast_ref::<String>().cloned();
        Some(format!("{} of {}", told.unwrap_or_default(), before.balance()))
    };
    for (event, want) in [
        (moving(-10, 0, -5), None),
        (moving(-11, 0, 0), Some("a balance of 10 and -11 points that move come to 0 of 10")),
        (moving(-5, -1, 0), Some("a balance of 10 and -4 points that move come to 5 of 10")),
        (moving(-5, 3, 0), Some("a member owes 3 points and has 1 lots of 10")),
        (moving(-5, 0, -6), Some("a growth of 5 that changes by -6 comes to 0 of 10")),
        (refunded("acme", "1", TODAY, false), None),
        (refunded("acme", "1", TODAY, true), Some("0 orders of which 1 closes are 0 of 10")),
    ] {
        assert_eq!(stops(&member(), &event).as_deref(), want);
        // The audit continues, and takes all there is.
        evolve_unchecked(&mut member(), &event);
    }
}
