//! Data that earlier builds have written (`tests/data/`, made by `scripts/record-data`): this build opens it,
//! finds every member as it was, and gives the earlier answers with the same bytes, on both stores.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use edge::{Secrets, sealed::Sealed};
use engine::store::{Store, kinds::KINDS};
use laurel_tests::partner::Partner;
use serde_json::Value;
use store_dynamodb::{DynamoStore, local::Local};
use store_redb::{Options, RedbStore};
use tempfile::TempDir;

use crate::{
    crash::binary,
    histories::run,
    support::Shop,
    tidy::{files, root},
};

/// The first admin's key in all recorded data.
pub(crate) const ADMIN_KEY: &str = "recorded-admin-key-0123456789abcdef";

/// What one build has recorded, unpacked.
pub(crate) struct Recorded {
    /// Where it lies.
    pub(crate) from: PathBuf,
    /// A copy to work on: `data`, and `full.jsonl`.
    pub(crate) work: TempDir,
}

/// All recorded data, by the names of the builds.
pub(crate) fn all() -> Vec<Recorded> {
    let folders = fs::read_dir(root().join("tests/data")).unwrap().map(|entry| entry.unwrap().path());
    let all: Vec<Recorded> = folders.filter(|path| path.is_dir()).map(Recorded::unpacked).collect();
    assert!(!all.is_empty(), "nothing was recorded");
    all
}

impl Recorded {
    fn unpacked(from: PathBuf) -> Recorded {
        let work = tempfile::tempdir().unwrap();
        let mut unpack = Command::new("tar");
        unpack.arg("-xzf").arg(from.join("data.tar.gz")).arg("-C").arg(work.path());
        assert!(unpack.status().unwrap().success(), "{}", from.display());
        let mut unpack = Command::new("gzip");
        let full = unpack.arg("-dc").arg(from.join("full.jsonl.gz")).output().unwrap();
        assert!(full.status.success(), "{}", from.display());
        fs::write(work.path().join("full.jsonl"), full.stdout).unwrap();
        Recorded { from, work }
    }

    fn name(&self) -> &str {
        self.from.file_name().unwrap().to_str().unwrap()
    }

    pub(crate) fn text(&self, file: &str) -> String {
        fs::read_to_string(self.from.join(file)).unwrap()
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file)).unwrap()
    }

    /// Runs `laurel` on the copy, under the keys that it was written under; returns its output.
    #[track_caller]
    pub(crate) fn laurel(&self, words: &str) -> String {
        self.laurel_ends(words, 0)
    }

    /// The same, with the exit code that it ends with.
    #[track_caller]
    fn laurel_ends(&self, words: &str, exit: i32) -> String {
        let mut command = Command::new(binary());
        command.current_dir(self.work.path()).args(words.split_whitespace()).env("RUST_LOG", "off");
        command.env("LAUREL_ADMIN_KEY", ADMIN_KEY).env("LAUREL_MASTER_KEY", self.text("master-key").trim());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let why = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{}: laurel {words}\n{said}{why}", self.name());
        said
    }

    /// The audit says what it said when the data was recorded.
    #[track_caller]
    fn audits_as_then(&self, audit: &str) {
        assert_eq!(without_digest(audit), without_digest(&self.text("audit.txt")), "{}", self.name());
    }

    /// Every repeatable request gets its first answer, byte for byte; the kinds of record that there are.
    async fn answers_again(&self, store: Arc<dyn Store>) -> BTreeSet<&'static str> {
        let secrets = Secrets::new(self.text("master-key").trim().as_bytes());
        let kinds = reads_everything(&Sealed::over(store.clone(), secrets)).await;
        let about = self.json("about.json");
        let shop = Shop::found(store, self.text("master-key").trim(), about["at"].as_str().unwrap()).await;
        let moon = Partner::hmac().registered(&about["moon"]);
        let (mut asked, text) = (0, self.text("requests.jsonl"));
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if line["again"] != true {
                continue;
            }
            let word = |name: &str| line[name].as_str();
            let (method, path) = (word("method").unwrap(), word("path").unwrap());
            let body: Value = serde_json::from_str(word("body").unwrap_or("null")).unwrap();
            let reply = match word("bearer") {
                Some(bearer) => shop.call_as(bearer, method, path, &body, word("key")).await,
                None => shop.call_signed(&moon, method, path, &body, word("key")).await,
            };
            assert_eq!(
                (u64::from(reply.status), std::str::from_utf8(&reply.bytes).unwrap(), reply.replayed()),
                (line["status"].as_u64().unwrap(), word("answer").unwrap(), true),
                "{}: {method} {path} {body}",
                self.name()
            );
            asked += 1;
        }
        assert!(asked >= 30, "{}: {asked} requests", self.name());
        kinds
    }
}

