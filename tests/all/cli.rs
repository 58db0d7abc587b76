//! The command line, on real files and folders: import, replay, audit, export, full moves and a
//! backup from a running server.

use std::fs;

use serde_json::json;

use crate::{
    client::Client,
    crash::{Server, binary},
    desk::Desk,
    support::ADMIN_KEY,
};

const MEMBERS: &[&str] = &[
    "phone,email,channel,external_id,name,registered_at,points,expires_at,growth,balance_id",
    "138 0013 8000,,,,李雷,2024-01-05T09:00:00+08:00,120,2026-06-01T00:00:00+08:00,600,",
    ",li@example.cn,,,\"Han, Mei\",,,,,",
    ",,pos,c-3,,,30,,,",
    "138 0013 8000,,,,,,50,2026-07-01T00:00:00+08:00,600,gift",
    "12,,,,bad number,,,,,",
    ",not an address,,,,,,,,",
    ",,pos,c-4,,,1.5,,,",
    ",,pos,c-5,,,10,2020-01-01T00:00:00+08:00,,",
    ",,,,nobody,,,,,",
];
const IMPORT: &str =
    "import members.csv --data data --program program.json --test-clock 2026-01-01T00:00:00+08:00";

#[test]
fn import_lands_good_rows_names_bad_ones_and_changes_nothing_when_repeated() {
    let desk = Desk::new();
    desk.write("members.csv", MEMBERS);
    let said = desk.run(IMPORT, 1);
    assert!(said.contains("members created 3, known before 1"), "{said}");
    assert!(said.contains("opening balances 3, 200 points"), "{said}");
    let rejected = desk.read("members.csv.rejected.csv");
    let lines: Vec<&str> = rejected.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(lines, ["6", "7", "8", "9", "10"], "{rejected}");

    let before = desk.members("data", "2026-01-02T00:00:00+08:00");
    let phone = before.iter().find(|(id, _)| id == "+8613800138000").map(|(_, member)| member).unwrap();
    assert_eq!(phone["points"]["available"], 170);
    assert_eq!(phone["points"]["lots"].as_array().unwrap().len(), 2);
    assert_eq!(phone["tier"]["id"], "silver");
    assert_eq!(phone["registered_at"], "2024-01-05T09:00:00+08:00");

    let said = desk.run(IMPORT, 1);
    assert!(said.contains("members created 0, known before 4"), "{said}");
    assert!(said.contains("opening balances 0, 0 points"), "{said}");
    assert_eq!(desk.members("data", "2026-01-02T00:00:00+08:00"), before);
    // Nor after the end of an imported balance; one that was not imported is refused as usual.
    let later = IMPORT.replace("2026-01-01", "2026-08-01");
    let said = desk.run(&later, 1);
    assert!(said.contains("members created 0, known before 4"), "{said}");
    assert_eq!(desk.read("members.csv.rejected.csv"), rejected);
    desk.run("audit --data data", 0);
}

const ORDERS: &[&str] = &[
    "kind,occurred_at,channel,external_id,order_id,line_id,category,quantity,amount,points,refund_id",
    // not in time order: the file is sorted
    "redeem,2026-01-03T10:00:00+08:00,pos,c-3,A-1,,,,,40,",
    "earn,2026-01-02T10:00:00+08:00,pos,c-3,A-1,1,tea,2,20.00,,",
    "earn,2026-01-02T10:00:00+08:00,pos,c-3,A-1,2,tea,1,80.00,,",
    "redeem,2026-01-02T11:00:00+08:00,pos,c-3,A-9,,,,,5000,",
    "refund,2026-01-04T10:00:00+08:00,pos,c-3,A-1,1,,1,,,r-1",
    ",2026-01-05T10:00:00+08:00,pos,c-3,A-2,,,,9.99,,",
    "refund,2026-01-06T10:00:00+08:00,pos,c-3,A-2,,,,all,,r-2",
    ",2026-01-07T10:00:00+08:00,pos,nobody,A-3,,,,9.99,,",
];

