//! Measures the store on this machine.
//!
//! ```text
//! cargo run --release -p laurel-store-redb --example commits -- speed [folder] [seconds]
//! cargo run --release -p laurel-store-redb --example commits -- size [folder] [members] [entries]
//! ```
//!
//! `speed`: commits of three records (a member of 250 bytes by random key out of 100,000, an order
//! of 250 bytes with a growing key, a request of 60 bytes by random key) by 1, 16 and 64 at once,
//! with the tables catching up all the while, beside the machine's own syncs a second.
//! `size`: fills a store with so many members and entries, kills a process that has it open, and
//! prints memory, disk, and the times to open and to read.
//!
//! `CACHE_MIB`, `SEGMENT_KIB` and `DRAIN_SYNC_KIB` in the environment set the store's options,
//! `COMMITTERS` how many commit at once; with `SMALL=appending` the request's key grows, too.
//!
//! Run it on an idle machine only.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs::{self, OpenOptions},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use engine::store::{Change, Expect, Key, Store, StoreError, Version, Write};
use store_redb::{Options, RedbStore};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let word = |at: usize, default: &str| arguments.get(at).map_or_else(|| default.to_owned(), Clone::clone);
    let folder = PathBuf::from(word(1, "target/commits"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    match &*word(0, "speed") {
        "speed" => runtime.block_on(speed(&folder, word(2, "10").parse()?)),
        "size" => {
            let (members, entries) = (word(2, "1000000").parse()?, word(3, "10").parse()?);
            runtime.block_on(size(&folder, members, entries))
        }
        "open" => {
            for _ in 0..5 {
                opened(&folder)?;
            }
            Ok(())
        }
        "hold" => runtime.block_on(hold(&folder, word(2, "0").parse()?)),
        other => Err(format!("no measurement is called {other}").into()),
    }
}

/// The defaults, or what the environment says.
fn options() -> Options {
    let kibibytes = |name: &str| env::var(name).ok()?.parse::<u64>().ok().map(|number| number << 10);
    let mut options = Options::default();
    if let Some(bytes) = kibibytes("CACHE_MIB") {
        options.cache_bytes = (bytes << 10) as usize;
    }
    options.segment_bytes = kibibytes("SEGMENT_KIB").unwrap_or(options.segment_bytes);
    options.drain_sync_bytes = kibibytes("DRAIN_SYNC_KIB").unwrap_or(options.drain_sync_bytes);
    options
}

/// SplitMix64: enough to choose members by.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.flatten().take(length).collect()
    }
}

/// The key of the member of that number; neighbours in number are far apart in order.
fn member(number: u64) -> Key {
    let mut key = vec![b'm'];
    key.extend_from_slice(&Chance(number).next().to_be_bytes());
    key.extend_from_slice(&number.to_be_bytes());
    Key::new(key)
}

fn order(number: u64) -> Key {
    let mut key = vec![b'o'];
    key.extend_from_slice(&number.to_be_bytes());
    Key::new(key)
}

/// A key that nobody has used: at random, as a hash is, or growing with `SMALL=appending`.
fn request(number: u64, chance: &mut Chance) -> Key {
    let mut key = vec![b'r'];
    if env::var_os("SMALL").is_some() {
        key.extend_from_slice(&number.to_be_bytes());
    }
    key.extend_from_slice(&chance.bytes(16));
    Key::new(key)
}

fn put(key: Key, expect: Expect, value: Vec<u8>) -> Write {
    Write { key, expect, change: Change::Put(value.into()) }
}

/// What the machine can do at all: 4 KiB into a preallocated file and a sync, a second.
fn syncs(folder: &Path) -> Outcome<u64> {
    let path = folder.join("syncs");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    file.write_all_at(&vec![0; 16 << 20], 0)?;
    file.sync_all()?;
    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(2) {
        file.write_all_at(&[count as u8; 4096], (count * 4096) % (16 << 20))?;
        file.sync_data()?;
        count += 1;
    }
    fs::remove_file(path)?;
    Ok(count / 2)
}

/// A field of a process's status, in bytes.
fn memory(process: &str, field: &str) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    let kibibytes = line.split_whitespace().nth(1).unwrap_or("0");
    Ok(kibibytes.parse::<u64>()? * 1024)
}

