//! What is besieged: a shop, and for each route and caller a valid request, with what it gets when nothing is
//! twisted.

use engine::{Books, memory::MemoryStore};
use laurel_tests::partner::Partner;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

use crate::{
    coalition::coalition,
    support::Shop,
    walk::{BEFORE, FEW, Filling, ROUTES, WHO, Walk, Who, filled},
};

/// The order in which a request is checked: the first fault found is the answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Point {
    /// The length of path and query, and whether anything answers there.
    Route,
    /// Who asks.
    Caller,
    /// `Test-Clock`.
    Clock,
    /// Whether the caller may call this at all.
    Admit,
    Query,
    /// The body as text, as JSON, and against the route's shape.
    Body,
    /// What the body names, the request's key, and everything that the function checks.
    Late,
    /// Nothing is found.
    Never,
}

/// A verdict, and the check that reaches it. An empty code is a success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Verdict {
    pub(super) point: Point,
    pub(super) status: u16,
    pub(super) code: &'static str,
}

impl Verdict {
    pub(super) fn at(point: Point, status: u16, code: &'static str) -> Verdict {
        Verdict { point, status, code }
    }

    /// As people write it.
    pub(super) fn told(self) -> String {
        format!("{} {}", self.status, self.code).trim_end().to_owned()
    }
}

/// One route called by one caller.
pub(super) struct Cell {
    pub(super) row: usize,
    pub(super) who: Who,
    pub(super) method: &'static str,
    /// As the walk writes it, with names in braces.
    pub(super) pattern: &'static str,
    pub(super) path: String,
    pub(super) body: String,
    /// What it gets untwisted.
    pub(super) plain: Verdict,
    pub(super) route: &'static edge::Route,
    /// What exists for this caller, and what does not.
    filling: usize,
}

impl Cell {
    /// The same request for things that do not exist.
    pub(super) fn absent(&self, stage: &Stage) -> (String, String) {
        let fill = |text| filled(text, &stage.fillings[self.filling].1, false);
        (fill(self.pattern), fill(self.asked()))
    }

    /// What this caller knows under that name.
    pub(super) fn known<'s>(&self, stage: &'s Stage, name: &str) -> &'s str {
        &stage.fillings[self.filling].1.iter().find(|(own, ..)| *own == name).unwrap().1
    }

    /// The body as the walk writes it.
    pub(super) fn asked(&self) -> &'static str {
        ROUTES[self.row].2
    }

    pub(super) fn succeeds(&self) -> bool {
        self.plain.status < 300
    }

    pub(super) fn is_signed(&self) -> bool {
        self.who.partner().is_some()
    }
}

/// A request in the making. Its credentials are added last, so that a partner signs what is sent.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) who: Who,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    /// Nothing is to be added.
    pub(super) sealed: bool,
    /// It is sent twice: the second gets the attack's verdict, the first the plain one.
    pub(super) twice: bool,
}

impl Ask {
    pub(super) fn of(cell: &Cell) -> Ask {
        Ask {
            who: cell.who,
            method: cell.method.to_owned(),
            path: cell.path.clone(),
            headers: Vec::new(),
            body: cell.body.clone().into_bytes(),
            sealed: false,
            twice: false,
        }
    }

    pub(super) fn header(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// The request; `None` if no client could write it down.
    pub(super) fn request(&self) -> Option<http::Request<bytes::Bytes>> {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(self.path.as_str());
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        request.body(bytes::Bytes::from(self.body.clone())).ok()
    }
}

/// The shop with all requests to it.
pub(super) struct Stage {
    pub(super) walk: Walk,
    pub(super) cells: Vec<Cell>,
    fillings: Vec<(Who, Filling)>,
    tokens: Vec<(Who, String)>,
    pub(super) partners: Vec<(Who, Partner)>,
    /// Cursors into another member's ledger, and into that of each caller's member.
    pub(super) foreign_cursor: String,
    pub(super) own_cursors: Vec<(Who, String)>,
    /// An expired token of a member.
    pub(super) expired_token: String,
    /// A key under which the storefront's order was answered.
    pub(super) used_key: &'static str,
}

/// No rate limit applies, in a run of any speed: other tests cover that refusal.
const NO_LIMIT: edge::Policy = edge::Policy { name: "none", quota: u32::MAX, window: Duration::from_secs(1) };

impl Stage {
    /// With all that any row asks for.
    pub(super) async fn open(seed: u64) -> Stage {
        Stage::with(seed, "").await
    }

