//! Members are found by however a number or an address is written, under every region; and those that 0.1.0 stored
//! in other forms are found as before.

use domain::member::{Identity, IdentityKind, Person};
use engine::{
    Registration, Request,
    records::{Answer, By},
    store::{Claim, ClaimedForm},
};
use serde_json::{Value, json};

use crate::support::{Shop, program};

fn sent(kind: &str, value: &str) -> Value {
    json!({"kind": kind, "value": value})
}

fn registration(identities: &[Value]) -> Value {
    json!({"brand": "acme", "identities": identities})
}

async fn shop_in(region: &str) -> Shop {
    let mut program = program();
    program["default_region"] = json!(region);
    Shop::open(&program, crate::support::START).await
}

/// What is sent in a region, and what is stored, or the code that its fault has.
const NUMBERS: &[(&str, &str, &str)] = &[
    ("US", "+86 135 4432 2061", "+8613544322061"),
    ("US", "+60 12-345 6789", "+60123456789"),
    ("US", "+20 10 1234 5678", "+201012345678"),
    ("CN", "+39 06 698 12345", "+390669812345"),
    ("CN", "+44 121 496 0000", "+441214960000"),
    ("CN", "+39 0310 711 2456", "+3903107112456"),
    ("CN", "+39 310 711 2456", "+393107112456"),
    ("IT", "393 308 3172", "+393933083172"),
    ("SG", "6559 7143", "+6565597143"),
    ("RU", "8 812 123-45-67", "+78121234567"),
    ("CN", "１３８００１３８０００", "+8613800138000"),
    ("CN", "1380013800O", "letter_in_number"),
    ("CN", "13800138000;13900139000", "second_number"),
    ("CN", "13800138000 ext. 5", "extension"),
    ("CN", "1.38E+10", "spreadsheet_number"),
];

#[tokio::test]
async fn a_number_is_itself_or_refused() {
    for (region, value, want) in NUMBERS {
        let shop = shop_in(region).await;
        let body = registration(&[sent("phone", value)]);
        if !want.starts_with('+') {
            let reply = shop.refused("422 invalid_field", "POST", "/register", body).await;
            assert_eq!(reply.faults(), [format!("/identities/0/value {want}")], "{value}");
            let find = json!({"identity": sent("phone", value)});
            let reply = shop.refused("422 invalid_field", "POST", "/members/find", find).await;
            assert_eq!(reply.faults(), [format!("/identity/value {want}")], "{value}");
            continue;
        }
        let made = shop.ok("POST", "/register", body).await;
        assert_eq!(made["member"]["identities"][0]["value"], *want, "{value} ({region})");
        // The region changes, and the member is still found: by what is stored, and by what has a country.
        for other in ["CN", "US", "IT", "SG", "RU", "FR"] {
            let mut program = program();
            program["default_region"] = json!(other);
            shop.ok("PUT", "/program", program).await;
            let spellings = [*want, value].into_iter().filter(|text| text.starts_with('+'));
            for text in spellings {
                let found = shop.ok("POST", "/members/find", json!({"identity": sent("phone", text)})).await;
                assert_eq!(found["id"], made["member"]["id"], "{text} ({other})");
            }
        }
    }
}

#[tokio::test]
async fn two_subscribers_are_two_members_and_one_address_is_one() {
    let shop = shop_in("CN").await;
    let rows = [
        ("phone", "+39 0310 711 2456", "+39 310 711 2456", true),
        ("phone", "+86 138 0013 8000", "138-0013-8000", false),
        ("email", "a@bücher.de", "A@XN--bcher-kva.DE", false),
        ("email", "rené@example.fr", "rene\u{301}@example.fr", false),
        ("email", "rene@example.fr", "rené2@example.fr", true),
    ];
    for (kind, one, other, two) in rows {
        let first = shop.ok("POST", "/register", registration(&[sent(kind, one)])).await;
        let second = shop.ok("POST", "/register", registration(&[sent(kind, other)])).await;
        assert_eq!(first["created"], true, "{one}");
        assert_eq!(second["created"], two, "{other}");
        assert_eq!(first["member"]["id"] != second["member"]["id"], two, "{one}, {other}");
    }
    let named = registration(&[sent("email", "Li Lei <li@example.cn>")]);
    let reply = shop.refused("422 invalid_field", "POST", "/register", named).await;
    assert_eq!(reply.faults(), ["/identities/0/value display_text"]);
    // Twice the same in one registration.
    let twice = registration(&[sent("email", "b@bücher.de"), sent("email", "b@xn--bcher-kva.de")]);
    let reply = shop.refused("422 invalid_field", "POST", "/register", twice).await;
    assert_eq!(reply.faults(), ["/identities/1 duplicate"]);
}