/// Reads every record, and writes those in the newest format with the same bytes; the kinds that there are.
async fn reads_everything(store: &dyn Store) -> BTreeSet<&'static str> {
    let (mut names, mut from) = (BTreeSet::new(), None);
    loop {
        let page = store.walk(None, from, 1_000).await.unwrap();
        for (key, record) in page.records {
            let row = key.kind().row().unwrap_or_else(|| panic!("{key:?} is of no kind"));
            names.insert(row.name);
            let Some(form) = (row.form)(&key) else { continue };
            let anew = form.anew(&key, &record.value).unwrap();
            assert!(
                anew == record.value || record.value[0] < form.format,
                "{key:?} is written in other bytes"
            );
        }
        from = page.next;
        if from.is_none() {
            return names;
        }
    }
}

/// An audit without its digest, which covers the records as this build writes them.
fn without_digest(audit: &str) -> Vec<&str> {
    audit.lines().filter(|line| !line.starts_with("digest ")).collect()
}

/// The records of what `laurel export --full` wrote.
fn records(file: &Path) -> BTreeSet<(String, String)> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |line: &Value, name: &str| line[name].as_str().map(str::to_owned);
    lines.filter_map(|line| Some((word(&line, "k")?, word(&line, "v")?))).collect()
}

#[test]
fn a_recorded_folder_is_read_and_answers_as_it_did() {
    let mut kinds = BTreeSet::new();
    for recorded in all() {
        let audit = recorded.laurel("audit --data data");
        recorded.audits_as_then(&audit);
        recorded.laurel("audit --data data --settlement 2026-02");
        recorded.laurel("export --full --data data --out again");
        let (then, now) = (
            records(&recorded.work.path().join("full.jsonl")),
            records(&recorded.work.path().join("again/full.jsonl")),
        );
        assert_eq!(
            then.symmetric_difference(&now).collect::<Vec<_>>(),
            [] as [&(String, String); 0],
            "reading changes nothing"
        );
        for name in ["history.csv", "rejected.csv"] {
            fs::copy(recorded.from.join(name), recorded.work.path().join(name)).unwrap();
        }
        // One redemption is told again: it was refused for too few points.
        let said = recorded.laurel_ends("replay history.csv --data data --rejected rejected.csv", 1);
        assert!(said.contains("events replayed before 11, recorded before 0"), "{}: {said}", recorded.name());
        let said = recorded.laurel("compact --data data");
        assert!(said.contains(" records, "), "{said}");
        let store = RedbStore::open(&recorded.work.path().join("data"), Options::default()).unwrap();
        kinds.extend(run(recorded.answers_again(Arc::new(store))));
        // With its digest: written anew, everything is what it was.
        assert_eq!(recorded.laurel("audit --data data"), audit, "{}", recorded.name());
    }
    let missing: Vec<&str> = KINDS.iter().map(|row| row.name).filter(|name| !kinds.contains(name)).collect();
    assert_eq!(missing, [] as [&str; 0], "a build that adds a kind of record records data with it");
}

#[test]
fn a_recorded_export_is_taken_into_a_table_and_answers_as_it_did() {
    let Some(local) = Local::shared() else { return };
    for recorded in all() {
        let table = format!("recorded-{}", recorded.name());
        let place = format!("--data keys --table {table} --endpoint {}", local.endpoint());
        recorded.laurel(&format!("import full.jsonl --full {place} --create-table"));
        let audit = recorded.laurel(&format!("audit {place}"));
        recorded.audits_as_then(&audit);
        recorded.laurel(&format!("audit {place} --settlement 2026-02"));
        recorded.laurel(&format!("compact {place}"));
        run(async {
            let mut options = store_dynamodb::Options::new(&table);
            options.endpoint = Some(local.endpoint());
            options.attempt_timeout = std::time::Duration::from_secs(20);
            recorded.answers_again(Arc::new(DynamoStore::connect(options).unwrap())).await;
        });
        assert_eq!(recorded.laurel(&format!("audit {place}")), audit, "{}", recorded.name());
    }
}

/// No golden file lies there that no test reads.
#[test]
fn every_golden_file_is_read() {
    let source = fs::read_to_string(root().join("shared/engine/src/store/records/golden.rs")).unwrap();
    let (_, named) = source.split_once("\ngolden! {").unwrap();
    let named: BTreeSet<&str> = named.split_whitespace().collect();
    let golden = files(&root().join("shared/engine/tests/golden"), "");
    assert!(golden.len() > 20, "this test looks in the wrong place");
    for path in golden {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(named.contains(name), "{name} is read by no test");
    }
}
