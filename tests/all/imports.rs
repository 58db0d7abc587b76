//! `POST /import`, and what it finds of members that are there already: balances of 0.1.0, which had no names, lots
//! of our own export, and what staff has taken away.

use std::fmt::Write as _;

use domain::{decide::Adjust, id::BrandId, number::SignedFigure, time::Instant};
use edge::wire;
use engine::{Act, Request, records::By};
use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, Reply, Shop, program};

/// A phone that is known.
const PHONE: &str = "13800138001";

pub(crate) async fn send(shop: &Shop, query: &str, kind: &str, body: &[u8]) -> Reply {
    let key = format!("Bearer {ADMIN_KEY}");
    let headers = [("authorization", key.as_str()), ("content-type", kind)];
    shop.send("POST", &format!("/import{query}"), &headers, body).await
}

/// What is told, `LINES COLUMN LANDED CODE` each.
fn told(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let text = |told: &Value, name: &str| told[name].as_str().unwrap().to_owned();
    let line = |told: &Value| ["lines", "column", "landed", "code"].map(|name| text(told, name)).join(" ");
    reply.body["told"].as_array().unwrap().iter().map(line).collect()
}

async fn import(shop: &Shop, query: &str, rows: &str) -> Vec<String> {
    told(&send(shop, query, "text/csv", rows.as_bytes()).await)
}

async fn known(shop: &Shop) -> (String, Value) {
    let find = json!({"identity": {"kind": "phone", "value": PHONE}});
    let member = shop.ok("POST", "/members/find", find).await;
    (member["id"].as_str().unwrap().to_owned(), member)
}

/// Growth and lots, `GROWTH POINTS/END …`; a debt is below 0.
async fn shows(shop: &Shop) -> String {
    let (_, member) = known(shop).await;
    let mut text = member["growth"].to_string();
    for lot in member["points"]["lots"].as_array().unwrap() {
        let end = lot["expires_at"].as_str().map_or("never", |end| &end[..10]);
        write!(text, " {}/{end}", lot["points"]).unwrap();
    }
    if member["points"]["debt"] != 0 {
        write!(text, " -{}", member["points"]["debt"]).unwrap();
    }
    text
}

/// A balance as 0.1.0 booked it.
async fn booked_before(shop: &Shop, (points, end, growth): (i64, &str, i64)) {
    let now = shop.api.clock.now();
    let id = wire::read_member_id(&known(shop).await.0).unwrap();
    let expires_at = match end {
        "" => None,
        end => Some(Instant::parse(&format!("{end}T00:00:00+08:00")).unwrap()),
    };
    let figure = |figure| SignedFigure::of(figure).unwrap();
    let (points, growth) = (figure(points), figure(growth));
    let (brand, reason) = (BrandId::of_checked("acme"), "opening balance".to_owned());
    let adjust = Adjust { brand, points, growth, reason, expires_at, occurred_at: None, bill: false };
    let key = format!("old-{}", shop.fresh()).parse().unwrap();
    let act = Act::adjust(engine::Whom::Id(id), &key, adjust);
    shop.api.engine.ledger().execute(&Request::plain(By::Import, now), &act).await.unwrap();
}

/// Balances of 0.1.0, the rows of a file, what is told of them, and what the member has then. Every file is sent
/// three times: the second and the third time change nothing.
struct Case {
    old: &'static [(i64, &'static str, i64)],
    rows: &'static str,
    query: &'static str,
    told: &'static [&'static str],
    shows: &'static str,
}

