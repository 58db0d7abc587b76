//! The activity log: every change by staff is noted in the commit that makes it, and nothing else is.

use std::collections::BTreeSet;

use engine::keys::kind;
use serde_json::{Value, json};

use crate::{
    codes::{by_code, film},
    difference::same,
    support::{Shop, program},
    tidy::root,
};

async fn log(shop: &Shop, query: &str) -> Vec<Value> {
    let page = shop.ok("GET", &format!("/activity{query}"), Value::Null).await;
    page["activity"].as_array().unwrap().clone()
}

/// What is asked, and what is noted of it: type, on, about and reason; null: nothing.
type Deed = (&'static str, String, Value, Value);

fn noted(what: &str, on: impl Into<Value>) -> Value {
    json!({"type": what, "on": on.into(), "about": null, "reason": null})
}

fn with(mut noted: Value, name: &str, text: &str) -> Value {
    noted[name] = json!(text);
    noted
}

/// Changes of members.
async fn of_members(shop: &Shop) -> Vec<Deed> {
    let (member, other) = (shop.somebody().await, shop.somebody().await);
    shop.earn(&member, "A-1", "100").await;
    shop.linked(&member, "tea").await;
    let at = |rest: &str| format!("/members/{member}{rest}");
    let further = json!({"identity": {"kind": "external", "channel": "further", "value": "secret-value"}});
    let adding = shop.call("POST", &at("/identities"), further.clone()).await;
    let identity = adding.body["identity"]["id"].as_str().unwrap().to_owned();
    let more = json!({"identity": {"kind": "external", "channel": "further", "value": "more"}});
    let name = json!({"profile": {"name": "李雷"}});
    let status = |status: &str, reason: &str| json!({"status": status, "reason": reason});
    let adjust = |id: &str, reason: &str| json!({"member_id": member, "brand": "acme", "points": 3, "reason": reason, "adjustment_id": id});
    let mut tried = adjust("t", "r");
    tried["dry_run"] = json!(true);
    let identified = json!({"kind": "external", "channel": "further", "value": "secret-value"});
    let by_identity =
        json!({"identity": identified, "brand": "acme", "points": 3, "reason": "补偿", "adjustment_id": "i"});
    let badge = json!({"member_id": member, "badge": "founder", "reason": "was there"});
    let on = |what: &str| noted(what, member.clone());
    let removed = with(with(on("badge.removed"), "about", "founder"), "reason", "误");
    let nothing = Value::Null;
    vec![
        ("POST", at("/identities"), further, nothing.clone()),
        ("POST", at("/identities"), more, on("identity.added")),
        ("PATCH", at(""), name.clone(), on("member.updated")),
        ("PATCH", at(""), name, nothing.clone()),
        (
            "POST",
            "/adjust".to_owned(),
            adjust("d", "goodwill"),
            with(on("points.adjusted"), "reason", "goodwill"),
        ),
        ("POST", "/adjust".to_owned(), adjust("d", "goodwill"), nothing.clone()),
        ("POST", "/adjust".to_owned(), adjust("d", "another"), nothing.clone()),
        ("POST", "/adjust".to_owned(), tried, nothing.clone()),
        ("POST", "/adjust".to_owned(), by_identity, with(on("points.adjusted"), "reason", "补偿")),
        (
            "POST",
            "/issue-badge".to_owned(),
            badge.clone(),
            with(with(on("badge.issued"), "about", "founder"), "reason", "was there"),
        ),
        ("POST", "/issue-badge".to_owned(), badge, nothing.clone()),
        ("DELETE", at("/badges/founder?reason=%E8%AF%AF"), nothing.clone(), removed),
        ("DELETE", at("/badges/founder"), nothing.clone(), nothing.clone()),
        (
            "DELETE",
            at(&format!("/identities/{identity}?reason=sold")),
            nothing.clone(),
            with(on("identity.removed"), "reason", "sold"),
        ),
        (
            "POST",
            at("/tags"),
            json!({"add": ["vip"], "reason": "asked"}),
            with(on("member.tagged"), "reason", "asked"),
        ),
        ("POST", at("/tags"), json!({"add": ["vip"], "reason": "asked"}), nothing.clone()),
        ("POST", at("/status"), status("suspended", "r"), with(on("member.status_changed"), "reason", "r")),
        ("POST", at("/status"), status("suspended", "r"), nothing.clone()),
        ("POST", at("/status"), status("active", "ok"), with(on("member.status_changed"), "reason", "ok")),
        ("POST", at("/card/replace"), json!({}), on("card.replaced")),
        ("POST", at("/tokens"), json!({"minutes": 5}), nothing.clone()),
        ("POST", at("/link-code"), json!({"brand": "tea"}), nothing.clone()),
        ("DELETE", at("/links/tea"), nothing.clone(), with(on("link.ended"), "about", "tea")),
        ("DELETE", at("/links/tea"), nothing.clone(), nothing.clone()),
        ("GET", at(""), nothing.clone(), nothing.clone()),
        ("GET", at("/card"), nothing.clone(), nothing.clone()),
        ("DELETE", format!("/members/{other}"), nothing.clone(), noted("member.erased", other.clone())),
        ("DELETE", format!("/members/{other}"), nothing.clone(), nothing),
    ]
}

/// Changes of the shop itself.
async fn of_the_shop(shop: &Shop) -> Vec<Deed> {
    let nothing = Value::Null;
    let (id, _) = shop.caller(&["storefront"], None).await;
    let signing = shop.ok("POST", "/partners/new/keys", json!({"alg": "hmac-sha256"})).await;
    let keyid = signing["keyid"].as_str().unwrap();
    let hook = json!({"url": "https://hooks.example.com/", "types": ["points.*"]});
    let own = shop.ok("POST", "/webhooks", hook).await["id"].as_str().unwrap().to_owned();
    let hook = |rest: &str| format!("/webhooks/{own}{rest}");
    let on = |what: &str| noted(what, own.clone());
    let mut programme = crate::coalition::coalition();
    programme["name"] = json!("Another");
    let block = json!({"points": 10, "price": "1", "reference": "PO-1"});
    let bought = with(noted("block.bought", "acme"), "about", "PO-1");
    let time = json!({"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"});
    let saved = with(noted("program.saved", Value::Null), "about", "2");
    let name = json!({"zh": "券", "en": "Coupon"});
    let offer = json!({"brand": "acme", "name": name, "how": "claim", "gives": {"item": {"sku": "cake"}}});
    let codes = json!({"batch_id": "b1", "codes": ["A-1"]});
    let print = json!({"batch_id": "b1", "count": 2});
    vec![
        ("PUT", "/program".to_owned(), programme.clone(), saved),
        ("PUT", "/program".to_owned(), programme, nothing.clone()),
        ("PUT", "/program".to_owned(), json!({}), nothing.clone()),
        (
            "PUT",
            "/offers/spring".to_owned(),
            offer.clone(),
            with(noted("offer.saved", "spring"), "about", "1"),
        ),
        ("PUT", "/offers/spring".to_owned(), offer, nothing.clone()),
        ("PUT", "/offers/spring".to_owned(), json!({}), nothing.clone()),
        ("PUT", "/offers/film".to_owned(), film(0), with(noted("offer.saved", "film"), "about", "1")),
        (
            "POST",
            "/offers/film/stock".to_owned(),
            codes.clone(),
            with(noted("offer.stocked", "film"), "about", "b1"),
        ),
        ("POST", "/offers/film/stock".to_owned(), codes, nothing.clone()),
        ("PUT", "/offers/paper".to_owned(), by_code(), with(noted("offer.saved", "paper"), "about", "1")),
        (
            "POST",
            "/offers/paper/codes".to_owned(),
            print.clone(),
            with(noted("codes.printed", "paper"), "about", "b1"),
        ),
        ("POST", "/offers/paper/codes".to_owned(), print, nothing.clone()),
        ("POST", format!("/keys/{id}/rotate"), json!({}), noted("key.rotated", id.clone())),
        ("DELETE", format!("/keys/{id}"), nothing.clone(), noted("key.revoked", id.clone())),
        ("DELETE", format!("/keys/{id}"), nothing.clone(), nothing.clone()),
        (
            "DELETE",
            format!("/partners/new/keys/{keyid}"),
            nothing.clone(),
            with(noted("partner_key.revoked", "new"), "about", keyid),
        ),
        ("DELETE", format!("/partners/new/keys/{keyid}"), nothing.clone(), nothing.clone()),
        ("POST", "/partners/acme/blocks".to_owned(), block.clone(), bought),
        ("POST", "/partners/acme/blocks".to_owned(), block, nothing.clone()),
        ("PATCH", hook(""), json!({"types": ["*"]}), on("webhook.changed")),
        ("PATCH", hook(""), json!({"types": ["*"]}), nothing.clone()),
        ("POST", hook("/rotate"), json!({}), on("webhook.rotated")),
        ("POST", hook("/test"), json!({}), nothing.clone()),
        ("POST", hook("/redeliver"), time, nothing.clone()),
        ("POST", hook("/enable"), json!({}), nothing.clone()),
        ("DELETE", hook(""), nothing.clone(), on("webhook.removed")),
        ("POST", "/settle".to_owned(), json!({"month": "2026-02"}), noted("settlement.closed", "2026-02")),
        ("POST", "/settle".to_owned(), json!({"month": "2026-02"}), nothing.clone()),
        (
            "POST",
            "/settlements/2026-02/paid".to_owned(),
            json!({"brand": "tea"}),
            with(noted("settlement.paid", "2026-02"), "about", "tea"),
        ),
        ("POST", "/settlements/2026-02/paid".to_owned(), json!({"brand": "tea"}), nothing.clone()),
        ("POST", "/expire-points".to_owned(), json!({}), nothing.clone()),
        ("POST", "/evaluate-tier".to_owned(), json!({}), nothing),
    ]
}

/// A shop in which a month has been in which something was earned.
async fn open() -> Shop {
    let mut program = crate::coalition::coalition();
    program["brands"][0]["issue_price"] = json!("0.01");
    program["brands"][0]["funding"] = json!({"mode": "prepaid"});
    let shop = Shop::open(&program, crate::walk::BEFORE).await;
    let block = json!({"points": 100_000, "price": "900", "reference": "PO-0"});
    shop.ok("POST", "/partners/acme/blocks", block).await;
    let known = shop.somebody().await;
    let reference = shop.linked(&known, "tea").await;
    assert_eq!(shop.partner_earn("tea", &reference, "T-1", "10").await.status, 200);
    shop.earn(&known, "known", "10").await;
    shop.at("2026-03-02T10:00:00+08:00");
    shop
}

#[tokio::test]
async fn what_staff_change_is_noted_with_it() {
    let shop = open().await;
    let deeds = [of_members(&shop).await, of_the_shop(&shop).await].concat();
    let mut count = log(&shop, "?limit=200").await.len();
    for (number, (method, path, body, want)) in deeds.into_iter().enumerate() {
        let at = format!("2026-03-02T11:{number:02}:00+08:00");
        shop.at(&at);
        let before = shop.snapshot().await;
        let reply = shop.call(method, &path, body).await;
        let all = log(&shop, "?limit=200").await;
        let noted = all.len() - count;
        count = all.len();
        assert_eq!(noted, usize::from(!want.is_null()), "{method} {path}: {}", reply.body);
        if want.is_null() {
            continue;
        }
        let mut newest = all[0].clone();
        let rest = json!({"type": newest["type"], "on": newest["on"], "about": newest["about"], "reason": newest["reason"]});
        assert_eq!(rest, want, "{method} {path}");
        for own in ["type", "on", "about", "reason"] {
            newest.as_object_mut().unwrap().remove(own);
        }
        let who = json!({"at": at, "by": "key_00000000000000000000000000", "name": "first admin",
                         "request_id": reply.header("request-id")});
        assert_eq!(newest, who, "{method} {path}");
        in_its_commit(&shop, &before, &path).await;
    }
}

/// The newest note was written by a commit that wrote something else too.
async fn in_its_commit(shop: &Shop, before: &[(engine::store::Key, engine::store::Record)], path: &str) {
    let after = shop.snapshot().await;
    let is_note = |key: &engine::store::Key| key.kind() == kind::STAFF_CHANGE;
    let note = after.iter().find(|(key, _)| is_note(key)).unwrap();
    assert!(!before.iter().any(|(key, _)| *key == note.0), "{path}: it was there");
    for text in ["李雷", "secret-value"] {
        assert!(!note.1.value.windows(text.len()).any(|part| part == text.as_bytes()), "{path}: {text}");
    }
    let gone = before.iter().any(|(key, _)| !after.iter().any(|(own, _)| own == key));
    let with = after.iter().filter(|(key, record)| !is_note(key) && record.version == note.1.version);
    assert!(with.count() > 0 || gone, "{path}: it was noted by a commit of its own");
}

/// With an Idempotency-Key each is noted once; and who makes keys, and imports, is noted with what was made.
#[tokio::test]
async fn a_repeat_is_not_noted() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    let caller = json!({"name": "前台 2", "roles": ["operator"]});
    let hook = json!({"url": "https://hooks.example.com/", "types": ["points.*"]});
    let adjust =
        json!({"member_id": member, "brand": "acme", "points": 3, "reason": "r", "adjustment_id": "d"});
    let rows = [
        ("/keys", caller, "key.made", "id"),
        ("/webhooks", hook, "webhook.made", "id"),
        ("/partners/tea/keys", json!({"alg": "hmac-sha256"}), "partner_key.made", "keyid"),
        ("/adjust", adjust, "points.adjusted", ""),
    ];
    for (row, (path, body, what, made)) in rows.into_iter().enumerate() {
        let key = format!("key-{row}");
        let first = shop.call_with("POST", path, &body, Some(&key)).await;
        assert!(first.status < 300, "{path}: {}", first.body);
        for _ in 0..2 {
            assert!(shop.call_with("POST", path, &body, Some(&key)).await.replayed(), "{path}");
        }
        let all = log(&shop, "").await;
        let own: Vec<&Value> = all.iter().filter(|change| change["type"] == what).collect();
        assert_eq!(own.len(), 1, "{path}: {all:?}");
        let (on, about) = match made {
            "id" => (first.body["id"].clone(), Value::Null),
            "keyid" => (json!("tea"), first.body["keyid"].clone()),
            _ => (json!(member), Value::Null),
        };
        assert_eq!((&own[0]["on"], &own[0]["about"]), (&on, &about), "{path}");
        assert_eq!(own[0]["request_id"], first.header("request-id"), "{path}");
    }
}