/// Processor time of this process by threads of one name, in milliseconds.
fn processor() -> Outcome<BTreeMap<String, u64>> {
    let mut times = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(task?.path().join("stat"))?;
        let (name, rest) = stat.split_once(") ").unwrap_or_default();
        let name = name.split('(').nth(1).unwrap_or_default().to_owned();
        let ticks = rest.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
        *times.entry(name).or_insert(0) += ticks.sum::<u64>() * 10;
    }
    Ok(times)
}

fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

fn disk(folder: &Path) -> Outcome<u64> {
    let files = fs::read_dir(folder)?.map(|file| Ok(file?.metadata()?.blocks() * 512));
    files.sum()
}

async fn speed(folder: &Path, seconds: u64) -> Outcome<()> {
    const MEMBERS: u64 = 100_000;
    fs::create_dir_all(folder)?;
    println!("machine: {} fdatasync/s on a preallocated file", syncs(folder)?);
    let stores = folder.join("speed");
    let _ = fs::remove_dir_all(&stores);
    let store = Arc::new(RedbStore::open(&stores, options())?);
    fill(&store, MEMBERS, 0).await?;
    let orders = Arc::new(AtomicU64::new(0));
    let only = env::var("COMMITTERS").ok().and_then(|number| number.parse().ok());
    for committers in only.map_or(vec![1, 16, 64], |number| vec![number]) {
        let before = store.stats();
        let processor_before = processor()?;
        let started = Instant::now();
        let times = commits(&store, &orders, MEMBERS, committers, seconds).await?;
        report(&times, committers, started.elapsed());
        let after = store.stats();
        println!(
            "    {} commits a batch, {} segments drained, resident {} MiB, on disk {} MiB",
            (after.commits - before.commits) / (after.batches - before.batches).max(1),
            after.switches - before.switches,
            mebibytes(memory("self", "VmRSS")?),
            mebibytes(disk(&stores)?),
        );
        for (name, time) in processor()? {
            let time = time - processor_before.get(&name).unwrap_or(&0);
            if time > 0 {
                println!("    {name}: {} us a commit", time * 1_000 / times.len().max(1) as u64);
            }
        }
    }
    Ok(())
}

/// Commits, and tries again while the store is busy.
async fn patient(store: &RedbStore, writes: Vec<Write>) -> Outcome<Version> {
    loop {
        match store.commit(writes.clone()).await {
            Err(StoreError::Busy) => tokio::task::yield_now().await,
            other => return Ok(other?),
        }
    }
}

/// Every commit's time in microseconds.
async fn commits(
    store: &Arc<RedbStore>,
    orders: &Arc<AtomicU64>,
    members: u64,
    committers: u64,
    seconds: u64,
) -> Outcome<Vec<u32>> {
    let stop = Arc::new(AtomicBool::new(false));
    // Not the chance of an earlier round, nor of another committer.
    let seed = Chance(orders.load(Ordering::Relaxed)).next() << 8;
    let committing = (0..committers).map(|committer| {
        let (store, orders, stop) = (store.clone(), orders.clone(), stop.clone());
        tokio::spawn(async move {
            let mut chance = Chance(seed ^ committer);
            let mut times = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let key = member(chance.below(members));
                let found = store.get(std::slice::from_ref(&key)).await?.remove(0);
                let expect = found.map_or(Expect::Absent, |found| Expect::Version(found.version));
                let number = orders.fetch_add(1, Ordering::Relaxed);
                let writes = vec![
                    put(key, expect, chance.bytes(250)),
                    put(order(number), Expect::Absent, chance.bytes(250)),
                    put(request(number, &mut chance), Expect::Absent, chance.bytes(60)),
                ];
                let started = Instant::now();
                match store.commit(writes).await {
                    Ok(_) => times.push(started.elapsed().as_micros() as u32),
                    Err(StoreError::LostRace) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Outcome::Ok(times)
        })
    });
    let committing: Vec<_> = committing.collect();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
    });
    let mut times = Vec::new();
    for committer in committing {
        times.extend(committer.await??);
    }
    Ok(times)
}

fn report(times: &[u32], committers: u64, elapsed: Duration) {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1_000];
    println!(
        "{committers:>3} committers: {:>6} commits/s; p50 {} us, p99 {} us, p99.9 {} us, longest {} us",
        times.len() as u128 * 1_000 / elapsed.as_millis().max(1),
        at(500),
        at(990),
        at(999),
        at(1_000),
    );
}

