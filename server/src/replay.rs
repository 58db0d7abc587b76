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
mod events;
mod older;
mod progress;
mod together;

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use edge::Api;
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
use events::Event;
use progress::Progress;

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
    /// What is told of each event, by its lines.
    told: BTreeMap<Lines, Vec<Told>>,
    /// Events that were refused, in this run and before.
    refused: u64,
}

/// What all events of a run share.
struct Run {
    api: Api,
    key: String,
    sheet: Sheet,
    reader: Reader,
    report: PathBuf,
    totals: Mutex<Totals>,
}

/// Replays the file.
pub(crate) async fn replay(replay: &Replay) -> Result<ExitCode, StartError> {
    let sheet = rows::open(&replay.file, &replay.read, &names::EVENTS)?;
    must_say_who(&sheet, &["member_id", "refund_id", "order_id"])?;
    if !sheet.has("occurred_at") {
        return Err(StartError("no column says when something happened: occurred_at".to_owned()));
    }
    let note = progress::name(&replay.file)?;
    let report = rows::rejected_path(&replay.file, replay.rejected.as_ref());
    let opened = start::open(&replay.data).await?;
    // The clock stands at the history's beginning; each event has its own.
    let began = events::first_moment(&sheet, replay.read.dates()).unwrap_or(domain::time::Instant(0));
    let api = start::assemble(&opened, replay.program.as_deref(), Some(began)).await?;
    let zone = {
        let programmes = api.engine.programme().timeline().map_err(unreadable)?;
        programmes.newest().zone
    };
    let reader = Reader { zone, dates: replay.read.dates() };
    let noted = progress::noted(&api, &note).await?;
    let (events, told) = events::read(&sheet, &reader, noted.is_some_and(|noted| noted.older));
    if events.is_empty() && told.is_empty() {
        println!("there is nothing to replay");
    }
    let key = match &opened.admin_key {
        AdminKey::Given(key) | AdminKey::File(key, _) => format!("Bearer {key}"),
    };
    let mut totals = Totals::default();
    for told in told {
        totals.told.entry(told.lines).or_default().push(told);
    }
    let before = noted.map_or(0, |noted| noted.events).min(events.len());
    let (is_whole, known) = totals.go_on(&report, noted)?;
    if let Some(next) = events.get(before) {
        start::must_not_be_settled(&api, next.at).await?;
    }
    let run = Arc::new(Run { api, key, sheet, reader, report, totals: Mutex::new(totals) });
    play_all(&run, &note, &events, before, &known).await?;
    let run = Arc::into_inner(run).ok_or_else(|| StartError("an event is still being played".to_owned()))?;
    let totals = run.totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    finish(&run.report, &totals, before, is_whole)
}

fn unreadable(error: engine::Error) -> StartError {
    failed("cannot read the store", &error)
}

/// Plays what is not over yet, a window at a time. `known` are lines of which an interrupted run has told already.
async fn play_all(
    run: &Arc<Run>,
    note: &str,
    events: &[Event],
    before: usize,
    known: &Arc<HashSet<Lines>>,
) -> Result<(), StartError> {
    progress::set(&run.api, note, Progress { events: before, refused: run.refused(), older: false }).await?;
    let at_once = if run.shares_accounts()? { 1 } else { AT_ONCE };
    let bar = bars::bar(events.len() as u64, "replaying");
    bar.set_position(before as u64);
    let mut over = before;
    let mut members = together::Members::default();
    for window in events[before..].chunks(WINDOW) {
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
        over += window.len();
        progress::set(&run.api, note, Progress { events: over, refused: run.refused(), older: false })
            .await?;
        bar.set_position(over as u64);
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
            if let Err(told) = self.play(event).await? {
                let mut totals = self.totals();
                // On disk before anything later happens to the member, so that it is not judged again.
                rows::report_more(&self.report, &told)
                    .map_err(|error| failed("cannot write what is told", &error))?;
                totals.refused += 1;
                totals.told.insert(event.lines, told);
            }
        }
        Ok(())
    }

    /// Calls the event's function; what is told of it if it is refused.
    async fn play(&self, event: &Event) -> Result<Result<(), Vec<Told>>, StartError> {
        let played = match body::of(self, event) {
            Ok(played) => played,
            Err(told) => return Ok(Err(told)),
        };
        if older::is_recorded(self, event, &played).await.map_err(unreadable)? {
            self.totals().again += 1;
            return Ok(Ok(()));
        }
        let Played { kind, function, body, .. } = &played;
        let request = http::Request::post(format!("/{function}")).header("authorization", &self.key);
        let request =
            request.body(Bytes::from(body::json_text(body))).map_err(|error| failed("cannot ask", &error))?;
        let response = self.api.standing_at(event.at).serve(request).await;
        let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        if response.status().is_server_error() {
            let (lines, detail) = (event.lines, answer["detail"].as_str().unwrap_or_default());
            return Err(StartError(format!(
                "line {lines}: {detail}; run the same command again to continue"
            )));
        }
        // The same order was replayed before, and refunded since.
        if answer["code"] == "order_refunded" {
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
    // Too few points is an answer, not a fault of the file.
    let faulty = totals.told.len() > short || !is_whole;
    Ok(if faulty { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

impl Totals {
    /// Reads what earlier runs of this file refused, and reports the file's own faults. Returns whether all earlier
    /// refusals were still there, and their lines.
    fn go_on(
        &mut self,
        report: &Path,
        noted: Option<Progress>,
    ) -> Result<(bool, Arc<HashSet<Lines>>), StartError> {
        self.refused = noted.map_or(0, |noted| noted.refused);
        let mut known = match noted {
            None => BTreeMap::new(),
            Some(_) => rows::reported(report).map_err(|error| failed("cannot read what was told", &error))?,
        };
        known.retain(|lines, _| !self.told.contains_key(lines));
        let is_whole = known.len() as u64 >= self.refused;
        // An event may have been told of just before the interruption, and not been counted.
        self.refused = self.refused.max(known.len() as u64);
        let lines = Arc::new(known.keys().copied().collect());
        self.told.extend(known);
        let told: Vec<Told> = self.told.values().flatten().cloned().collect();
        rows::report(report, &told).map_err(|error| failed("cannot write what is told", &error))?;
        Ok((is_whole, lines))
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
