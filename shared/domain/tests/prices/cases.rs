//! The worked cases of the specification, where it lies beside the repository: their evaluations, and their uses as far
//! as they say what an order costs. A case is followed until a step changes what this test does not model: holds,
//! quotes, revisions, generated codes, merging.

use std::path::{Path, PathBuf};

use domain::{
    id::BrandId,
    member::Member,
    number::{Figure, Money, Quantity},
    offer::{
        Gives, How, Restore, code,
        price::{
            Answer, By, Choose, Coupon, Draft, Judged, Known, Line, PointsAsked, Rules, State, Unpriced,
            evaluate, returned::Frozen,
        },
    },
    time::Instant,
};
use serde_json::{Value, json};

use crate::{
    wire::{Wire, differs},
    world::{Customer, Held, Taken, Use, World, quantity, texts},
};

/// The cases, where there are any.
fn cases() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut places = above.map(|folder| folder.join("shared/spec/vectors/offers/offers.json"));
    places.find(|place| place.exists())
}

#[test]
fn the_specifications_cases_are_priced_as_it_says() {
    let Some(path) = cases() else { return };
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut steps, mut whole, mut touched, mut wrong) = (0, 0, 0, Vec::new());
    for case in &cases {
        let start = Instant::parse(case["start"].as_str().unwrap()).unwrap();
        let mut replay = Replay { world: World::new(&case["program"], start), checked: 0, wrong: Vec::new() };
        let all = case["steps"].as_array().unwrap();
        let followed = all.iter().take_while(|step| replay.step(step).is_some()).count();
        let name = case["name"].as_str().unwrap();
        steps += replay.checked;
        touched += usize::from(replay.checked > 0);
        whole += usize::from(followed == all.len() && replay.checked > 0);
        wrong.extend(replay.wrong.iter().map(|wrong| format!("{name}: {wrong}")));
    }
    println!("{steps} answers of {touched} of {} cases, {whole} of them whole", cases.len());
    assert!(wrong.is_empty(), "{} of {steps} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(touched >= 60, "only {touched} cases could be followed");
}

struct Replay {
    world: World,
    checked: usize,
    wrong: Vec<String>,
}

/// What an order costs, with what was known.
struct Priced {
    result: Result<Answer, Unpriced>,
    /// How each coupon is told.
    names: Vec<(&'static str, Value)>,
    /// The grant that each coupon is, if it is a written one.
    grants: Vec<Option<usize>>,
}

/// Somebody whose order it is.
type Who<'w, 'a> = Option<&'w (&'a str, Member, &'a Customer)>;

/// A coupon, how it is told, and the grant that it is.
struct Named<'a> {
    coupon: Coupon<'a>,
    name: Value,
    grant: Option<usize>,
}

impl Named<'_> {
    fn kind(&self) -> &'static str {
        if self.coupon.is_code { "code" } else { "grant" }
    }
}

impl Replay {
    /// Follows a step; `None` where this test cannot.
    fn step(&mut self, step: &Value) -> Option<()> {
        let (call, body, expect) = (step["call"].as_str()?, &step["body"], &step["expect"]);
        self.world.now = Instant::parse(step["at"].as_str()?)?;
        let is_ok = (200..300).contains(&expect["status"].as_u64()?);
        let (method, path) = call.split_once(' ')?;
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let saved = |pointer: &str| {
            let found = step["save"].as_object().into_iter().flatten().find(|(_, at)| *at == pointer);
            found.map(|(name, _)| format!("{{{{{name}}}}}"))
        };
        match (method, parts.as_slice()) {
            ("GET", _) => {}
            ("POST", ["register"]) if is_ok => self.world.register(&saved("/member/id")?, body),
            ("POST", ["earn-points"]) if is_ok => self.world.earn(body)?,
            ("PUT", ["offers", id]) if is_ok => self.world.put(id, body),
            ("POST", ["grants"]) if is_ok => self.issue(body, saved("/grant/id"), &body["offer"], "issue_id"),
            ("POST", ["redeem"]) if is_ok && body["for"]["kind"] == "reward" => {
                self.issue(body, saved("/grant/id"), &body["for"]["offer_id"], "claim_id");
            }
            ("POST", ["grants", id, "revoke"]) if is_ok => self.revoke(id),
            ("POST", ["members", id, "status"]) if is_ok => {
                let is_active = body["status"] == "active";
                self.world.members.get_mut(*id)?.is_active = is_active;
            }
            ("POST", ["evaluate-order"]) => self.evaluate(body, expect, is_ok),
            ("POST", ["use"]) => {
                self.use_it(body, expect, is_ok)?;
                // The id of what was virtual is given by an engine.
                let gives_id = |at: &Value| at.as_str().is_some_and(|at| at.starts_with("/grants/"));
                let saves = step["save"].as_object().into_iter().flatten();
                if saves.into_iter().any(|(_, at)| gives_id(at)) {
                    return None;
                }
            }
            ("POST", ["reverse"]) if is_ok && body["grant_id"].is_string() => {
                self.revoke(body["grant_id"].as_str()?);
            }
            ("POST", ["reverse"]) if is_ok => self.reverse(body, expect)?,
            // What is refused changes nothing.
            ("POST" | "PUT" | "PATCH", _) if !is_ok => {}
            _ => return None,
        }
        Some(())
    }

