//! How a person is reached: locale, time zone, quiet hours 免打扰 and the area 商圈 of the region, as rules. What is told
//! of them, corrected, refused, merged and erased.

use serde_json::{Value, json};

use crate::{
    merges::merge,
    support::{ADMIN_KEY, START, Shop, program},
    told_persons::{end, told_since},
};

fn external(value: &str) -> Value {
    json!({"kind": "external", "channel": "app", "value": value})
}

async fn register(shop: &Shop, name: &str, profile: &Value) -> Value {
    let body = json!({"brand": "acme", "identities": [external(name)], "profile": profile});
    shop.ok("POST", "/register", body).await["member"].clone()
}

fn id_of(member: &Value) -> String {
    member["id"].as_str().unwrap().to_owned()
}

/// Hours of every day.
fn quiet(from: &str, to: &str) -> Value {
    json!({"from": from, "to": to})
}

/// Hours that begin on those days.
fn on(days: &[&str], from: &str, to: &str) -> Value {
    json!({"from": from, "to": to, "days": days})
}

/// A profile with all that is told here.
fn full() -> Value {
    json!({"locale": "en", "time_zone": "Asia/Urumqi", "quiet_hours": [quiet("22:00", "08:00")],
           "region": {"city": "杭州", "area": "黄龙"}})
}

