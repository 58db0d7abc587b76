//! Every record as JSON Lines, for moving to another store and for backups: a first line that
//! names the format, a line for each record, a last line that counts them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use edge::{
    Secrets,
    sealed::{self, CannotOpen},
};
use engine::store::{
    Change, Expect, Key, Position, Range, Store, StoreError, WRITES_MAX, Write as Change_, kinds,
};
use engine::{Engine, keys};
use serde_json::{Value, json};
use store_redb::Snapshot;

use crate::{
    home,
    start::{self, Opened, StartError, failed},
};

/// The file's name.
pub(crate) const FILE: &str = "full.jsonl";

/// The format's version, in its first line.
const FORMAT: u64 = 1;
const PAGE: usize = 1_000;
/// Bytes of values gathered into one commit when importing.
const COMMIT_BYTES: usize = 1024 * 1024;

/// Secrets without which the records are of little use; they travel beside the file.
const SECRETS: [&str; 2] = ["master-key", "admin-key"];

/// The refusal of a file whose master key is not at hand.
const KEY_NEEDED: &str = "it needs the master key it was written under; put the file master-key beside it, or the key into LAUREL_MASTER_KEY";

/// The first line; and where a feed goes on after what follows it, if it has one.
pub(crate) fn header(position: Option<&Position>) -> String {
    let mut header = json!({"laurel": "full", "format": FORMAT});
    if let Some(position) = position {
        header["position"] = hex(position.as_bytes()).into();
    }
    format!("{header}\n")
}

/// Whether a line is the first one of a file that can be read; and the position that it names.
pub(crate) fn read_header(line: &str) -> Option<Option<Position>> {
    let header: Value = serde_json::from_str(line).ok()?;
    let known = header["laurel"] == "full" && header["format"].as_u64() == Some(FORMAT);
    known.then(|| header["position"].as_str().and_then(unhex).map(Position::new))
}

/// The last line.
pub(crate) fn footer(records: u64) -> String {
    format!("{}\n", json!({"records": records}))
}

/// The line of a record; of one that is deleted, without a value.
pub(crate) fn line(key: &Key, value: Option<&[u8]>) -> String {
    let digits = 2 * (key.as_bytes().len() + value.map_or(0, <[u8]>::len));
    let mut line = String::with_capacity(digits + 32);
    push_line(&mut line, key, value);
    line
}

/// Adds the line of a record, without a value where it is deleted. Digits need no escape, and a copy is told every
/// commit of a busy server, so it is written as it comes.
pub(crate) fn push_line(text: &mut String, key: &Key, value: Option<&[u8]>) {
    text.push_str("{\"k\":\"");
    push_hex(text, key.as_bytes());
    match value {
        Some(value) => {
            text.push_str("\",\"v\":\"");
            push_hex(text, value);
            text.push_str("\"}\n");
        }
        None => text.push_str("\",\"v\":null}\n"),
    }
}

/// Pages of lines of everything.
pub(crate) struct Pages {
    source: Source,
    /// Lines so far.
    pub(crate) records: u64,
}

/// Where the records are read from.
enum Source {
    /// A snapshot of the embedded store, ascending.
    Snapshot(Snapshot, Range),
    /// A table, in its own order and while it may change.
    Walk(Arc<dyn Store>, Option<Bytes>),
    Done,
}

impl Pages {
    pub(crate) fn of(snapshot: Snapshot) -> Pages {
        let everything = Range { from: Key::new(&[0][..]), to: Key::new(vec![0xff; 64]) };
        Pages { source: Source::Snapshot(snapshot, everything), records: 0 }
    }

    fn walking(store: Arc<dyn Store>) -> Pages {
        Pages { source: Source::Walk(store, None), records: 0 }
    }

