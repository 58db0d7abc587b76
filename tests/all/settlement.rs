//! Settlement, on the embedded store: small histories with a statement each that was worked out by hand
//! (`settlement_vectors.json`), checked against the close, and against `laurel audit --settlement`, which
//! shares nothing with it. And what the tests of settlements share.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use serde_json::{Value, json};
use store_redb::{Options, RedbStore};
use tempfile::TempDir;

use crate::{
    crash::binary,
    histories::run,
    support::{ADMIN_KEY, Shop},
};

/// A programme of three brands with prices.
pub(crate) fn coalition() -> Value {
    json!({
        "name": "Coalition", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [
            {"id": "acme", "name": "Acme", "issue_price": "0.0100", "honour_price": "0.0080"},
            {"id": "bean", "name": "=Bean;Coffee", "rate": "0.5", "issue_price": "0.0150", "honour_price": "0.0125"},
            {"id": "cafe", "issue_price": "0.005", "honour_price": "0.005"},
        ],
        "points": {"per_unit": "1", "expiry": {"mode": "year_end", "years": 1}},
        "growth": {"per_unit": "1"},
        "tiers": [{"id": "basic", "growth": 0}],
        "activities": [
            {"id": "check_in", "points": 5, "growth": 1},
            {"id": "refused", "points": -9, "growth": -1},
        ],
    })
}

/// The same with other prices of some brands.
pub(crate) fn with_prices(mut program: Value, prices: &Value) -> Value {
    for brand in program["brands"].as_array_mut().unwrap() {
        let id = brand["id"].as_str().unwrap().to_owned();
        for (name, price) in prices[&id].as_object().into_iter().flatten() {
            brand[name] = price.clone();
        }
    }
    program
}

/// A data folder of the embedded store, served by a shop or used by the binary, one at a time.
pub(crate) struct Folder {
    pub(crate) dir: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn store(&self) -> Arc<RedbStore> {
        Arc::new(RedbStore::open(&self.data(), Options::default()).unwrap())
    }

    pub(crate) async fn open(&self, program: &Value, start: &str) -> Shop {
        Shop::over(self.store(), program, start).await
    }

    /// Runs `laurel` on the folder, which no shop has open; its exit code and what it said.
    pub(crate) fn laurel(&self, words: &str) -> (i32, String) {
        laurel(self.dir.path(), words)
    }
}

