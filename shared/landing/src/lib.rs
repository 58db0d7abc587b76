//! Members from a file: each row lands whole, or is told with what to do. The command `laurel import` and
//! `POST /import` do the same here.
//!
//! Rows of one person land one after the other, and persons side by side: the store makes one durable write of
//! many commits that wait at once.

mod groups;
mod report;
mod row;
mod told;

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use domain::{
    id::{BalanceId, BrandId},
    member::MemberId,
    programme::Programme,
};
use edge::{Api, Problem};
use engine::{Engine, Named, Request, Stay, Trials, store::StoreError};
use files::{Reader, Sheet, Told};
use futures_util::{StreamExt as _, stream};

pub use groups::{held_together, who};
pub use report::Report;
pub use row::{Reading, identities, registration};

/// What an importer vouches for and asks for.
#[derive(Clone, Copy, Default, Debug)]
pub struct How {
    /// All identities of a row are known to be of one person.
    pub verified: bool,
    /// Balances are settled with their brands.
    pub bill: bool,
    /// A figure that was said otherwise before is corrected.
    pub correct: bool,
    /// A row with a bad optional field does not land.
    pub strict: bool,
    /// Nothing is written.
    pub dry_run: bool,
    /// Persons that land side by side, at most.
    pub at_once: usize,
}

/// Which balances a group's rows have told.
type Balances = HashSet<(MemberId, BrandId, BalanceId)>;

/// The store failed on the way.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub problem: Problem,
    /// What became of the rows by then; those that nobody tried are told too.
    pub report: Report,
    has_begun: bool,
}

impl Failed {
    /// Whether anything may have been written by then. Of a write that has failed nobody knows.
    pub fn has_landed(&self) -> bool {
        let is_doubtful = self.problem.code != edge::Code::Busy && self.has_begun;
        self.report.created + self.report.known > 0 || is_doubtful
    }
}

/// Whether a column says who a row is about.
pub fn says_who(sheet: &Sheet, also: &[&str]) -> bool {
    let kinds = ["phone", "email", "external"];
    let says = |field: &str| kinds.iter().any(|kind| field.starts_with(kind)) || also.contains(&field);
    sheet.columns().iter().any(|column| says(&column.field))
}

/// What that misses is called.
pub const SAYS_NOBODY: &str = "no column says who a row is about: phone, email or external.<channel>";

/// Lands every row of the sheet, for the caller of that request. `at` is called with the number of rows that are over.
///
/// # Errors
/// The store failed, or there is no programme; what has landed by then is known when it is landed again.
pub async fn land(
    api: &Api,
    sheet: &Sheet,
    dates: files::DateOrder,
    how: How,
    request: &Request,
    at: impl Fn(usize),
) -> Result<Report, Box<Failed>> {
    let mut report = Report { rows: sheet.len() as u64, ..Report::default() };
    let failed = |problem: Problem, report: Report| Box::new(Failed { problem, report, has_begun: false });
    let programmes = api.engine.programme().timeline();
    let programmes = programmes.map_err(|error| failed(error.into(), report.clone()))?;
    let programme = programmes.newest();
    let reading =
        Reading { api, programme, reader: Reader { zone: programme.zone, dates }, how, now: api.clock.now() };
    let groups = groups::of(reading, sheet).await;
    let mut waiting: Vec<Group> =
        groups.map_err(|error| failed(error.into(), report.clone()))?.into_iter().map(Group::of).collect();
    // A dry run lands too, where nobody sees it.
    let trials = how.dry_run.then(|| api.engine.trials());
    let mut at_once = how.at_once.max(1);
    let mut over = 0;
    let mut ended: Option<Problem> = None;
    while !waiting.is_empty() && ended.is_none() {
        let stopped = AtomicBool::new(false);
        let landing = stream::iter(std::mem::take(&mut waiting)).map(|mut group| async {
            let landed = group.land(reading, sheet, (request, trials.as_ref()), &stopped).await;
            (group, landed)
        });
        let mut landing = std::pin::pin!(landing.buffer_unordered(at_once));
        while let Some((group, landed)) = landing.next().await {
            match landed {
                Ok(true) => {
                    over += group.rows.len();
                    report.add(group.report);
                    at(over);
                    continue;
                }
                Ok(false) => {}
                // The store takes no more right now: the group goes on from that row.
                Err(problem) if problem.code == edge::Code::Busy && at_once > 1 => {}
                // What has begun comes to its end.
                Err(problem) => {
                    stopped.store(true, Relaxed);
                    ended = Some(problem);
                }
            }
            waiting.push(group);
        }
        at_once = (at_once / 2).max(1);
    }
    if let Some(problem) = &ended {
        waiting.into_iter().for_each(|group| group.give_up(sheet, problem, &mut report));
    }
    report.told.sort_by_key(|told| told.lines);
    match ended {
        Some(problem) => Err(Box::new(Failed { problem, report, has_begun: true })),
        None => Ok(report),
    }
}

