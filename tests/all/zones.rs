//! The end of points through the real engine, in zones whose clocks do something odd at midnight; and
//! instances whose clocks are behind. `shared/domain/tests/calendar.rs` covers every zone.

use std::sync::Arc;

use domain::time::Instant;
use engine::memory::MemoryStore;
use serde_json::{Value, json};

use crate::{histories::run, support::Shop};

fn program(zone: &str, expiry: Value) -> Value {
    json!({
        "name": "Zones", "time_zone": zone, "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme"}],
        "points": {"per_unit": "1", "expiry": expiry},
        "growth": {"per_unit": "1"},
        "tiers": [{"id": "basic", "growth": 0}],
    })
}

/// What can be spent a millisecond before that moment, at it, and a millisecond after.
async fn around(shop: &Shop, member: &str, moment: &str) -> [Value; 3] {
    let end = Instant::parse(moment).unwrap();
    let mut seen = [Value::Null, Value::Null, Value::Null];
    for (after, seen) in (-1..).zip(&mut seen) {
        shop.api.clock.forward(end.plus_millis(after)).unwrap();
        *seen = shop.show(member).await["points"]["available"].take();
    }
    seen
}

/// Points of an order at the first moment, by that rule, end at the second.
fn check(zone: &str, expiry: Value, earned: &str, end: &str) {
    run(async {
        let shop = Shop::open(&program(zone, expiry), earned).await;
        let member = shop.somebody().await;
        shop.earn(&member, "A-1", "100").await;
        let lots = &shop.show(&member).await["points"]["lots"];
        assert_eq!(lots[0]["expires_at"], end, "{zone}");
        assert_eq!(around(&shop, &member, end).await, [json!(100), json!(0), json!(0)], "{zone} {end}");
        let spent = json!({"kind": "order", "order_id": "B-1"});
        let body = json!({"member_id": member, "brand": "acme", "points": 1, "for": spent});
        shop.refused("409 insufficient_points", "POST", "/redeem", body).await;
        let newest = &shop.ledger(&member, 50).await[0];
        assert_eq!((&newest["kind"], &newest["occurred_at"]), (&json!("expire"), &json!(end)), "{zone}");
    });
}

#[test]
fn a_day_begins_at_its_first_instant_whatever_clocks_do_at_midnight() {
    let table = [
        // The clock jumps over midnight: the first instant after the gap.
        ("America/Sao_Paulo", "2018-11-03T12:00:00-03:00", "2018-11-04T01:00:00-02:00"),
        ("Asia/Beirut", "2022-03-26T12:00:00+02:00", "2022-03-27T01:00:00+03:00"),
        ("America/Asuncion", "2021-10-02T12:00:00-04:00", "2021-10-03T01:00:00-03:00"),
        ("Africa/Cairo", "2023-04-27T12:00:00+02:00", "2023-04-28T01:00:00+03:00"),
        ("America/Havana", "2020-03-07T12:00:00-05:00", "2020-03-08T01:00:00-04:00"),
        // It is set back at midnight, and the day before continues for an hour: midnight comes once.
        ("America/Sao_Paulo", "2018-02-17T12:00:00-02:00", "2018-02-18T00:00:00-03:00"),
        ("America/Asuncion", "2021-03-27T12:00:00-03:00", "2021-03-28T00:00:00-04:00"),
        ("Asia/Beirut", "2022-10-29T12:00:00+03:00", "2022-10-30T00:00:00+02:00"),
        // It is set back after midnight, which comes twice: the earlier.
        ("America/Havana", "2020-10-31T12:00:00-04:00", "2020-11-01T00:00:00-04:00"),
        ("Atlantic/Azores", "2021-10-30T12:00:00+00:00", "2021-10-31T00:00:00+00:00"),
        ("America/St_Johns", "2010-11-06T12:00:00-02:30", "2010-11-07T00:00:00-02:30"),
        // A date that the calendar does not have.
        ("Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00"),
        ("Pacific/Kwajalein", "1993-08-20T12:00:00-12:00", "1993-08-22T00:00:00+12:00"),
    ];
    for (zone, earned, end) in table {
        check(zone, json!({"mode": "days", "days": 1}), earned, end);
    }
}

