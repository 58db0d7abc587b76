//! Rule 7 over versions of the programme: who has the growth of a higher tier is raised as the version comes
//! into force, and the periods of a tier count from one date.

use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{Shop, program},
};

const JOINED: &str = "2026-03-02T10:00:00+08:00";

/// The usual programme with these tiers above the first, each with a threshold and months that it holds.
fn ladder(tiers: &[(&str, u64, Option<u32>)]) -> Value {
    let mut document = program();
    let mut all = vec![json!({"id": "basic", "growth": 0})];
    for (id, growth, months) in tiers {
        let mut tier = json!({"id": id, "growth": growth});
        if let Some(months) = months {
            tier["validity"] = json!({"months": months});
            tier["retain"] = json!({"growth": 1});
        }
        all.push(tier);
    }
    document["tiers"] = json!(all);
    document
}

/// A member with that growth; at each moment a version comes into force, or nothing; the tier afterwards, and
/// since when.
fn check(growth: u32, versions: &[(&str, Option<Value>)], want: (&str, &str)) {
    run(async {
        let shop = Shop::open(&ladder(&[("silver", 500, Some(12)), ("gold", 2_000, None)]), JOINED).await;
        let member = shop.somebody().await;
        shop.earn(&member, "A-1", &growth.to_string()).await;
        for (at, version) in versions {
            shop.at(at);
            if let Some(version) = version {
                shop.ok("PUT", "/program", version.clone()).await;
            }
        }
        let tier = shop.show(&member).await["tier"].clone();
        assert_eq!((&tier["id"], &tier["since"]), (&json!(want.0), &json!(want.1)), "{growth} {versions:?}");
        // Writing it down changes nothing that anybody reads.
        let swept = shop.ok("POST", "/evaluate-tier", json!({"member_id": member})).await;
        assert_eq!(shop.show(&member).await["tier"], tier, "{swept}");
        let again = shop.ok("POST", "/evaluate-tier", json!({"member_id": member})).await;
        assert_eq!(again["upgraded"], 0, "{again}");
        let audited = shop.api.engine.ledger();
        let id = edge::wire::read_member_id(&member).unwrap();
        assert_eq!(audited.audit_member(id).await.unwrap().differences, Vec::<String>::new());
    });
}

#[test]
fn a_version_raises_whoever_has_the_growth() {
    let later = "2026-04-01T12:34:56.789+08:00";
    let last = "2026-05-01T00:00:00+08:00";
    let silver_at = |growth| Some(ladder(&[("silver", growth, Some(12)), ("gold", 2_000, None)]));
    check(300, &[(later, silver_at(300))], ("silver", later));
    check(300, &[(later, silver_at(301))], ("basic", JOINED));
    check(300, &[(later, silver_at(300)), (last, silver_at(900))], ("silver", later));
    check(300, &[(later, silver_at(301)), (last, silver_at(299))], ("silver", last));
    // At the very moment at which the growth was recorded.
    check(300, &[(JOINED, silver_at(200))], ("silver", JOINED));
    // Two versions at one moment, the second of which asks for more again.
    check(300, &[(later, silver_at(200)), (later, silver_at(900))], ("silver", later));
    // Several steps at a time, and a tier in between.
    check(600, &[(later, Some(ladder(&[("silver", 100, None), ("gold", 600, None)])))], ("gold", later));
    let four = ladder(&[("bronze", 50, None), ("silver", 500, Some(12)), ("gold", 2_000, None)]);
    check(600, &[(later, Some(four))], ("silver", JOINED));
}

