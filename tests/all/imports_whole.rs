//! A whole call of `POST /import`: what it takes, what it tells, and what a store that fails leaves of it.

use std::{fmt::Write as _, sync::Arc};

use serde_json::{Value, json};

use crate::{
    failing::{Failing, Trouble},
    imports::send,
    support::{Reply, START, Shop, program},
};

const CSV: &str = "text/csv";
const LINES: &str = "application/x-ndjson";

/// Members `138 0013 8001` and on, with a point each.
fn members(count: u64) -> String {
    let mut text = "phone,brand,points\n".to_owned();
    for number in 0..count {
        writeln!(text, "{},acme,1", 13_800_138_001 + number).unwrap();
    }
    text
}

fn counts(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.body);
    json!([reply.body["rows"], reply.body["created"], reply.body["known"]])
}

#[tokio::test]
async fn what_is_asked_for_is_done() {
    let shop = Shop::usual().await;
    let row = |rest: &str| {
        format!("Phone,Brand,Consent.Email,birthday,points,growth\n13800138001,acme,yes,{rest}\n")
    };
    for (query, body, want, codes) in [
        ("?dry_run=true", row("1990-05-07,5,10"), json!([1, 1, 0]), vec![]),
        ("?strict=true", row("soon,5,10"), json!([1, 0, 0]), vec!["invalid_field"]),
        ("?strict=false&tell=true", row("soon,5,10"), json!([1, 1, 0]), vec!["invalid_field"]),
        ("", row("1990-05-07,5,10"), json!([1, 0, 1]), vec!["not_added"]),
        ("?verified=true", row("1990-05-07,5,10"), json!([1, 0, 1]), vec![]),
        ("", row("1990-05-07,6,11"), json!([1, 0, 0]), vec!["balance_conflict"]),
        ("?correct=true", row("1990-05-07,6,11"), json!([1, 0, 1]), vec![]),
        ("?correct=true&bill=true", row("1990-05-07,6,11"), json!([1, 0, 0]), vec!["balance_conflict"]),
    ] {
        let reply = send(&shop, query, CSV, body.as_bytes()).await;
        assert_eq!(counts(&reply), want, "{query} {body}");
        let told = reply.body["told"].as_array().unwrap();
        let got: Vec<&str> = told.iter().map(|told| told["code"].as_str().unwrap()).collect();
        assert_eq!(got, codes, "{query} {body}");
    }
    let find = json!({"identity": {"kind": "phone", "value": "13800138001"}});
    let member = shop.ok("POST", "/members/find", find).await;
    assert_eq!((&member["points"]["available"], &member["growth"]), (&json!(6), &json!(11)));
    assert_eq!(member["consents"], json!({"email": true}));
    let lines = "{\"phone\": \"13800138002\", \"brand\": \"acme\", \"points\": 7}\n\n\
                 {\"phone\": 13800138003, \"brand\": \"acme\", \"consent.sms\": true, \"expires_at\": \"2027-01-01\"}\n";
    let reply = send(&shop, "", LINES, lines.as_bytes()).await;
    assert_eq!(counts(&reply), json!([2, 2, 0]));
    let told = json!([{"lines": "3", "column": "expires_at", "value": "2027-01-01", "landed": "yes", "code": "not_added",
                       "detail": reply.body["told"][0]["detail"]}]);
    assert_eq!(reply.body["told"], told);
}

/// What a body is refused for as a whole, and how few words it takes.
#[tokio::test]
async fn what_is_no_file_of_members_is_refused_at_once() {
    let shop = Shop::usual().await;
    let before = shop.snapshot().await;
    let workbook = std::fs::read(crate::tidy::root().join("examples/files/members.xlsx")).unwrap();
    let wide: Vec<String> = (0..300).map(|number| format!("external.c{number}")).collect();
    let long = "x".repeat(100_000);
    for (kind, body, code) in [
        (CSV, workbook, "not_text"),
        (CSV, members(5_001).into_bytes(), "too_long"),
        (LINES, "{\"phone\":\"1\"}\n".repeat(5_001).into_bytes(), "too_long"),
        (CSV, b"name,points\nLi,5\n".to_vec(), "required"),
        (CSV, format!("{}\n", wide.join(",")).into_bytes(), "too_large"),
        (CSV, format!("phone,{long}\n").into_bytes(), "unknown_column"),
        (CSV, format!("phone,{}\n", "y".repeat(150)).into_bytes(), "unknown_column"),
        (CSV, format!("{}\n", "a,".repeat(1_000_000)).into_bytes(), "too_large"),
        (LINES, format!("{{\"{long}\": 1}}\n").into_bytes(), "unknown_column"),
        (
            LINES,
            format!(
                "{{{}}}\n",
                wide.iter().map(|name| format!("\"{name}\":1")).collect::<Vec<_>>().join(",")
            )
            .into_bytes(),
            "too_large",
        ),
        (CSV, b"phone,points\n138\x0000138001,5\n13800138002,5\n13800138003,5\n".to_vec(), "not_text"),
    ] {
        let reply = send(&shop, "", kind, &body).await;
        assert_eq!((reply.status, reply.code()), (422, "invalid_field"), "{}", reply.body);
        assert_eq!(reply.body["errors"][0]["code"], code, "{}", reply.body);
        let shown = reply.body["errors"][0]["detail"].as_str().unwrap();
        assert!(
            shown.len() < 900 && !shown.contains(&"x".repeat(70)) && !shown.contains(&"y".repeat(70)),
            "{shown}"
        );
    }
    assert_eq!(shop.snapshot().await, before);
}