#[test]
fn replay_follows_the_clock_and_a_second_run_changes_nothing() {
    let desk = Desk::new();
    desk.write("members.csv", &[MEMBERS[0], MEMBERS[3]]);
    desk.run(IMPORT, 0);
    desk.write("orders.csv", ORDERS);
    let said = desk.run("replay orders.csv --data data", 1);
    assert!(said.contains("orders 2, points earned 109"), "{said}");
    assert!(said.contains("redemptions 1, points redeemed 40"), "{said}");
    assert!(said.contains("refunds 2, points taken back 19"), "{said}");
    assert!(said.contains("refused 2, of them for too few points 1"), "{said}");
    let rejected = desk.read("orders.csv.rejected.csv");
    assert!(rejected.contains("insufficient_points") && rejected.contains("member_not_found"), "{rejected}");

    let at = "2026-01-08T00:00:00+08:00";
    let before = desk.members("data", at);
    assert_eq!(before[0].1["points"]["available"], 30 + 109 - 40 - 19);
    assert_eq!(before[0].1["stats"]["last_order_at"], "2026-01-05T10:00:00+08:00");
    // A row that was refused for too few points would be granted now; it must not be judged again. Its
    // refusal is listed again.
    let said = desk.run("replay orders.csv --data data", 1);
    assert!(said.contains("refused 2, of them for too few points 1"), "{said}");
    assert_eq!(desk.read("orders.csv.rejected.csv"), rejected);
    assert_eq!(desk.members("data", at), before);
    // The same events in another file are recognised one by one.
    let mut longer = ORDERS[..4].to_vec();
    longer.push(",2026-01-09T10:00:00+08:00,pos,c-3,A-7,,,,5.00,,");
    desk.write("longer.csv", &longer);
    let said = desk.run("replay longer.csv --data data", 0);
    assert!(said.contains("recorded before 2") && said.contains("orders 1, points earned 5"), "{said}");
    desk.run("audit --data data", 0);
}

/// What was sealed under a newer line than the one that identities are found under cannot be read without it.
#[test]
fn a_full_export_needs_every_line_of_its_master_key() {
    let desk = Desk::new();
    let serve = |register: bool| {
        let mut server = Server::spawn(&binary(), desk.path());
        server.ready();
        let identity = json!({"kind": "phone", "value": "138 0013 8000"});
        let person = json!({"identities": [identity], "brand": "acme"}).to_string();
        let mut client = Client::connect(server.address).unwrap();
        if register {
            assert_eq!(client.call("POST", "/register", &person, None).unwrap().status, 201);
        }
        server.kill();
    };
    serve(false);
    let key = desk.path().join("data/master-key");
    let first = fs::read_to_string(&key).unwrap();
    let both = format!("{}\nanother-master-key-0123456789abcdef\n", first.trim());
    fs::write(&key, &both).unwrap();
    serve(true);
    desk.run("export --data data --out moved --full", 0);
    let beside = desk.path().join("moved/master-key");
    assert_eq!(fs::read_to_string(&beside).unwrap(), both);
    fs::write(&beside, &first).unwrap();

    let said = desk.run("import moved/full.jsonl --full --data again", 2);

    assert!(said.contains("a line of the master key is missing"), "{said}");
    assert!(!desk.path().join("again").exists(), "nothing was made");
    fs::write(&beside, &both).unwrap();
    desk.run("import moved/full.jsonl --full --data again", 0);
}