/// An import is one change, whatever it lands; one that lands nothing is none.
#[tokio::test]
async fn an_import_is_noted_once() {
    let shop = Shop::usual().await;
    let bearer = format!("Bearer {}", crate::support::ADMIN_KEY);
    let headers = [("authorization", bearer.as_str()), ("content-type", "text/csv")];
    let mut file = "external.app,brand,points\n".to_owned();
    for number in 0..200 {
        file += &format!("u-{number},acme,{number}\n");
    }
    for (query, want) in [("?dry_run=true", 0), ("", 1), ("", 1), ("?tell=true", 1)] {
        let path = format!("/import{query}");
        let reply = shop.send("POST", &path, &headers, file.as_bytes()).await;
        assert_eq!((reply.status, &reply.body["rows"]), (200, &json!(200)), "{}", reply.body);
        let all = log(&shop, "?type=members.imported").await;
        assert_eq!(all.len(), want, "{path}: {all:?}");
    }
    let all = log(&shop, "").await;
    assert_eq!((&all[0]["on"], all.len()), (&Value::Null, 1), "{all:?}");
}

/// Shops, schedules, members and partners are no staff; but a shop's own webhooks are noted.
#[tokio::test]
async fn others_are_not_noted() {
    let shop = Shop::coalition().await;
    let (id, till) = shop.caller(&["storefront"], Some("acme")).await;
    let (_, clock) = shop.caller(&["scheduler"], None).await;
    let member = shop.somebody().await;
    shop.linked(&member, "tea").await;
    let token = shop.ok("POST", &format!("/members/{member}/tokens"), json!({"minutes": 5})).await;
    let token = token["token"].as_str().unwrap();
    let before = log(&shop, "").await.len();
    let own = format!("/members/{member}");
    let further = json!({"identity": {"kind": "external", "channel": "further", "value": "1"}});
    for (key, method, path, body) in [
        (till.as_str(), "POST", format!("{own}/card/replace"), json!({})),
        (token, "POST", format!("{own}/card/replace"), json!({})),
        (token, "PATCH", own.clone(), json!({"profile": {"name": "Li"}})),
        (&till, "POST", format!("{own}/identities"), further),
        (&till, "DELETE", format!("{own}/links/tea"), Value::Null),
        (&clock, "POST", "/expire-points".to_owned(), json!({})),
        (&clock, "POST", "/settle".to_owned(), json!({"month": "2026-01"})),
    ] {
        let reply = shop.call_as(key, method, &path, &body, None).await;
        assert!(reply.status < 300, "{method} {path}: {}", reply.body);
        assert_eq!(log(&shop, "").await.len(), before, "{method} {path}");
    }
    let hook = json!({"url": "https://hooks.example.com/", "types": ["points.*"]});
    assert_eq!(shop.call_as(&till, "POST", "/webhooks", &hook, None).await.status, 201);
    let all = log(&shop, &format!("?by={id}")).await;
    assert_eq!((&all[0]["type"], all.len()), (&json!("webhook.made"), 1), "{all:?}");
    // What a member's own token makes it do is no change by staff, even where an admin has made the token.
    assert_eq!(log(&shop, "").await.len(), before + 1);
}