    fn issue(&mut self, body: &Value, id: Option<String>, offer: &Value, key: &str) {
        let told = if key == "issue_id" { body } else { &body["for"] };
        let id = id.unwrap_or_else(|| format!("grant {}", self.world.grants.len()));
        let quantity = told["quantity"].as_u64().unwrap_or(1);
        let (member, offer) = (body["member_id"].as_str().unwrap(), offer.as_str().unwrap());
        self.world.issue(id, member, offer, told[key].as_str().unwrap(), quantity);
    }

    fn revoke(&mut self, id: &str) {
        self.world.grants.iter_mut().filter(|held| held.id == id).for_each(|held| held.revoked = true);
    }

    fn check(&mut self, expected: &Value, told: &Value, what: &str) {
        self.checked += 1;
        if let Some(difference) = differs(expected, told, "") {
            self.wrong
                .push(format!("{what} {}: {difference}", self.world.programme.zone.show(self.world.now)));
        }
    }

    fn evaluate(&mut self, body: &Value, expect: &Value, is_ok: bool) {
        if !is_ok && expect["body"]["code"] != "too_many_choices" {
            return; // The draft's shape is read elsewhere.
        }
        let priced = self.price(body);
        let told = match &priced.result {
            Ok(answer) => self.wire(&priced.names).answer(answer),
            Err(Unpriced::TooManyChoices(_)) => json!({"code": "too_many_choices"}),
            Err(Unpriced::TooMuch) => json!({"code": "limit_exceeded"}),
        };
        self.check(&expect["body"], &told, "evaluate");
    }

