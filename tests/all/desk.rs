//! A folder in which the binary is run, with a programme in it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::crash::binary;

/// A folder with a programme, and what is done in it.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let program = json!({
            "name": "Desk", "time_zone": "Asia/Shanghai", "currency": "CNY",
            "brands": [{"id": "acme"}], "points": {"per_unit": "1"}, "growth": {"per_unit": "1"},
            "tiers": [{"id": "basic", "growth": 0}, {"id": "silver", "growth": 500}],
            "tags": [{"id": "vip"}, {"id": "tea"}], "badges": [{"id": "founder"}],
        });
        fs::write(folder.path().join("program.json"), program.to_string()).unwrap();
        Desk { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, lines: &[&str]) {
        fs::write(self.path().join(name), lines.join("\n") + "\n").unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs `laurel` here; returns its exit code and output.
    #[track_caller]
    pub(crate) fn run(&self, words: &str, exit: i32) -> String {
        self.run_words(&words.split_whitespace().collect::<Vec<_>>(), exit)
    }

    /// The same, of words that may hold blanks.
    #[track_caller]
    pub(crate) fn run_words(&self, words: &[&str], exit: i32) -> String {
        let mut command = Command::new(binary());
        command.current_dir(self.path()).args(words);
        let output: Output = command.env("RUST_LOG", "off").env_remove("LAUREL_ADMIN_KEY").output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(exit), "laurel {}\n{said}", words.join(" "));
        said
    }

    /// Members by their external id, as `laurel export` shows them at that moment.
    pub(crate) fn members(&self, data: &str, at: &str) -> Vec<(String, Value)> {
        self.run(&format!("export --data {data} --out out --test-clock {at}"), 0);
        let lines = self.read("out/members.jsonl");
        let members = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut members: Vec<_> = members
            .map(|member| (member["identities"][0]["value"].as_str().unwrap_or_default().to_owned(), member))
            .collect();
        members.sort_by(|left, right| left.0.cmp(&right.0));
        members
    }
}