    /// With what that row asks for: its path and body.
    pub(super) async fn with(seed: u64, asked: &str) -> Stage {
        // Of these the stage has its own, below.
        let asked = FEW.iter().fold(asked.to_owned(), |asked, name| asked.replace(name, ""));
        let mut shop = Shop::over(Arc::new(MemoryStore::new()), &coalition(), BEFORE).await;
        let api = Arc::get_mut(&mut shop.api).expect("nobody else has it yet");
        api.chance = edge::Chance::seeded(seed);
        api.rates = None;
        api.guesses = edge::Rates::new(NO_LIMIT);
        let walk = Walk::of(shop).await;
        let shop = &walk.shop;
        let expired_token = walk.token(&shop.somebody().await, "o").await;
        shop.at("2026-03-02T10:20:00+08:00");
        let keyid = walk.keyid().await;
        // One for each of the few that reach any, and the brand's for all others.
        let of_acme = walk.webhook(Who::OfAcme).await;
        let of_tea = walk.webhook_of(Some("tea")).await;
        let (mut fillings, mut tokens, mut own_cursors) = (Vec::new(), Vec::new(), Vec::new());
        for who in WHO {
            let n = format!("n-{}", shop.fresh());
            let (mut filling, member) = walk.filling(who, &n, &asked).await;
            let (webhook, partner_webhook) = match who {
                Who::Admin | Who::Operator => (walk.webhook(who).await, walk.webhook_of(Some("tea")).await),
                _ => (of_acme.clone(), of_tea.clone()),
            };
            for (name, real, _) in &mut filling {
                match *name {
                    "{keyid}" => real.clone_from(&keyid),
                    "{webhook}" => real.clone_from(&webhook),
                    "{partner_webhook}" => real.clone_from(&partner_webhook),
                    _ => {}
                }
            }
            own_cursors.push((who, cursor(shop, &member).await));
            let of = if who == Who::Other { shop.somebody().await } else { member };
            tokens.push((who, walk.token(&of, &n).await));
            fillings.push((who, filling));
        }
        let foreign = shop.somebody().await;
        shop.earn(&foreign, "foreign-1", "10").await;
        shop.earn(&foreign, "foreign-2", "10").await;
        let foreign_cursor = cursor(shop, &foreign).await;
        let used_key = "used-once";
        let order = json!({"member_id": foreign, "brand": "acme", "order_id": "keyed", "amount": "3"});
        let key = walk.key(Who::Storefront);
        let keyed = shop.call_as(key, "POST", "/earn-points", &order, Some(used_key)).await;
        assert_eq!(keyed.status, 200);
        let mut partners = Vec::new();
        for (who, brand) in WHO.into_iter().filter_map(|who| Some((who, who.partner()?))) {
            partners.push((who, shop.partner_of(brand).await));
        }
        let cells = cells(&fillings);
        Stage {
            walk,
            cells,
            fillings,
            tokens,
            partners,
            foreign_cursor,
            own_cursors,
            expired_token,
            used_key,
        }
    }

    /// Adds the credentials: a key, a token, or a signature over what is sent.
    pub(super) fn seal(&self, ask: &mut Ask) {
        if ask.sealed || ask.who == Who::Nobody {
            return;
        }
        if let Some((_, partner)) = self.partners.iter().find(|(who, _)| *who == ask.who) {
            return sign(partner, ask, |_| ());
        }
        let bearer = match ask.who {
            Who::Own | Who::Other => self.token(ask.who),
            who => self.walk.key(who),
        };
        ask.header("authorization", format!("Bearer {bearer}"));
        ask.sealed = true;
    }

    /// That caller's token.
    pub(super) fn token(&self, who: Who) -> &str {
        &self.tokens.iter().find(|(own, _)| *own == who).unwrap().1
    }

    /// Who signs the cell's requests.
    pub(super) fn partner(&self, cell: &Cell) -> Option<&Partner> {
        self.partners.iter().find(|(who, _)| *who == cell.who).map(|(_, partner)| partner)
    }