/// Fills the store, a commit for each member with its entries.
async fn fill(store: &Arc<RedbStore>, members: u64, entries: u64) -> Outcome<()> {
    let mut chance = Chance(11);
    let mut waiting = Vec::new();
    for number in 0..members {
        let mut writes = vec![put(member(number), Expect::Absent, chance.bytes(250))];
        for at in 0..entries {
            let mut entry = member(number).as_bytes().to_vec();
            entry[0] = b'e';
            entry.extend_from_slice(&at.to_be_bytes());
            writes.push(put(Key::new(entry), Expect::Absent, chance.bytes(120)));
        }
        let store = store.clone();
        waiting.push(tokio::spawn(async move { patient(&store, writes).await }));
        if waiting.len() == 500 || number + 1 == members {
            for done in waiting.drain(..) {
                done.await??;
            }
        }
        if members > 100_000 && number % (members / 10) == 0 {
            println!("    {number} of {members}, resident {} MiB", mebibytes(memory("self", "VmRSS")?));
        }
    }
    Ok(())
}

async fn size(folder: &Path, members: u64, entries: u64) -> Outcome<()> {
    for (name, members) in [("small", 1_000), ("large", members)] {
        let stores = folder.join(name);
        let _ = fs::remove_dir_all(&stores);
        println!("{members} members with {entries} entries each");
        let started = Instant::now();
        let store = Arc::new(RedbStore::open(&stores, options())?);
        fill(&store, members, entries).await?;
        println!(
            "    filled at {} commits/s; peak {} MiB",
            u128::from(members) * 1_000 / started.elapsed().as_millis().max(1),
            mebibytes(memory("self", "VmHWM")?)
        );
        drop(store);
        let compacted = RedbStore::compact(&stores, &options())?;
        println!(
            "    tables {} MiB, {} MiB compacted: {} bytes an entry",
            mebibytes(compacted.bytes_before),
            mebibytes(compacted.bytes_after),
            compacted.bytes_after / (members * entries),
        );
        kill_and_open(&stores, members).await?;
    }
    Ok(())
}

/// Has another process open the store, write under load, and be killed; then opens it.
async fn kill_and_open(stores: &Path, members: u64) -> Outcome<()> {
    let mut child = Command::new(env::current_exe()?)
        .args(["hold".as_ref(), stores.as_os_str(), members.to_string().as_ref()])
        .stdout(Stdio::null())
        .spawn()?;
    std::thread::sleep(Duration::from_secs(10));
    let resident = memory(&child.id().to_string(), "VmRSS")?;
    let peak = memory(&child.id().to_string(), "VmHWM")?;
    child.kill()?;
    child.wait()?;
    println!("    killed under load at {} MiB resident (peak {})", mebibytes(resident), mebibytes(peak),);
    let store = opened(stores)?;
    let mut chance = Chance(5);
    for round in ["first reads", "later reads"] {
        let mut times = Vec::new();
        for _ in 0..100_000 {
            let key = member(chance.below(members));
            let started = Instant::now();
            store.get(std::slice::from_ref(&key)).await?;
            times.push(started.elapsed().as_nanos() as u64);
        }
        times.sort_unstable();
        let at = |per_mille: usize| times[times.len() * per_mille / 1_000];
        println!("    {round} of a member: p50 {} ns, p99 {} ns", at(500), at(990));
    }
    println!(
        "    on disk {} MiB, this process resident {} MiB",
        mebibytes(disk(stores)?),
        mebibytes(memory("self", "VmRSS")?)
    );
    Ok(())
}

fn opened(stores: &Path) -> Outcome<RedbStore> {
    let started = Instant::now();
    let store = RedbStore::open(stores, options())?;
    let opened = started.elapsed();
    let stats = store.stats();
    println!(
        "    open in {} ms with {} + {} records replayed",
        opened.as_millis(),
        stats.frozen_records,
        stats.active_records,
    );
    Ok(store)
}

/// Commits without end, to be killed.
async fn hold(stores: &Path, members: u64) -> Outcome<()> {
    let store = Arc::new(RedbStore::open(stores, options())?);
    // Numbers no other run has used.
    let orders = Arc::new(AtomicU64::new(u64::from(std::process::id()) << 32));
    commits(&store, &orders, members, 64, 3_600).await?;
    Ok(())
}
