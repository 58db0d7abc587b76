//! What offers gave, in the settlement: histories with a statement each that was worked out by hand
//! (`settlement_offers.json`), checked against the close and against `laurel audit --settlement`; and what somebody changes in
//! the exported files is named by it.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    settlement::{Folder, check, lived, statement_lines},
    support::{ADMIN_KEY, Shop},
};

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("settlement_offers.json")).unwrap()
}

/// The lines of a statement about offers: brand, funder, using brand, exact, amount, account. A pair's line in its two
/// accounts is the same, and what one is owed the other owes.
pub(crate) fn of_offers(statement: &Value) -> Vec<Value> {
    let lines: Vec<(&Value, &Value)> =
        statement_lines(statement).filter(|(_, line)| line["line"] == "offers").collect();
    let mut pairs: BTreeMap<(String, String), Vec<&Value>> = BTreeMap::new();
    for (brand, line) in &lines {
        assert!(line["points"].is_null() && line["issuer"].is_null(), "{line}");
        let (funder, using) = (&line["funder"], &line["using_brand"]);
        assert!(*brand == funder || *brand == using, "{brand} is none of the pair: {line}");
        if funder != using && !funder.is_null() {
            pairs.entry((funder.to_string(), using.to_string())).or_default().push(line);
        }
    }
    for (pair, lines) in pairs {
        let [one, other] = lines[..] else { panic!("{pair:?} has {} lines", lines.len()) };
        assert_eq!((&one["exact"], &one["amount"]), (&other["exact"], &other["amount"]), "{pair:?}");
        let [owed, owing] = [one, other].map(|line| line["account"].as_str().unwrap());
        let opposite = owed.strip_prefix('-').unwrap_or(owed) == owing.strip_prefix('-').unwrap_or(owing);
        let nought = owed.bytes().all(|byte| b"0.".contains(&byte));
        assert!(opposite && (nought || owed.starts_with('-') != owing.starts_with('-')), "{pair:?}");
    }
    let shown = lines.iter().map(|(brand, line)| {
        json!([brand, line["funder"], line["using_brand"], line["exact"], line["amount"], line["account"]])
    });
    shown.collect()
}

#[test]
fn what_offers_gave_is_what_was_worked_out_by_hand() {
    let cases = cases();
    assert!(cases.len() >= 19);
    check(&cases, of_offers);
}

// --- What is changed in the exported files ---

/// Changes the lines of an exported file.
type Change = fn(&mut Vec<Value>);

/// A line of the file about that kind of step at the brand.
fn at<'l>(lines: &'l mut [Value], kind: &str, brand: &str) -> &'l mut Value {
    let mut own = lines.iter_mut().filter(|line| line["kind"] == kind && line["brand"] == brand);
    own.next().unwrap()
}