const CASES: &[Case] = &[
    // Unchanged; an end that followed from the rule is left empty in the file.
    Case {
        old: &[(1200, "2027-07-01", 600)],
        rows: ",1200,2027-06-30,600",
        query: "",
        told: &[],
        shows: "600 1200/2027-07-01",
    },
    Case { old: &[(75, "", 0)], rows: ",75,,", query: "", told: &[], shows: "0 75/2028-01-01" },
    // A corrected end, or figure, is told, or booked once: growth of a replaced balance stays the member's.
    Case {
        old: &[(1200, "2027-07-01", 600)],
        rows: ",1200,2027-12-31,600",
        query: "",
        told: &["2 points no balance_conflict"],
        shows: "600 1200/2027-07-01",
    },
    Case {
        old: &[(1200, "2027-07-01", 600)],
        rows: ",1200,2027-12-31,600",
        query: "?correct=true",
        told: &[],
        shows: "600 1200/2028-01-01",
    },
    Case {
        old: &[(1200, "2027-07-01", 600)],
        rows: ",1300,2027-06-30,650",
        query: "?correct=true",
        told: &[],
        shows: "650 1300/2027-07-01",
    },
    // An old balance is that of one row.
    Case {
        old: &[(100, "2027-07-01", 0)],
        rows: ",100,2027-06-30,\nbonus,50,,",
        query: "",
        told: &[],
        shows: "0 100/2027-07-01 50/2028-01-01",
    },
    Case {
        old: &[(100, "2027-07-01", 0)],
        rows: "bonus,50,,\n,100,2027-06-30,",
        query: "?correct=true",
        told: &[],
        shows: "0 100/2027-07-01 50/2028-01-01",
    },
    Case {
        old: &[(100, "2027-07-01", 0)],
        rows: "a,100,2027-06-30,\nb,30,2027-06-30,",
        query: "?correct=true",
        told: &[],
        shows: "0 130/2027-07-01",
    },
    Case {
        old: &[(100, "2027-07-01", 0)],
        rows: "b,30,2027-06-30,\na,100,2027-06-30,",
        query: "",
        told: &[],
        shows: "0 130/2027-07-01",
    },
    Case {
        old: &[(100, "2027-07-01", 0), (40, "", 0)],
        rows: "a,100,2027-06-30,\nb,40,,",
        query: "",
        told: &[],
        shows: "0 100/2027-07-01 40/2028-01-01",
    },
    Case {
        old: &[(100, "2027-07-01", 0), (40, "", 0)],
        rows: "a,100,2027-06-30,\nb,45,,",
        query: "?correct=true",
        told: &[],
        shows: "0 100/2027-07-01 45/2028-01-01",
    },
    // A row without an end hides no balance whose end moved.
    Case {
        old: &[(40, "", 0), (100, "2027-07-01", 0)],
        rows: "a,40,,\nb,100,2027-09-30,",
        query: "",
        told: &["3 points no balance_conflict"],
        shows: "0 100/2027-07-01 40/2028-01-01",
    },
    Case {
        old: &[(40, "", 0), (100, "2027-07-01", 0)],
        rows: "b,100,2027-09-30,\na,40,,",
        query: "?correct=true",
        told: &[],
        shows: "0 100/2027-10-01 40/2028-01-01",
    },
    // What repaid a debt shows no end, and has none to move.
    Case {
        old: &[(-50, "", 0), (30, "2027-07-01", 0)],
        rows: "debt,-50,,\n,30,2027-06-30,",
        query: "",
        told: &[],
        shows: "0 -20",
    },
    Case {
        old: &[(-50, "", 0), (30, "2027-07-01", 0)],
        rows: "debt,-50,,\n,60,2027-06-30,",
        query: "?correct=true",
        told: &[],
        shows: "0 10/2027-07-01",
    },
];