#[test]
fn a_year_and_a_month_end_with_their_last_millisecond() {
    let table = [
        ("Asia/Shanghai", "2016-12-31T23:59:59.999+08:00", "2017-01-01T00:00:00+08:00"),
        ("America/St_Johns", "2016-12-31T23:59:59.999-03:30", "2017-01-01T00:00:00-03:30"),
        ("Pacific/Kiritimati", "2016-12-31T23:59:59.999+14:00", "2017-01-01T00:00:00+14:00"),
        ("Pacific/Pago_Pago", "2016-12-31T23:59:59.999-11:00", "2017-01-01T00:00:00-11:00"),
        ("Asia/Kathmandu", "2016-12-31T23:59:59.999+05:45", "2017-01-01T00:00:00+05:45"),
        ("Pacific/Apia", "2011-12-29T23:59:59.999-10:00", "2012-01-01T00:00:00+14:00"),
        // The next year's is not this year's.
        ("Asia/Shanghai", "2017-01-01T00:00:00+08:00", "2018-01-01T00:00:00+08:00"),
    ];
    for (zone, earned, end) in table {
        check(zone, json!({"mode": "year_end", "years": 0}), earned, end);
    }
    let month = json!({"mode": "months", "months": 1, "round": "month"});
    check("Africa/Cairo", month.clone(), "2024-03-31T12:00:00+02:00", "2024-05-01T00:00:00+03:00");
    // The first of a month, and the clock jumps over its midnight.
    check("America/Asuncion", month.clone(), "2017-09-01T12:00:00-04:00", "2017-10-01T01:00:00-03:00");
    // The first of a month, and midnight comes twice.
    check("America/Havana", month, "2020-10-01T12:00:00-04:00", "2020-11-01T00:00:00-04:00");
}

/// Two instances, one with a clock that is behind: one does not take back what the other has answered.
#[test]
fn nothing_comes_back_where_a_clock_is_behind() {
    const END: &str = "2019-01-01T00:00:00-02:00";
    for behind in ["2018-12-31T23:59:59.999-02:00", "2018-12-31T22:00:00-02:00", "2018-06-01T00:00:00-03:00"]
    {
        run(async {
            let store = Arc::new(MemoryStore::new());
            let document = program("America/Sao_Paulo", json!({"mode": "year_end", "years": 0}));
            let late = Shop::over(store.clone(), &document, "2018-05-01T12:00:00-03:00").await;
            let ahead = Shop::over(store, &document, "2018-05-01T12:00:00-03:00").await;
            let member = ahead.somebody().await;
            ahead.earn(&member, "A-1", "100").await;
            late.at(behind);
            assert_eq!(late.show(&member).await["points"]["available"], 100, "not yet over there");
            ahead.at(END);
            ahead.ok("POST", "/expire-points", json!({"member_id": member})).await;

            assert_eq!(late.show(&member).await["points"]["available"], 0, "{behind}");
            let spent = json!({"kind": "order", "order_id": "B-1"});
            let body = json!({"member_id": member, "brand": "acme", "points": 1, "for": spent});
            late.refused("409 insufficient_points", "POST", "/redeem", body).await;
            late.ok("POST", "/expire-points", json!({"member_id": member})).await;
            // What it records is recorded no earlier than what was recorded before.
            let earned = late.earn(&member, "A-2", "10").await;
            assert_eq!(earned["entry"]["recorded_at"], END, "{behind}");
            let ledger = ahead.ledger(&member, 50).await;
            let kinds: Vec<&Value> = ledger.iter().map(|entry| &entry["kind"]).collect();
            assert_eq!(kinds, ["earn", "expire", "earn"], "{behind}");
            let recorded = ledger.iter().map(|entry| Instant::parse(entry["recorded_at"].as_str().unwrap()));
            assert!(recorded.is_sorted_by(|newer, older| newer >= older), "{behind}: {ledger:?}");
            let id = edge::wire::read_member_id(&member).unwrap();
            let stored = late.api.engine.people().member(id, Instant::parse(behind).unwrap()).await.unwrap();
            assert_eq!(stored.member.as_of, Instant::parse(END).unwrap(), "{behind}");
            let found = late.api.engine.ledger().audit_member(id).await.unwrap();
            assert_eq!(found.differences, Vec::<String>::new(), "{behind}");
        });
    }
}