    /// The sum of all members' ledgers, as `laurel audit` prints it. Nothing may differ in them.
    pub(super) async fn digest(&self) -> [u8; 32] {
        let engine = &self.walk.shop.api.engine;
        let (members, more) = engine.records().member_ids(None, 10_000).await.unwrap();
        assert!(more.is_none(), "more members than were looked at");
        let mut books = Books::default();
        for id in members {
            let finding = engine.ledger().audit_member(id).await.unwrap();
            assert_eq!(finding.differences, Vec::<String>::new());
            books.note(id, &finding);
        }
        let strays = engine.ledger().strays(&books).await.unwrap();
        assert!(strays.members.is_empty() && strays.brands.is_empty(), "{strays:?}");
        books.digest()
    }
}

/// Where the second page of the member's ledger begins.
async fn cursor(shop: &Shop, member: &str) -> String {
    let page = shop.ok("GET", &format!("/members/{member}/ledger?limit=1"), Value::Null).await;
    page["next_cursor"].as_str().unwrap().to_owned()
}

/// Signs the request as it is. The claims are a partner's usual ones unless changed.
pub(super) fn sign(
    partner: &Partner,
    ask: &mut Ask,
    change: impl FnOnce(&mut laurel_tests::partner::Claims),
) {
    let text: Vec<(String, String)> = ask
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), String::from_utf8(value.clone()).ok()?)))
        .collect();
    let sent: Vec<(&str, &str)> = text.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut claims = partner.claims(&sent, &ask.body);
    change(&mut claims);
    let signed = partner.sign_with(&ask.method, &ask.path, &sent, &ask.body, &claims);
    for (name, value) in signed.into_iter().skip(sent.len()) {
        ask.header(&name, value);
    }
    ask.sealed = true;
}

fn cells(fillings: &[(Who, Filling)]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (row, (method, pattern, body, wants)) in ROUTES.iter().enumerate() {
        for (filling, ((who, fill), want)) in fillings.iter().zip(wants).enumerate() {
            let (path, body) = (filled(pattern, fill, true), filled(body, fill, true));
            let route = route_of(method, pattern);
            let plain = plain(*who, row, route, *want);
            cells.push(Cell { row, who: *who, method, pattern, path, body, plain, route, filling });
        }
    }
    cells
}

fn route_of(method: &str, pattern: &str) -> &'static edge::Route {
    let pattern = pattern.split('?').next().unwrap();
    let (name, rest) = pattern[1..].split_once('/').map_or((&pattern[1..], ""), |(name, rest)| (name, rest));
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let functions = server::FUNCTIONS.iter().filter(|function| function.name == name);
    let fits = |route: &&edge::Route| {
        let own: Vec<&str> = route.path.split('/').skip(1).collect();
        let same = own.len() == parts.len()
            && own.iter().zip(&parts).all(|(own, part)| own == part || own.starts_with('{'));
        same && route.method.word() == method
    };
    functions.flat_map(|function| function.routes).find(fits).unwrap()
}

/// What this caller gets according to the walk, and the check that decides it.
fn plain(who: Who, row: usize, route: &edge::Route, status: u16) -> Verdict {
    let (_, pattern, body, _) = ROUTES[row];
    let admitted = who.role().is_some_and(|role| route.access.admits(role));
    let needs_leave = matches!(pattern, "/earn-points" | "/use" | "/redeem" | "/reverse");
    let idle = who == Who::MayNothing && needs_leave;
    let other = who == Who::Other && pattern.starts_with("/members/");
    match status {
        _ if route.access.anybody => Verdict::at(Point::Never, status, ""),
        401 => Verdict::at(Point::Caller, status, "unauthenticated"),
        403 if !admitted || idle => Verdict::at(Point::Admit, status, "forbidden"),
        _ if !admitted => panic!("{who:?} {pattern}: {status}, though its role may not"),
        404 if other => Verdict::at(Point::Admit, status, "member_not_found"),
        404 if who == Who::Other => Verdict::at(Point::Late, status, "member_not_found"),
        403 => Verdict::at(Point::Late, status, "forbidden"),
        404 => Verdict::at(Point::Late, status, absent_code(pattern, body)),
        422 => Verdict::at(Point::Late, status, "proof_required"),
        _ => Verdict::at(Point::Never, status, ""),
    }
}

/// The answer for something that does not exist.
pub(super) fn absent_code(pattern: &str, body: &str) -> &'static str {
    match pattern.split('/').nth(1).unwrap_or_default() {
        "reverse" if body.contains("redemption") => "redemption_not_found",
        "reverse" if body.contains("grant_id") => "grant_not_found",
        "reverse" if body.contains("use_id") => "use_not_found",
        "reverse" | "orders" => "order_not_found",
        "link" => "link_code_not_found",
        "settlements" => "settlement_not_found",
        "keys" | "partners" => "key_not_found",
        "webhooks" => "webhook_not_found",
        "offers" => "offer_not_found",
        "redeem" if body.contains("reward") => "offer_not_found",
        "grants" if pattern.ends_with("/revoke") => "grant_not_found",
        // The offer is looked for first.
        "grants" => "offer_not_found",
        "referrals" => "referral_not_found",
        _ => "member_not_found",
    }
}
