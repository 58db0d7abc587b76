//! Files as shops have them, through the binary: what lands of each, and what is told.

use serde_json::Value;

use crate::desk::Desk;

const AT: &str = "--data data --program program.json --test-clock 2026-01-01T00:00:00+08:00";
const LATER: &str = "2026-01-02T00:00:00+08:00";

impl Desk {
    /// Imports these bytes; returns what the command says and what is told, `LINES COLUMN LANDED CODE` a line.
    #[track_caller]
    fn import(&self, bytes: impl AsRef<[u8]>, words: &str, exit: i32) -> (String, Vec<String>) {
        std::fs::write(self.path().join("members.csv"), bytes).unwrap();
        let said = self.run(&format!("import members.csv {AT} {words}"), exit);
        (said, self.told("members.csv.rejected.csv"))
    }

    /// Replays these bytes, the same way.
    #[track_caller]
    fn replay(&self, text: &str, exit: i32) -> (String, Vec<String>) {
        std::fs::write(self.path().join("orders.csv"), text).unwrap();
        let said = self.run("replay orders.csv --data data", exit);
        (said, self.told("orders.csv.rejected.csv"))
    }

    fn told(&self, name: &str) -> Vec<String> {
        let Ok(text) = std::fs::read_to_string(self.path().join(name)) else { return Vec::new() };
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let header: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(header, ["lines", "column", "value", "landed", "code", "detail"]);
        let rows = rows.records().map(Result::unwrap);
        rows.map(|row| format!("{} {} {} {}", &row[0], &row[1], &row[3], &row[4])).collect()
    }

    /// Available points of each member, by its first identity.
    fn points(&self) -> Vec<(String, i64)> {
        let points = |member: &Value| {
            member["points"]["available"].as_i64().unwrap() - member["points"]["debt"].as_i64().unwrap()
        };
        self.members("data", LATER).iter().map(|(id, member)| (id.clone(), points(member))).collect()
    }

    fn only(&self) -> Value {
        let mut members = self.members("data", LATER);
        assert_eq!(members.len(), 1);
        members.remove(0).1
    }
}

fn is(id: &str, points: i64) -> (String, i64) {
    (id.to_owned(), points)
}

#[test]
fn a_figure_with_a_comma_is_refused_and_not_cut() {
    let desk = Desk::new();
    let (_, told) = desk.import("phone,points\n13800138001,1,200\n13800138002,5\n", "", 1);
    assert_eq!(told, ["2  no malformed_row"]);
    assert_eq!(desk.points(), [is("+8613800138002", 5)]);
}

#[test]
fn a_quote_before_a_name_swallows_nothing_silently() {
    let row = |number: u64, mark: &str| format!("{},{mark}Li Lei,5\n", 13_800_000_000 + number);
    let rows = |marks: &[u64]| {
        (1..=1_999)
            .map(|number| row(number, if marks.contains(&number) { "\"" } else { "" }))
            .collect::<String>()
    };
    let desk = Desk::new();
    let (said, _) = desk.import(format!("phone,name,points\n{}", rows(&[10])), "", 2);
    assert!(said.contains("line 11") && said.contains("never closes"), "{said}");
    assert!(!desk.path().join("data").exists(), "nothing was written");
    let (said, told) = desk.import(format!("phone,name,points\n{}", rows(&[10, 1_999])), "", 1);
    assert_eq!(told, ["11-2000 name no malformed_row"]);
    assert!(said.contains("members created 9,"), "{said}");
}

#[test]
fn what_a_whole_file_is_refused_for_writes_nothing() {
    let gbk = b"\xca\xd6\xbb\xfa,\xd0\xd5\xc3\xfb,\xbb\xfd\xb7\xd6\n13800138001,\xc0\xee\xc0\xd7,7\n";
    let desk = Desk::new();
    for (bytes, words, says) in [
        (&gbk[..], "", "looks like GB18030: --encoding gb18030"),
        (b"phone,pionts\n13800138001,5\n", "", "is it points?"),
        (b"name,points\nLi,5\n", "", "no column says who a row is about"),
        (b"phone,points\n13800138001,5\n", "--map phone=telephon", "is not known"),
        (b"phone,phone\n13800138001,5\n", "", "both are phone"),
    ] {
        let (said, _) = desk.import(bytes, words, 2);
        assert!(said.contains(says), "{said}");
        assert!(!desk.path().join("data").exists(), "{said}");
    }
    desk.import(gbk, "--encoding gb18030", 0);
    assert_eq!(desk.points(), [is("+8613800138001", 7)]);
    assert_eq!(desk.only()["profile"]["name"], "李雷");
}