/// The rows that may be one person's, which land one after the other.
#[derive(Default)]
struct Group {
    rows: Vec<usize>,
    /// What is left of them; `None` before they are read.
    left: Option<VecDeque<row::Ready>>,
    told: Balances,
    /// Where a dry run lands.
    trial: Option<Engine>,
    report: Report,
}

impl Group {
    fn of(rows: Vec<usize>) -> Group {
        Group { rows, ..Group::default() }
    }

    fn read(&mut self, reading: Reading<'_>, sheet: &Sheet) -> VecDeque<row::Ready> {
        let mut read = VecDeque::with_capacity(self.rows.len());
        for index in &self.rows {
            match sheet.row(*index).map_err(|told| vec![told]).and_then(|row| reading.row(&row)) {
                Ok(row) => read.push_back(row),
                Err(told) => self.report.told.extend(told),
            }
        }
        let named = |row: &row::Ready| {
            let balance = row.coming.balance.as_ref()?;
            let (brand, id) = (row.coming.brand.clone(), balance.id.clone());
            Some(Named { brand, id, points: balance.points.get(), expires_at: balance.expires_at })
        };
        let all: Arc<[Named]> = read.iter().filter_map(named).collect();
        read.iter_mut().for_each(|row| row.coming.all = all.clone());
        read
    }

    /// Whether it is over; if not, it goes on where it is.
    async fn land(
        &mut self,
        reading: Reading<'_>,
        sheet: &Sheet,
        (request, trials): (&Request, Option<&Trials>),
        stopped: &AtomicBool,
    ) -> Result<bool, Problem> {
        if stopped.load(Relaxed) {
            return Ok(false);
        }
        let mut left = match self.left.take() {
            Some(left) => left,
            None => self.read(reading, sheet),
        };
        let engine = match trials {
            Some(trials) => self.trial.get_or_insert_with(|| trials.engine()).clone(),
            None => reading.api.engine.clone(),
        };
        let mut landed = Ok(true);
        while let Some(row) = left.front_mut() {
            landed = match stopped.load(Relaxed) {
                true => Ok(false),
                false => {
                    let into = (&mut self.told, &mut self.report);
                    land_row((reading, &engine), row, request, into).await.map(|()| true)
                }
            };
            if landed != Ok(true) {
                break;
            }
            left.pop_front();
        }
        self.left = Some(left);
        landed
    }

    /// Tells the rows that have not landed.
    fn give_up(self, sheet: &Sheet, problem: &Problem, report: &mut Report) {
        report.add(self.report);
        let lines = |index: &usize| sheet.row(*index).map_or_else(|told| told.lines, |row| row.lines);
        let lines: Vec<files::Lines> = match &self.left {
            Some(left) => left.iter().map(|row| row.lines).collect(),
            None => self.rows.iter().map(lines).collect(),
        };
        let detail =
            "the store failed before this row had landed, or while it did: import the same file again";
        report.told.extend(lines.into_iter().map(|lines| Told::row(lines, problem.code.word(), detail)));
    }
}

async fn land_row(
    (reading, engine): (Reading<'_>, &Engine),
    row: &mut row::Ready,
    request: &Request,
    (told, report): (&mut Balances, &mut Report),
) -> Result<(), Problem> {
    let now = reading.api.clock.now();
    let request = Request { any_age: true, now, key: None, ..request.clone() };
    row.coming.registration.person.changed = Some(edge::changed_by(&request));
    let came = engine.people().bring(&request, &row.coming, told).await;
    match came {
        Ok(came) => {
            if let Some(balance) = &row.coming.balance {
                told.insert((came.member, row.coming.brand.clone(), balance.id.clone()));
            }
            report.created += u64::from(came.created);
            report.known += u64::from(!came.created);
            report.balances += u64::from(came.points.is_some());
            report.points += came.points.unwrap_or(0);
            report.told.extend(row.landed(reading, &came.left));
        }
        Err(Stay::Duplicate) => report.told.push(row.duplicate()),
        Err(stay @ Stay::Balance { .. }) => report.told.extend(row.conflict(reading.programme, &stay)),
        Err(Stay::Other(error)) => {
            if let engine::Error::Store(
                StoreError::Busy | StoreError::Unavailable(_) | StoreError::Unknown(_),
            ) = &error
            {
                return Err(error.into());
            }
            let problem = Problem::from(error);
            if problem.status() >= 500 {
                return Err(problem);
            }
            report.told.extend(row.refused(&problem));
        }
    }
    Ok(())
}

/// The brand of that name, or the only one.
fn brand_of(programme: &Programme, told: Option<&str>) -> Option<BrandId> {
    match (told, programme.brands.as_slice()) {
        (Some(told), _) => Some(BrandId::of_checked(told)),
        (None, [only]) => Some(only.id.clone()),
        (None, _) => None,
    }
}