#[tokio::test]
async fn what_is_told_is_shown_in_one_form() {
    let hours = |sent: Value, shown: Value| (json!({"quiet_hours": sent}), json!({"quiet_hours": shown}));
    let same = |profile: Value| (profile.clone(), profile);
    let every = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let shop = Shop::usual().await;
    for (row, (sent, shown)) in [
        same(full()),
        same(json!({"locale": "zh"})),
        same(json!({"time_zone": "America/Argentina/ComodRivadavia"})),
        same(json!({"time_zone": "Etc/GMT-8"})),
        same(json!({"region": {"area": "五道口"}})),
        // One alone is a list of one.
        hours(quiet("22:00", "08:00"), json!([quiet("22:00", "08:00")])),
        hours(json!([on(&["sun"], "00:00", "24:00")]), json!([on(&["sun"], "00:00", "24:00")])),
        hours(quiet("23:59", "00:00"), json!([quiet("23:59", "00:00")])),
        // Days in the order of the week; all of them are every day.
        hours(on(&["sun", "mon"], "12:30", "13:30"), json!([on(&["mon", "sun"], "12:30", "13:30")])),
        hours(on(&every, "12:30", "13:30"), json!([quiet("12:30", "13:30")])),
        hours(json!({"from": "12:30", "to": "13:30", "days": null}), json!([quiet("12:30", "13:30")])),
        // Up to four, in the order told.
        hours(
            json!([
                quiet("13:00", "14:00"),
                quiet("12:00", "13:00"),
                quiet("12:00", "13:00"),
                on(&["fri"], "01:00", "02:00")
            ]),
            json!([
                quiet("13:00", "14:00"),
                quiet("12:00", "13:00"),
                quiet("12:00", "13:00"),
                on(&["fri"], "01:00", "02:00")
            ]),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let made = register(&shop, &format!("r{row}"), &sent).await;
        assert_eq!(made["profile"], shown, "{sent}");
        let member = register(&shop, &format!("p{row}"), &json!({})).await;
        let path = format!("/members/{}", id_of(&member));
        let told = shop.ok("PATCH", &path, json!({"profile": sent})).await;
        assert_eq!(told["profile"], shown, "{sent}");
        // What is shown may be sent back.
        let again = shop.ok("PATCH", &path, json!({"profile": shown})).await;
        assert_eq!(again["profile"], shown, "{sent}");
    }
}

#[tokio::test]
async fn what_means_nothing_is_refused_at_its_place() {
    let shop = Shop::usual().await;
    let member = id_of(&register(&shop, "known", &full()).await);
    let hours = |sent: Value| json!({"quiet_hours": sent});
    let five = json!(vec![quiet("22:00", "08:00"); 5]);
    let before = shop.snapshot().await;
    for (row, (profile, want)) in [
        (json!({"locale": "fr"}), &["/locale wrong_format: one of zh, en"][..]),
        (json!({"locale": "ZH"}), &["/locale wrong_format: one of zh, en"]),
        (json!({"locale": 1}), &["/locale wrong_type: one of zh, en"]),
        (
            json!({"time_zone": "Asia/Atlantis"}),
            &["/time_zone unknown_time_zone: no such IANA time zone; one is Asia/Shanghai"],
        ),
        (
            json!({"time_zone": "+08:00"}),
            &["/time_zone unknown_time_zone: no such IANA time zone; one is Asia/Shanghai"],
        ),
        (json!({"time_zone": ""}), &["/time_zone out_of_range: 1 to 64 characters"]),
        (json!({"region": {"area": "x".repeat(101)}}), &["/region/area out_of_range: 1 to 100 characters"]),
        (hours(five), &["/quiet_hours wrong_count: 1 to 4 elements"]),
        (hours(json!([])), &["/quiet_hours wrong_count: 1 to 4 elements"]),
        (hours(json!("22:00-08:00")), &["/quiet_hours wrong_type: an object"]),
        (hours(json!({"from": "22:00"})), &["/quiet_hours/to required: a time of the day from 00:00 to 24:00, such as \"20:00\""]),
        (
            hours(quiet("22:60", "8:00")),
            &[
                "/quiet_hours/from wrong_format: a time of the day from 00:00 to 24:00, such as \"20:00\", not \"22:60\"",
                "/quiet_hours/to wrong_format: a time of the day from 00:00 to 24:00, such as \"20:00\", not \"8:00\"",
            ],
        ),
        (
            hours(json!([quiet("22:00", "08:00"), quiet("08:00", "08:00")])),
            &["/quiet_hours/1/to out_of_range: another time than from; a whole day is from 00:00 to 24:00"],
        ),
        (
            hours(quiet("24:00", "08:00")),
            &["/quiet_hours/from out_of_range: before 24:00, which is 00:00 of the next day"],
        ),
        (
            hours(on(&["mon", "monday"], "22:00", "08:00")),
            &["/quiet_hours/days/1 wrong_format: one of mon, tue, wed, thu, fri, sat, sun"],
        ),
        (
            hours(json!([on(&["mon", "tue", "mon"], "22:00", "08:00")])),
            &["/quiet_hours/0/days/2 duplicate: mon stands twice"],
        ),
        (hours(on(&[], "22:00", "08:00")), &["/quiet_hours/days wrong_count: 1 to 7 elements"]),
        (hours(json!({"from": "22:00", "to": "08:00", "until": "x"})), &["/quiet_hours/until unknown_field: no such field here"]),
        // All at once.
        (
            json!({"time_zone": "Mars", "birthday": "1899-12-31", "quiet_hours": on(&["mon", "mon"], "08:00", "08:00")}),
            &[
                "/time_zone unknown_time_zone: no such IANA time zone; one is Asia/Shanghai",
                "/quiet_hours/to out_of_range: another time than from; a whole day is from 00:00 to 24:00",
                "/quiet_hours/days/1 duplicate: mon stands twice",
                "/birthday out_of_range: from 1900 to today",
            ],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let register = json!({"brand": "acme", "identities": [external(&row.to_string())], "profile": profile});
        let correct = json!({"profile": profile});
        for (method, path, body) in
            [("POST", "/register", register), ("PATCH", &*format!("/members/{member}"), correct)]
        {
            let reply = shop.refused("422 invalid_field", method, path, body).await;
            let told = reply.body["errors"].as_array().unwrap().iter().map(|fault| {
                let text = |name: &str| fault[name].as_str().unwrap().to_owned();
                format!("{} {}: {}", text("pointer"), text("code"), text("detail"))
            });
            let want: Vec<String> = want.iter().map(|want| format!("/profile{want}")).collect();
            assert_eq!(told.collect::<Vec<_>>(), want, "{method} {profile}");
        }
    }
    assert!(before == shop.snapshot().await, "a refusal wrote something");
}

/// Each is corrected alone, and emptied by null; what it was before is told to nobody, but that it is another.
#[tokio::test]
async fn corrections_change_what_they_name() {
    let shop = Shop::usual().await;
    let member = id_of(&register(&shop, "known", &full()).await);
    let path = format!("/members/{member}");
    let mut want = full();
    for (sent, change, fields) in [
        (json!({"locale": "zh"}), ("locale", json!("zh")), &["profile.locale"][..]),
        (json!({"locale": "zh"}), ("locale", json!("zh")), &[]),
        (json!({"time_zone": null}), ("time_zone", Value::Null), &["profile.time_zone"]),
        (
            json!({"quiet_hours": quiet("21:00", "07:00")}),
            ("quiet_hours", json!([quiet("21:00", "07:00")])),
            &["profile.quiet_hours"],
        ),
        (json!({"quiet_hours": null}), ("quiet_hours", Value::Null), &["profile.quiet_hours"]),
        (json!({"locale": null}), ("locale", Value::Null), &["profile.locale"]),
        (json!({"region": {"area": null}}), ("region", json!({"city": "杭州"})), &["profile.region"]),
        (
            json!({"region": {"area": "武林"}}),
            ("region", json!({"city": "杭州", "area": "武林"})),
            &["profile.region"],
        ),
        (json!({"region": null}), ("region", Value::Null), &["profile.region"]),
    ] {
        let from = end(&shop).await;
        let tag = shop.call("GET", &path, Value::Null).await.header("etag").to_owned();
        shop.ok("PATCH", &path, json!({"profile": sent})).await;
        match change {
            (name, Value::Null) => _ = want.as_object_mut().unwrap().remove(name),
            (name, value) => want[name] = value,
        }
        assert_eq!(shop.show(&member).await["profile"], want, "{sent}");
        let told =
            told_since(&shop, &from, None).await.into_iter().map(|(_, _, mut data)| data["fields"].take());
        let fields: Vec<Value> = (!fields.is_empty()).then(|| json!(fields)).into_iter().collect();
        assert_eq!(told.collect::<Vec<_>>(), fields, "{sent}");
        let stands = shop.call("GET", &path, Value::Null).await.header("etag") == tag;
        assert_eq!(stands, fields.is_empty(), "the tag stands for the profile: {sent}");
    }
}

/// The member changes its own, and a storefront nobody's.
#[tokio::test]
async fn a_member_s_token_changes_its_own() {
    let shop = Shop::usual().await;
    let member = id_of(&register(&shop, "known", &json!({})).await);
    let path = format!("/members/{member}");
    let token = shop.ok("POST", &format!("{path}/tokens"), json!({"minutes": 5})).await;
    let token = token["token"].as_str().unwrap().to_owned();
    let (_, till) = shop.caller(&["storefront"], None).await;
    for (key, want) in [(till.as_str(), "403 forbidden"), (&token, "200"), (ADMIN_KEY, "200")] {
        let reply = shop.call_as(key, "PATCH", &path, &json!({"profile": full()}), None).await;
        assert_eq!(reply.verdict(), want);
    }
    assert_eq!(shop.call_as(&token, "GET", &path, &Value::Null, None).await.body["profile"], full());
}

/// Told again by somebody who vouches, and taken from another record: what is missing is added, and what is there stays.
/// A region is one field.
#[tokio::test]
async fn what_is_missing_is_added_and_what_is_there_stays() {
    let other = json!({"locale": "zh", "time_zone": "Europe/Berlin", "quiet_hours": [on(&["sat"], "00:00", "24:00")],
                       "region": {"province": "北京", "area": "五道口"}});
    let with = |mut profile: Value, name: &str, value: &Value| {
        profile[name] = value.clone();
        profile
    };
    for (own, want) in [
        (json!({}), other.clone()),
        (full(), full()),
        (json!({"locale": "en"}), with(other.clone(), "locale", &json!("en"))),
        (json!({"time_zone": "Asia/Tokyo"}), with(other.clone(), "time_zone", &json!("Asia/Tokyo"))),
        (
            json!({"quiet_hours": [quiet("01:00", "02:00")]}),
            with(other.clone(), "quiet_hours", &json!([quiet("01:00", "02:00")])),
        ),
        (json!({"region": {"area": "黄龙"}}), with(other.clone(), "region", &json!({"area": "黄龙"}))),
    ] {
        let shop = Shop::usual().await;
        let told = id_of(&register(&shop, "told", &own).await);
        for (verified, profile) in [(false, &own), (true, &want)] {
            let mut known = external("told");
            known["verified"] = json!(verified);
            let body = json!({"brand": "acme", "identities": [known], "profile": other});
            let again = shop.ok("POST", "/register", body).await;
            assert_eq!((&again["member"]["id"], &again["member"]["profile"]), (&json!(told), profile));
        }
        let into = id_of(&register(&shop, "into", &own).await);
        let from = id_of(&register(&shop, "from", &other).await);
        assert_eq!(merge(&shop, &into, &from).await["member"]["profile"], want, "{own}");
    }
}

/// An area may be asked of everybody who registers, and of a member by a condition.
#[tokio::test]
async fn an_area_is_asked_for_and_is_a_fact() {
    let mut program = program();
    program["registration"] = json!({"required": ["region.area"],
        "eligible": {"fact": "region.area", "op": "in", "value": ["黄龙", "武林"]}});
    program["tags"] =
        json!([{"id": "huanglong", "when": {"fact": "region.area", "op": "=", "value": "黄龙"}}]);
    let shop = Shop::open(&program, START).await;
    for (row, (region, want)) in [
        (json!({"city": "杭州"}), "422 invalid_field"),
        (json!({"area": "五道口"}), "409 not_admitted"),
        (json!({"area": "武林"}), "201"),
        (json!({"area": "黄龙"}), "201"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"brand": "acme", "identities": [external(&row.to_string())], "profile": {"region": region}});
        let reply = shop.call("POST", "/register", body).await;
        assert_eq!(reply.verdict(), want, "{region}: {}", reply.body);
        if want == "422 invalid_field" {
            assert_eq!(reply.faults(), ["/profile/region/area required"]);
        }
        if reply.status == 201 {
            let is_there = reply.body["member"]["tags"] == json!(["huanglong"]);
            assert_eq!(is_there, region["area"] == "黄龙", "{}", reply.body);
            let path = format!("/members/{}", id_of(&reply.body["member"]));
            let emptied = shop.call("PATCH", &path, json!({"profile": {"region": null}})).await;
            assert_eq!(emptied.faults(), ["/profile/region/area required"]);
        }
    }
}

/// The export tells them, and erasing leaves none of them.
#[tokio::test]
async fn the_export_tells_them_and_erasing_takes_them() {
    let shop = Shop::usual().await;
    let member = id_of(&register(&shop, "known", &full()).await);
    let path = format!("/members/{member}");
    let told = shop.ok("GET", &format!("{path}/export"), Value::Null).await;
    assert_eq!(told["member"]["profile"], full());
    let stand = async || {
        let records = shop.snapshot().await;
        let stands = |text: &&str| {
            records
                .iter()
                .any(|(_, record)| record.value.windows(text.len()).any(|window| window == text.as_bytes()))
        };
        ["Asia/Urumqi", "黄龙"].into_iter().filter(stands).count()
    };
    assert_eq!(stand().await, 2, "this test looks in the wrong place");
    shop.ok("DELETE", &path, Value::Null).await;
    assert_eq!((stand().await, &shop.show(&member).await["profile"]), (0, &json!({})));
}