#[test]
fn files_of_many_programs_land_the_same() {
    for text in [
        "phone;name;points\n13800138001;Li, Lei;5\n",
        "sep=;\nphone;name;points\n13800138001;Li, Lei;5\n",
        "phone,name,points\r13800138001,\"Li, Lei\",5\r",
        "\u{feff}phone,name,points\r\n13800138001,\"Li, Lei\",5.0\r\n,,\r\n",
        "Phone\tName\tPoints\t\n138 0013 8001\tLi, Lei\t5\t\n",
        "手机号,姓名,积分\n13800138001,\"Li, Lei\",５\n",
    ] {
        let desk = Desk::new();
        let (_, told) = desk.import(text, "", 0);
        assert_eq!(told, [""; 0]);
        assert_eq!(desk.points(), [is("+8613800138001", 5)], "{text:?}");
        assert_eq!(desk.only()["profile"]["name"], "Li, Lei");
    }
}

#[test]
fn a_bad_optional_field_is_told_and_left_out() {
    let desk = Desk::new();
    let text = "phone,birthday,gender,consent.sms,consent.email,registered_at,points\n\
        13800138001,1990/5/7,女,是,2025-03-01,2024/1/5,5\n\
        13800138002,31/12/1990,,perhaps,no,soon,6\n\
        1.38E+10,,,,,,7\n";
    let (_, told) = desk.import(text, "", 1);
    assert_eq!(
        told,
        [
            "3 registered_at yes invalid_field",
            "3 consent.sms yes invalid_field",
            "3 birthday yes invalid_field",
            "4 phone no spreadsheet_number"
        ]
    );
    let members = desk.members("data", LATER);
    let (first, second) = (&members[0].1, &members[1].1);
    assert_eq!(first["profile"]["birthday"], "1990-05-07");
    assert_eq!(first["profile"]["gender"], "female");
    assert_eq!(first["consents"], serde_json::json!({"sms": true, "email": true}));
    assert_eq!(first["registered_at"], "2024-01-05T00:00:00+08:00");
    assert_eq!(second["points"]["available"], 6);
    assert_eq!(second["profile"]["birthday"], Value::Null);
    let strict = Desk::new();
    let (said, _) = strict.import(text, "--strict", 1);
    assert!(said.contains("members created 1,"), "{said}");
}

#[test]
fn a_balance_has_a_name_and_lands_once() {
    let desk = Desk::new();
    let file = |points: &str, end: &str| format!("phone,points,expires_at\n13800138001,{points},{end}\n");
    let lots = |desk: &Desk| {
        let member = desk.only();
        let lots = member["points"]["lots"].as_array().unwrap();
        lots.iter().map(|lot| format!("{} {}", lot["points"], lot["expires_at"])).collect::<Vec<_>>()
    };
    desk.import(file("100", "2026-06-30"), "", 0);
    let once = ["100 \"2026-07-01T00:00:00+08:00\""];
    assert_eq!(lots(&desk), once);
    desk.import(file("100", "2026-06-30"), "", 0);
    desk.import(file("100", ""), "", 0);
    assert_eq!(lots(&desk), once);
    // Another end is told, however often, and moved where that is asked for.
    for _ in 0..2 {
        let (_, told) = desk.import(file("100", "2026-12-31"), "", 1);
        assert_eq!(told, ["2 points no balance_conflict"]);
    }
    assert_eq!(lots(&desk), once);
    for _ in 0..2 {
        desk.import(file("100", "2026-12-31"), "--correct", 0);
        assert_eq!(lots(&desk), ["100 \"2027-01-01T00:00:00+08:00\""]);
    }
    for (points, want) in [("130", vec!["130 \"2027-01-01T00:00:00+08:00\""]), ("-20", vec![]), ("0", vec![])]
    {
        let (_, told) = desk.import(file(points, "2026-12-31"), "", 1);
        assert_eq!(told, ["2 points no balance_conflict"]);
        desk.import(file(points, "2026-12-31"), "--correct", 0);
        assert_eq!(lots(&desk), want, "{points}");
        assert_eq!(desk.points()[0].1, points.parse::<i64>().unwrap());
    }
    desk.run("audit --data data", 0);
}