    fn wire<'a>(&self, coupons: &'a [(&'static str, Value)]) -> Wire<'a> {
        let programme = &self.world.programme;
        Wire { currency: programme.currency, zone: programme.zone, coupons }
    }

    fn price(&self, body: &Value) -> Priced {
        let world = &self.world;
        let who = world.customer(body);
        let who = who.as_ref();
        let newest = || world.offers.values().filter_map(|versions| versions.last());
        let autos: Vec<Judged<'_>> =
            newest().filter(|offer| offer.how == How::Auto).map(|offer| world.judge(offer, who)).collect();
        let mut named = self.named(body, who, body["member_id"].as_str().unwrap_or(""));
        let is_best = body["choose"] == "best";
        if is_best {
            self.add_others(&mut named, who);
        }
        let coupons: Vec<Coupon<'_>> = named.iter().map(|named| named.coupon).collect();
        let lines = world.lines(body);
        let brand: BrandId = body["brand"].as_str().unwrap().parse().unwrap();
        let draft = Draft {
            brand: &brand,
            channel: body["channel"].as_str(),
            lines: &lines,
            delivery: body["delivery"]
                .as_str()
                .map(|text| Money::parse(text, world.programme.currency).unwrap()),
            pieces: body["quantity"].as_u64().unwrap_or(1),
            choose: if is_best { Choose::Best } else { Choose::Listed },
            points: match &body["points"] {
                Value::Null => None,
                Value::String(_) => Some(PointsAsked::Max),
                points => Some(PointsAsked::Most(Figure::of(points.as_u64().unwrap()).unwrap())),
            },
        };
        let known = Known {
            at: world.now,
            tier: who.map(|who| who.1.tier_in_effect()),
            points_available: who.map_or(0, |who| who.1.available()),
            rules: Rules::of(&world.programme),
            autos: &autos,
            coupons: &coupons,
        };
        let names = named.iter().map(|named| (named.kind(), named.name.clone())).collect();
        Priced {
            result: evaluate(&draft, &known),
            names,
            grants: named.iter().map(|named| named.grant).collect(),
        }
    }

    /// The coupons that a draft lists.
    fn named(&self, body: &Value, who: Who<'_, '_>, member: &str) -> Vec<Named<'_>> {
        let world = &self.world;
        let listed = texts(&body["grants"]);
        let newest = |id: &String| world.offers.get(id).and_then(|versions| versions.last());
        let of_grant = |id: &String| {
            let by_id = |held: &Held| held.id == *id && held.member == member;
            let place = world.grants.iter().position(by_id);
            let is_virtual = |gives: &Gives| matches!(gives, Gives::Item { .. } | Gives::Service(_));
            match (place.or_else(|| world.stands_for(id, member, &listed)), newest(id)) {
                (Some(place), _) => {
                    let name = world.grants[place].id.clone().into();
                    Named { coupon: world.held(place, true, who), name, grant: Some(place) }
                }
                (None, Some(offer)) if offer.how == How::Auto && is_virtual(&offer.gives) => Named {
                    coupon: found(Some(world.judge(offer, who)), false),
                    name: Value::Null,
                    grant: None,
                },
                (None, _) => Named { coupon: found(None, false), name: id.clone().into(), grant: None },
            }
        };
        let of_code = |typed: String| {
            let folded = code::fold(&typed);
            let is_it = |word: &String| code::fold(word) == folded;
            let mut known = world.offers.values().filter_map(|versions| versions.last());
            let offer = known.find(|offer| {
                offer.how == How::Code && !offer.suspended && offer.word.as_ref().is_some_and(is_it)
            });
            let judged = offer.map(|offer| world.judge(offer, who));
            Named { coupon: found(judged, true), name: typed.into(), grant: None }
        };
        listed.iter().map(of_grant).chain(texts(&body["codes"]).into_iter().map(of_code)).collect()
    }

    /// The member's other grants of discounts.
    fn add_others<'a>(&'a self, named: &mut Vec<Named<'a>>, who: Who<'_, '_>) {
        let world = &self.world;
        for (place, held) in world.grants.iter().enumerate() {
            let is_discount = matches!(world.offers[&held.offer][held.version].gives, Gives::Discount(_));
            let is_own = who.is_some_and(|who| who.0 == held.member);
            if is_discount && is_own && named.iter().all(|named| named.grant != Some(place)) {
                let (coupon, name) = (world.held(place, false, who), held.id.clone().into());
                named.push(Named { coupon, name, grant: Some(place) });
            }
        }
    }

    fn use_it(&mut self, body: &Value, expect: &Value, is_ok: bool) -> Option<()> {
        let own = |name: &str| !body[name].is_null();
        if is_ok && ["hold", "retake", "quote", "revision", "occurred_at"].into_iter().any(own) {
            return None;
        }
        let key = format!("{}/{}/{}", body["brand"], body["order_id"], body["use_id"]);
        let code = expect["body"]["code"].as_str().unwrap_or("");
        let is_priced = is_ok || ["grant_not_usable", "line_blocked"].contains(&code);
        if !is_priced || self.world.uses.contains_key(&key) || own("occurred_at") || own("quote") {
            return Some(());
        }
        let priced = self.price(body);
        let answer = priced.result.as_ref().ok()?;
        let wire = self.wire(&priced.names);
        let told = match code {
            "grant_not_usable" => json!({"code": code, "reasons": wire.reasons(answer)}),
            "line_blocked" => json!({"code": code, "lines": wire.blocked(answer)}),
            _ => wire.answer(answer),
        };
        let usage = self.taken(answer, &priced, body);
        if is_ok {
            for taken in &usage.taken {
                if let Some(grant) = taken.grant {
                    self.world.grants[grant].left -= taken.uses;
                }
            }
            self.world.uses.insert(key, usage);
        }
        self.check(&expect["body"], &told, "use");
        Some(())
    }