/// What a raise looks like in the ledger, and when it is written down.
#[test]
fn a_raise_by_a_version_is_due_until_it_is_written() {
    run(async {
        let shop = Shop::open(&ladder(&[("silver", 500, None)]), JOINED).await;
        let member = shop.somebody().await;
        shop.earn(&member, "A-1", "300").await;
        let suspended = json!({"status": "suspended", "reason": "a question"});
        shop.ok("POST", &format!("/members/{member}/status"), suspended).await;
        let moment = "2026-03-20T08:00:00+08:00";
        shop.at(moment);
        shop.ok("PUT", "/program", ladder(&[("silver", 300, None)])).await;
        shop.at("2026-06-01T00:00:00+08:00");
        let sweep = async |body: Value| {
            let swept = shop.ok("POST", "/evaluate-tier", body).await;
            (swept["members"].clone(), swept["upgraded"].clone())
        };
        // Nothing else is due, and the index of what is does not know versions.
        assert_eq!(sweep(json!({})).await, (json!(0), json!(0)));
        let due = shop.ledger(&member, 1).await[0].clone();
        let tier = json!({"change": "raised", "from": "basic", "to": "silver", "valid_until": null});
        assert_eq!((&due["tier"], &due["recorded_at"]), (&tier, &Value::Null), "{due}");
        assert_eq!((&due["occurred_at"], &due["program_version"]), (&json!(moment), &json!(2)), "{due}");
        assert_eq!(sweep(json!({"member_id": member})).await, (json!(1), json!(1)));
        let mut written = shop.ledger(&member, 1).await[0].clone();
        assert_eq!(written["recorded_at"], "2026-06-01T00:00:00+08:00");
        written["recorded_at"] = Value::Null;
        written["id"] = due["id"].clone();
        assert_eq!(written, due);
        assert_eq!(sweep(json!({"member_id": member})).await, (json!(0), json!(0)));
    });
}

/// The other condition of a tier raises nobody as the version comes into force, but with the next entry.
#[test]
fn a_version_raises_by_growth_alone() {
    run(async {
        let shop = Shop::open(&ladder(&[("silver", 500, None)]), JOINED).await;
        let member = shop.somebody().await;
        shop.earn(&member, "A-1", "10").await;
        let mut next = ladder(&[("silver", 500, None)]);
        next["tiers"][1]["or"] = json!({"fact": "badges", "op": "contains", "value": "first_order"});
        shop.ok("PUT", "/program", next).await;
        assert_eq!(shop.show(&member).await["tier"]["id"], "basic");
        assert_eq!(shop.earn(&member, "A-2", "0").await["upgraded_to"], "silver");
    });
}

/// Ends of a tier's periods: raised at `since`, kept at each end; at some of them a version has changed the
/// months.
#[test]
fn periods_count_from_one_date() {
    let ends = |zone: &str, since: &str, first: u32, changes: &[(usize, u32)], want: &[&str]| {
        run(async {
            let of = |months| {
                let mut document = ladder(&[("silver", 1, Some(months))]);
                document["time_zone"] = json!(zone);
                document["tiers"][1]["retain"]["growth"] = json!(0);
                document
            };
            let shop = Shop::open(&of(first), since).await;
            let member = shop.somebody().await;
            shop.earn(&member, "A-1", "10").await;
            let mut got = Vec::new();
            for place in 0..want.len() {
                let end = shop.show(&member).await["tier"]["valid_until"].as_str().unwrap().to_owned();
                if let Some((_, months)) = changes.iter().find(|(at, _)| *at == place) {
                    shop.ok("PUT", "/program", of(*months)).await;
                }
                shop.at(&end);
                got.push(end);
            }
            let dates: Vec<&str> = got.iter().map(|end| &end[..10]).collect();
            assert_eq!(dates, want, "{since} {first} {changes:?}");
        });
    };
    let shanghai = "Asia/Shanghai";
    ends(shanghai, "2026-01-31T10:00:00+08:00", 1, &[], &["2026-02-28", "2026-03-31", "2026-04-30"]);
    // The date is the local one.
    ends(shanghai, "2026-01-30T23:30:00Z", 1, &[], &["2026-02-28", "2026-03-31"]);
    ends(shanghai, "2024-02-29T10:00:00+08:00", 24, &[], &["2026-02-28", "2028-02-29"]);
    // Two months from the end at 31 March on; back to one from the end at 31 July on.
    let changed = ["2026-02-28", "2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31", "2026-09-30"];
    ends(shanghai, "2026-01-31T10:00:00+08:00", 1, &[(1, 2), (3, 1)], &changed);
    // From an end on a month's last day that was clamped.
    let clamped = ["2026-02-28", "2026-04-28", "2026-06-28"];
    ends(shanghai, "2026-01-31T10:00:00+08:00", 1, &[(0, 2)], &clamped);
    // A date that the zone has not: the next period counts from the first one's date all the same.
    ends("Pacific/Apia", "2011-10-30T12:00:00-10:00", 1, &[], &["2011-11-30", "2011-12-31", "2012-01-30"]);
}