#[test]
fn everything_moves_to_an_empty_folder_and_goes_on_there() {
    let desk = Desk::new();
    let mut server = Server::spawn(&binary(), desk.path());
    server.ready();
    let mut client = Client::connect(server.address).unwrap();
    let identity = json!({"kind": "phone", "value": "138 0013 8000"});
    let register = json!({"identities": [identity.clone()], "brand": "acme"}).to_string();
    let earn =
        json!({"identity": identity, "brand": "acme", "order_id": "A-1", "amount": "88.50"}).to_string();
    assert_eq!(client.call("POST", "/register", &register, Some("k-1")).unwrap().status, 201);
    let first = client.call("POST", "/earn-points", &earn, None).unwrap();
    assert_eq!(first.status, 200);

    // A backup is taken while it serves, by an admin alone, and is whole.
    assert!(backup(&server, "nobody").starts_with("HTTP/1.1 401"));
    let backup = backup(&server, ADMIN_KEY);
    assert!(backup.starts_with("HTTP/1.1 200"), "{backup}");
    let body: Vec<&str> = backup.lines().filter(|line| line.starts_with('{')).collect();
    desk.write("backup.jsonl", &body);
    server.kill();

    // Without its master key the file is refused: people would register twice.
    desk.run("import backup.jsonl --full --data wrong", 2);
    assert!(!desk.path().join("wrong").exists(), "nothing was made");
    // Nor is anything exported, or served, under another key, or under none: no key is made for data that are there.
    let (own, kept) = (desk.path().join("data/master-key"), desk.path().join("kept"));
    fs::rename(&own, &kept).unwrap();
    for key in [None, Some("another-master-key-0123456789abcdef")] {
        key.iter().for_each(|key| fs::write(&own, key).unwrap());
        desk.run("export --data data --out none --full", 2);
        desk.run("export --data data --out none", 2);
        desk.run("audit --data data", 2);
        desk.run("import backup.jsonl --data data", 2);
        assert!(!desk.path().join("none/full.jsonl").exists());
        assert_eq!(own.exists(), key.is_some());
    }
    fs::write(desk.path().join("master-key"), "another-master-key-0123456789abcdef").unwrap();
    desk.run("import backup.jsonl --full --data wrong", 2);
    assert!(!desk.path().join("wrong").exists(), "nothing was made");
    fs::rename(&kept, &own).unwrap();
    fs::copy(desk.path().join("data/master-key"), desk.path().join("master-key")).unwrap();
    desk.run("import backup.jsonl --full --data restored", 0);
    desk.run("import backup.jsonl --full --data restored", 2); // it is not empty any more
    let cut = &body[..body.len() - 1];
    desk.write("cut.jsonl", cut);
    desk.run("import cut.jsonl --full --data cut", 2);
    desk.run("export --data data --out moved --full", 0);
    desk.run("import moved/full.jsonl --full --data data2", 0);

    for folder in ["restored", "data2"] {
        fs::remove_dir_all(desk.path().join("data")).unwrap();
        fs::rename(desk.path().join(folder), desk.path().join("data")).unwrap();
        let mut server = Server::spawn(&binary(), desk.path());
        server.ready();
        let mut client = Client::connect(server.address).unwrap();
        let again = client.call("POST", "/earn-points", &earn, None).unwrap();
        assert_eq!((again.status, again.replayed, again.body), (200, true, first.body.clone()), "{folder}");
        let known = client.call("POST", "/register", &register, None).unwrap();
        assert_eq!(known.status, 200, "{folder}");
        let other = earn.replace("88.50", "88.51");
        assert_eq!(client.call("POST", "/earn-points", &other, None).unwrap().status, 409, "{folder}");
        server.kill();
    }
    desk.run("audit --data data", 0);
}