#[test]
fn two_rows_of_one_balance_are_told() {
    let desk = Desk::new();
    let text =
        "phone,points,balance_id\n13800138001,5,\n13800138001,5,\n138 0013 8001,6,\n13800138001,7,gift\n";
    for _ in 0..2 {
        let (_, told) = desk.import(text, "", 1);
        assert_eq!(told, ["3 points no duplicate_row", "4 points no duplicate_row"]);
        assert_eq!(desk.points(), [is("+8613800138001", 12)]);
    }
}

#[test]
fn a_standing_is_said_once_and_corrected_where_asked() {
    let desk = Desk::new();
    let file = |growth: &str, tier: &str, orders: &str| {
        format!(
            "phone,growth,tier,tier_until,prior_orders,prior_amount,tags,badges\n\
             13800138001,{growth},{tier},2026-12-31,{orders},1234.50,vip;tea,founder\n"
        )
    };
    desk.import(file("100", "silver", "17"), "", 0);
    let member = desk.only();
    assert_eq!(member["growth"], 100);
    assert_eq!(member["tier"]["id"], "silver");
    assert_eq!(member["tier"]["valid_until"], "2027-01-01T00:00:00+08:00");
    assert_eq!(member["stats"]["prior"], serde_json::json!({"orders": 17, "amount": "1234.50"}));
    assert_eq!(member["stats"]["orders"], 0);
    assert_eq!(member["tags"], serde_json::json!(["vip", "tea"]));
    assert_eq!(member["badges"][0]["id"], "founder");
    desk.import(file("100", "silver", "17"), "", 0);
    assert_eq!(desk.only(), member);
    let (_, told) = desk.import(file("150", "silver", "18"), "", 1);
    assert_eq!(told, ["2 growth yes standing_conflict", "2 prior_orders yes standing_conflict"]);
    assert_eq!(desk.only(), member);
    for _ in 0..2 {
        desk.import(file("150", "silver", "18"), "--correct", 0);
        let member = desk.only();
        assert_eq!((&member["growth"], &member["stats"]["prior"]["orders"]), (&150.into(), &18.into()));
    }
    for (text, told) in [
        ("phone,tier\n13800138002,gold\n", "2 tier no unknown_tier"),
        ("phone,tags\n13800138002,vip;nobody\n", "2 tags no tag_not_found"),
        ("phone,badges\n13800138002,nobody\n", "2  no badge_not_found"),
        ("phone,growth\n13800138002,many\n", "2 growth no invalid_field"),
        ("phone,brand\n13800138002,bean\n", "2 brand no brand_not_found"),
    ] {
        assert_eq!(desk.import(text, "", 1).1, [told]);
    }
    assert_eq!(desk.members("data", LATER).len(), 1);
    desk.run("audit --data data", 0);
}

#[test]
fn what_is_not_added_to_a_known_person_is_told() {
    let desk = Desk::new();
    desk.import("phone,name,consent.sms\n13800138001,Li,yes\n", "", 0);
    let text = "phone,name,birthday,consent.sms,consent.email,points\n13800138001,Han,1990-05-07,no,yes,5\n";
    let (_, told) = desk.import(text, "", 1);
    let not_added = ["name", "birthday", "consent.email"].map(|column| format!("2 {column} yes not_added"));
    let mut want = not_added.to_vec();
    want.push("2 consent.sms yes consent_kept".to_owned());
    want.sort();
    let mut told = told;
    told.sort();
    assert_eq!(told, want);
    assert_eq!(desk.points()[0].1, 5, "its balance lands");
    let (_, mut told) = desk.import(text, "--verified", 1);
    told.sort();
    assert_eq!(told, ["2 consent.sms yes consent_kept", "2 name yes not_added"]);
    let member = desk.only();
    assert_eq!(
        (&member["profile"]["name"], &member["profile"]["birthday"]),
        (&"Li".into(), &"1990-05-07".into())
    );
    assert_eq!(member["consents"], serde_json::json!({"sms": true, "email": true}));
}

