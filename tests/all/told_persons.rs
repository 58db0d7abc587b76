//! What is told outward of persons: whoever loses an identity, what an import adds, tags that come in with another
//! record, and nothing that staff alone see.

use domain::id::BrandId;
use engine::{
    Happening,
    store::{Changes, Position},
};
use serde_json::{Value, json};

use crate::{
    merges::merge,
    support::{ADMIN_KEY, START, Shop, program},
};

/// The feed's end.
pub(crate) async fn end(shop: &Shop) -> Position {
    shop.api.engine.store().feed().unwrap().end().await.unwrap()
}

/// What has happened since, as `brand`, or staff, hear of it: each event's type, its member and its data without who
/// did it.
pub(crate) async fn told_since(
    shop: &Shop,
    from: &Position,
    brand: Option<&str>,
) -> Vec<(String, Value, Value)> {
    let found = shop.api.engine.store().feed().unwrap().after(from, 1_000).await.unwrap();
    let Changes::Commits { commits, .. } = found else { panic!("a gap") };
    let brand = brand.map(BrandId::of_checked);
    let mut told = Vec::new();
    for happening in commits.iter().flat_map(|commit| Happening::all_of(commit).0) {
        let hears = shop.api.hears(&happening, brand.as_ref()).await.unwrap();
        let Some(text) = shop.api.event_text(&happening, hears).unwrap() else { continue };
        let mut event: Value = serde_json::from_slice(&text).unwrap();
        event["data"].as_object_mut().unwrap().remove("by");
        told.push((
            event["type"].as_str().unwrap().to_owned(),
            event["member_id"].take(),
            event["data"].take(),
        ));
    }
    told
}

/// Those of them that are about a person.
async fn of_persons(shop: &Shop, from: &Position) -> Vec<(String, Value, Value)> {
    let mut told = told_since(shop, from, None).await;
    told.retain(|(kind, ..)| !kind.starts_with("points."));
    told
}

/// With a tag by hand of each name, and attributes of everybody and of staff.
fn declared() -> Value {
    let mut program = program();
    program["tags"] = json!(["vip", "tea"].map(|id| json!({"id": id, "name": {"zh": "标签", "en": id}})));
    program["attributes"] =
        json!([{"id": "wish", "kind": "text"}, {"id": "note", "kind": "text", "staff": true}]);
    program
}

async fn import(shop: &Shop, query: &str, row: Value) {
    let headers = [
        ("authorization", format!("Bearer {ADMIN_KEY}")),
        ("content-type", "application/x-ndjson".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = shop.send("POST", &format!("/import{query}"), &headers, row.to_string().as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn who_loses_an_identity_is_told_of_too() {
    let shop = Shop::usual().await;
    let external = |value: &str| json!({"kind": "external", "channel": "app", "value": value});
    let register = async |identities: &[Value]| {
        let made = shop.ok("POST", "/register", json!({"brand": "acme", "identities": identities})).await;
        made["member"]["id"].as_str().unwrap().to_owned()
    };
    let (winner, loser) = (register(&[external("a")]).await, register(&[external("x"), external("b")]).await);
    let from = end(&shop).await;
    crate::member_identities::prove(&shop, &winner, "x", true).await.unwrap();
    let mut told = of_persons(&shop, &from).await;
    told.sort_by(|one, other| one.0.cmp(&other.0));
    let about = json!({"kind": "external", "channel": "app"});
    assert_eq!(
        told,
        [
            ("identity.added".to_owned(), json!(winner), about.clone()),
            ("identity.removed".to_owned(), json!(loser), about)
        ]
    );
}

#[tokio::test]
async fn an_import_tells_what_a_known_member_has_taken_if_it_is_asked_to() {
    for (query, is_told) in [("?verified=true&tell=true", true), ("?verified=true", false)] {
        let shop = Shop::open(&declared(), START).await;
        import(&shop, query, json!({"external.crm": "1", "brand": "acme"})).await;
        let from = end(&shop).await;
        let row = json!({"external.crm": "1", "email": "li@example.cn", "name": "李雷", "tags": "vip", "brand": "acme"});
        import(&shop, query, row).await;
        let told = of_persons(&shop, &from).await;
        let kinds: Vec<&str> = told.iter().map(|(kind, ..)| kind.as_str()).collect();
        let mut sorted = kinds.clone();
        sorted.sort_unstable();
        let want: &[&str] = if is_told { &["identity.added", "member.updated", "tags.changed"] } else { &[] };
        assert_eq!(sorted, want, "{query:?}");
        let noted = shop.snapshot().await.iter().filter(|(key, _)| key.as_bytes().starts_with(b"zs")).count();
        assert_eq!(noted, want.len(), "{query:?}: what nobody is told is not noted either");
    }
}

#[tokio::test]
async fn tags_that_come_in_with_another_record_are_told() {
    let shop = Shop::open(&declared(), START).await;
    let (into, other) = (shop.somebody().await, shop.somebody().await);
    for (member, tag) in [(&into, "vip"), (&other, "tea")] {
        shop.ok("POST", &format!("/members/{member}/tags"), json!({"add": [tag]})).await;
    }
    let from = end(&shop).await;
    merge(&shop, &into, &other).await;
    let told = of_persons(&shop, &from).await;
    let tags: Vec<_> = told.iter().filter(|(kind, ..)| kind == "tags.changed").collect();
    let want = ("tags.changed".to_owned(), json!(into), json!({"added": ["tea"], "removed": []}));
    assert_eq!(tags, [&want]);
    let merged: Vec<_> = told.iter().filter(|(kind, ..)| kind == "member.merged").map(|own| &own.1).collect();
    assert!(merged.contains(&&json!(into)), "{told:?}");
}

/// A shop of the house is told that a wish has changed, and not that there is a note on somebody.
#[tokio::test]
async fn what_staff_alone_see_is_told_to_staff_alone() {
    let shop = Shop::open(&declared(), START).await;
    let member = shop.somebody().await;
    for (attributes, staff, house) in [
        (
            json!({"wish": "tea", "note": "rude"}),
            Some(json!(["profile.attributes.note", "profile.attributes.wish"])),
            Some(json!(["profile.attributes.wish"])),
        ),
        (json!({"note": "nice"}), Some(json!(["profile.attributes.note"])), None),
        (
            json!({"wish": "cake"}),
            Some(json!(["profile.attributes.wish"])),
            Some(json!(["profile.attributes.wish"])),
        ),
    ] {
        let from = end(&shop).await;
        shop.ok("PATCH", &format!("/members/{member}"), json!({"profile": {"attributes": attributes}})).await;
        for (brand, want) in [(None, &staff), (Some("acme"), &house)] {
            let told = told_since(&shop, &from, brand).await;
            let fields: Vec<Value> = told.into_iter().map(|(_, _, mut data)| data["fields"].take()).collect();
            assert_eq!(fields, want.iter().cloned().collect::<Vec<_>>(), "{attributes} {brand:?}");
        }
    }
}