/// Runs `laurel` in a folder under the keys of a [`Shop`].
pub(crate) fn laurel(folder: &Path, words: &str) -> (i32, String) {
    let mut command = Command::new(binary());
    command.current_dir(folder).args(words.split_whitespace());
    command.env("RUST_LOG", "off").env("LAUREL_ADMIN_KEY", ADMIN_KEY);
    command.env("LAUREL_MASTER_KEY", "tests-master-key-0123456789abcdef");
    let output: Output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

/// Closes a month, call by call; the last answer.
pub(crate) async fn close(shop: &Shop, month: &str) -> Value {
    for _ in 0..100 {
        let answer = shop.ok("POST", "/settle", json!({ "month": month })).await;
        if answer["done"] == true {
            return answer;
        }
    }
    panic!("{month} does not come to an end");
}

/// A closed month's statement, with the accounts of all pages.
pub(crate) async fn statement(shop: &Shop, month: &str) -> Value {
    let mut statement = shop.ok("GET", &format!("/settlements/{month}?limit=2"), Value::Null).await;
    while let Some(cursor) = statement["next_cursor"].as_str() {
        let path = format!("/settlements/{month}?limit=2&cursor={cursor}");
        let page = shop.ok("GET", &path, Value::Null).await;
        statement["next_cursor"] = page["next_cursor"].clone();
        let more = page["accounts"].as_array().unwrap().clone();
        statement["accounts"].as_array_mut().unwrap().extend(more);
    }
    statement
}

/// The lines of a statement, each with its brand.
pub(crate) fn statement_lines(statement: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let accounts = statement["accounts"].as_array().unwrap().iter();
    accounts
        .flat_map(|account| account["lines"].as_array().unwrap().iter().map(|line| (&account["brand"], line)))
}

/// The lines of a statement: brand, line, issuer, points, exact, amount.
pub(crate) fn lines(statement: &Value) -> Vec<Value> {
    let shown = statement_lines(statement).map(|(brand, line)| {
        json!([brand, line["line"], line["issuer"], line["points"], line["exact"], line["amount"]])
    });
    shown.collect()
}

/// An offer's document, with a name.
pub(crate) fn named(mut offer: Value) -> Value {
    offer["name"] = json!({"zh": "优惠", "en": "An offer"});
    offer
}

/// Puts members and redemptions in place of their names in braces.
fn filled(text: &str, names: &BTreeMap<String, String>) -> String {
    names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
}

/// Plays a case on an empty folder and closes its months; each has the statement that was worked out by hand. `lines` says
/// what of a line is compared.
async fn live(folder: &Folder, case: &Value, lines: Shown) {
    let mut program = with_prices(coalition(), &case["prices"]);
    for name in ["time_zone", "currency"] {
        if !case[name].is_null() {
            program[name] = case[name].clone();
        }
    }
    for (name, value) in case["points"].as_object().into_iter().flatten() {
        program["points"][name] = value.clone();
    }
    let shop = folder.open(&program, "2026-10-01T10:00:00+08:00").await;
    let mut names = BTreeMap::new();
    for name in ["a", "b"] {
        names.insert(name.to_owned(), shop.member(name).await);
    }
    for step in case["steps"].as_array().unwrap() {
        shop.at(step["at"].as_str().unwrap());
        if !step["prices"].is_null() {
            program = with_prices(program, &step["prices"]);
            shop.ok("PUT", "/program", program.clone()).await;
        } else if let Some(month) = step["close"].as_str() {
            close(&shop, month).await;
        } else {
            let body = serde_json::from_str(&filled(&step["body"].to_string(), &names)).unwrap();
            let answer = match step["put"].as_str() {
                Some(path) => shop.ok("PUT", path, named(body)).await,
                None => shop.ok("POST", &filled(step["post"].as_str().unwrap(), &names), body).await,
            };
            if let Some(id) = answer["redemption_id"].as_str() {
                let name = format!("{} {}", step["body"]["brand"], step["body"]["for"]["order_id"]);
                names.insert(name.replace('"', ""), id.to_owned());
            }
            if let Some(name) = step["as"].as_str() {
                names.insert(name.to_owned(), answer["grant"]["id"].as_str().unwrap().to_owned());
            }
        }
    }
    for wanted in case["close"].as_array().unwrap() {
        shop.at(wanted["at"].as_str().unwrap());
        let month = wanted["month"].as_str().unwrap();
        close(&shop, month).await;
        let statement = statement(&shop, month).await;
        let what = format!("{}, {month}", case["name"]);
        assert_eq!(json!(lines(&statement)), wanted["lines"], "{what}");
        assert_eq!(statement["programme"]["balance"], wanted["programme"], "{what}");
        let accounts = statement["accounts"].as_array().unwrap().iter();
        let balances: BTreeMap<&str, &Value> =
            accounts.map(|account| (account["brand"].as_str().unwrap(), &account["balance"])).collect();
        assert_eq!(json!(balances), wanted["balances"], "{what}");
    }
}

/// What of a statement's lines is compared with what was worked out by hand.
pub(crate) type Shown = fn(&Value) -> Vec<Value>;

/// The case, lived by the close, in a folder of its own.
pub(crate) fn lived(case: &Value, lines: Shown) -> Folder {
    let folder = Folder::new();
    run(live(&folder, case, lines));
    folder
}

/// Checks each case against the close and against the recomputation.
pub(crate) fn check(cases: &[Value], lines: Shown) {
    let lived = cases.iter().map(|case| (case, lived(case, lines)));
    // First the statement worked out by hand, then the other implementation.
    for (case, folder) in lived.collect::<Vec<_>>() {
        for wanted in case["close"].as_array().unwrap() {
            let month = wanted["month"].as_str().unwrap();
            let (code, said) = folder.laurel(&format!("audit --settlement {month} --data data"));
            assert_eq!(code, 0, "{}, {month}: {said}", case["name"]);
        }
    }
}

#[test]
fn statements_are_what_was_worked_out_by_hand() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("settlement_vectors.json")).unwrap();
    assert!(cases.len() >= 16);
    check(&cases, lines);
}

