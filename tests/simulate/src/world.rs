//! One seed: clients, instances and time on one thread, all drawn from the seed.

use domain::member::MemberId;
use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use edge::{Api, Secrets};
use engine::store::Store;
use http::Response;
use laurel_tests::model::{
    After, Dice, Model, OrderNow, Shown, command::Told, member::Entry, merging::Merged, random_program,
};
use laurel_tests::partner::Partner;

use crate::{
    accounts::{self, Overtaken},
    faults::{Fault, Mix, Struck},
    generate::Writer,
    home::Home,
    instance::{found, instance},
    log::Noted,
    op::{Op, Sent, offers::Shelf},
    partner::{add_partner, sign_up},
    store::{Weather, lock},
};

/// How a seed is run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The seed.
    pub seed: u64,
    /// How many operations.
    pub operations: usize,
    /// Kinds of faults that are left out.
    pub without: Vec<Fault>,
    /// Operations that are drawn and not sent, to find the few that matter.
    pub skipped: BTreeSet<usize>,
    /// Whether to write the history down.
    pub told: bool,
    /// Where the shop's records are.
    pub home: Home,
}

/// What came of a seed.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Operations that were answered and compared.
    pub operations: u64,
    /// Operations that changed a balance.
    pub moved: u64,
    /// Those that were signed.
    pub signed: u64,
    /// Faults.
    pub struck: Struck,
    /// What was wrong.
    pub violation: Option<String>,
    /// The hash of everything that happened.
    pub trace: u64,
    /// What happened, if requested.
    pub history: Vec<String>,
    /// The operation at which the violation was found.
    pub failed_at: usize,
}

/// An operation under way.
pub(crate) struct Client {
    pub(crate) number: usize,
    /// When it was first sent.
    pub(crate) began: i64,
    /// How many versions of the programme there were then.
    pub(crate) versions: usize,
    pub(crate) op: Op,
    pub(crate) key: Option<String>,
    pub(crate) sent: Sent,
    /// What the model said when the commit went through.
    pub(crate) installed: Option<Told>,
    /// The state when its answer was remembered.
    pub(crate) remembered: Vec<View>,
    /// The first answer of success.
    pub(crate) answered: Option<(u16, Bytes)>,
    /// Whether it has an answer that ends it.
    pub(crate) ended: bool,
    pub(crate) under_way: usize,
    pub(crate) tries: u32,
    /// Whether any attempt was abandoned, or ended without a clear answer.
    pub(crate) uncertain: bool,
    /// Whether it counts: it does not repeat an answered one.
    pub(crate) counts: bool,
}

/// The state for an operation at a moment.
pub(crate) enum View {
    Told(Box<Told>, Option<Box<After>>),
    Shown(Box<Shown>),
    Ledger(Vec<Rc<Entry>>, usize),
    /// Two records that are one by now; or why not. `None`: they would be joined.
    Merged(Option<Result<Joined, (u16, &'static str)>>),
    /// An order, if there is one of that name.
    Order(Option<OrderNow>),
    /// There is no such member.
    Nobody,
    /// Nothing that the model knows.
    Other,
}

/// A merge that was done, and the member that answers for both.
pub(crate) type Joined = (Merged, Box<Shown>);

pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response<Bytes>, String>>>>;

/// A request under way.
pub(crate) struct Attempt {
    pub(crate) client: usize,
    pub(crate) instance: usize,
    pub(crate) future: Answering,
    pub(crate) dice: Dice,
    /// The moments at which it may have been decided, and the versions that were known.
    pub(crate) nows: Vec<i64>,
    pub(crate) known: Vec<usize>,
    /// The states before others changed them.
    pub(crate) earlier: Vec<View>,
    /// Whether others wrote down entries meanwhile that it may have seen or not.
    pub(crate) blurred: bool,
}

/// A seed in the middle of its run.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) outcome: Outcome,
    pub(crate) dice: Dice,
    pub(crate) mix: Mix,
    pub(crate) weather: Arc<Mutex<Weather>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) secrets: Secrets,
    pub(crate) instances: Vec<Arc<Api>>,
    pub(crate) model: Model,
    pub(crate) ids: Vec<String>,
    pub(crate) places: HashMap<MemberId, usize>,
    pub(crate) people: HashMap<u32, usize>,
    /// The partner's references to members.
    pub(crate) links: HashMap<usize, String>,
    /// The instance that links are made with.
    pub(crate) linking: Option<Arc<Api>>,
    /// The programme's versions as sent, and since when the newest is in force.
    pub(crate) documents: Vec<Rc<str>>,
    pub(crate) since: i64,
    /// Every offer's versions.
    pub(crate) offers: Shelf,
    /// What the activity log has been told, and for how many days it is kept.
    pub(crate) noted: Noted,
    pub(crate) log_days: i64,
    pub(crate) partner: Partner,
    pub(crate) writer: Writer,
    /// What limits may have counted in a later day; `None` if there are no limits.
    pub(crate) overtaken: Option<Overtaken>,
    /// When it all began.
    pub(crate) began: i64,
    pub(crate) now: i64,
    pub(crate) elapsed: u64,
    pub(crate) clients: Vec<Option<Client>>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) drawn: usize,
    at_once: usize,
    begun: u64,
    pub(crate) nonces: u64,
    /// Successes that may be requested again: the number of the request, and when.
    pub(crate) done: Vec<(Op, Option<String>, Sent, Bytes, u16, i64)>,
    pub(crate) newest_now: i64,
}