/// `GET /backup` to the end of the connection, chunk marks and all.
pub(crate) fn backup(server: &Server, key: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    let head = format!(
        "GET /backup HTTP/1.1\r\nHost: laurel\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn commands_that_need_a_folder_refuse_one_that_is_not_there() {
    let desk = Desk::new();
    for command in ["audit --data none", "export --data none --out out", "compact --data none"] {
        desk.run(command, 2);
        assert!(!desk.path().join("none").exists(), "{command}");
    }
    let mut server = Server::spawn(&binary(), desk.path());
    server.ready();
    assert!(desk.run("audit --data data", 2).contains("in use"));
    server.kill();
}

/// Whatever a killed replay leaves of its report: all of it, a torn row, none.
#[test]
fn what_a_replay_has_refused_is_told_by_the_next() {
    let desk = Desk::new();
    desk.write("members.csv", &[MEMBERS[0], MEMBERS[3]]);
    desk.run(IMPORT, 0);
    desk.write("orders.csv", &[ORDERS, &["earn,never,pos,c-3,A-5,,,,1.00,,"]].concat());
    desk.run("replay orders.csv --data data", 1);
    let path = "orders.csv.rejected.csv";
    let whole = desk.read(path);
    assert_eq!(whole.lines().count(), 1 + 3, "{whole}");
    fs::write(desk.path().join(path), format!("{whole}1")).unwrap();
    let said = desk.run("replay orders.csv --data data", 1);
    assert!(said.contains("refused 3,") && !said.contains("no longer"), "{said}");
    assert_eq!(desk.read(path), whole);
    fs::remove_file(desk.path().join(path)).unwrap();
    let said = desk.run("replay orders.csv --data data", 1);
    assert!(said.contains("refused 1,") && said.contains("no longer"), "{said}");
    // A report covers only its own file's run.
    desk.write("good.csv", &ORDERS[..1]);
    desk.write("good.csv", &[ORDERS[0], ",2026-01-09T10:00:00+08:00,pos,c-3,A-7,,,,5.00,,"]);
    desk.write("good.csv.rejected.csv", &["line,code,detail", "2,member_not_found,old"]);
    desk.run("replay good.csv --data data", 0);
    assert!(!desk.path().join("good.csv.rejected.csv").exists());
}

/// A row that names a known person by a further identity.
#[test]
fn an_identity_that_is_not_added_is_told_and_added_where_the_shop_vouches() {
    let desk = Desk::new();
    let rows = ["phone,email,points", "138 0013 8000,,", "138 0013 8000,li@example.cn,7", ",li@example.cn,"];
    desk.write("members.csv", &rows);
    // Once the address is another member's, the row names two members and does not land.
    for (created, known) in [(2, 1), (0, 2)] {
        let said = desk.run(IMPORT, 1);
        assert!(said.contains(&format!("members created {created}, known before {known}")), "{said}");
        assert_eq!(desk.read("members.csv.rejected.csv").lines().count(), 1 + 1, "{said}");
    }
    let vouched = IMPORT.replace("--data data", "--data vouched --verified");
    for (created, known) in [(1, 2), (0, 3)] {
        let said = desk.run(&vouched, 0);
        assert!(said.contains(&format!("members created {created}, known before {known}")), "{said}");
    }
    let members = desk.members("vouched", "2026-01-02T00:00:00+08:00");
    assert_eq!(members.len(), 1);
    assert_eq!(members[0].1["points"]["available"], 7);
    assert!(!desk.path().join("members.csv.rejected.csv").exists());
}

/// The Unix socket answers as the port does, and a socket that a killed server left does no harm.
#[test]
fn a_unix_socket_is_served_like_the_port() {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
    };
    let desk = Desk::new();
    let socket = desk.path().join("laurel.sock");
    for _ in 0..2 {
        let mut server = Server::spawn_with(&binary(), desk.path(), &["--socket", socket.to_str().unwrap()]);
        server.ready();
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(b"GET /program HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("unauthenticated"), "{answer}");
        server.kill();
        assert!(socket.exists());
    }
    // A file that is not a socket is not removed.
    desk.write("file", &["mine"]);
    let said = desk.run("serve --data data --addr 127.0.0.1:0 --socket file", 2);
    assert!(said.contains("cannot listen on file") && desk.read("file") == "mine\n", "{said}");
}

/// A replay that was cut off after its last event and before it noted that, as in a power cut.
#[test]
fn a_replay_that_was_cut_off_takes_no_refund_twice() {
    let desk = Desk::new();
    desk.write("members.csv", &[MEMBERS[0], MEMBERS[3]]);
    desk.run(IMPORT, 0);
    let refund = |at: u32| format!("refund,2026-01-04T10:00:{at:02}+08:00,pos,c-3,A-1,,,,10.00,,");
    let mut orders =
        vec![ORDERS[0].to_owned(), "earn,2026-01-02T10:00:00+08:00,pos,c-3,A-1,,,,100.00,,".into()];
    orders.extend([1, 1, 2].map(refund));
    desk.write("orders.csv", &orders.iter().map(String::as_str).collect::<Vec<_>>());
    let said = desk.run("replay orders.csv --data data", 0);
    assert!(said.contains("refunds 3, points taken back 30"), "{said}");

    desk.run("export --data data --out moved --full", 0);
    let full = desk.read("moved/full.jsonl");
    let progress: String = "xreplay:".bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut lines: Vec<&str> = full.lines().filter(|line| !line.contains(&progress)).collect();
    assert_eq!(lines.len() + 1, full.lines().count(), "the note of the progress is taken out");
    let footer = json!({"records": lines.len() - 2}).to_string();
    *lines.last_mut().unwrap() = &footer;
    desk.write("moved/full.jsonl", &lines);
    desk.run("import moved/full.jsonl --full --data again", 0);
    let said = desk.run("replay orders.csv --data again", 0);
    assert!(said.contains("recorded before 4") && said.contains("refunds 0,"), "{said}");
    desk.run("audit --data again", 0);
}

/// From the folder into a table and back: the same books, and an old order still replays,
/// conflicts and is refunded.
#[test]
fn everything_moves_to_a_table_and_back() {
    let Some(local) = store_dynamodb::local::Local::shared() else { return };
    let desk = Desk::new();
    desk.write("members.csv", &[MEMBERS[0], MEMBERS[3]]);
    desk.run(IMPORT, 0);
    desk.write("orders.csv", ORDERS);
    desk.run("replay orders.csv --data data", 1);
    let digest = |said: String| said.lines().find(|line| line.starts_with("digest")).unwrap().to_owned();
    let before = digest(desk.run("audit --data data", 0));

    desk.run("export --data data --out out1 --full", 0);
    let table = format!("--data keys --table moved --endpoint {} --create-table", local.endpoint());
    desk.run(&format!("import out1/full.jsonl --full {table}"), 0);
    desk.run(&format!("import out1/full.jsonl --full {table}"), 2); // it is not empty any more
    assert_eq!(digest(desk.run(&format!("audit {table}"), 0)), before);
    let said = desk.run(&format!("replay orders.csv {table}"), 1);
    assert!(said.contains("events replayed before 7") && said.contains("refused 2,"), "{said}");
    desk.write(
        "more.csv",
        &[
            ORDERS[0],
            "earn,2026-01-02T10:00:00+08:00,pos,c-3,A-1,1,tea,2,20.00,,",
            "earn,2026-01-02T10:00:00+08:00,pos,c-3,A-1,2,tea,1,80.00,,",
            "earn,2026-01-02T10:00:00+08:00,pos,c-3,A-2,,,,9.98,,",
            "refund,2026-01-08T10:00:00+08:00,pos,c-3,A-1,2,,1,,,r-9",
        ],
    );
    let said = desk.run(&format!("replay more.csv {table}"), 1);
    assert!(said.contains("recorded before 1") && said.contains("points taken back 80"), "{said}");
    assert!(desk.read("more.csv.rejected.csv").contains("order_conflict"));

    desk.run(&format!("export {table} --out out2 --full"), 0);
    desk.run("import out2/full.jsonl --full --data back", 0);
    let after = digest(desk.run(&format!("audit {table}"), 0));
    assert_ne!(after, before);
    assert_eq!(digest(desk.run("audit --data back", 0)), after);
}