const HEADER: &str = "kind,occurred_at,phone,order_id,amount,points,refund_id";

#[test]
fn a_history_of_day_stamps_is_played_in_the_order_of_kinds() {
    let desk = Desk::new();
    desk.import("phone\n13800138001\n", "", 0);
    // Newest first, as a back office tells it: the refund of a day stands before its redemption and its order.
    let text = format!(
        "{HEADER}\nrefund,2026/1/3,13800138001,A-1,30,,\nredeem,2026/1/3,13800138001,A-1,,40,\n\
         earn,2026/1/3,13800138001,A-1,100,,\nearn,2026/1/2,13800138001,A-0,9.5,,\n"
    );
    let (said, told) = desk.replay(&text, 0);
    assert_eq!(told, [""; 0], "{said}");
    assert!(said.contains("orders 2, points earned 109"), "{said}");
    assert!(said.contains("redemptions 1, points redeemed 40"), "{said}");
    assert!(said.contains("refunds 1, points taken back 30"), "{said}");
    desk.run("audit --data data", 0);
}

#[test]
fn an_unnamed_refund_is_taken_once_whatever_else_is_mended() {
    let desk = Desk::new();
    desk.import("phone\n13800138001\n", "", 0);
    let first = format!(
        "{HEADER}\nearn,2026-01-02T10:00:00+08:00,13800138001,A-1,100,,\n\
         refund,2026-01-03T10:00:00+08:00,13800138001,A-1,10,,\n\
         refund,2026-01-03T10:00:00+08:00,13800138001,A-1,10.00,,\n\
         redeem,2026-01-04T10:00:00+08:00,13800138001,A-2,,7,\n\
         earn,2026-01-05T10:00:00+08:00,13800138001,A-3,\"1,5\",,\n"
    );
    let (said, told) = desk.replay(&first, 1);
    assert_eq!(told, ["6 amount no invalid_field"]);
    assert!(said.contains("refunds 2, points taken back 20"), "{said}");
    let (said, _) = desk.replay(&first.replace("\"1,5\"", "1.5"), 0);
    assert!(said.contains("recorded before 4") && said.contains("refunds 0,"), "{said}");
    assert!(said.contains("orders 1, points earned 1"), "{said}");
    // An excerpt that overlaps, with the rows in another order.
    let mut lines: Vec<&str> = first.lines().take(5).collect();
    lines[1..].reverse();
    let (said, _) = desk.replay(&(lines.join("\n") + "\n"), 0);
    assert!(said.contains("recorded before 4") && said.contains("refunds 0,"), "{said}");
    desk.run("audit --data data", 0);
}

#[test]
fn a_cell_that_its_kind_has_no_use_for_is_told() {
    let desk = Desk::new();
    desk.import("phone\n13800138001\n", "", 0);
    let text = format!(
        "{HEADER}\nearn,2026-01-02 10:00,13800138001,A-1,88,50,\nredeem,2026-01-02 11:00,13800138001,A-2,5,1,\n\
         sell,2026-01-02 11:00,13800138001,A-3,5,,\nearn,,13800138001,A-4,5,,\n"
    );
    let (_, told) = desk.replay(&text, 1);
    let want = ["points", "amount", "kind", ""].iter().zip(2..);
    let want: Vec<String> = want.map(|(column, line)| format!("{line} {column} no invalid_field")).collect();
    assert_eq!(told, want);
}

