//! The table of functions, the template generated from it, and that a function's policy allows what it does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use domain::time::Instant;
use edge::Function;
use engine::{
    memory::MemoryStore,
    store::{
        Change, Changes, Key, Kind, Page, Pending, Range, Record, Store, StoreError, Version, Write,
        kinds::Room,
    },
};
use infra::{DEPLOYED, Deployed, Use};
use serde_json::{Value, json};

use crate::{
    coalition::coalition,
    support::Shop,
    walk::{BEFORE, ROUTES, WHO, Walk, Who, filled},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The committed template is the generated one. `LAUREL_UPDATE=1` rewrites it.
#[test]
fn the_committed_template_is_the_generated_one() {
    let committed = root().join("infra/template.yaml");
    let generated = infra::template();
    if std::env::var_os("LAUREL_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&committed, &generated).unwrap();
    }
    let kept = fs::read_to_string(committed).unwrap_or_default();
    let apart = kept.lines().zip(generated.lines()).position(|(kept, generated)| kept != generated);
    assert!(
        kept == generated,
        "infra/template.yaml has drifted from infra/src, first at line {}: change infra/src/functions.rs or \
         infra/src/template/, run this test with LAUREL_UPDATE=1, and read the difference",
        apart.unwrap_or_default() + 1
    );
}

/// A binary answers what its row says: it cannot read the table, which would link every function into each
/// binary.
#[test]
fn each_binary_is_its_rows() {
    for row in DEPLOYED {
        let path = root().join("functions").join(row.name()).join("src/main.rs");
        let named: Vec<String> = row.functions.iter().map(|function| item(row, function)).collect();
        let call = match &named[..] {
            [own] if row.reacts.is_some() => format!("lambda::run_reacting({own}, "),
            [own] => format!("lambda::run({own})"),
            [own, others @ ..] => format!("lambda::run_with({own}, &[{}])", others.join(", ")),
            [] => panic!("a row without a function"),
        };
        let main = fs::read_to_string(&path).unwrap();
        assert!(main.contains(&call), "{}: {call} is wanted", path.display());
    }
}

/// What a function's own crate calls it.
fn item(row: &Deployed, function: &Function) -> String {
    let own = if function.name == row.name() {
        "FUNCTION".to_owned()
    } else {
        function.name.to_uppercase().replace('-', "_")
    };
    format!("&{}::{own}", row.name().replace('-', "_"))
}

/// A schedule runs what a schedule may run, and what it may run has one.
#[test]
fn what_runs_by_itself_has_a_schedule() {
    for row in DEPLOYED {
        assert_eq!(row.run.is_some(), row.functions[0].scheduled().is_some(), "{}", row.name());
        assert!(row.run.as_ref().is_none_or(|run| !run.schedules.is_empty()), "{}", row.name());
    }
}

/// What is done to the table.
#[derive(Default)]
struct Watched {
    inner: MemoryStore,
    done: Mutex<Done>,
}

/// In the words of a policy, and by room: whether records are put (`Adds`), removed (`Changes`) or looked through.
#[derive(Default)]
struct Done {
    actions: BTreeSet<&'static str>,
    uses: BTreeSet<String>,
}

impl Watched {
    fn does(&self, action: &'static str, used: Option<(Room, Use)>) {
        let mut done = self.done.lock().unwrap();
        done.actions.insert(action);
        done.uses.extend(used.map(|used| format!("{used:?}")));
    }

    /// What was done since the last call.
    fn done(&self) -> Done {
        std::mem::take(&mut self.done.lock().unwrap())
    }
}

fn room(kind: Kind) -> Room {
    kind.row().unwrap().room
}

impl Store for Watched {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.does(if keys.len() == 1 { "dynamodb:GetItem" } else { "dynamodb:BatchGetItem" }, None);
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.does("dynamodb:Query", None);
        self.inner.scan(range, limit)
    }

    fn walk(
        &self,
        kind: Option<Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        self.does("dynamodb:Scan", kind.map(|kind| (room(kind), Use::Walks)));
        self.inner.walk(kind, from, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        for write in &writes {
            let room = room(write.key.kind());
            match write.change {
                Change::Nothing => self.does("dynamodb:ConditionCheckItem", None),
                Change::Put(_) => self.does("dynamodb:PutItem", Some((room, Use::Adds))),
                Change::Delete => self.does("dynamodb:DeleteItem", Some((room, Use::Changes))),
            }
        }
        self.inner.commit(writes)
    }

    fn removes_ended(&self) -> bool {
        true // as the table does
    }
}

/// What each function did.
#[derive(Default)]
struct Book(BTreeMap<&'static str, BTreeSet<String>>);

impl Book {
    /// Records what a request to that path has done, and checks it against the policy.
    fn take(&mut self, asked: &str, path: &str, done: Done) {
        let bare = path.split('?').next().unwrap();
        let is_its = |row: &&Deployed| row.answers(bare) || bare[1..] == *row.name();
        let row = DEPLOYED.iter().find(is_its);
        let row = row.unwrap_or_else(|| panic!("{path} is no function's"));
        let allowed: BTreeSet<&str> = row.actions().into_iter().collect();
        let more: Vec<_> = done.actions.difference(&allowed).collect();
        assert!(more.is_empty(), "{asked} does {more:?}, which the policy of {} does not allow", row.name());
        self.0.entry(row.name()).or_default().extend(done.uses);
    }
}

/// The coalition, in which `acme` has limits and owes what it issues.
fn metered(name: &str) -> Value {
    let mut programme = coalition();
    programme["name"] = name.into();
    let says = json!({
        "issue_price": "0.01", "honour_price": "0.01", "funding": {"mode": "postpaid", "credit": "100000.00"},
        "limits": [{"per": "day", "issue": 1_000_000, "redeem": 1_000_000}],
    });
    programme["brands"][0].as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
    programme
}

/// Every caller who may calls every route, and once more after years, when there is something to settle. The
/// row must name and the policy allow whatever it does to the table: a missing action would show only on AWS.
/// A room that a row names but none of its routes writes is too much.
#[tokio::test]
async fn a_function_does_what_its_row_says_and_no_more() {
    let store = Arc::new(Watched::default());
    let walk = Walk::of(Shop::over(store.clone(), &metered("Club"), BEFORE).await).await;
    let mut book = Book::default();
    for (method, path, body, wants) in ROUTES {
        for (who, _) in WHO.into_iter().zip(wants).filter(|(who, want)| **want < 400 && *who != Who::Other) {
            let n = format!("p-{}", walk.shop.fresh());
            let (filling, member) = walk.filling(who, &n, &format!("{path} {body}")).await;
            let token = walk.shown_by(who, &member, &n).await;
            let body = filled(&body.replace("{program}", &metered(&n).to_string()), &filling, true);
            let path = filled(path, &filling, true);
            store.done();
            walk.ask(who, &token, method, &path, &body).await;
            book.take(&format!("{who:?}: {method} {path}"), &path, store.done());
        }
    }
    for (later, (method, path, body, _)) in ROUTES.iter().enumerate() {
        let n = format!("l-{}", walk.shop.fresh());
        // The activity log has something that is forgotten by then.
        walk.shop.caller(&["storefront"], None).await;
        let (filling, member) = walk.filling(Who::Admin, &n, &format!("{path} {body}")).await;
        // Points are good until the end of the following year: some end now, and some do not.
        walk.shop.at(&format!("{}-06-01T00:00:00+08:00", 2027 + 2 * later));
        walk.shop.earn(&member, &format!("later-{n}"), "10").await;
        walk.shop.at(&format!("{}-01-01T00:15:00+08:00", 2028 + 2 * later));
        let body = match *path {
            "/settle" => "{}".to_owned(),
            "/adjust" => filled(&body.replacen('{', r#"{"bill":true,"#, 1), &filling, true),
            _ => filled(&body.replace("{program}", &metered(&n).to_string()), &filling, true),
        };
        let (path, body) = (filled(path, &filling, true), serde_json::from_str(&body).unwrap_or(Value::Null));
        store.done();
        walk.shop.call_with(method, &path, &body, None).await;
        book.take(&format!("{method} {path}, later"), &path, store.done());
    }
    for path in ["/evaluate-tier", "/expire-points"] {
        let identity = json!({"kind": "external", "channel": "template", "value": path});
        let body = json!({"identities": [identity], "brand": "acme"});
        walk.shop.call_with("POST", "/register", &body, Some(path)).await;
        // Each day looks through a part of what is remembered, and forgets what is older than a month.
        for _ in 0..62 {
            let tomorrow = walk.shop.api.clock.now().0 + 86_400_000;
            walk.shop.api.clock.forward(Instant(tomorrow)).unwrap();
            store.done();
            walk.shop.ok("POST", path, json!({})).await;
            book.take(path, path, store.done());
        }
    }
    react_to_what_happened(&walk.shop, &store, &mut book).await;
    let word = |used: (Room, Use)| format!("{used:?}");
    let mut wrong = Vec::new();
    for row in DEPLOYED {
        let mut said: BTreeSet<String> = row.uses.iter().map(|used| word(*used)).collect();
        let mut did = book.0[row.name()].clone();
        // What every function does; a function that changes a room also adds to it.
        did.remove(&word((Room::Access, Use::Adds)));
        said.remove(&word((Room::Access, Use::Adds)));
        for (room, _) in row.uses.iter().filter(|(_, how)| *how == Use::Changes) {
            did.remove(&word((*room, Use::Adds)));
        }
        if said != did {
            wrong.push(format!("{}: says {said:?}, does {did:?}", row.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What nobody calls: events are tried at a receiver that is not there, and again.
async fn react_to_what_happened(shop: &Shop, store: &Watched, book: &mut Book) {
    for known in shop.ok("GET", "/webhooks", Value::Null).await["webhooks"].as_array().unwrap() {
        shop.ok("DELETE", &format!("/webhooks/{}", known["id"].as_str().unwrap()), Value::Null).await;
    }
    let made = json!({"url": "https://name.invalid/", "types": ["*"]});
    let hook = shop.ok("POST", "/webhooks", made).await["id"].as_str().unwrap().to_owned();
    let from = store.inner.feed().unwrap().end().await.unwrap();
    shop.somebody().await;
    let Changes::Commits { commits, .. } = store.inner.feed().unwrap().after(&from, 100).await.unwrap()
    else {
        panic!("a gap")
    };
    let now = shop.api.clock.world();
    let commits: Vec<_> = commits.into_iter().map(|commit| (commit, now)).collect();
    let react = react::React::default();
    store.done();
    react.changes(&shop.api, &commits).await.unwrap();
    book.take("a batch of the stream", "/react", store.done());
    let since = json!({"since": "2000-01-01T00:00:00Z", "until": "2900-01-01T00:00:00Z"});
    let again = shop.ok("POST", &format!("/webhooks/{hook}/redeliver"), since).await;
    assert_eq!(again["events"], 1);
    store.done();
    assert_eq!(react.waiting(&shop.api, std::time::Instant::now()).await.unwrap(), 1);
    book.take("a minute", "/react", store.done());
}