    /// The next page; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, StoreError> {
        let page = match std::mem::replace(&mut self.source, Source::Done) {
            Source::Done => return Ok(None),
            Source::Snapshot(snapshot, range) => {
                let page = snapshot.scan(&range, PAGE)?;
                if let Some((key, _)) = page.last().filter(|_| page.len() == PAGE) {
                    let rest = Range { from: key.successor(), to: range.to };
                    self.source = Source::Snapshot(snapshot, rest);
                }
                page
            }
            Source::Walk(store, from) => {
                let page = store.walk(None, from, PAGE).await?;
                if page.next.is_some() {
                    self.source = Source::Walk(store, page.next);
                }
                page.records
            }
        };
        // A place is one in this store's feed.
        let page = page.iter().filter(|(key, _)| key.kind() != keys::kind::PLACE);
        let lines = page.map(|(key, record)| line(key, Some(&record.value)));
        Ok(Some(lines.inspect(|_| self.records += 1).collect()))
    }
}

/// Writes everything, and the folder's secrets beside it; readable by the owner alone. Under another master key
/// than that of the data it writes nothing: what lies beside the file would not open it.
pub(crate) async fn export(opened: &Opened, data: &Path, out: &Path) -> Result<u64, StartError> {
    start::check_master_key(&Engine::new(opened.store.clone()), &opened.secrets).await?;
    let unwritable = |error: io::Error| failed(&format!("cannot write to {}", out.display()), &error);
    let create = |name: &str| {
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(out.join(name))
    };
    let mut file = BufWriter::new(create(FILE).map_err(unwritable)?);
    file.write_all(header(None).as_bytes()).map_err(unwritable)?;
    let mut pages = match &opened.embedded {
        Some(store) => Pages::of(store.snapshot()),
        None => Pages::walking(opened.store.clone()),
    };
    while let Some(page) = pages.next().await.map_err(|error| failed("cannot read the store", &error))? {
        file.write_all(page.as_bytes()).map_err(unwritable)?;
    }
    file.write_all(footer(pages.records).as_bytes()).map_err(unwritable)?;
    let file = file.into_inner().map_err(|error| unwritable(error.into_error()))?;
    file.sync_all().map_err(unwritable)?;
    for name in SECRETS {
        if let Ok(secret) = fs::read(data.join(name)) {
            create(name).and_then(|mut file| file.write_all(&secret)).map_err(unwritable)?;
        }
    }
    Ok(pages.records)
}

/// Refuses a file that is not whole, or was written under another master key than the one at hand: that of the
/// environment, of the folder, or beside the file. Nothing is made or written.
pub(crate) fn must_open(file: &Path, data: &Path) -> Result<(), StartError> {
    let unreadable = |error: io::Error| failed(&format!("cannot read {}", file.display()), &error);
    let beside = file.parent().unwrap_or(Path::new(""));
    let secrets = home::secrets_if_any(&[data, beside]);
    let secrets = secrets.map_err(|error| failed("cannot read the master key", &error))?;
    let Some(secrets) = secrets else { return Err(StartError(KEY_NEEDED.to_owned())) };
    check(file, &secrets).map(|_| ()).map_err(unreadable)
}

/// Puts the secrets that lie beside the file into a folder that has none yet.
pub(crate) fn adopt_secrets(file: &Path, data: &Path) -> Result<(), StartError> {
    let unwritable = |error: io::Error| failed(&format!("cannot write to {}", data.display()), &error);
    fs::create_dir_all(data).map_err(unwritable)?;
    for name in SECRETS {
        let found = file.parent().map(|folder| folder.join(name)).and_then(|secret| fs::read(secret).ok());
        let Some(secret) = found else { continue };
        let own = OpenOptions::new().write(true).create_new(true).mode(0o600).open(data.join(name));
        match own {
            Ok(mut own) => own.write_all(&secret).map_err(unwritable)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(error)),
        }
    }
    Ok(())
}

