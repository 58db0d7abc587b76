//! Redeeming (rule 5), its cancellation (rule 6) and adjusting by hand.

use super::command::{self, OrderKey, Refused, Told, refuse};
use super::draft::{About, Draft};
use super::member::Lot;
use super::{Model, invalid};
use std::rc::Rc;

/// Points spent for an order.
#[derive(Clone, Debug)]
pub(crate) struct Redemption {
    pub(crate) member: usize,
    sent: Rc<command::Redeem>,
    told: Rc<Told>,
    /// What came out of which lot (minus).
    lots: Vec<Lot>,
    pub(crate) cancelled: bool,
}

impl Model {
    pub(crate) fn replay_redemption(&self, sent: &command::Redeem) -> Option<Told> {
        let known = self.redemptions.get(&(sent.brand.clone(), sent.order_id.clone()))?;
        Some(if known.cancelled {
            refuse(409, "already_cancelled")
        } else if *known.sent == *sent {
            (*known.told).clone()
        } else {
            refuse(409, "order_conflict")
        })
    }
}

impl Draft<'_> {
    pub(crate) fn redeem(&mut self, sent: &command::Redeem) -> Result<Told, Told> {
        if sent.points < 1 {
            return Err(invalid());
        }
        let program = self.program().clone();
        if !program.brands.contains_key(sent.brand.as_str()) {
            return Err(refuse(404, "brand_not_found"));
        }
        self.must_be_active()?;
        let available = self.member.available();
        if sent.points > available {
            let balance = Some((available, self.member.debt));
            let (status, code) = (409, "insufficient_points");
            return Err(Told::Refused(Refused { status, code, balance, remaining: None }));
        }
        // Free lots come first and are enough.
        let (lots, _) = self.member.take(None, sent.points);
        let about = About { brand: &sent.brand, order_id: Some(&sent.order_id), occurred: self.now };
        let entry = self.record("redeem", -sent.points, 0, lots.clone(), Some(about));
        self.member.is_active(&program, self.now);
        let growth = self.member.growth;
        let told = Told::Done(Box::new(self.finish(200, growth, Some(entry))));
        let redemption = Redemption {
            member: self.id,
            sent: Rc::new(sent.clone()),
            told: Rc::new(told.clone()),
            lots,
            cancelled: false,
        };
        self.redemption = Some(((sent.brand.clone(), sent.order_id.clone()), redemption));
        Ok(told)
    }

    pub(crate) fn cancel(&mut self, key: &OrderKey, mut redemption: Redemption) -> Result<Told, Told> {
        let (program, now) = (self.program().clone(), self.now);
        let grace = match program.grace_days {
            0 => None,
            days => Some(program.calendar.midnight_after_days(now, days)),
        };
        let mut coming: Vec<Lot> = Vec::new();
        for lot in &redemption.lots {
            let running = self.member.running(&program, now).filter(|_| program.by_inactivity());
            let end = running.map_or(lot.expires_at, |end| end.max(lot.expires_at));
            if let Some(expires_at) = Some(end).filter(|&end| end > now).or(grace) {
                coming.push(Lot { expires_at, points: -lot.points, ..lot.clone() });
            }
        }
        let restored: i64 = coming.iter().map(|lot| lot.points).sum();
        let lots = self.member.put(coming);
        let about = About { brand: &key.0, order_id: None, occurred: now };
        let entry = self.record("reverse_redeem", restored, 0, lots, Some(about));
        redemption.cancelled = true;
        self.redemption = Some((key.clone(), redemption));
        let growth = self.member.growth;
        let mut done = self.finish(200, growth, Some(entry));
        done.restored = Some(restored);
        Ok(Told::Done(Box::new(done)))
    }

    pub(crate) fn adjust(&mut self, sent: &command::Adjust) -> Result<Told, Told> {
        let (program, now) = (self.program().clone(), self.now);
        if !program.brands.contains_key(sent.brand.as_str()) {
            return Err(refuse(404, "brand_not_found"));
        }
        if self.member.status == "closed" {
            return Err(refuse(409, "member_not_active"));
        }
        let (moved, lots) = if sent.points < 0 {
            let (taken, lots) = self.take(None, -sent.points);
            (-taken, lots)
        } else {
            let expires_at = match (program.by_inactivity(), sent.expires_at) {
                (_, Some(given)) => given,
                (true, None) => {
                    self.member.running(&program, now).unwrap_or_else(|| program.expires_at(now, now))
                }
                (false, None) => program.expires_at(now, now),
            };
            let (brand, points) = (sent.brand.clone(), sent.points);
            let lots = self.member.put(vec![Lot { expires_at, brand, held_until: None, points }]);
            (points, lots)
        };
        let before = self.member.growth;
        let change = self.member.change_growth(sent.growth);
        let about = About { brand: &sent.brand, order_id: None, occurred: now };
        let entry = self.record("adjust", moved, change, lots, Some(about));
        Ok(Told::Done(Box::new(self.finish(200, before, Some(entry)))))
    }
}
