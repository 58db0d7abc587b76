//! Redeeming (rule 5) and its cancellation (rule 6).

use super::Model;
use super::calendar::DAY;
use super::command::{Asked, Body, Command, RedemptionKey, Refused, Told, Whom, invalid, refuse};
use super::draft::{About, Draft};
use super::member::Lot;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A redemption as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redeem {
    /// Who.
    pub member: Whom,
    /// Where.
    pub brand: SmolStr,
    /// How many.
    pub points: i64,
    /// What for.
    pub order_id: SmolStr,
    /// Which of the order's redemptions.
    pub part: Option<SmolStr>,
    /// Milliseconds since the epoch.
    pub occurred_at: Option<i64>,
}

impl Redeem {
    /// Its name.
    pub fn key(&self) -> RedemptionKey {
        (self.brand.clone(), self.order_id.clone(), self.part.clone())
    }
}

/// A cancellation as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cancel {
    /// The redemption; `None`: there is none such.
    pub redemption: Option<RedemptionKey>,
    /// How many points; all that remain unless given.
    pub points: Option<i64>,
    /// Its name.
    pub refund_id: Option<SmolStr>,
}

pub(crate) fn read(body: &Body<'_>) -> Option<Command> {
    match (body.path, body.redemption()) {
        ("/redeem", _) => Some(Command::Redeem(Redeem {
            member: body.whom,
            brand: body.word("brand"),
            points: body.number("points"),
            order_id: SmolStr::new(super::program::text(&body.value["for"]["order_id"])),
            part: body.value["for"]["part"].as_str().map(SmolStr::new),
            occurred_at: body.instant("occurred_at"),
        })),
        ("/reverse", Some(redemption)) => Some(Command::Cancel(Cancel {
            redemption,
            points: body.value["points"].as_i64(),
            refund_id: body.maybe("refund_id"),
        })),
        _ => None,
    }
}

impl Asked for Redeem {
    fn whom(&self) -> Whom {
        self.member
    }

    fn replayed(&self, model: &Model) -> Option<Told> {
        let known = model.redemptions.get(&self.key())?;
        Some(if *known.sent != *self {
            refuse(409, "order_conflict")
        } else if known.remaining() == 0 {
            refuse(409, "already_cancelled")
        } else {
            (*known.told).clone()
        })
    }

    fn decide(&self, draft: &mut Draft<'_>, _: &Model) -> Result<Told, Told> {
        draft.redeem(self)
    }
}

impl Cancel {
    fn known<'m>(&self, model: &'m Model) -> Result<(&RedemptionKey, &'m Redemption), Told> {
        let known = self.redemption.as_ref().and_then(|key| Some((key, model.redemptions.get(key)?)));
        known.ok_or_else(|| refuse(404, "redemption_not_found"))
    }
}

impl Asked for Cancel {
    fn whom(&self) -> Whom {
        None
    }

    fn member(&self, model: &Model) -> Result<usize, Told> {
        match self.known(model)? {
            (_, redemption) if redemption.remaining() == 0 => Err(refuse(409, "already_cancelled")),
            (_, redemption) => Ok(redemption.member),
        }
    }

    fn reference(&self) -> Option<SmolStr> {
        let (name, (brand, order_id, part)) = (self.refund_id.as_ref()?, self.redemption.as_ref()?);
        Some(format_smolstr!("cancel {brand} {order_id} {part:?} {name}"))
    }

    fn decide(&self, draft: &mut Draft<'_>, model: &Model) -> Result<Told, Told> {
        let (key, redemption) = self.known(model)?;
        draft.cancel(key, redemption.clone(), self.points)
    }
}

/// Points spent for an order.
#[derive(Clone, Debug)]
pub(crate) struct Redemption {
    pub(crate) member: usize,
    sent: Rc<Redeem>,
    told: Rc<Told>,
    /// What has come out of each lot and not gone back (negative), in the order in which it was drawn.
    lots: Vec<Lot>,
}

impl Redemption {
    /// How many points it took.
    pub(crate) fn paid(&self) -> i64 {
        self.sent.points
    }

    /// How many of its points are not cancelled.
    pub(crate) fn remaining(&self) -> i64 {
        self.lots.iter().map(|lot| -lot.points).sum()
    }
}