/// End to end through the binary: a billed import, a close over HTTP at the test's clock, an export, and the
/// recomputation from its files alone.
#[test]
fn a_billed_import_is_settled_and_recomputed_from_the_exported_files() {
    let folder = Folder::new();
    let file = |name: &str, text: &str| std::fs::write(folder.dir.path().join(name), text).unwrap();
    file("program.json", &coalition().to_string());
    file("members.csv", "channel,external_id,brand,points\npos,c-1,acme,150\npos,c-2,bean,7\n");
    file("free.csv", "channel,external_id,brand,points\npos,c-3,cafe,1000\n");
    let at = "--data data --program program.json --test-clock 2026-11-30T23:59:59.999+08:00";
    let (code, said) = folder.laurel(&format!("import members.csv --bill {at}"));
    assert_eq!(code, 0, "{said}");
    let (code, said) = folder.laurel(&format!("import free.csv {at}"));
    assert_eq!(code, 0, "{said}");
    // The same balance without billing is another balance.
    let (code, said) = folder.laurel(&format!("import members.csv {at}"));
    assert_eq!(code, 1, "{said}");

    let (code, said) = folder.laurel("audit --settlement 2026-11 --data data");
    assert_eq!((code, said.contains("no closed settlement of 2026-11")), (1, true), "{said}");
    run(async {
        let shop = folder.open(&coalition(), "2026-12-01T00:15:00+08:00").await;
        close(&shop, "2026-11").await;
        let want = [
            json!(["acme", "issued", null, 150, "1.500000", "1.50"]),
            json!(["bean", "issued", null, 7, "0.105000", "0.10"]),
        ];
        assert_eq!(lines(&statement(&shop, "2026-11").await), want);
    });
    let (code, said) = folder.laurel("export --data data --out out --test-clock 2027-01-01T00:00:00+08:00");
    assert_eq!(code, 0, "{said}");
    std::fs::remove_dir_all(folder.data()).unwrap();
    let (code, said) = folder.laurel("audit --settlement 2026-11 --exported out");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 members, 3 entries, 2 of them of the month"), "{said}");
}

/// Nothing is recorded in a settled month any longer, whatever the clock.
#[test]
fn a_history_cannot_be_played_into_a_settled_month() {
    let folder = Folder::new();
    run(async {
        let shop = folder.open(&coalition(), "2025-11-05T00:00:00+08:00").await;
        shop.member("c-1").await;
        shop.at("2025-12-01T00:15:00+08:00");
        close(&shop, "2025-11").await;
    });
    let row = |at: &str| {
        format!("occurred_at,brand,channel,external_id,order_id,amount\n{at},acme,tests,c-1,1,5\n")
    };
    let write = |at: &str| std::fs::write(folder.dir.path().join("orders.csv"), row(at)).unwrap();
    write("2025-11-30T23:59:59.999+08:00");
    let (code, said) = folder.laurel("replay orders.csv --data data");
    assert_eq!(
        (code, said.contains("months up to 2025-12-01T00:00:00+08:00 are settled")),
        (2, true),
        "{said}"
    );
    let members = "channel,external_id,brand,points\npos,c-9,acme,1\n";
    std::fs::write(folder.dir.path().join("members.csv"), members).unwrap();
    let (code, said) =
        folder.laurel("import members.csv --data data --test-clock 2025-11-30T23:59:59.999+08:00");
    assert_eq!(code, 2, "{said}");
    let (code, said) = folder.laurel("serve --data data --test-clock 2025-11-30T23:59:59.999+08:00");
    assert_eq!(code, 2, "{said}");
    write("2025-12-01T00:00:00+08:00");
    let (code, said) = folder.laurel("replay orders.csv --data data");
    assert_eq!(code, 0, "{said}");
}