/// What, in which file, and what is said of it.
const PLANTED: [(&str, &str, Change, &[&str]); 16] = [
    ("nothing", "guests.jsonl", |_| {}, &[]),
    (
        "a guest's use gave a cent more",
        "guests.jsonl",
        |lines| at(lines, "use", "cafe")["offers"][0]["amount"] = json!("10.01"),
        &[
            "acme, offers used at cafe, borne by acme: ",
            "cafe, offers used at cafe, borne by acme: ",
            "cafe, offers used at cafe, borne by the programme: ",
        ],
    ),
    (
        "a guest's return gave back a cent less",
        "guests.jsonl",
        |lines| at(lines, "reverse_use", "cafe")["returned"][0]["amount"] = json!("3.32"),
        &["cafe, offers used at cafe, borne by the programme: "],
    ),
    (
        "a guest's return is gone",
        "guests.jsonl",
        |lines| lines.retain(|line| line["kind"] != "reverse_use"),
        &["acme, offers used at cafe, borne by acme: "],
    ),
    (
        "a guest's use is gone",
        "guests.jsonl",
        |lines| lines.retain(|line| line["kind"] != "use"),
        &["1 at cafe: 3.3300 more came back than version 1 of lent had given", "borne by acme: "],
    ),
    (
        "a guest's use was at another brand",
        "guests.jsonl",
        |lines| lines.iter_mut().for_each(|line| line["brand"] = json!("acme")),
        &[
            "acme, offers used at acme, borne by acme: 0 points and 4.67 by the entries, not in the settlement",
            "cafe, offers used at cafe, borne by acme: null points and \"4.67\" in the settlement, nothing by the entries",
        ],
    ),
    (
        "a guest's return was in the next month",
        "guests.jsonl",
        |lines| at(lines, "reverse_use", "cafe")["recorded_on"] = json!("2026-12-01"),
        &["acme, offers used at cafe, borne by acme: "],
    ),
    (
        "a guest's use is told twice",
        "guests.jsonl",
        |lines| {
            let again = at(lines, "use", "cafe").clone();
            lines.push(again);
        },
        &["cafe, offers used at cafe, borne by acme: "],
    ),
    (
        "a guest's use cannot be read",
        "guests.jsonl",
        |lines| at(lines, "use", "cafe")["offers"][0]["amount"] = json!(10),
        &["a guest's use that cannot be read: "],
    ),
    (
        "a member's use gave a cent more",
        "ledger.jsonl",
        |lines| at(lines, "use", "bean")["offers"][0]["amount"] = json!("10.01"),
        &["acme, offers used at bean, borne by acme: ", "bean, offers used at bean, borne by acme: "],
    ),
    (
        "a member's return gave back more than was given",
        "ledger.jsonl",
        |lines| at(lines, "reverse_use", "bean")["returned"][0]["amount"] = json!("10.01"),
        &["1 at bean: 0.0100 more came back than version 1 of lent had given"],
    ),
    (
        "another bears a part of it",
        "offers.jsonl",
        |lines| lines[0]["document"]["funding"][0]["share"] = json!("0.700001"),
        &["acme, offers used at bean, borne by acme: ", "acme, offers used at cafe, borne by acme: "],
    ),
    ("a version is gone", "offers.jsonl", |lines| drop(lines.remove(0)), &["offer lent has no version 1"]),
    (
        "a line of one account says another amount",
        "settlements.jsonl",
        |lines| line_of(lines, 0, "cafe")["exact"] = json!("4.66900001"),
        &["acme, offers used at cafe, borne by acme: null points and \"4.67\" in the settlement"],
    ),
    (
        "a line of one account is gone",
        "settlements.jsonl",
        |lines| {
            let own = lines[0]["accounts"][0]["lines"].as_array_mut().unwrap();
            own.retain(|line| line["using_brand"] != "cafe");
        },
        &[
            "acme: a balance of ",
            "acme, offers used at cafe, borne by acme: 0 points and 4.67 by the entries",
        ],
    ),
    (
        "a line of another pair",
        "settlements.jsonl",
        |lines| line_of(lines, 1, "bean")["funder"] = json!("cafe"),
        &["bean, offers used at bean, borne by cafe: ", "bean, offers used at bean, borne by acme: "],
    ),
];

/// A line of an account of the newest settlement, by where it was used.
fn line_of<'l>(settlements: &'l mut [Value], account: usize, using: &str) -> &'l mut Value {
    let lines = settlements[0]["accounts"][account]["lines"].as_array_mut().unwrap();
    lines.iter_mut().find(|line| line["using_brand"] == using).unwrap()
}