/// A dry run tells of every row what the real one then does, also of what rows before it have said of a newcomer.
#[tokio::test]
async fn a_dry_run_tells_what_the_real_one_does() {
    let mut programme = program();
    programme["tags"] = json!([{"id": "vip"}]);
    let head = "phone,email,brand,growth,points,balance_id,tags,badges,tier\n";
    for rows in [
        // What a newcomer's second row says of growth is another figure.
        "13800138001,,acme,100,5,a,,,\n13800138001,,acme,200,6,b,,,\n13800138001,,acme,,7,a,,,\n",
        // The same figure again is known, and a balance without a name is one.
        "13800138001,,acme,100,5,,vip,founder,\n13800138001,,acme,100,9,,vip,founder,\n",
        // Found by what the row before has added.
        "13800138001,li@example.cn,acme,600,5,a,,,silver\n,li@example.cn,acme,700,,,,,gold\n",
        // Two newcomers, whom a third row would make one.
        "13800138001,,acme,1,,,,,\n,li@example.cn,acme,2,,,,,\n13800138001,li@example.cn,acme,3,,,,,\n",
    ] {
        for how in
            ["verified=true", "verified=false", "verified=true&strict=true", "verified=true&correct=true"]
        {
            let shop = Shop::open(&programme, START).await;
            let before = shop.snapshot().await;
            let text = format!("{head}{rows}");
            let tried = send(&shop, &format!("?dry_run=true&{how}"), CSV, text.as_bytes()).await;
            assert!(shop.snapshot().await == before, "{how}: a dry run wrote something");
            let real = send(&shop, &format!("?{how}"), CSV, text.as_bytes()).await;
            assert_eq!((real.status, &tried.body), (200, &real.body), "{how}\n{rows}");
        }
    }
}

/// An answer never outgrows what a function may answer: the last row says how much it leaves off.
#[tokio::test]
async fn an_answer_tells_as_much_as_it_holds() {
    let shop = Shop::usual().await;
    let columns: Vec<String> = (0..190).map(|number| format!("consent.c{number}")).collect();
    let row = format!("acme,{}\n", "\u{1}\\perhaps,".repeat(columns.len()).trim_end_matches(','));
    let mut text = format!("phone,brand,{}\n", columns.join(","));
    for number in 0..1_500 {
        write!(text, "{},{row}", 13_800_138_001_u64 + number).unwrap();
    }
    let reply = send(&shop, "?dry_run=true", CSV, text.as_bytes()).await;
    assert_eq!(counts(&reply), json!([1_500, 1_500, 0]));
    assert!(reply.bytes.len() < 5_000_000, "{}", reply.bytes.len());
    let told = reply.body["told"].as_array().unwrap();
    let last = told.last().unwrap();
    assert_eq!((&last["code"], &last["landed"]), (&json!("more"), &json!("yes")));
    let left = 1_500 * columns.len() - (told.len() - 1);
    assert!(last["detail"].as_str().unwrap().starts_with(&format!("{left} more are told")), "{last}");
}

#[tokio::test]
async fn a_store_that_fails_leaves_what_has_landed_and_says_so() {
    let fresh = async || {
        let store = Arc::new(Failing::new());
        (store.clone(), Shop::over(store, &program(), START).await)
    };
    // What is tried again counts once.
    let (store, shop) = fresh().await;
    store.fails_with(Trouble::BusyEveryOther);
    let two = members(40)
        .lines()
        .skip(1)
        .fold(members(40), |text, row| format!("{text}{}\n", row.replace(",1", ",x")));
    let reply = send(&shop, "", CSV, two.as_bytes()).await;
    assert_eq!(counts(&reply), json!([80, 40, 0]));
    assert_eq!(reply.body["told"].as_array().unwrap().len(), 40);
    for (trouble, code, words) in [
        (Trouble::Busy, "busy", "nothing was written"),
        (Trouble::BusyAfterTwo, "busy", "2 rows have landed"),
        (Trouble::UnavailableAfterTwo, "store_unavailable", "2 rows have landed"),
    ] {
        let (store, shop) = fresh().await;
        store.fails_with(trouble);
        let reply = send(&shop, "", CSV, members(5).as_bytes()).await;
        assert_eq!((reply.status, reply.code()), (503, code), "{}", reply.body);
        assert!(reply.body["detail"].as_str().unwrap().contains(words), "{}", reply.body);
        store.works();
        let landed = u64::from(trouble != Trouble::Busy) * 2;
        let reply = send(&shop, "", CSV, members(5).as_bytes()).await;
        assert_eq!(counts(&reply), json!([5, 5 - landed, landed]), "{trouble:?}");
        assert_eq!(reply.body["told"], json!([]));
    }
}
