//! `laurel replay`: orders, redemptions and refunds from a file, in time order. Every event goes through the same
//! function as a caller's request, at its own moment.
//!
//! Events of one person or order are played one after the other, and the others side by side, a window of the
//! history at a time: the store makes one durable write of what waits at once. Where brands have limits, blocks or
//! credit, which orders of different members share, everything is played one after the other.
//!
//! After an interruption it continues where it was: it recognises recorded events by their names, and tells a refusal
//! before anything later happens to that member, so that it does not judge that event again.

mod body;
mod counted;
mod events;
mod older;
mod progress;
mod says;
mod telling;
mod together;

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use edge::{Api, Clock};
use files::{Lines, Reader, Sheet, Told, names};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::{
    cli::Replay,
    home::AdminKey,
    import::must_say_who,
    progress as bars, rows,
    start::{self, StartError, failed},
};
use body::Played;
use counted::Counted;
use events::{Event, Kind};
use progress::{Names, Noted, Over};
use telling::Telling;

/// Events of a window: how far members may be apart in time while they are played.
const WINDOW: usize = 4_096;

/// Members and orders that are played side by side.
const AT_ONCE: usize = 512;

/// The outcome for the events.
#[derive(Default)]
struct Totals {
    done: BTreeMap<&'static str, u64>,
    again: u64,
    earned: u64,
    redeemed: u64,
    taken: u64,
    /// What is told, by its lines.
    told: BTreeMap<Lines, Vec<Told>>,
    /// How many of those are of events that were refused, in this run and before.
    refused: u64,
    /// What is told of a window's events that say what no function is asked for: they are the same whenever they are
    /// read, and are on disk before the window is over.
    faulty: Vec<Told>,
}

/// What all events of a run share.
struct Run {
    api: Api,
    key: String,
    sheet: Sheet,
    reader: Reader,
    /// The programme's brand, if it has one alone.
    only_brand: Option<String>,
    telling: Telling,
    totals: Mutex<Totals>,
    /// Whether an event has been played: from then on something may have landed.
    has_begun: AtomicBool,
}

/// What is to be played.
struct Playlist {
    names: Names,
    events: Vec<Event>,
    /// Those at the beginning that are over.
    over: Over,
    /// Those that 0.1.0 has played, which are not among the events.
    older: usize,
    /// Lines of which an interrupted run has told already.
    known: Arc<HashSet<Lines>>,
    /// Whether all that earlier runs have told is still there.
    is_whole: bool,
}

/// Replays the file.
pub(crate) async fn replay(replay: &Replay) -> Result<ExitCode, StartError> {
    let report = rows::rejected_path(&replay.file, replay.rejected.as_ref());
    let (run, mut list) = prepared(replay, &report).await?;
    let run = Arc::new(run);
    let before = list.older + list.over.events();
    let ended = play_all(&run, &mut list).await;
    let ended = ended.and_then(|()| finish(&report, &run.totals(), before, list.is_whole));
    exit(ended, run.has_begun.load(Ordering::Relaxed))
}

/// The exit code: what ends a replay of which something may have landed is no refusal of the whole file.
fn exit(ended: Result<ExitCode, StartError>, has_begun: bool) -> Result<ExitCode, StartError> {
    match ended {
        Err(error) if has_begun => {
            eprintln!("laurel: {error}; run the same command again to continue");
            Ok(ExitCode::from(1))
        }
        ended => ended,
    }
}

/// Reads the file, and finds out what of it is over. Nothing has been played when it fails.
async fn prepared(replay: &Replay, report: &Path) -> Result<(Run, Playlist), StartError> {
    let file = &replay.file;
    let sheet = rows::open(file, &replay.read, &names::EVENTS)?;
    must_say_who(&sheet, &["member_id", "refund_id", "order_id"])?;
    if !sheet.has("occurred_at") {
        return Err(StartError("no column says when something happened: occurred_at".to_owned()));
    }
    let bytes = std::fs::read(file).map_err(|error| failed("cannot read the file", &error))?;
    let opened = start::open(&replay.data).await?;
    start::end_following(&opened).await?;
    // The clock stands at the history's beginning; each event has its own.
    let now = Clock::Machine.now();
    let began = events::first_moment(&sheet, replay.read.dates()).map_or(now, |first| first.min(now));
    let mut api = start::assemble(&opened, replay.program.as_deref(), Some(began)).await?;
    if !replay.tell {
        api.engine = api.engine.quietly();
    }
    let (zone, only_brand) = {
        let programmes = api.engine.programme().timeline().map_err(unreadable)?;
        let newest = programmes.newest();
        let only = match newest.brands.as_slice() {
            [only] => Some(only.id.to_string()),
            _ => None,
        };
        (newest.zone, only)
    };
    let reader = Reader { zone, dates: replay.read.dates() };
    let reading = events::Reading { sheet: &sheet, reader: &reader, only_brand: only_brand.as_deref(), now };
    let (mut events, told) = events::read(&reading);
    if events.is_empty() && told.is_empty() {
        println!("there is nothing to replay");
    }
    let names = Names::of(&bytes, &replay.read.options());
    let noted = progress::noted(&api, &names).await?;
    let counted = noted.older.and_then(|older| counted::of(&bytes, &sheet, older.events, older.refused));
    let counted = counted.unwrap_or_default();
    let mut totals = Totals::default();
    for told in told {
        totals.told.entry(told.lines).or_default().push(told);
    }
    let (is_whole, known) = totals.go_on(report, &noted, &counted, &events)?;
    let all = events.len();
    events.retain(|event| !counted.has(event));
    let over = noted.over(&events);
    if let Some(next) = events.get(over.events()) {
        start::must_not_be_settled(&api, next.at).await?;
    }
    let key = match &opened.admin_key {
        AdminKey::Given(key) | AdminKey::File(key, _) => format!("Bearer {key}"),
    };
    let telling = Telling::with({
        let report = report.to_owned();
        move |told: &[Told]| rows::report_more(&report, told)
    });
    let list = Playlist { older: all - events.len(), names, events, over, known, is_whole };
    let (totals, has_begun) = (Mutex::new(totals), AtomicBool::new(false));
    Ok((Run { api, key, sheet, reader, only_brand, telling, totals, has_begun }, list))
}

