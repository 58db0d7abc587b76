//! The requests: registrations, orders, redemptions and reads as a shop would send them.

use crate::Result;
use crate::http::Request;
use crate::load::Traffic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The ids of registered members, shared by all connections.
pub(crate) type Members = Arc<[Box<str>]>;

const CATEGORIES: [&str; 5] = ["tea", "coffee", "book", "gift", "home"];

/// Registers members `0..count` between all connections.
pub(crate) struct Register {
    pub(crate) next: Arc<AtomicU64>,
    pub(crate) count: u64,
    pub(crate) current: u64,
    pub(crate) registered: Vec<(u64, Box<str>)>,
}

impl Traffic for Register {
    fn next(&mut self, request: &mut Request) -> bool {
        self.current = self.next.fetch_add(1, Ordering::Relaxed);
        let i = self.current;
        request.post(
            "/register",
            format_args!(
                "{{\"identities\":[{{\"kind\":\"phone\",\"value\":\"+86138{i:08}\"}}],\
                 \"profile\":{{\"name\":\"Member {i}\"}},\"brand\":\"acme\",\"channel\":\"store:{:04}\"}}",
                i % 200
            ),
        );
        i < self.count
    }

    fn answered(&mut self, body: &[u8]) -> Result<()> {
        let answer: serde_json::Value = serde_json::from_slice(body)?;
        let id = answer.pointer("/member/id").and_then(|id| id.as_str());
        let id = id.ok_or_else(|| format!("no member.id in the answer of /register: {answer}"))?;
        self.registered.push((self.current, id.into()));
        Ok(())
    }
}

/// Gives every member a number of orders, member after member and then round again, between all
/// connections.
pub(crate) struct Fill {
    pub(crate) next: Arc<AtomicU64>,
    pub(crate) members: Members,
    pub(crate) orders_each: u64,
    pub(crate) name: &'static str,
    pub(crate) keyed: bool,
    /// Amount and instant of every order; without it they vary, and happen now
    pub(crate) fixed: Option<(&'static str, String)>,
}

impl Traffic for Fill {
    fn next(&mut self, request: &mut Request) -> bool {
        let i = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.members.len() as u64;
        let member = &self.members[(i % count) as usize];
        if self.keyed {
            request.idempotency_key(format_args!("{}-{i:032}", self.name));
        }
        match &self.fixed {
            Some((amount, instant)) => order(
                request,
                member,
                format_args!("{}-{i}", self.name),
                format_args!("{amount}"),
                "book",
                format_args!(",\"occurred_at\":\"{instant}\""),
            ),
            None => varied(request, member, format_args!("{}-{i}", self.name), scramble(i)),
        }
        i < count * self.orders_each
    }
}

/// Orders of members at random, each with an id never used before.
pub(crate) struct Earn(pub(crate) Random);

impl Traffic for Earn {
    fn next(&mut self, request: &mut Request) -> bool {
        let random = self.0.step(request);
        let id = (self.0.run, self.0.connection, self.0.sent);
        varied(request, self.0.member(random), format_args!("{}-{}-{}", id.0, id.1, id.2), random >> 32);
        true
    }
}

/// Redemptions of 1 to 20 points of members at random, each for an order never named before.
pub(crate) struct Redeem(pub(crate) Random);

impl Traffic for Redeem {
    fn next(&mut self, request: &mut Request) -> bool {
        let random = self.0.step(request);
        request.post(
            "/redeem",
            format_args!(
                "{{\"member_id\":\"{}\",\"brand\":\"acme\",\"points\":{},\
                 \"for\":{{\"kind\":\"order\",\"order_id\":\"{}-{}-{}\"}}}}",
                self.0.member(random),
                1 + (random >> 32) % 20,
                self.0.run,
                self.0.connection,
                self.0.sent
            ),
        );
        true
    }
}

/// A number of reads of members at random.
pub(crate) struct Read {
    pub(crate) random: Random,
    pub(crate) count: u64,
}

impl Traffic for Read {
    fn next(&mut self, request: &mut Request) -> bool {
        let random = self.random.step(request);
        request.get(format_args!("/members/{}", self.random.member(random)));
        self.random.sent <= self.count
    }
}

/// Members that are found and scanned: their cards' codes are made before each turn.
pub(crate) const SCANNED: usize = 1_000;

/// Some members at random, found by their telephone numbers.
pub(crate) struct Find(pub(crate) Random);

impl Traffic for Find {
    fn next(&mut self, request: &mut Request) -> bool {
        let random = self.0.step(request);
        // The numbers that `Register` has given.
        let i = random % self.0.members.len().min(SCANNED) as u64;
        request.post(
            "/members/find",
            format_args!("{{\"identity\":{{\"kind\":\"phone\",\"value\":\"+86138{i:08}\"}}}}"),
        );
        true
    }
}

/// Cards at random, scanned by a till.
pub(crate) struct Scan {
    pub(crate) random: Random,
    pub(crate) tokens: Arc<[Box<str>]>,
}

impl Traffic for Scan {
    fn next(&mut self, request: &mut Request) -> bool {
        let random = self.random.step(request);
        let token = &self.tokens[(random % self.tokens.len() as u64) as usize];
        request.post("/scan", format_args!("{{\"token\":\"{token}\",\"brand\":\"acme\"}}"));
        true
    }
}

/// Issues the first offers to every member, between all connections.
pub(crate) struct Issue {
    pub(crate) next: Arc<AtomicU64>,
    pub(crate) members: Members,
    pub(crate) each: u64,
    pub(crate) current: u64,
    pub(crate) issued: Vec<(u64, Box<str>)>,
}

impl Traffic for Issue {
    fn next(&mut self, request: &mut Request) -> bool {
        self.current = self.next.fetch_add(1, Ordering::Relaxed);
        let (at, offer) = ((self.current / self.each) as usize, self.current % self.each);
        let Some(member) = self.members.get(at) else { return false };
        request.post(
            "/grants",
            format_args!(
                "{{\"member_id\":\"{member}\",\"offer\":\"offer-{offer:04}\",\"issue_id\":\"bench\",\"reason\":\"bench\"}}"
            ),
        );
        true
    }