/// Requests and answers that the simulation remembers, to repeat them.
const DONE_KEPT: usize = 64;

/// Attempts after which no more faults strike an operation, and those after which it must have been answered.
pub(crate) const PATIENCE: u32 = 10;
pub(crate) const TRIES_MAX: u32 = 30;

/// Runs a seed.
pub fn run(settings: Settings) -> Outcome {
    let mut world = match World::new(settings.clone()) {
        Ok(world) => world,
        Err(what) => return Outcome { violation: Some(what), ..Outcome::default() },
    };
    let ended = world.live().and_then(|()| world.heal());
    let mut outcome = std::mem::take(&mut world.outcome);
    outcome.failed_at = world.drawn;
    outcome.violation = ended.err();
    outcome.struck = std::mem::take(&mut lock(&world.weather).struck);
    outcome
}

/// Mixes bytes into a hash.
pub(crate) fn mix_in(hash: &mut u64, bytes: &[u8]) {
    let mut add = |word: u64| *hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95);
    for part in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        add(u64::from_le_bytes(word));
    }
    add(bytes.len() as u64);
}

pub(crate) fn stream(seed: u64, what: u64, number: u64) -> Dice {
    Dice::new(
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (what << 56) ^ number.wrapping_mul(0xD134_2543_DE82_EF95),
    )
}

impl World {
    fn new(settings: Settings) -> Result<World, String> {
        let seed = settings.seed;
        let mut dice = stream(seed, 1, 0);
        let (mut document, day) = random_program(&mut dice);
        add_partner(&mut document, &mut dice);
        document["attributes"] =
            serde_json::json!([{"id": "sim", "name": {"zh": "仿真", "en": "Simulated"}, "kind": "text"}]);
        let now = day * laurel_tests::model::DAY + dice.below(laurel_tests::model::DAY);
        let mut mix = Mix::draw(&mut dice);
        for fault in &settings.without {
            mix = mix.without(*fault);
        }
        accounts::add(&mut document, &mix, &mut dice);
        let log_days = dice.between(30, 900);
        document["activity_days"] = log_days.into();
        let weather = Arc::new(Mutex::new(Weather::new()));
        let store = settings.home.open()?;
        let secrets = crate::instance::secrets();
        let text = document.to_string();
        let first = instance(&store, &weather, &secrets, seed, now, 0);
        found(&first, &text)?;
        accounts::sell(&first, &document)?;
        let partner = sign_up(&first, &mut dice)?;
        let noted = crate::log::before(&store)?;
        let at_once = dice.between(1, 6) as usize;
        let mut world = World {
            outcome: Outcome { trace: seed, ..Outcome::default() },
            model: Model::new(&document),
            overtaken: Overtaken::of(&document),
            writer: Writer::new(stream(seed, 2, 0), document),
            settings,
            dice,
            mix,
            weather,
            store,
            secrets,
            instances: vec![first],
            ids: Vec::new(),
            places: HashMap::new(),
            people: HashMap::new(),
            links: HashMap::new(),
            linking: None,
            documents: vec![text.into()],
            since: now,
            offers: Shelf::new(),
            noted,
            log_days,
            partner,
            began: now,
            now,
            elapsed: 0,
            clients: Vec::new(),
            attempts: Vec::new(),
            drawn: 0,
            at_once,
            begun: 1,
            nonces: 0,
            done: Vec::new(),
            newest_now: now,
        };
        world.begin_instance(None)?;
        let splits = world.mix.strikes(Fault::SplitRestore, &mut world.dice);
        lock(&world.weather).notes_last = splits;
        lock(&world.weather).committed.clear();
        Ok(world)
    }