fn unreadable(error: engine::Error) -> StartError {
    failed("cannot read the store", &error)
}

/// Plays what is not over yet, a window at a time.
async fn play_all(run: &Arc<Run>, list: &mut Playlist) -> Result<(), StartError> {
    let Playlist { names, events, over, known, .. } = list;
    progress::set(&run.api, names, over, run.refused()).await?;
    let at_once = if run.shares_accounts()? { 1 } else { AT_ONCE };
    let bar = bars::bar(events.len() as u64, "replaying");
    bar.set_position(over.events() as u64);
    let mut members = together::Members::default();
    for window in events[over.events()..].chunks(WINDOW) {
        let groups = match at_once {
            1 => vec![(0..window.len()).collect()],
            _ => together::groups(run, &mut members, window).await?,
        };
        let playing = groups.into_iter().map(|group: Vec<usize>| {
            let events: Vec<Event> = group.into_iter().map(|index| window[index].clone()).collect();
            let (run, known) = (run.clone(), known.clone());
            // On a thread of its own choosing: events are computed on every core.
            tokio::spawn(async move { run.play_group(&events, &known).await })
        });
        let mut playing = stream::iter(playing).buffer_unordered(at_once);
        let mut ended = Ok(());
        while let Some(played) = playing.next().await {
            let played = played.unwrap_or_else(|error| Err(failed("an event stopped", &error)));
            ended = ended.and(played);
        }
        ended?;
        let faulty = std::mem::take(&mut run.totals().faulty);
        if !faulty.is_empty() {
            run.telling.tell(faulty).await?;
        }
        over.add(window);
        progress::set(&run.api, names, over, run.refused()).await?;
        bar.set_position(over.events() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

impl Run {
    fn totals(&self) -> std::sync::MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> u64 {
        self.totals().refused
    }

    /// Whether orders of different members share something: a brand's limits, blocks or credit.
    fn shares_accounts(&self) -> Result<bool, StartError> {
        let programmes = self.api.engine.programme().timeline().map_err(unreadable)?;
        Ok(programmes.has_accounts())
    }

    /// Plays these events, one after the other.
    async fn play_group(&self, events: &[Event], known: &HashSet<Lines>) -> Result<(), StartError> {
        for event in events {
            if known.contains(&event.lines) {
                continue;
            }
            let played = match body::of(self, event) {
                Ok(played) => played,
                Err(told) => {
                    self.totals().find_faulty(told);
                    continue;
                }
            };
            if let Err(told) = self.play(event, played).await? {
                // On disk before anything later happens to the member, so that it is not judged again.
                self.telling.tell(told.clone()).await?;
                self.totals().refuse(told);
            }
        }
        Ok(())
    }

    /// Calls the event's function; what is told of it if it is refused.
    async fn play(&self, event: &Event, mut played: Played) -> Result<Result<(), Vec<Told>>, StartError> {
        if event.kind == Kind::Redeem && event.unnamed.is_some() {
            // Its name does not tell by which of the member's names the file knows it, and a repeat may use another.
            together::name_member(self, event, &mut played.body).await?;
        }
        if older::is_recorded(self, event, &played).await.map_err(unreadable)? {
            self.totals().again += 1;
            return Ok(Ok(()));
        }
        let Played { kind, function, body, .. } = &played;
        let request = http::Request::post(format!("/{function}")).header("authorization", &self.key);
        let request =
            request.body(Bytes::from(body::json_text(body))).map_err(|error| failed("cannot ask", &error))?;
        self.has_begun.store(true, Ordering::Relaxed);
        let response = self.api.standing_at(event.at).serve(request).await;
        let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        if response.status().is_server_error() {
            let (lines, detail) = (event.lines, answer["detail"].as_str().unwrap_or_default());
            return Err(StartError(format!("line {lines}: {detail}")));
        }
        if is_known(event, &answer["code"]) {
            self.totals().again += 1;
            return Ok(Ok(()));
        }
        if !response.status().is_success() {
            return Ok(Err(body::told(self, event, &answer)));
        }
        self.totals().count(kind, &answer, response.headers().contains_key("idempotency-replayed"));
        Ok(Ok(()))
    }
}

/// Whether the same was recorded before: an order that was refunded since, a redemption whose name is what it says and
/// that was cancelled since, or a refund whose name is all that it says, in other words.
fn is_known(event: &Event, code: &Value) -> bool {
    match event.kind {
        Kind::Earn => code == "order_refunded",
        Kind::Redeem => code == "already_cancelled" && event.unnamed.is_some(),
        Kind::Refund => code == "order_conflict" && event.unnamed.is_some(),
    }
}

fn finish(report: &Path, totals: &Totals, before: usize, is_whole: bool) -> Result<ExitCode, StartError> {
    let told: Vec<Told> = totals.told.values().flatten().cloned().collect();
    let count = |kind: &str| totals.done.get(kind).copied().unwrap_or(0);
    println!("events replayed before {before}, recorded before {}", totals.again);
    println!("orders {}, points earned {}", count("earn"), totals.earned);
    println!("redemptions {}, points redeemed {}", count("redeem"), totals.redeemed);
    println!("refunds {}, points taken back {}", count("refund"), totals.taken);
    let is_short = |told: &&Vec<Told>| told.iter().all(|told| told.code == "insufficient_points");
    let short = totals.told.values().filter(is_short).count();
    println!("refused {}, of them for too few points {short}", totals.told.len());
    rows::report(report, &told).map_err(|error| failed("cannot write what is told", &error))?;
    if !told.is_empty() {
        println!("why is in {}", report.display());
    }
    if !is_whole {
        println!("earlier runs refused more; their report is no longer in {}", report.display());
    }
    let has_all = told.is_empty() && is_whole;
    Ok(if has_all { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Totals {
    /// Reads what earlier runs of this file refused, and reports the file's own faults. Returns whether all earlier
    /// refusals were still there, and their lines. What is read anew is none of them.
    fn go_on(
        &mut self,
        report: &Path,
        noted: &Noted,
        counted: &Counted,
        events: &[Event],
    ) -> Result<(bool, Arc<HashSet<Lines>>), StartError> {
        let unreadable = |error| failed("cannot read what was told", &error);
        let mut known = match (noted.is_own(), noted.older.is_some()) {
            (false, false) => BTreeMap::new(),
            _ => rows::reported(report).map_err(unreadable)?,
        };
        let refused = noted.refused().unwrap_or(counted.refused);
        let is_whole = match noted.is_own() {
            true => {
                known.retain(|lines, _| !self.told.contains_key(lines));
                known.len() as u64 >= refused
            }
            false => {
                let is_whole = counted.told_in(&known) >= refused;
                known = counted.told(known, events);
                is_whole
            }
        };
        // An event may have been told of just before the interruption, and not been counted.
        self.refused = if is_whole { known.len() as u64 } else { refused };
        let lines = Arc::new(known.keys().copied().collect());
        self.told.extend(known);
        let told: Vec<Told> = self.told.values().flatten().cloned().collect();
        let unwritable = |error| failed("cannot write what is told", &error);
        rows::report(report, &told).map_err(unwritable)?;
        must_be_writable(report).map_err(unwritable)?;
        Ok((is_whole, lines))
    }

    /// Keeps what is told of a refused event, by the lines that it is told of.
    fn refuse(&mut self, told: Vec<Told>) {
        let mut by_lines: BTreeMap<Lines, Vec<Told>> = BTreeMap::new();
        for told in told {
            by_lines.entry(told.lines).or_default().push(told);
        }
        for (lines, told) in by_lines {
            self.refused += u64::from(self.told.insert(lines, told).is_none());
        }
    }

    /// Keeps what is told of an event that cannot be asked for.
    fn find_faulty(&mut self, told: Vec<Told>) {
        self.faulty.extend(told.iter().cloned());
        self.refuse(told);
    }

    fn count(&mut self, kind: &'static str, answer: &Value, again: bool) {
        if again {
            self.again += 1;
            return;
        }
        *self.done.entry(kind).or_default() += 1;
        self.earned += answer["granted"].as_u64().unwrap_or(0);
        self.taken += answer["taken"].as_u64().unwrap_or(0);
        if kind == "redeem" {
            self.redeemed += answer["entry"]["points"].as_i64().unwrap_or(0).unsigned_abs();
        }
    }
}

/// Finds out whether a report can be written, before there is anything to tell.
fn must_be_writable(report: &Path) -> std::io::Result<()> {
    let is_new = !report.exists();
    std::fs::File::options().append(true).create(true).open(report)?;
    if is_new { std::fs::remove_file(report) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_replay_midway_is_no_refusal_of_the_whole_file() {
        let failed = || Err(StartError("the store is gone".to_owned()));
        assert_eq!(exit(failed(), true).unwrap(), ExitCode::from(1));
        assert_eq!(exit(failed(), false).unwrap_err().0, "the store is gone");
        assert_eq!(exit(Ok(ExitCode::SUCCESS), true).unwrap(), ExitCode::SUCCESS);
    }
}