/// Registers a member as 0.1.0 did: under the value in that form and no other.
async fn registered_before(shop: &Shop, value: &str) -> String {
    let now = shop.api.clock.now();
    let hash = shop.api.secrets.identity_hash("email", "", value);
    let own = ClaimedForm { hash, value: value.to_owned() };
    let identity = Identity {
        kind: IdentityKind::Email,
        channel: String::new(),
        value: value.to_owned(),
        verified: false,
    };
    let person = Person { identities: vec![identity], brand: "acme".to_owned(), ..Person::default() };
    let id = shop.api.new_id(now).unwrap();
    let claims = vec![Claim { own, before: None, other: None }];
    let registration = Registration { id, registered_at: now, person, claims, signals: Vec::new() };
    let request = Request::plain(By::Import, now);
    let tell = |_: &engine::Registered| Answer { status: 200, body: Vec::new() };
    shop.api.engine.people().register(&request, &registration, tell).await.unwrap();
    edge::wire::member_id(id)
}

#[tokio::test]
async fn what_0_1_0_stored_in_another_form_is_found_and_not_registered_twice() {
    for (stored, spellings) in [
        ("a@bücher.de", ["a@bücher.de", "A@BÜCHER.de", "a@xn--bcher-kva.de", "a@bu\u{308}cher.de"]),
        (
            "李雷@例子.中国",
            ["李雷@例子.中国", "李雷@例子。中国", "李雷@xn--fsqu00a.xn--fiqs8s", "李雷@例子.xn--fiqs8s"],
        ),
    ] {
        let shop = Shop::usual().await;
        let member = registered_before(&shop, stored).await;
        for text in spellings {
            let identity = sent("email", text);
            let found = shop.ok("POST", "/members/find", json!({"identity": identity})).await;
            assert_eq!(found["id"], member, "{stored} by {text}");
            let again = shop.ok("POST", "/register", registration(std::slice::from_ref(&identity))).await;
            assert_eq!(
                (&again["created"], &again["member"]["id"]),
                (&json!(false), &json!(member)),
                "{text}"
            );
            let order = json!({"identity": identity, "brand": "acme", "order_id": format!("A-{}", shop.fresh()),
                               "amount": "10"});
            let earned = shop.ok("POST", "/earn-points", order).await;
            assert_eq!(earned["granted"], 10, "{text}");
        }
        // The shop vouches for it: it is the member's own, and a further identity is added.
        let mut vouched = sent("email", spellings[2]);
        vouched["verified"] = json!(true);
        let body = registration(&[vouched, sent("phone", "138 0013 8000")]);
        let joined = shop.ok("POST", "/register", body).await;
        let own = &joined["member"]["identities"];
        let want = json!([
            {"id": own[0]["id"], "kind": "email", "value": stored, "verified": true},
            {"id": own[1]["id"], "kind": "phone", "value": "+8613800138000", "verified": false},
        ]);
        assert_eq!(*own, want, "{stored}");
        // An import knows it too.
        let csv = format!("phone,email,brand,points\n13800138000,{},acme,5\n", spellings[0]);
        let imported = server::import_csv(&shop.api, csv.as_bytes(), false).await.unwrap();
        assert_eq!((imported.known, imported.created, imported.told.len()), (1, 0, 0), "{imported:?}");
        // Erased, it is nobody's in any form.
        shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
        for text in spellings {
            let find = json!({"identity": sent("email", text)});
            shop.refused("404 member_not_found", "POST", "/members/find", find).await;
        }
    }
}

/// 0.1.0 let both forms be members. Each spelling finds whom it found, and nothing makes one of them.
#[tokio::test]
async fn two_members_of_0_1_0_stay_two() {
    let shop = Shop::usual().await;
    let (own, ascii) = ("a@bücher.de", "a@xn--bcher-kva.de");
    let members = [registered_before(&shop, own).await, registered_before(&shop, ascii).await];
    for (text, member) in [own, ascii].into_iter().zip(&members) {
        let found = shop.ok("POST", "/members/find", json!({"identity": sent("email", text)})).await;
        assert_eq!(&found["id"], member, "{text}");
    }
}