/// A webhook that is switched off because its receiver failed is noted, and nobody has done it.
#[tokio::test]
async fn a_webhook_that_is_switched_off_is_noted() {
    let shop = Shop::usual().await;
    let hook = json!({"url": "https://hooks.example.com/", "types": ["points.*"]});
    let made = shop.ok("POST", "/webhooks", hook).await;
    let id = made["id"].as_str().unwrap();
    let own = edge::wire::read_id(id).unwrap();
    let now = shop.api.clock.now();
    let webhooks = shop.api.engine.webhooks();
    for (tie, want) in [(1, true), (2, false)] {
        assert_eq!(webhooks.switch_off((own, id), "gone", now, [tie; 16]).await.unwrap(), want);
    }
    let all = log(&shop, "?by=time").await;
    let want = json!({"at": "2026-03-02T10:00:00+08:00", "by": "time", "name": null, "type": "webhook.disabled",
                      "on": id, "about": null, "reason": "gone", "request_id": null});
    assert_eq!(all, [want]);
    shop.ok("POST", &format!("/webhooks/{id}/enable"), json!({})).await;
    let all = log(&shop, &format!("?on={id}")).await;
    let words: BTreeSet<&str> = all.iter().map(|change| change["type"].as_str().unwrap()).collect();
    assert_eq!(words, BTreeSet::from(["webhook.made", "webhook.disabled", "webhook.enabled"]));
}