/// Every file of `examples/files`, in the order of its table.
#[test]
fn the_tour_lands_as_it_says() {
    let desk = Desk::new();
    let tour = crate::tidy::root().join("examples/files");
    for path in std::fs::read_dir(&tour).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::copy(&path, desk.path().join(path.file_name().unwrap())).unwrap();
    }
    for (file, words, exit, says, told) in [
        ("excel-semicolon.csv", &[][..], 0, "opening balances 2, 1280 points", &[][..]),
        ("chinese-gb18030.csv", &["--encoding", "gb18030"], 0, "opening balances 2, 1280 points", &[]),
        ("utf16.tsv", &["--encoding", "utf-16"], 0, "opening balances 1, 5 points", &[]),
        ("members.xlsx", &[], 1, "opening balances 2, 1288 points", &["5 手机 no spreadsheet_number"]),
        ("own-names.csv", &["--map", "Customer Phone=phone", "--ignore", "Notes"], 0, "1, 7 points", &[]),
        ("standing.csv", &[], 0, "members created 1,", &[]),
        ("lots.csv", &[], 0, "opening balances 3, 110 points", &[]),
        (
            "faults.csv",
            &[],
            1,
            "members created 2,",
            &[
                "2  no malformed_row",
                "3 name no malformed_row",
                "4 birthday yes invalid_field",
                "5 phone no spreadsheet_number",
                "7 points no duplicate_row",
            ],
        ),
    ] {
        let at = "--data shop --program program.json --test-clock 2026-01-01T00:00:00+08:00";
        let all: Vec<&str> =
            ["import", file].into_iter().chain(at.split(' ')).chain(words.iter().copied()).collect();
        let said = desk.run_words(&all, exit);
        assert!(said.contains(says), "{file}: {said}");
        assert_eq!(desk.told(&format!("{file}.rejected.csv")), told, "{file}");
    }
    let said = desk.run("replay orders.csv --data shop", 0);
    assert!(said.contains("orders 2, points earned 109") && said.contains("refunds 1,"), "{said}");
    desk.run("audit --data shop", 0);
}

/// How a person is reached has columns, but for quiet hours; a bad cell is told and left out.
#[test]
fn how_a_person_is_reached_has_columns() {
    let rows = [
        ("locale,time_zone,region.area", "en,Asia/Urumqi,黄龙"),
        ("语言,时区,商圈", "en,Asia/Urumqi,黄龙"),
        ("Locale,Time Zone,Area", "en,Asia/Urumqi,黄龙"),
    ];
    for (header, cells) in rows {
        let desk = Desk::new();
        let (_, told) = desk.import(format!("phone,{header}\n13800138001,{cells}\n"), "", 0);
        assert_eq!(told, [""; 0], "{header}");
        let want =
            serde_json::json!({"locale": "en", "time_zone": "Asia/Urumqi", "region": {"area": "黄龙"}});
        assert_eq!(desk.only()["profile"], want, "{header}");
        // Of a known person it is told what is not added.
        let text = "phone,locale,time_zone,area\n13800138001,zh,Asia/Tokyo,武林\n";
        let (_, mut told) = desk.import(text, "--verified", 1);
        told.sort();
        let want_told = ["area", "locale", "time_zone"].map(|column| format!("2 {column} yes not_added"));
        assert_eq!((told, &desk.only()["profile"]), (want_told.to_vec(), &want));
    }
    let desk = Desk::new();
    let bad = "phone,locale,time_zone,area,points\n13800138001,fr,Asia/Atlantis,黄龙,5\n";
    let (_, mut told) = desk.import(bad, "", 1);
    told.sort();
    assert_eq!(told, ["2 locale yes invalid_field", "2 time_zone yes unknown_time_zone"]);
    let member = desk.only();
    let want = serde_json::json!({"region": {"area": "黄龙"}});
    assert_eq!((&member["profile"], &member["points"]["available"]), (&want, &5.into()));
    let (said, _) = Desk::new().import(bad, "--strict", 1);
    assert!(said.contains("members created 0,"), "{said}");
    let (said, _) = Desk::new().import("phone,quiet_hours\n13800138001,22:00-08:00\n", "", 2);
    assert!(said.contains("is not known"), "{said}");
}