    /// What the use takes.
    fn taken(&self, answer: &Answer, priced: &Priced, body: &Value) -> Use {
        let world = &self.world;
        let who = world.customer(body);
        let mut taken = Vec::new();
        for told in answer.offers.iter().chain(&answer.coupons) {
            let Some((id, version)) = &told.offer else { continue };
            let grant = told.coupon.and_then(|coupon| priced.grants[coupon]);
            let offer = &world.offers[id.as_str()][*version as usize - 1];
            let (uses, Money(amount)) = told.outcome.takes(offer);
            if uses == 0 {
                continue;
            }
            let window = world.window(offer, who.as_ref().map(|who| who.2));
            taken.push(Taken { offer: id.as_str().to_owned(), window, uses, amount, grant });
        }
        let lines = answer.lines.iter().zip(world.lines(body)).filter_map(|(line, sent)| match line {
            Line::Priced(priced) => Some((priced.clone(), sent.quantity, Quantity::NONE)),
            Line::Blocked { .. } => None,
        });
        Use {
            member: who.as_ref().map_or("", |who| who.0).to_owned(),
            day: world.programme.zone.day(world.now),
            lines: lines.collect(),
            delivery: answer.delivery.clone(),
            taken,
            refunds: Vec::new(),
        }
    }

    /// What comes back of a use, in parts or whole.
    fn reverse(&mut self, body: &Value, expect: &Value) -> Option<()> {
        if body["use"].is_null() {
            return None;
        }
        let currency = self.world.programme.currency;
        let key = format!("{}/{}/{}", body["brand"], body["order_id"], body["use_id"]);
        let own = self.world.uses.get_mut(&key)?;
        let refund = body["refund_id"].as_str().unwrap_or("").to_owned();
        if own.refunds.contains(&refund) {
            return Some(()); // Told again, it is the first answer.
        }
        own.refunds.push(refund);
        let all = body["use"] == "all";
        let mut told = Vec::new();
        for (line, all_of_it, gone) in &mut own.lines {
            let asked = body["use"]["lines"].as_array().into_iter().flatten();
            let mut asked = asked.filter(|part| part["line_id"] == line.line_id.as_str());
            let frozen = Frozen { quantity: *all_of_it, gone: *gone };
            let part =
                if all { Some(frozen.left()) } else { asked.next().map(|part| quantity(&part["quantity"])) };
            let Some(part) = part.filter(|part| part.0 > 0) else { continue };
            let back = |figure: Money| frozen.back(figure, part).map(|back| back.show(currency));
            let discounts: Vec<Value> = line
                .discounts
                .iter()
                .map(|share| {
                    let By { offer, .. } = &share.by;
                    json!({"offer": offer.as_str(), "amount": back(share.amount)})
                })
                .collect();
            told.push(json!({"line_id": line.line_id.as_str(), "quantity": part, "net": back(line.net),
                "discounts": discounts}));
            gone.0 += part.0;
        }
        let mut answer = json!({"lines": told});
        if own.lines.iter().all(|(_, all, gone)| all == gone) {
            answer["delivery"] = own.delivery.as_ref().map_or(Value::Null, |delivery| {
                let shares = delivery.discounts.iter();
                let shares: Vec<Value> = shares
                    .map(|share| json!({"offer": share.by.offer.as_str(), "amount": share.amount.show(currency)}))
                    .collect();
                json!({"net": delivery.net.show(currency), "discounts": shares})
            });
            self.check(&expect["body"], &answer, "reverse");
            return self.restore(&key);
        }
        self.check(&expect["body"], &answer, "reverse");
        Some(())
    }

    /// Gives back what a use took, but of offers that restore nothing; `None` where a grant may last longer by it.
    fn restore(&mut self, key: &str) -> Option<()> {
        let (offers, grants) = (&self.world.offers, &mut self.world.grants);
        let own = self.world.uses.get_mut(key).unwrap();
        let keeps = |taken: &Taken| offers[&taken.offer].last().unwrap().restore == Restore::Never;
        for taken in own.taken.iter().filter(|taken| !keeps(taken)) {
            if let Some(grant) = taken.grant {
                grants[grant].left += taken.uses;
            }
        }
        let ends = |taken: &Taken| taken.grant.is_some_and(|grant| grants[grant].until.is_some());
        let any_ends = own.taken.iter().any(ends);
        own.taken.retain(keeps);
        (!any_ends).then_some(())
    }
}

fn found(judged: Option<Judged<'_>>, is_code: bool) -> Coupon<'_> {
    Coupon { judged, is_code, is_listed: true, state: State::Granted, left: None, ends: None, issued: 0 }
}