/// Writes every record of the file into an empty store. Nothing is usable before its last line
/// has been seen: a file that was cut off is refused before anything is written.
pub(crate) async fn import(opened: &Opened, file: &Path) -> Result<u64, StartError> {
    let store = &opened.store;
    let unreadable = |error: io::Error| failed(&format!("cannot read {}", file.display()), &error);
    let records = check(file, &opened.secrets).map_err(unreadable)?;
    let failing = |error: StoreError| failed("cannot write to the store", &error);
    if !is_empty(&**store).await.map_err(failing)? {
        return Err(StartError("it is not empty; --full starts a new one".to_owned()));
    }
    let importing =
        |change| Change_ { key: keys::note(keys::IMPORTING_NOTE), expect: Expect::Anything, change };
    store.commit(vec![importing(Change::Put(Bytes::from_static(b"1")))]).await.map_err(failing)?;
    let bar = crate::progress::bar(records, "importing");
    let (mut writes, mut bytes) = (Vec::new(), 0);
    for line in BufReader::new(File::open(file).map_err(unreadable)?).lines().skip(1) {
        let Some((key, value)) = record(&line.map_err(unreadable)?) else { continue };
        let length = value.len();
        let (key, change) = (Key::new(key), Change::Put(Bytes::from(value)));
        let write = Change_ { key, expect: Expect::Absent, change };
        if write.key.kind() == keys::kind::PLACE {
            continue; // of another store's feed
        }
        if write.key.kind() == keys::kind::NONCE {
            // No request stays in time for longer than this.
            let until = edge::Clock::Machine.now().plus_days(1);
            store.commit_until(write, until).await.map_err(failing)?;
            continue;
        }
        bytes += length;
        writes.push(write);
        if writes.len() == WRITES_MAX || bytes >= COMMIT_BYTES {
            bar.inc(writes.len() as u64);
            store.commit(std::mem::take(&mut writes)).await.map_err(failing)?;
            bytes = 0;
        }
    }
    if !writes.is_empty() {
        store.commit(writes).await.map_err(failing)?;
    }
    store.commit(vec![importing(Change::Delete)]).await.map_err(failing)?;
    bar.finish_and_clear();
    Ok(records)
}

async fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    let mut from = None;
    loop {
        let page = store.walk(None, from, 1).await?;
        if !page.records.is_empty() || page.next.is_none() {
            return Ok(page.records.is_empty());
        }
        from = page.next;
    }
}

/// Reads the whole file once and checks its format, every line, that none is missing, that it was written under this
/// master key, and that all lines of it are there that something is sealed under.
fn check(file: &Path, secrets: &Secrets) -> io::Result<u64> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut lines = BufReader::new(File::open(file)?).lines();
    if read_header(&lines.next().transpose()?.unwrap_or_default()).is_none() {
        return Err(wrong("it was not written by laurel export --full of this format".to_owned()));
    }
    let (mut records, mut counted) = (0u64, None);
    let (mut known, mut ring) = (None, None);
    for (number, line) in lines.enumerate() {
        let line = line?;
        if counted.is_some() {
            return Err(wrong("something follows the last line".to_owned()));
        }
        match record(&line) {
            Some((key, value)) => {
                let key = Key::new(key);
                if key == keys::note(keys::MASTER_KEY_NOTE) {
                    if !secrets.knows(&value) {
                        return Err(wrong(KEY_NEEDED.to_owned()));
                    }
                    known = Some(value);
                } else if key == keys::note(keys::RING_NOTE) {
                    ring = Some(value);
                } else if kinds::is_sealed(key.kind()) && sealed::open(secrets, &key, &value).is_err() {
                    return Err(wrong(format!("line {}: {CannotOpen}", number + 2)));
                }
                records += 1;
            }
            None => {
                let last: Value = serde_json::from_str(&line).unwrap_or_default();
                counted = last["records"].as_u64();
                if counted.is_none() {
                    return Err(wrong(format!("line {} is damaged", number + 2)));
                }
            }
        }
    }
    if counted != Some(records) {
        return Err(wrong("it is cut off: the last line is missing or counts other records".to_owned()));
    }
    if let Some(known) = known {
        secrets.settle(&known, ring.as_deref()).map_err(|other| wrong(other.to_string()))?;
    }
    Ok(records)
}

/// The record of a line.
pub(crate) fn record(line: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let key = unhex(line["k"].as_str()?)?;
    (!key.is_empty()).then_some((key, unhex(line["v"].as_str()?)?))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS[usize::from(value)];
    // In parts, because text may be appended in whole strings alone, and a character at a time takes ten times as long.
    for part in bytes.chunks(32) {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(part) {
            pair[0] = digit(byte >> 4);
            pair[1] = digit(byte & 15);
        }
        text.push_str(str::from_utf8(&digits[..2 * part.len()]).unwrap_or_default());
    }
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    bytes.chunks_exact(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}