#[tokio::test]
async fn what_0_1_0_booked_is_found_by_what_it_says() {
    let mut wrong = Vec::new();
    for Case { old, rows, query, told, shows: want } in CASES {
        let shop = Shop::usual().await;
        import(&shop, "", &format!("phone,brand\n{PHONE},acme\n")).await;
        for balance in *old {
            booked_before(&shop, *balance).await;
        }
        let rows: String = rows.lines().map(|row| format!("{PHONE},acme,{row}\n")).collect();
        let file = format!("phone,brand,balance_id,points,expires_at,growth\n{rows}");
        for run in 1..=3 {
            let got = (import(&shop, query, &file).await, shows(&shop).await);
            if got.0 != *told || got.1 != *want {
                wrong.push(format!("{old:?} {rows}{query} run {run}: {got:?}, not {told:?} {want}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What stands in `members.csv` and `lots.csv` of a member who has lived here.
#[tokio::test]
async fn what_was_exported_here_changes_nothing_here() {
    let shop = Shop::usual().await;
    import(&shop, "", &format!("phone,brand\n{PHONE},acme\n")).await;
    let (id, _) = known(&shop).await;
    shop.earn(&id, "A-1", "700").await;
    let end = Instant::parse("2028-01-01T00:00:00+08:00").unwrap();
    let lots = |points: i64| {
        format!(
            "phone,brand,points,expires_at,balance_id\n{PHONE},acme,{points},2028-01-01T00:00:00+08:00,lot:{}\n",
            end.0
        )
    };
    let members = |growth: u64, orders: u64, tier: &str| {
        format!(
            "phone,brand,growth,prior_orders,prior_amount,tier,tier_until\n\
             {PHONE},acme,{growth},{orders},{growth}.00,{tier},2027-03-02T00:00:00+08:00\n"
        )
    };
    let (_, before) = known(&shop).await;
    assert_eq!(before["tier"]["valid_until"], "2027-03-02T00:00:00+08:00", "{before}");
    for query in ["", "?correct=true"] {
        assert_eq!(import(&shop, query, &lots(700)).await, [""; 0]);
        assert_eq!(import(&shop, query, &members(700, 1, "silver")).await, [""; 0]);
        assert_eq!(known(&shop).await.1, before, "{query}");
    }
    // Later the files are old.
    shop.redeem(&id, "A-2", 100).await;
    shop.earn(&id, "A-3", "50").await;
    let before = shows(&shop).await;
    assert_eq!(import(&shop, "", &lots(700)).await, ["2 points no balance_conflict"]);
    let columns = ["prior_amount", "prior_orders", "growth"];
    let mut want: Vec<String> =
        columns.iter().map(|column| format!("2 {column} yes standing_conflict")).collect();
    want.sort();
    let mut told = import(&shop, "", &members(700, 1, "silver")).await;
    told.sort();
    assert_eq!(told, want);
    assert_eq!(shows(&shop).await, before);
    // All of it is spent: the lot is gone, and does not come back.
    let left = known(&shop).await.1["points"]["available"].as_u64().unwrap();
    shop.redeem(&id, "A-4", left).await;
    assert_eq!(import(&shop, "", &lots(700)).await, ["2 points no balance_conflict"]);
    assert_eq!(shows(&shop).await, "750");
    // Asked to, it is what the file says, once.
    for _ in 0..2 {
        assert_eq!(import(&shop, "?correct=true", &lots(30)).await, [""; 0]);
        assert_eq!(shows(&shop).await, "750 30/2028-01-01");
    }
}

#[tokio::test]
async fn rows_of_one_member_are_one_persons_however_they_are_written() {
    let mut shop = Shop::usual().await;
    let both = format!("phone,email,brand\n{PHONE},a@bücher.de,acme\n");
    import(&shop, "?verified=true", &both).await;
    for rows in [
        format!("{PHONE},,acme,100\n,a@bücher.de,acme,50\n"),
        ",a@xn--bcher-kva.de,acme,100\n+86 138 0013 8001,,acme,50\n".to_owned(),
    ] {
        for query in ["?correct=true", ""] {
            let file = format!("phone,email,brand,points\n{rows}");
            assert_eq!(import(&shop, query, &file).await, ["3 points no duplicate_row"], "{rows}");
            assert_eq!(shows(&shop).await, "0 100/2028-01-01", "{rows}");
        }
    }
    for (region, one, other) in [
        ("SG", "65597143", "+65 6559 7143"),
        ("HK", "21234567", "+852 2123 4567"),
        ("NO", "21234567", "+47 21 23 45 67"),
        ("DK", "32123456", "+45 32 12 34 56"),
        ("NZ", "021123456", "+6421123456"),
        ("CN", "١٣٨٠٠١٣٨٠٠١", "13800138001"),
    ] {
        let mut program = program();
        program["default_region"] = json!(region);
        shop = Shop::open(&program, crate::support::START).await;
        let file = format!("phone,brand,points\n{one},acme,100\n{other},acme,50\n");
        for _ in 0..2 {
            assert_eq!(
                import(&shop, "?correct=true", &file).await,
                ["3 points no duplicate_row"],
                "{region}"
            );
        }
        // In one row it is one identity.
        let file = format!("phone,phone_2,brand,balance_id,points\n{one},{other},acme,c,7\n");
        assert_eq!(import(&shop, "", &file).await, [""; 0], "{region}");
    }
}

#[tokio::test]
async fn what_staff_has_taken_away_does_not_come_back() {
    let mut program = program();
    program["tags"] = json!([{"id": "vip"}]);
    let shop = Shop::open(&program, crate::support::START).await;
    let file = format!("phone,brand,badges\n{PHONE},acme,founder\n");
    import(&shop, "", &file).await;
    let (id, _) = known(&shop).await;
    shop.ok("DELETE", &format!("/members/{id}/badges/founder?reason=a%20mistake"), Value::Null).await;
    for _ in 0..2 {
        assert_eq!(import(&shop, "", &file).await, ["2 badges yes not_added"]);
        assert_eq!(known(&shop).await.1["badges"], json!([]));
    }
    shop.ok("POST", &format!("/members/{id}/status"), json!({"status": "closed", "reason": "tests"})).await;
    assert_eq!(
        import(&shop, "", &format!("phone,brand,tags\n{PHONE},acme,vip\n")).await,
        ["2 tags yes not_added"]
    );
    assert_eq!(known(&shop).await.1["tags"], json!([]));
}

#[tokio::test]
async fn the_end_of_a_tier_is_that_tiers() {
    let shop = Shop::usual().await;
    let file = |until: &str| format!("phone,brand,tier,tier_until\n{PHONE},acme,silver,{until}\n");
    import(&shop, "", &file("2026-12-31")).await;
    import(&shop, "?correct=true", &file("2026-11-30")).await;
    let tier = known(&shop).await.1["tier"].clone();
    assert_eq!((&tier["id"], &tier["valid_until"]), (&json!("silver"), &json!("2026-12-01T00:00:00+08:00")));
    let (id, _) = known(&shop).await;
    shop.earn(&id, "A-1", "2500").await;
    let gold = known(&shop).await.1["tier"].clone();
    assert_eq!(gold["id"], "gold");
    assert_eq!(import(&shop, "?correct=true", &file("2026-10-31")).await, ["2 tier_until yes not_added"]);
    assert_eq!(known(&shop).await.1["tier"], gold);
}