    fn answered(&mut self, body: &[u8]) -> Result<()> {
        let answer: serde_json::Value = serde_json::from_slice(body)?;
        let id = answer.pointer("/grant/id").and_then(|id| id.as_str());
        let id = id.ok_or_else(|| format!("no grant.id in the answer of /grants: {answer}"))?;
        self.issued.push((self.current, id.into()));
        Ok(())
    }
}

/// Orders of members at random, priced.
pub(crate) struct Price {
    pub(crate) bodies: Arc<[Box<str>]>,
    pub(crate) seed: u64,
    pub(crate) sent: u64,
}

impl Traffic for Price {
    fn next(&mut self, request: &mut Request) -> bool {
        self.sent += 1;
        let at = scramble((self.seed << 36) ^ self.sent) % self.bodies.len() as u64;
        request.post("/evaluate-order", format_args!("{}", self.bodies[at as usize]));
        true
    }
}

/// Which member is next, and what tells this request from every other.
pub(crate) struct Random {
    pub(crate) members: Members,
    pub(crate) run: u64,
    pub(crate) connection: u64,
    pub(crate) sent: u64,
    pub(crate) keyed: bool,
}

impl Random {
    /// One for each connection of a run.
    pub(crate) fn connections(
        members: &Members,
        run: u64,
        count: u64,
        keyed: bool,
    ) -> impl Iterator<Item = Self> {
        (0..count).map(move |connection| Self {
            members: Arc::clone(members),
            run,
            connection,
            sent: 0,
            keyed,
        })
    }

    fn step(&mut self, request: &mut Request) -> u64 {
        self.sent += 1;
        if self.keyed {
            request.idempotency_key(format_args!("{}-{}-{}", self.run, self.connection, self.sent));
        }
        scramble((self.run << 48) ^ (self.connection << 36) ^ self.sent)
    }

    fn member(&self, random: u64) -> &str {
        &self.members[(random % self.members.len() as u64) as usize]
    }
}

/// A one-line order of 1.00 to 200.00 in some category.
fn varied(request: &mut Request, member: &str, id: std::fmt::Arguments<'_>, random: u64) {
    let cents = 100 + random % 19_901;
    let category = CATEGORIES[(random / 20_000 % 5) as usize];
    order(
        request,
        member,
        id,
        format_args!("{}.{:02}", cents / 100, cents % 100),
        category,
        format_args!(""),
    );
}

fn order(
    request: &mut Request,
    member: &str,
    id: std::fmt::Arguments<'_>,
    amount: std::fmt::Arguments<'_>,
    category: &str,
    rest: std::fmt::Arguments<'_>,
) {
    request.post(
        "/earn-points",
        format_args!(
            "{{\"member_id\":\"{member}\",\"brand\":\"acme\",\"order_id\":\"{id}\",\"amount\":\"{amount}\",\
             \"lines\":[{{\"line_id\":\"1\",\"sku\":\"sku-1042\",\"category\":\"{category}\",\"quantity\":1,\
             \"amount\":\"{amount}\"}}]{rest}}}"
        ),
    );
}

/// Splitmix64's mixing: a number for each input, as good as chance.
fn scramble(input: u64) -> u64 {
    let z = input.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
