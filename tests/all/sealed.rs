//! Whoever steals a data folder without its master key reads nobody's name, phone or address in it.

use std::{collections::BTreeSet, path::Path, process::Command, sync::Arc};

use domain::{attribute::Attribute, member::Person};
use engine::{
    keys::kind,
    store::{Store, records},
};
use serde_json::json;
use store_redb::{Options, RedbStore};

use crate::{
    histories::run,
    recorded,
    support::{START, Shop, program},
};

/// Which of these texts stand in the folder's bytes, in the clear.
fn found(folder: &Path, texts: &[&str]) -> BTreeSet<String> {
    let mut grep = Command::new("grep");
    grep.env("LC_ALL", "C").args([
        "--recursive",
        "--text",
        "--only-matching",
        "--no-filename",
        "--fixed-strings",
    ]);
    let output = grep.arg("--regexp").arg(texts.join("\n")).arg(folder).output().unwrap();
    // 1: it has looked and found nothing.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_stolen_folder_tells_nobody_s_name() {
    let folder = tempfile::tempdir().unwrap();
    let told = [
        "Zhuge Kongming",
        "+8613800138000",
        "kongming@longzhong.example",
        "Longzhong",
        "wx-kongming",
        "Wolong Gang",
        "Antarctica/Troll",
        r#""from":"21:07""#,
        r#""locale":"en""#,
        "a fan of feathers",
    ];
    let mut program = program();
    program["attributes"] = json!([{"id": "wish", "kind": "text"}]);
    run(async {
        let store = Arc::new(RedbStore::open(folder.path(), Options::default()).unwrap());
        let shop = Shop::over(store, &program, START).await;
        let identities = json!([
            {"kind": "phone", "value": told[1]}, {"kind": "email", "value": told[2]},
            {"kind": "external", "channel": "wechat", "value": told[4]},
        ]);
        let profile = json!({
            "name": told[0], "region": {"city": told[3], "area": told[5]}, "locale": "en", "time_zone": told[6],
            "quiet_hours": {"from": "21:07", "to": "06:43"}, "attributes": {"wish": told[9]},
        });
        let body = json!({"brand": "acme", "identities": identities, "profile": profile});
        let made = shop.call_with("POST", "/register", &body, Some("a-key-of-the-caller")).await;
        let member = made.body["member"]["id"].as_str().unwrap().to_owned();
        shop.earn(&member, "O-1", "10").await;
        let renamed = json!({"profile": {"region": {"district": told[3]}, "attributes": {"wish": told[9]}}});
        shop.ok("PATCH", &format!("/members/{member}"), renamed).await;
        let again = shop.call_with("POST", "/register", &body, Some("a-key-of-the-caller")).await;
        assert_eq!((again.bytes, again.status), (made.bytes, made.status), "the stored answer opens");
        assert_eq!(shop.show(&member).await["profile"]["name"], told[0]);
    });
    assert_eq!(found(folder.path(), &told), BTreeSet::new());
    // What is not about a person is found: the search looks in the right place.
    assert_eq!(found(folder.path(), &["O-1"]), BTreeSet::from(["O-1".to_owned()]));
}

/// The text as a full export spells it.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What people have told of themselves, as that store has it.
async fn personal(store: &dyn Store) -> BTreeSet<String> {
    let (mut texts, mut from) = (BTreeSet::new(), None);
    loop {
        let page = store.walk(Some(kind::PERSON), from, 1_000).await.unwrap();
        for (key, record) in page.records {
            let mut person: Person = records::decode(&key, &record.value).unwrap();
            texts.extend(person.name);
            texts.extend(person.identities.into_iter().map(|identity| identity.value));
            texts.extend(person.region.remove("area"));
            texts.extend(person.attributes.into_values().filter_map(|own| match own {
                Attribute::Text(text) => Some(text),
                _ => None,
            }));
        }
        from = page.next;
        if from.is_none() {
            // Shorter ones stand anywhere by chance.
            return texts.into_iter().filter(|text| text.len() >= 8).collect();
        }
    }
}

#[test]
fn nor_does_an_upgraded_one_once_it_is_resealed_and_compacted() {
    let mut were_open = 0;
    for recorded in recorded::all() {
        let data = recorded.work.path().join("data");
        let texts = run(async {
            let store = RedbStore::open(&data, Options::default()).unwrap();
            let secrets = edge::Secrets::new(recorded.text("master-key").trim().as_bytes());
            personal(&edge::sealed::Sealed::over(Arc::new(store), secrets)).await
        });
        assert!(texts.len() >= 3, "{}: {texts:?}", recorded.from.display());
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        were_open += found(&data, &texts).len();
        let audit = recorded.laurel("audit --data data");

        let said = recorded.laurel("reseal --data data");
        assert!(said.contains("records about persons"), "{said}");
        recorded.laurel("compact --data data");
        recorded.laurel("export --full --data data --out again");

        assert_eq!(found(&data, &texts), BTreeSet::new(), "{}", recorded.from.display());
        let hex: Vec<String> = texts.iter().map(|text| hex(text)).collect();
        let hex: Vec<&str> = hex.iter().map(String::as_str).collect();
        let again = recorded.work.path().join("again");
        assert_eq!(found(&again, &hex), BTreeSet::new());
        assert_eq!(recorded.laurel("audit --data data"), audit, "nothing else has changed");
        let again = recorded.laurel("reseal --data data");
        assert!(again.contains(" 0 of them sealed anew"), "{again}");
    }
    assert!(were_open > 0, "an older folder holds them in the clear");
}