/// A member at one brand and a guest at another use what a third lends, and a part comes back.
fn lent() -> Value {
    let lent = json!({"brand": "acme", "how": "code", "word": "LENT", "gives": {"discount": {"amount": "10.00"}},
        "where": {"brands": ["bean", "cafe"]}, "funding": [{"brand": "acme", "share": "0.7"}, {"programme": true, "share": "0.3"}]});
    let used = |brand: &str| json!({"brand": brand, "order_id": "1", "lines": [{"line_id": "1", "quantity": 3, "amount": "30.00"}], "codes": ["LENT"]});
    let mut members = used("bean");
    members["member_id"] = json!("{a}");
    let back = |brand: &str| json!({"brand": brand, "order_id": "1", "use": {"lines": [{"line_id": "1", "quantity": 1}]}, "refund_id": "R-1"});
    let post = |day: u32, path: &str, body: Value| json!({"at": format!("2026-11-{day:02}T10:00:00+08:00"), "post": path, "body": body});
    json!({
        "name": "lent",
        "steps": [
            {"at": "2026-11-01T10:00:00+08:00", "put": "/offers/lent", "body": lent},
            post(3, "/use", members), post(4, "/use", used("cafe")),
            post(5, "/reverse", back("bean")), post(6, "/reverse", back("cafe")),
        ],
        "close": [{"at": "2026-12-20T00:15:00+08:00", "month": "2026-11", "programme": "-4.00", "lines": [
            ["acme", "acme", "bean", "4.66900000", "4.67", "-4.67"],
            ["acme", "acme", "cafe", "4.66900000", "4.67", "-4.67"],
            ["bean", "acme", "bean", "4.66900000", "4.67", "4.67"],
            ["bean", null, "bean", "2.00100000", "2.00", "2.00"],
            ["cafe", "acme", "cafe", "4.66900000", "4.67", "4.67"],
            ["cafe", null, "cafe", "2.00100000", "2.00", "2.00"],
        ], "balances": {"acme": "-9.34", "bean": "6.67", "cafe": "6.67"}}],
    })
}

/// Copies the exported files, with one of them changed.
fn plant(folder: &Path, file: &str, change: Change) {
    let planted = folder.join("planted");
    fs::create_dir_all(&planted).unwrap();
    for own in fs::read_dir(folder.join("out")).unwrap() {
        let own = own.unwrap();
        fs::copy(own.path(), planted.join(own.file_name())).unwrap();
    }
    let text = fs::read_to_string(folder.join("out").join(file)).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    change(&mut lines);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(planted.join(file), text).unwrap();
}

#[test]
fn whatever_is_changed_of_what_offers_gave_is_named() {
    let folder = lived(&lent(), of_offers);
    let (code, said) = folder.laurel("export --data data --out out --test-clock 2027-01-01T00:00:00+08:00");
    assert_eq!(code, 0, "{said}");
    for (what, file, change, told) in PLANTED {
        plant(folder.dir.path(), file, change);
        let (code, said) = folder.laurel("audit --settlement 2026-11 --exported planted");
        assert_eq!(code, i32::from(!told.is_empty()), "{what}: {said}");
        for told in told {
            assert!(said.contains(told), "{what}: not said is {told:?} but {said}");
        }
    }
}

// --- Who sees it, and how ---

#[test]
fn the_table_tells_both_of_a_pair_and_a_brand_sees_its_own_account() {
    let folder: Folder = lived(&lent(), of_offers);
    crate::histories::run(async {
        let shop: Shop = folder.open(&crate::settlement::coalition(), "2026-12-20T00:15:00+08:00").await;
        let headers = [("authorization", &*format!("Bearer {ADMIN_KEY}"))];
        let table = shop.send("GET", "/settlements/2026-11?format=csv", &headers, b"").await;
        let want = [
            r#""month","brand","name","line","issuer","funder","using_brand","points","exact","amount","account""#,
            r#""2026-11","acme","Acme","offers","","acme","bean",,4.66900000,4.67,-4.67"#,
            r#""2026-11","acme","Acme","offers","","acme","cafe",,4.66900000,4.67,-4.67"#,
            r#""2026-11","bean","'=Bean;Coffee","offers","","","bean",,2.00100000,2.00,2.00"#,
            r#""2026-11","cafe","cafe","offers","","acme","cafe",,4.66900000,4.67,4.67"#,
            r#""2026-11","","","programme","","","",,,,-4.00"#,
        ];
        let rows = String::from_utf8(table.bytes.to_vec()).unwrap();
        for row in want {
            assert!(rows.lines().any(|own| own == row), "{row} is not in\n{rows}");
        }
        let (_, cafe) = shop.caller(&["storefront"], Some("cafe")).await;
        let own = shop.call_as(&cafe, "GET", "/settlements/2026-11", &Value::Null, None).await.body;
        let brands: Vec<&Value> = statement_lines(&own).map(|(brand, _)| brand).collect();
        assert_eq!(brands, [&json!("cafe"); 2]);
        assert_eq!(own["offers"], true);
    });
}
