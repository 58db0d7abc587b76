//! The settlement of what offers gave, over random histories of members and guests: what every pair of funder and using brand
//! has in a month is what the answers to uses, revisions and returns told, by the shares of the version that gave it; all
//! pairs together have what was given less what came back; and the recomputation agrees.

use std::collections::BTreeMap;

use domain::time::{Month, Zone};
use serde_json::{Value, json};

use crate::{
    histories::{Verdict, instant_text, on_seeds, run},
    settlement::{Folder, close, coalition, named, statement},
    settlement_audit::Dice,
    settlement_offers::of_offers,
    support::Shop,
};

const BRANDS: [&str; 3] = ["acme", "bean", "cafe"];
const STEPS: usize = 150;

/// The offers: how each is had, and what it gives. All may be used together, everywhere.
const OFFERS: [(&str, &str, &str); 5] = [
    ("always", r#"{"how": "auto"}"#, r#"{"discount": {"percent": "3.3"}}"#),
    ("tenth", r#"{"how": "code", "word": "TENTH"}"#, r#"{"discount": {"percent": "10", "max": "7.77"}}"#),
    ("five", r#"{"how": "code", "word": "FIVE"}"#, r#"{"discount": {"amount": "5.01"}}"#),
    (
        "steps",
        r#"{"how": "code", "word": "STEPS", "restore": "never"}"#,
        r#"{"discount": {"steps": [{"from": "30.00", "off": "4.00"}]}}"#,
    ),
    ("free", r#"{"how": "code", "word": "FREE"}"#, r#"{"discount": {"delivery": {"percent": "50"}}}"#),
];

/// An offer's version.
type Version = (String, u64);

/// Money in the minor unit by an offer's version.
type Sums = BTreeMap<Version, i128>;

/// Who bears a version: a brand or the programme, and millionths.
type Shares = Vec<(Option<&'static str>, u64)>;

/// An order of which offers are used.
struct Used {
    body: Value,
    revision: u64,
    versions: BTreeMap<String, u64>,
    /// What has not come back, of each line.
    lines: Vec<u64>,
    /// What it was given and has not come back.
    left: Sums,
}

struct Life {
    dice: Dice,
    shop: Shop,
    zone: Zone,
    members: Vec<String>,
    fundings: BTreeMap<Version, Shares>,
    uses: Vec<Used>,
    /// By month, the using brand and the version that gave it.
    told: BTreeMap<(Month, String), Sums>,
    /// How often each kind of step was answered with success.
    done: BTreeMap<&'static str, u64>,
}

fn cents(money: &Value) -> i128 {
    money.as_str().unwrap().replace('.', "").parse().unwrap()
}

fn money(cents: u64) -> Value {
    format!("{}.{:02}", cents / 100, cents % 100).into()
}

impl Life {
    /// At most two days later, sometimes at once.
    fn pass(&mut self) {
        let millis = self.dice.roll(2 * 86_400_000).cast_signed() * self.dice.one(&[0, 1]);
        self.shop.at(&instant_text(self.shop.api.clock.now().plus_millis(millis).0));
    }

    async fn put(&mut self, place: usize) {
        let (id, how, gives) = OFFERS[place];
        let mut body: Value = serde_json::from_str(how).unwrap();
        body["brand"] = BRANDS[place % 3].into();
        body["gives"] = serde_json::from_str(gives).unwrap();
        body["stack"] = json!({"group": id, "with": "all"});
        body["where"] = json!({"brands": BRANDS});
        let shares = self.shares();
        if !shares.is_empty() {
            let parts = shares.iter().map(|(funder, share)| {
                let share = format!("{}.{:06}", share / 1_000_000, share % 1_000_000);
                match funder {
                    Some(brand) => json!({"brand": brand, "share": share}),
                    None => json!({"programme": true, "share": share}),
                }
            });
            body["funding"] = parts.collect();
        }
        let saved = self.shop.ok("PUT", &format!("/offers/{id}"), named(body)).await;
        let shares = if shares.is_empty() { vec![(Some(BRANDS[place % 3]), 1_000_000)] } else { shares };
        self.fundings.insert((id.to_owned(), saved["version"].as_u64().unwrap()), shares);
    }

    /// Who bears something; nobody is said sometimes, and then its issuer does.
    fn shares(&mut self) -> Shares {
        let two = |one, other, share| vec![(one, share), (other, 1_000_000 - share)];
        let [one, other] = [self.dice.roll(3), self.dice.roll(2) + 1];
        let [one, other] = [one, one + other].map(|place| BRANDS[usize::try_from(place % 3).unwrap()]);
        let share = self.dice.one(&[333_333, 500_000, 1, 700_000]);
        match self.dice.roll(4) {
            0 => Vec::new(),
            1 => two(Some(one), None, share),
            2 => two(Some(one), Some(other), share),
            _ => vec![(None, 1_000_000)],
        }
    }

    fn draft(&mut self, body: &mut Value) -> Vec<u64> {
        let mut quantities = Vec::new();
        let lines = (0..self.dice.roll(3) + 1).map(|number| {
            let (quantity, amount) = (self.dice.roll(4) + 1, self.dice.roll(6_000));
            quantities.push(quantity);
            json!({"line_id": number.to_string(), "quantity": quantity, "amount": money(amount)})
        });
        body["lines"] = lines.collect();
        let mut words: Vec<&str> = vec!["TENTH", "FIVE", "STEPS", "FREE"];
        words.retain(|_| self.dice.roll(2) == 0);
        body["codes"] = words.into();
        body["delivery"] = money(self.dice.roll(1_000) + 1);
        quantities
    }

    async fn ask(&mut self, what: &'static str, path: &str, body: Value) -> Option<Value> {
        let reply = self.shop.call("POST", path, body.clone()).await;
        assert!(reply.status < 500, "{path} {body}: {}", reply.body);
        let done = reply.status == 200;
        *self.done.entry(if done { what } else { "refused" }).or_default() += 1;
        done.then_some(reply.body)
    }

    /// Notes what was given at a brand now, or came back.
    fn note(&mut self, using: &Value, sums: &Sums, sign: i128) {
        let month = self.zone.month(self.shop.api.clock.now());
        let own = self.told.entry((month, using.as_str().unwrap().to_owned())).or_default();
        for (version, amount) in sums {
            *own.entry(version.clone()).or_default() += sign * amount;
        }
    }

    async fn uses(&mut self, number: usize) {
        let mut body = json!({"brand": self.dice.one(&BRANDS), "order_id": format!("o-{number}")});
        let lines = self.draft(&mut body);
        if self.dice.roll(2) == 0 {
            body["member_id"] = self.members[usize::try_from(self.dice.roll(2)).unwrap()].clone().into();
        }
        if self.dice.roll(5) == 0 {
            let mut held = body.clone();
            held["hold"] = json!(true);
            self.ask("hold", "/use", held).await;
            self.pass();
        }
        let Some(answer) = self.ask("use", "/use", body.clone()).await else { return };
        let versions = versions(&answer);
        let left = discounts(&answer, &versions);
        self.note(&body["brand"], &left, 1);
        self.uses.push(Used { body, revision: 1, versions, lines, left });
    }

    async fn revises(&mut self, place: usize) {
        let mut body = self.uses[place].body.clone();
        let lines = self.draft(&mut body);
        body["revision"] = json!(self.uses[place].revision + 1);
        let Some(answer) = self.ask("revision", "/use", body.clone()).await else { return };
        let versions = versions(&answer);
        let left = discounts(&answer, &versions);
        self.note(&body["brand"], &left, 1);
        let before = std::mem::take(&mut self.uses[place].left);
        self.note(&body["brand"], &before, -1);
        let revision = self.uses[place].revision + 1;
        self.uses[place] = Used { body, revision, versions, lines, left };
    }

    async fn returns(&mut self, number: usize, place: usize) {
        let used = &self.uses[place];
        let brand = used.body["brand"].clone();
        let line = usize::try_from(self.dice.roll(used.lines.len() as u64)).unwrap();
        let part = match used.lines[line] {
            0 => 0,
            most => self.dice.roll(most) + 1,
        };
        let all = part == 0 || self.dice.roll(4) == 0;
        let what = match all {
            true => json!("all"),
            false => json!({"lines": [{"line_id": line.to_string(), "quantity": part}]}),
        };
        let body = json!({"brand": brand, "order_id": used.body["order_id"], "use": what, "refund_id": format!("r-{number}")});
        let Some(answer) = self.ask("return", "/reverse", body).await else { return };
        let used = &mut self.uses[place];
        match all {
            true => used.lines.iter_mut().for_each(|left| *left = 0),
            false => used.lines[line] -= part,
        }
        let back = discounts(&answer, &used.versions);
        for (version, amount) in &back {
            *used.left.get_mut(version).unwrap() -= amount;
        }
        self.note(&brand, &back, -1);
    }

    async fn step(&mut self, number: usize) {
        self.pass();
        let any = |dice: &mut Dice, of: usize| usize::try_from(dice.roll(of as u64)).unwrap();
        let place = any(&mut self.dice, self.uses.len().max(1));
        match self.dice.roll(10) {
            0 => {
                let place = any(&mut self.dice, OFFERS.len());
                self.put(place).await;
            }
            1..=4 if !self.uses.is_empty() => self.returns(number, place).await,
            5 | 6 if !self.uses.is_empty() => self.revises(place).await,
            _ => self.uses(number).await,
        }
    }

    /// The lines of a month by what was told: account, funder, using brand; in millionths of the minor unit.
    fn plainly(&self, month: Month) -> BTreeMap<(String, Option<String>, String), i128> {
        let mut lines = BTreeMap::new();
        for ((_, using), sums) in self.told.iter().filter(|((own, _), _)| *own == month) {
            for (version, amount) in sums {
                for (funder, share) in &self.fundings[version] {
                    let mut accounts = vec![using.as_str()];
                    accounts.extend(funder.filter(|funder| funder != using));
                    for account in accounts {
                        let line = (account.to_owned(), funder.map(str::to_owned), using.clone());
                        *lines.entry(line).or_default() += amount * i128::from(*share);
                    }
                }
            }
        }
        lines.retain(|_, value| *value != 0);
        lines
    }

    /// Whether a month's statement is what was told; how many lines it has.
    async fn agrees(&self, month: Month) -> Result<usize, String> {
        let shown = of_offers(&statement(&self.shop, &month.show()).await);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut plain = self.plainly(month);
        let (mut all, count) = (0, shown.len());
        for line in shown {
            let (account, using) = (text(&line[0]).unwrap(), text(&line[2]).unwrap());
            // Two digits of the minor unit, and six beyond it.
            let exact = cents(&line[3]);
            if account == using {
                all += exact;
            }
            if plain.remove(&(account, text(&line[1]), using)) != Some(exact) {
                return Err(format!("{}: {line} is not what was told", month.show()));
            }
            let off = (cents(&line[4]) * 1_000_000 - exact).abs();
            if off > 500_000 || off == 500_000 && cents(&line[4]) % 2 != 0 {
                return Err(format!("{}: {line} is rounded wrong", month.show()));
            }
        }
        if !plain.is_empty() {
            return Err(format!("{}: not in the statement: {plain:?}", month.show()));
        }
        let told: i128 =
            self.told.iter().filter(|((own, _), _)| *own == month).flat_map(|(_, sums)| sums.values()).sum();
        match all == told * 1_000_000 {
            true => Ok(count),
            false => Err(format!("{}: all pairs have {all}, and {told} was given", month.show())),
        }
    }
}

/// The version by which each offer was used.
fn versions(answer: &Value) -> BTreeMap<String, u64> {
    let lists = ["offers", "coupons"].map(|list| answer[list].as_array().unwrap());
    let named = lists.into_iter().flatten();
    named.filter_map(|own| Some((own["offer"].as_str()?.to_owned(), own["version"].as_u64()?))).collect()
}

/// What offers took off lines and delivery, by an answer.
fn discounts(answer: &Value, versions: &BTreeMap<String, u64>) -> Sums {
    let mut sums = Sums::new();
    let parts = answer["lines"].as_array().unwrap().iter().chain(answer.get("delivery"));
    for discount in parts.flat_map(|part| part["discounts"].as_array()).flatten() {
        let offer = discount["offer"].as_str().unwrap();
        *sums.entry((offer.to_owned(), versions[offer])).or_default() += cents(&discount["amount"]);
    }
    sums
}

async fn live(folder: &Folder, seed: u64) -> Result<(Vec<Month>, BTreeMap<&'static str, u64>), String> {
    let shop = folder.open(&coalition(), "2026-10-20T12:00:00+08:00").await;
    let members = vec![shop.member("a").await, shop.member("b").await];
    let zone = Zone::of("Asia/Shanghai").unwrap();
    let mut life = Life {
        dice: Dice { seed, rolls: 0 },
        shop,
        zone,
        members,
        fundings: BTreeMap::new(),
        uses: Vec::new(),
        told: BTreeMap::new(),
        done: BTreeMap::new(),
    };
    for place in 0..OFFERS.len() {
        life.put(place).await;
    }
    for number in 0..STEPS {
        life.step(number).await;
    }
    let end = zone.start_of(zone.month(life.shop.api.clock.now()).next()).plus_millis(15 * 60 * 1_000);
    life.shop.at(&instant_text(end.0));
    let (mut months, mut lines) = (Vec::new(), 0);
    let mut month = Month::parse("2026-10").unwrap();
    while zone.start_of(month.next()) < end {
        close(&life.shop, &month.show()).await;
        lines += life.agrees(month).await?;
        months.push(month);
        month = month.next();
    }
    match months.len() > 2 && lines > 20 {
        true => Ok((months, life.done)),
        false => Err(format!("{lines} lines in {} months prove little", months.len())),
    }
}

#[test]
fn all_pairs_have_what_was_given_less_what_came_back() {
    let totals = std::sync::Mutex::new(BTreeMap::<&str, u64>::new());
    on_seeds(6, |seed| -> Verdict {
        let folder = Folder::new();
        let (months, done) = run(live(&folder, seed))?;
        for (what, times) in done {
            *totals.lock().unwrap().entry(what).or_default() += times;
        }
        for month in months {
            let (code, said) = folder.laurel(&format!("audit --settlement {} --data data", month.show()));
            if code != 0 {
                return Err(format!("{}: {said}", month.show()));
            }
        }
        Ok(())
    });
    let totals = totals.into_inner().unwrap();
    println!("{totals:?}");
    for what in ["use", "hold", "revision", "return"] {
        assert!(totals.get(what).copied().unwrap_or(0) > 20, "{totals:?}");
    }
}