    /// One more instance, or one that replaces an ended one.
    pub(crate) fn begin_instance(&mut self, place: Option<usize>) -> Result<(), String> {
        self.begun += 1;
        let seed = self.settings.seed ^ (self.begun << 40);
        let api = instance(&self.store, &self.weather, &self.secrets, seed, self.now, self.elapsed);
        let mix = std::mem::replace(&mut lock(&self.weather).mix, Mix::calm());
        let read = crate::instance::at_once(api.refresh()).map_err(|error| error.to_string());
        lock(&self.weather).mix = mix;
        match place {
            Some(place) => self.instances[place] = api,
            None => self.instances.push(api),
        }
        read
    }

    /// Everything until the last operation is answered.
    fn live(&mut self) -> Result<(), String> {
        loop {
            let open = self.clients.iter().flatten().count();
            let more = self.drawn < self.settings.operations;
            // A key is remembered for 30 days, so repeats come before that.
            let waits = |client: &Client| self.now - client.began > 10 * laurel_tests::model::DAY;
            let early = !self.clients.iter().flatten().any(waits);
            if more && early && open < self.at_once && (self.attempts.is_empty() || self.dice.percent(40)) {
                self.draw()?;
            } else if !self.attempts.is_empty() {
                self.step()?;
            } else if open > 0 {
                self.retry()?;
            } else if !more {
                return Ok(());
            }
        }
    }

    /// How many versions of the programme an instance knows.
    pub(crate) fn known(&self, instance: usize) -> usize {
        let programmes = self.instances[instance].engine.programme().timeline();
        programmes.map_or(1, |programmes| programmes.newest().version as usize)
    }

    /// Whether an answer's member may be that one: itself, or any that it was merged into.
    pub(crate) fn may_be(&self, member: usize, told: &serde_json::Value) -> bool {
        let own = told == self.ids[member].as_str();
        own || told == self.ids[self.model.reach(member)].as_str()
    }

    /// Everything under way, except that attempt.
    pub(crate) fn others(&self, but: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.attempts.len()).filter(move |index| *index != but)
    }

    pub(crate) fn attempt_at(&mut self, index: usize) -> &mut Attempt {
        &mut self.attempts[index]
    }

    /// Notes a success, to be requested again.
    pub(crate) fn remember(&mut self, place: usize, status: u16, body: &Bytes, at: i64) {
        let Some(client) = &self.clients[place] else { return };
        let entry = (client.op.clone(), client.key.clone(), client.sent.clone(), body.clone(), status, at);
        let number = client.number;
        if self.done.len() < DONE_KEPT {
            self.done.push(entry);
        } else {
            self.done[number % DONE_KEPT] = entry;
        }
    }

    /// Writes a line of the history, if requested.
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.settings.told {
            self.outcome.history.push(line());
        }
    }

    /// Stops all faults, lets every waiting request finish, and runs the final checks.
    fn heal(&mut self) -> Result<(), String> {
        self.mix = Mix::calm();
        lock(&self.weather).mix = Mix::calm();
        for place in 0..self.instances.len() {
            self.begin_instance(Some(place))?;
        }
        crate::last::check(self)
    }

    pub(crate) fn chance(&mut self) -> &mut Dice {
        &mut self.dice
    }
}