#[tokio::test]
async fn the_log_is_read_page_by_page_and_by_what_is_asked() {
    let shop = Shop::usual().await;
    let (desk, key) = shop.caller(&["operator"], None).await;
    let (_, bound) = shop.caller(&["admin"], Some("acme")).await;
    let (member, other) = (shop.somebody().await, shop.somebody().await);
    let adjust = |member: &str, number: u32| json!({"member_id": member, "brand": "acme", "points": 3, "reason": "r", "adjustment_id": format!("d-{number}")});
    for number in 0..5 {
        shop.at(&format!("2026-03-02T11:{:02}:00+08:00", number / 2));
        shop.ok("POST", "/adjust", adjust(&member, number)).await;
    }
    shop.at("2026-03-02T12:00:00+08:00");
    let own = shop.call_as(&key, "POST", "/adjust", &adjust(&other, 9), None).await;
    let asked = own.header("request-id");
    let all = log(&shop, "").await;
    assert_eq!(all.len(), 8, "with the keys that were made: {all:?}");
    let times: Vec<&str> = all.iter().map(|change| change["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
    for limit in [1, 3, 8] {
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = shop.ok("GET", &format!("/activity?limit={limit}{cursor}"), Value::Null).await;
            pages.extend(page["activity"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(pages, all, "{limit} at once");
    }
    for (query, want) in [
        ("?type=points.adjusted".to_owned(), 6),
        ("?type=key.made".to_owned(), 2),
        ("?type=nothing".to_owned(), 0),
        (format!("?on={member}"), 5),
        (format!("?on={other}&type=points.adjusted"), 1),
        (format!("?on={desk}"), 1),
        (format!("?by={desk}"), 1),
        (format!("?request_id={asked}"), 1),
        ("?by=time".to_owned(), 0),
    ] {
        assert_eq!(log(&shop, &query).await.len(), want, "{query}");
    }
    for query in [
        "?by=desk",
        "?request_id=1",
        "?cursor=1",
        "?cursor=01.req_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "?cursor=1.key_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "?limit=0",
        "?on=%ff",
        "?who=me",
    ] {
        shop.refused("422 invalid_field", "GET", &format!("/activity{query}"), Value::Null).await;
    }
    // An operator sees its own, and so does an admin that is bound to a brand.
    for (key, query, want) in [
        (&key, String::new(), 1),
        (&key, format!("?by={desk}"), 1),
        (&key, "?by=key_00000000000000000000000000".to_owned(), 0),
        (&key, format!("?on={member}"), 0),
        (&bound, String::new(), 0),
    ] {
        let seen = shop.call_as(key, "GET", &format!("/activity{query}"), &Value::Null, None).await;
        assert_eq!(seen.body["activity"].as_array().unwrap().len(), want, "{query}: {}", seen.body);
    }
}

/// Once it is older than the programme says, a sweep forgets it; the name in it is that of its time.
#[tokio::test]
async fn the_log_is_kept_for_its_days() {
    let mut program = program();
    program["activity_days"] = json!(40);
    let shop = Shop::open(&program, crate::support::START).await;
    shop.caller(&["operator"], None).await;
    for (at, want) in [
        ("2026-04-10T10:00:00+08:00", 1),
        ("2026-04-11T09:59:59+08:00", 1),
        // It is looked for once a day.
        ("2026-04-11T10:00:01+08:00", 1),
        ("2026-04-12T10:00:01+08:00", 0),
    ] {
        shop.at(at);
        shop.ok("POST", "/expire-points", json!({})).await;
        assert_eq!(log(&shop, "").await.len(), want, "{at}");
    }
    let mut short = program.clone();
    short["activity_days"] = json!(29);
    let refused = shop.refused("422 invalid_program", "PUT", "/program", short).await;
    assert_eq!(refused.faults(), ["/activity_days out_of_range"]);
}

/// The person is gone, and the log still says who erased whom.
#[tokio::test]
async fn an_erasure_leaves_the_log_as_it_is() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.ok("PATCH", &format!("/members/{member}"), json!({"profile": {"name": "李雷"}})).await;
    let before = log(&shop, &format!("?on={member}")).await;
    shop.at("2026-03-02T10:00:01+08:00");
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    let after = log(&shop, &format!("?on={member}")).await;
    assert_eq!((&after[1..], &after[0]["type"]), (&before[..], &json!("member.erased")));
}

/// docs/API.md says of every request that writes what is noted of it, or that nothing is, and why.
#[test]
fn the_documents_say_of_every_route_whether_it_is_noted() {
    let text = std::fs::read_to_string(root().join("docs/API.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let is_request =
            ["POST /", "PUT /", "PATCH /", "DELETE /"].iter().any(|verb| cells[1].starts_with(verb));
        is_request.then(|| format!("{}: {}", cells[1], cells[2]))
    });
    let routes = server::FUNCTIONS.iter().flat_map(|function| {
        let writing = function.routes.iter().filter(|route| route.method.writes());
        writing.map(|route| {
            let what = route.notes.map_or("no", |notes| notes.what);
            format!("{} /{}{}: {what}", route.method.word(), function.name, route.path)
        })
    });
    same(
        "what docs/API.md says is noted",
        cells,
        routes,
        "a route that lets staff change something has `notes`; give it a row in the table under `GET /activity` of docs/API.md",
    );
}