impl Draft<'_> {
    fn redeem(&mut self, sent: &Redeem) -> Result<Told, Told> {
        if sent.points < 1 {
            return Err(invalid());
        }
        let program = self.program().clone();
        if !program.brands.contains_key(sent.brand.as_str()) {
            return Err(refuse(404, "brand_not_found"));
        }
        let occurred = self.redeemed(&sent.brand, sent.occurred_at)?;
        self.must_be_active()?;
        let ended = self.ended_since(occurred);
        let available = self.member.available() + ended.iter().map(|lot| lot.points).sum::<i64>();
        if sent.points > available {
            let balance = Some((available, self.member.debt));
            let (status, code) = (409, "insufficient_points");
            return Err(Told::Refused(Refused { status, code, balance, remaining: None, revision: None }));
        }
        // What has ended comes first, and goes at once; of the others the free lots suffice.
        let mut lots = self.restore(ended, sent.points);
        let rest = sent.points + lots.iter().map(|lot| lot.points).sum::<i64>();
        lots.extend(self.member.take(None, rest).0);
        let about = About { brand: &sent.brand, order_id: Some(&sent.order_id), occurred };
        let entry = self.record("redeem", -sent.points, 0, lots.clone(), Some(about));
        self.member.is_active(&program, self.now);
        let growth = self.member.growth;
        let told = Told::Done(Box::new(self.finish(200, growth, Some(entry))));
        let redemption =
            Redemption { member: self.id, sent: Rc::new(sent.clone()), told: Rc::new(told.clone()), lots };
        self.redemption = Some((sent.key(), redemption));
        Ok(told)
    }

    /// When it happened, if it may still be told.
    fn redeemed(&self, brand: &str, told: Option<i64>) -> Result<i64, Told> {
        let (program, occurred) = (self.program(), told.unwrap_or(self.now));
        let hours = program.redeem_late_hours * 60 * 60 * 1000;
        let own = program.brands.get(brand).and_then(|brand| brand.late_days).map(|days| days * DAY);
        if occurred > self.now + 5 * 60 * 1000 {
            return Err(refuse(422, "occurred_in_future"));
        }
        if told.is_some() && occurred < self.now - own.map_or(hours, |own| own.min(hours)) {
            return Err(refuse(422, "occurred_too_long_ago"));
        }
        Ok(occurred)
    }

    /// What ended after that moment, expired without hold and has not come back: the earliest end first.
    fn ended_since(&self, then: i64) -> Vec<Lot> {
        let mut ended: BTreeMap<(i64, SmolStr), i64> = BTreeMap::new();
        for entry in self.all_entries().filter(|entry| entry.kind == "expire" || entry.kind == "restore") {
            for lot in entry.lots.iter().filter(|lot| lot.held_until.is_none()) {
                if lot.expires_at > then && lot.expires_at <= self.now {
                    *ended.entry((lot.expires_at, lot.brand.clone())).or_default() -= lot.points;
                }
            }
        }
        let lots = ended.into_iter().filter(|(_, points)| *points > 0);
        lots.map(|((expires_at, brand), points)| Lot { expires_at, brand, held_until: None, points })
            .collect()
    }

    /// At most so many of these come back, for the redemption alone; what leaves them again with it.
    fn restore(&mut self, ended: Vec<Lot>, points: i64) -> Vec<Lot> {
        let (mut back, mut rest) = (Vec::new(), points);
        for lot in ended {
            let points = lot.points.min(rest);
            rest -= points;
            if points > 0 {
                back.push(Lot { points, ..lot });
            }
        }
        if !back.is_empty() {
            self.record("restore", points - rest, 0, back.clone(), None);
        }
        back.iter_mut().for_each(|lot| lot.points = -lot.points);
        back
    }

    fn cancel(
        &mut self,
        key: &RedemptionKey,
        mut redemption: Redemption,
        points: Option<i64>,
    ) -> Result<Told, Told> {
        let (program, now) = (self.program().clone(), self.now);
        let remaining = redemption.remaining();
        let mut asked = points.unwrap_or(remaining);
        if asked > remaining {
            let (status, code) = (409, "over_refund");
            let remaining = Some(remaining.into());
            return Err(Told::Refused(Refused { status, code, balance: None, remaining, revision: None }));
        }
        let grace = match program.grace_days {
            0 => None,
            days => Some(program.calendar.midnight_after_days(now, days)),
        };
        let mut coming: Vec<Lot> = Vec::new();
        // What was drawn last comes back first.
        while asked > 0 {
            let mut lot = redemption.lots.pop().expect("as many as remain");
            let points = asked.min(-lot.points);
            asked -= points;
            lot.points += points;
            let running = self.member.running(&program, now).filter(|_| program.by_inactivity());
            let end = running.map_or(lot.expires_at, |end| end.max(lot.expires_at));
            if let Some(expires_at) = Some(end).filter(|&end| end > now).or(grace) {
                coming.push(Lot { expires_at, points, ..lot.clone() });
            }
            if lot.points < 0 {
                redemption.lots.push(lot);
            }
        }
        let restored: i64 = coming.iter().map(|lot| lot.points).sum();
        let lots = self.member.put(coming);
        let about = About { brand: &key.0, order_id: None, occurred: now };
        let entry = self.record("reverse_redeem", restored, 0, lots, Some(about));
        self.redemption = Some((key.clone(), redemption));
        let growth = self.member.growth;
        let mut done = self.finish(200, growth, Some(entry));
        done.restored = Some(restored);
        Ok(Told::Done(Box::new(done)))
    }
}
