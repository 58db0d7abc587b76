//! Histories as files tell them, again and again: mended, cut in two, spelled otherwise, read otherwise. What is
//! recorded is recognised, whoever recorded it, and nothing lands half.

use std::{process::Command, sync::Arc};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store_redb::{Options, RedbStore};

use crate::{desk::Desk, histories::run, support::Shop, tidy::root};

const HEADER: &str =
    "kind,occurred_at,brand,phone,order_id,line_id,quantity,amount,points,refund_id,part,order_channel";

/// A desk with one member, and a history of it.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("members.csv", &["phone,points", "13800138001,500"]);
    desk.run(
        "import members.csv --data data --program program.json --test-clock 2026-01-01T00:00:00+08:00",
        0,
    );
    desk
}

/// Replays these rows under [`HEADER`]; what the command says, and what is told, `LINES COLUMN CODE` a line.
#[track_caller]
fn replay_with(desk: &Desk, rows: &[&str], words: &str, exit: i32) -> (String, Vec<String>) {
    desk.write("history.csv", &[&[HEADER], rows].concat());
    let said = desk.run(&format!("replay history.csv --data data {words}"), exit);
    (said, told(desk, "history.csv.rejected.csv"))
}

#[track_caller]
fn replay(desk: &Desk, rows: &[&str], exit: i32) -> (String, Vec<String>) {
    replay_with(desk, rows, "", exit)
}

fn told(desk: &Desk, name: &str) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(desk.path().join(name)) else { return Vec::new() };
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let rows = rows.records().map(Result::unwrap);
    rows.map(|row| format!("{} {} {}", &row[0], &row[1], &row[4])).collect()
}

#[track_caller]
fn says(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.contains(line), "{line}: {said}");
    }
}

/// Calls the functions over the desk's data, as a shop's till does.
fn live(desk: &Desk, data: &str, at: &str, calls: &[(&str, Value)]) -> Vec<Value> {
    let admin = desk.read(&format!("{data}/admin-key"));
    let master = desk.read(&format!("{data}/master-key"));
    let store = Arc::new(RedbStore::open(&desk.path().join(data), Options::default()).unwrap());
    run(async {
        let shop = Shop::found(store, master.trim(), at).await;
        let mut answers = Vec::new();
        for (path, body) in calls {
            let reply = shop.call_as(admin.trim(), "POST", path, body, None).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            answers.push(reply.body);
        }
        answers
    })
}

fn redeem(order: &str, points: u64) -> (&'static str, Value) {
    let body = json!({
        "identity": {"kind": "phone", "value": "13800138001"}, "brand": "acme", "points": points,
        "for": {"kind": "order", "order_id": order},
    });
    ("/redeem", body)
}