/// What is written for moving comes in again: the same members, and the same balances.
#[test]
fn what_is_exported_for_moving_makes_the_same_members_again() {
    let desk = Desk::new();
    let text = "phone,phone_2,name,external.wechat,tier,tier_until,growth,prior_orders,tags,badges,consent.sms,consent.email,\
        points,expires_at,held_until,balance_id,registered_at,locale,time_zone,area\n\
        13800138001,13900139000,'=Li,o-1,silver,2026-12-31,120,17,vip,founder,2024-05-01,no,100,2026-06-30,,a,2024-01-05,zh,Asia/Urumqi,黄龙\n\
        13800138001,,,,,,,,,,,,30,never,2026-03-31,b,2024-01-05,,,\n\
        13800138002,,Han,,,,,,,,,,-20,,,,,en,,\n";
    desk.import(text, "", 0);
    let before = desk.members("data", LATER);
    for words in ["--csv", "--csv --excel"] {
        let folder = format!("out{}", words.replace([' ', '-'], ""));
        desk.run(&format!("export --data data --out {folder} {words} --test-clock {LATER}"), 0);
        let again = format!("--data again{folder} --program program.json --test-clock {LATER}");
        desk.run(&format!("import {folder}/members.csv {again}"), 0);
        desk.run(&format!("import {folder}/lots.csv {again}"), 0);
        let now = desk.members(&format!("again{folder}"), LATER);
        let plain = |members: &[(String, Value)]| -> Vec<Value> {
            members
                .iter()
                .map(|(_, member)| {
                    let mut member = member.clone();
                    for field in ["id", "entries", "period_growth"] {
                        member.as_object_mut().unwrap().remove(field);
                    }
                    member["tier"].as_object_mut().unwrap().remove("since");
                    // Those of another member have other ids.
                    for identity in member["identities"].as_array_mut().unwrap() {
                        identity.as_object_mut().unwrap().remove("id");
                    }
                    for badge in member["badges"].as_array_mut().unwrap() {
                        badge.as_object_mut().unwrap().remove("issued_at");
                    }
                    member
                })
                .collect()
        };
        assert_eq!(plain(&now), plain(&before), "{words}");
        // In the folder that wrote them they change nothing, not even an entry.
        for correct in ["", "--correct"] {
            for file in ["members.csv", "lots.csv"] {
                desk.run(&format!("import {folder}/{file} --data data --test-clock {LATER} {correct}"), 0);
            }
            assert_eq!(desk.members("data", LATER), before, "{words} {correct}");
        }
    }
    desk.run(&format!("export --data data --out out --test-clock {LATER}"), 0);
    assert_eq!(desk.read("out/expiring.csv"), "date,points,members\n2026-06-30,100,1\nnever,30,1\n");
}

/// What a row says of somebody who registered before this version of the programme is judged by this version.
#[test]
fn a_newcomer_of_old_is_judged_by_todays_version() {
    let programme = |name: &str, tiers: Value| {
        serde_json::json!({
            "name": name, "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
            "brands": [{"id": "acme"}], "points": {"per_unit": "1"}, "growth": {"per_unit": "1"}, "tiers": tiers,
        })
    };
    let silver = serde_json::json!({"id": "silver", "growth": 500, "validity": {"months": 12},
        "retain": {"growth": 400}, "on_lapse": {"mode": "deduct", "growth": 300}});
    let desk = Desk::new();
    for (name, at, tiers) in [
        ("first", "2024-01-01T00:00:00+08:00", serde_json::json!([{"id": "basic", "growth": 0}])),
        ("second", "2026-02-01T00:00:00+08:00", serde_json::json!([{"id": "basic", "growth": 0}, silver])),
    ] {
        desk.write("program.json", &[&programme(name, tiers).to_string()]);
        desk.write("nobody.csv", &["phone"]);
        desk.run(&format!("import nobody.csv --data data --program program.json --test-clock {at}"), 0);
    }
    desk.write("members.csv", &["phone,growth,registered_at", "13800138001,600,2024-05-01"]);
    desk.run("import members.csv --data data --test-clock 2027-06-01T00:00:00+08:00", 0);
    let member = desk.members("data", "2027-06-01T00:00:00+08:00").remove(0).1;
    assert_eq!((&member["growth"], &member["tier"]["id"]), (&600.into(), &"silver".into()));
    assert_eq!(member["tier"]["since"], "2027-06-01T00:00:00+08:00");
    assert_eq!(member["tier"]["valid_until"], "2028-06-01T00:00:00+08:00");
    desk.run("audit --data data", 0);
}