/// What 0.1.0 recorded, without the settlement of its second month, in the folder `old`; its history.
fn of_0_1_0(change: impl Fn(&str) -> Option<String>) -> (Desk, Vec<String>) {
    let desk = Desk::new();
    let from = root().join("tests/data/v0.1.0");
    let full = Command::new("gzip").arg("-dc").arg(from.join("full.jsonl.gz")).output().unwrap();
    let full = String::from_utf8(full.stdout).unwrap();
    let mut lines: Vec<String> =
        full.lines().filter(|line| !line.starts_with("{\"k\":\"73")).filter_map(change).collect();
    let records = lines.len() - 2;
    *lines.last_mut().unwrap() = json!({"records": records}).to_string();
    desk.write("full.jsonl", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    std::fs::copy(from.join("master-key"), desk.path().join("master-key")).unwrap();
    desk.run("import full.jsonl --full --data old", 0);
    let history = std::fs::read_to_string(from.join("history.csv")).unwrap();
    std::fs::copy(from.join("rejected.csv"), desk.path().join("history.csv.rejected.csv")).unwrap();
    std::fs::write(desk.path().join("history.csv"), &history).unwrap();
    (desk, history.lines().map(str::to_owned).collect())
}

#[test]
fn what_0_1_0_recorded_is_recognised_in_a_mended_copy() {
    let (desk, mut history) = of_0_1_0(|line| Some(line.to_owned()));
    let digest = |desk: &Desk| {
        let said = desk.run("audit --data old", 0);
        said.lines().find(|line| line.starts_with("digest")).unwrap().to_owned()
    };
    let before = digest(&desk);
    let row = history.iter_mut().find(|row| row.contains("999999")).unwrap();
    *row = row.replace("999999", "888888");
    // Where a member's clock was ahead, it recorded a refund and a redemption at a later moment than the file's.
    for row in &mut history {
        *row = row
            .replace("2026-01-14T10:00", "2026-01-14T09:00")
            .replace("2026-01-12T10:00", "2026-01-12T09:00");
    }
    desk.write("mended.csv", &history.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..2 {
        let said = desk.run("replay mended.csv --data old", 1);
        says(
            &said,
            &["orders 0,", "redemptions 0,", "refunds 0,", "refused 1, of them for too few points 1"],
        );
        assert_eq!(told(&desk, "mended.csv.rejected.csv"), ["11  insufficient_points"]);
    }
    assert_eq!(digest(&desk), before);
    // A further refund of that order, and a further redemption, are others.
    let redemption = history.iter().find(|row| row.contains("H-4")).unwrap().clone();
    history.push("refund,2026-01-14T11:00:00+08:00,acme,wechat,o-3,H-2,,,,,100.00,,".to_owned());
    history.push(redemption);
    desk.write("longer.csv", &history.iter().map(String::as_str).collect::<Vec<_>>());
    let said = desk.run("replay longer.csv --data old", 1);
    says(&said, &["redemptions 1, points redeemed 30", "refunds 1,"]);
    let said = desk.run("replay longer.csv --data old", 1);
    says(&said, &["redemptions 0,", "refunds 0,"]);
    desk.run("audit --data old", 0);
}

#[test]
fn a_replay_that_0_1_0_began_goes_on() {
    let noted: String = "xreplay:".bytes().map(|byte| format!("{byte:02x}")).collect();
    let (desk, _) = of_0_1_0(|line| match line.contains(&noted) {
        // As if it had been cut off after five events.
        true => Some(line.replace("000000000000000b0000000000000001", "00000000000000050000000000000000")),
        false => Some(line.to_owned()),
    });
    std::fs::remove_file(desk.path().join("history.csv.rejected.csv")).unwrap();
    let said = desk.run("replay history.csv --data old", 1);
    says(&said, &["events replayed before 5, recorded before 5", "refused 1,", "refunds 0,"]);
    let said = desk.run("replay history.csv --data old", 1);
    says(&said, &["events replayed before 11, recorded before 0", "refused 1,", "refunds 0,"]);
}

/// What 0.1.0 counted was not what is counted now: an unknown kind was an event, a date without a time was none.
#[test]
fn what_0_1_0_could_not_read_lands_when_it_goes_on() {
    let rows = [
        "kind,occurred_at,phone,order_id,amount",
        "sell,2026-01-02T10:00:00+08:00,13800138001,A-1,1",
        "earn,2026/1/2,13800138001,A-2,2",
        "earn,2026-01-03T10:00:00+08:00,13800138001,A-3,4",
        "earn,2026-01-04T10:00:00+08:00,13800138001,A-4,8",
        "Earn,2026-01-01T10:00:00+08:00,13800138001,A-5,16",
    ];
    let desk = desk();
    desk.run("export --full --data data --out out", 0);
    desk.write("history.csv", &rows);
    let hash = Sha256::digest(desk.read("history.csv"));
    let hash: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let key: String = format!("xreplay:{hash}").bytes().map(|byte| format!("{byte:02x}")).collect();
    let full = desk.read("out/full.jsonl");
    let mut lines: Vec<&str> = full.lines().collect();
    let note = json!({"k": key, "v": "00000000000000030000000000000002"}).to_string();
    let footer = json!({"records": lines.len() - 1}).to_string();
    lines.pop();
    lines.extend([note.as_str(), &footer]);
    desk.write("out/full.jsonl", &lines);
    desk.run("import out/full.jsonl --full --data again", 0);
    desk.write(
        "history.csv.rejected.csv",
        &[
            "line,code,detail",
            "2,invalid_field,kind is earn",
            "3,invalid_field,RFC 3339",
            "6,invalid_field,kind is earn",
        ],
    );
    for (orders, before) in [("orders 3, points earned 26", 1), ("orders 0,", 4)] {
        let said = desk.run("replay history.csv --data again", 1);
        says(&said, &[orders, &format!("events replayed before {before},"), "refused 1,"]);
        assert!(!said.contains("no longer"), "{said}");
        assert_eq!(told(&desk, "history.csv.rejected.csv"), ["2 kind invalid_field"]);
    }
}

#[test]
fn nothing_lands_half_beside_a_row_that_cannot_be_read() {
    let order = |id: &str, line: u32, amount: &str, at: &str| {
        format!("earn,{at},,13800138001,{id},{line},1,{amount},,,,")
    };
    let at = "2026-01-02T10:00:00+08:00";
    let good = [order("A-1", 1, "20", at), order("A-1", 2, "30", at), order("A-1", 3, "50", at)];
    for (faulty, code) in [
        (order("A-1", 2, "30", at).replace(",30,", ",\"30\" x,"), "3 amount malformed_row"),
        (order("A-1", 2, "30", "2026-01-32"), "3 occurred_at invalid_field"),
        (order("A-1", 2, "30", "2206-01-02T10:00:00+08:00"), "3 occurred_at occurred_in_future"),
        (order("A-1", 2, "30", at).replace("earn", "earned"), "3 kind invalid_field"),
        (order("A-1", 2, "3o", at), "3 amount invalid_field"),
        (order("A-1", 2, "30", "2026-01-02T10:00:01+08:00"), "3  incomplete_event"),
        (order("A-1", 2, "30", at).replace("13800138001", "13800138002"), "3  incomplete_event"),
    ] {
        let desk = desk();
        let other = order("A-2", 1, "5", at).replace(",1,1,", ",,,");
        let (said, told) = replay(&desk, &[&good[0], &faulty, &good[2], &other], 1);
        says(&said, &["orders 1, points earned 5"]);
        assert_eq!(told, ["2  incomplete_event", code, "4  incomplete_event"]);
        let (said, told) = replay(&desk, &[&good[0], &good[1], &good[2], &other], 0);
        says(&said, &["orders 1, points earned 100", "recorded before 1"]);
        assert_eq!(told, [""; 0]);
    }
}

#[test]
fn a_refund_by_lines_is_taken_once_after_a_row_of_it_is_mended() {
    let desk = desk();
    let rows = [
        "earn,2026-01-02T10:00:00+08:00,,13800138001,A-1,1,1,20,,,,",
        "earn,2026-01-02T10:00:00+08:00,,13800138001,A-1,2,1,30,,,,",
        "refund,2026-01-03T10:00:00+08:00,,13800138001,A-1,1,1,,,,,",
        "refund,2026-01-03T10:00:00+08:00,,13800138001,A-1,2,1,,,,,",
    ];
    let mut torn = rows.map(str::to_owned);
    torn[3] = torn[3].replace("refund", "\"refund\" it");
    let (said, told) = replay(&desk, &torn.each_ref().map(String::as_str), 1);
    says(&said, &["orders 1, points earned 50", "refunds 0,"]);
    assert_eq!(told, ["4  incomplete_event", "5 kind malformed_row"]);
    let (said, _) = replay(&desk, &rows, 0);
    says(&said, &["refunds 1, points taken back 50"]);
    let (said, _) = replay(&desk, &[rows[3], rows[2], rows[0], rows[1]], 0);
    says(&said, &["refunds 0,", "recorded before 2"]);
}

#[test]
fn what_is_said_otherwise_is_the_same_refund() {
    let desk = desk();
    let first = [
        "earn,2026-01-02T10:00:00+08:00,acme,13800138001,A-1,1,0.35,100,,,,",
        "earn,2026-01-02T11:00:00+08:00,acme,13800138001,A-2,,,100,,,,app",
        "refund,2026-01-03T10:00:00+08:00,acme,13800138001,A-1,1,0.350,,,,,",
        // Two refunds that say the same.
        "refund,2026-01-03T10:00:00+08:00,acme,13800138001,A-2,,,10.00,,,,",
        "refund,2026-01-03T10:00:00+08:00,,13800138001,A-2,,,10,,,,",
        "redeem,2026-01-03T11:00:00+08:00,,13800138001,A-2,,,,7,,,",
        "redeem,2026-01-03T11:00:00+08:00,,13800138001,A-2,,,,7,,gift,",
    ];
    let (said, _) = replay(&desk, &first, 0);
    says(&said, &["refunds 3, points taken back 120", "redemptions 2, points redeemed 14"]);
    let again = [
        "refund,2026-01-03T10:00:00+08:00,,13800138001,A-1,1,0.35,,,,,",
        "refund,2026/1/3 10:00,,13800138001,A-2,,,10,,,,",
        "Refund,2026-01-03T02:00:00Z,acme,13800138001,A-2,,,10.0,,,,",
        "redeem,2026/1/3 11:00,acme,+86 138 0013 8001,A-2,,,,7.0,,,",
        "redeem,2026/1/3 11:00,acme,13800138001,A-2,,,,7.0,,gift,",
    ];
    let (said, _) = replay(&desk, &again, 0);
    says(&said, &["recorded before 5", "refunds 0,", "redemptions 0,"]);
    let member = desk.members("data", "2026-01-08T00:00:00+08:00").remove(0).1;
    assert_eq!(member["points"]["available"], 500 + 200 - 120 - 14);
}

#[test]
fn an_order_that_was_paid_with_points_at_the_till_is_not_paid_again_by_its_history() {
    let desk = desk();
    let rows = [
        "redeem,2026-01-03T10:00:00+08:00,,13800138001,A-1,,,,40,,,",
        "redeem,2026-01-03T10:00:00+08:00,,13800138001,A-1,,,,40,,,",
        "redeem,2026-01-03T10:00:00+08:00,,13800138001,A-1,,,,41,,,",
    ];
    live(&desk, "data", "2026-01-03T10:00:07+08:00", &[redeem("A-1", 40)]);
    let (said, _) = replay(&desk, &rows[..1], 0);
    says(&said, &["recorded before 1", "redemptions 0,"]);
    // One of two that say the same, and another figure, are others.
    let (said, _) = replay(&desk, &rows, 0);
    says(&said, &["recorded before 1", "redemptions 2, points redeemed 81"]);
    let (said, _) = replay(&desk, &[rows[2], rows[1], rows[0]], 0);
    says(&said, &["recorded before 3", "redemptions 0,"]);
}

#[test]
fn what_was_undone_since_was_recorded_before() {
    let desk = desk();
    let rows = [
        "earn,2026-01-02T10:00:00+08:00,,13800138001,A-1,,,100,,,,",
        "redeem,2026-01-03T10:00:00+08:00,,13800138001,A-1,,,,40,,,",
    ];
    replay(&desk, &rows, 0);
    let cancel = |id: &Value| ("/reverse", json!({"redemption_id": id}));
    let found = live(
        &desk,
        "data",
        "2026-01-04T00:00:00+08:00",
        &[("/orders/find", json!({"brand": "acme", "order_id": "A-1"}))],
    );
    let id = &found[0]["redemptions"][0]["redemption_id"];
    assert!(id.is_string(), "{}", found[0]);
    let refund = json!({"brand": "acme", "order_id": "A-1", "refund_id": "r", "refund": "all"});
    live(&desk, "data", "2026-01-04T00:00:00+08:00", &[cancel(id), ("/reverse", refund)]);
    let (said, told) = replay(&desk, &[rows[1], rows[0]], 0);
    says(&said, &["recorded before 2", "refused 0,"]);
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_file_that_is_read_otherwise_has_other_events() {
    let desk = desk();
    let rows = [
        "earn,2026-01-02T10:00:00+08:00,,13800138001,A-1,,,1,,,,",
        "earn,03/01/2026,,13800138001,A-2,,,2,,,,",
        "earn,2026-01-04T10:00:00+08:00,,13800138001,A-3,,,4,,,,",
    ];
    let (said, told) = replay(&desk, &rows, 1);
    says(&said, &["orders 2, points earned 5"]);
    assert_eq!(told, ["3 occurred_at invalid_field"]);
    let (said, told) = replay_with(&desk, &rows, "--date-format dd/mm/yyyy", 0);
    says(&said, &["recorded before 2", "orders 1, points earned 2"]);
    assert_eq!(told, [""; 0]);
    let (said, _) = replay_with(&desk, &rows, "--date-format dd/mm/yyyy", 0);
    says(&said, &["events replayed before 3, recorded before 0"]);
}

#[test]
fn what_has_not_come_yet_is_told() {
    let desk = desk();
    let rows = [
        "earn,2206-01-02T10:00:00+08:00,,13800138001,A-1,,,1,,,,",
        "earn,2026-01-02T10:00:00+08:00,,13800138001,A-2,,,2,,,,",
    ];
    for orders in ["orders 1, points earned 2", "events replayed before 1,"] {
        let (said, told) = replay(&desk, &rows, 1);
        says(&said, &[orders]);
        assert_eq!(told, ["2 occurred_at occurred_in_future"]);
        assert!(desk.read("history.csv.rejected.csv").contains("2206-01-02T10:00:00+08:00 has not come yet"));
    }
}

#[test]
fn a_report_that_cannot_be_written_ends_it_before_anything_lands() {
    let desk = desk();
    let rows = [
        "earn,2026-01-02T10:00:00+08:00,,13800138001,A-1,,,1,,,,",
        "redeem,2026-01-03T10:00:00+08:00,,13800138001,A-1,,,,4000,,,",
    ];
    let (said, _) = replay_with(&desk, &rows, "--rejected nowhere/told.csv", 2);
    says(&said, &["cannot write what is told"]);
    assert_eq!(desk.members("data", "2026-01-08T00:00:00+08:00")[0].1["points"]["available"], 500);
    // Too few points is told too, and the exit code says so.
    let (said, told) = replay(&desk, &rows, 1);
    says(&said, &["orders 1, points earned 1", "refused 1, of them for too few points 1"]);
    assert_eq!(told, ["3  insufficient_points"]);
}

#[test]
fn parts_and_channels_come_from_their_columns() {
    let desk = desk();
    let rows = [
        "earn,2026-01-02T10:00:00+08:00,,13800138001,A-1,,,100,,,,app",
        "redeem,2026-01-03T10:00:00+08:00,,13800138001,A-1,,,,40,,gift,",
        "redeem,2026-01-03T10:00:00+08:00,,13800138001,A-1,,,,40,,points,",
        "earn,2026-01-03T10:00:00+08:00,,13800138001,A-2,,,100,,,gift,",
        "redeem,2026-01-03T10:00:00+08:00,,13800138001,A-1,,,,1,,,app",
    ];
    let (said, told) = replay(&desk, &rows, 1);
    says(&said, &["orders 1,", "redemptions 2, points redeemed 80"]);
    assert_eq!(told, ["5 part invalid_field", "6 order_channel invalid_field"]);
    let found = live(
        &desk,
        "data",
        "2026-01-04T00:00:00+08:00",
        &[("/orders/find", json!({"brand": "acme", "order_id": "A-1"}))],
    );
    let found = found[0].to_string();
    for word in ["\"channel\":\"app\"", "\"part\":\"gift\"", "\"part\":\"points\""] {
        assert!(found.contains(word), "{word}: {found}");
    }
}
