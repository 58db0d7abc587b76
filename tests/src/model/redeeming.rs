//! Redeeming (rule 5) and its cancellation (rule 6).

use super::Model;
use super::command::{Asked, Body, Command, OrderKey, Refused, Told, Whom, invalid, refuse};
use super::draft::{About, Draft};
use super::member::Lot;
use smol_str::SmolStr;
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
}

/// A cancellation as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cancel {
    /// The order that the redemption was made for; `None`: there is no such redemption.
    pub order: Option<OrderKey>,
}

pub(crate) fn read(body: &Body<'_>) -> Option<Command> {
    match (body.path, body.redemption()) {
        ("/redeem", _) => Some(Command::Redeem(Redeem {
            member: body.whom,
            brand: body.word("brand"),
            points: body.number("points"),
            order_id: SmolStr::new(super::program::text(&body.value["for"]["order_id"])),
        })),
        ("/reverse", Some(order)) => Some(Command::Cancel(Cancel { order })),
        _ => None,
    }
}

impl Asked for Redeem {
    fn whom(&self) -> Whom {
        self.member
    }

    fn replayed(&self, model: &Model) -> Option<Told> {
        let known = model.redemptions.get(&(self.brand.clone(), self.order_id.clone()))?;
        Some(if known.cancelled {
            refuse(409, "already_cancelled")
        } else if *known.sent == *self {
            (*known.told).clone()
        } else {
            refuse(409, "order_conflict")
        })
    }

    fn decide(&self, draft: &mut Draft<'_>, _: &Model) -> Result<Told, Told> {
        draft.redeem(self)
    }
}

impl Cancel {
    fn known<'m>(&self, model: &'m Model) -> Result<(&OrderKey, &'m Redemption), Told> {
        let known = self.order.as_ref().and_then(|key| Some((key, model.redemptions.get(key)?)));
        known.ok_or_else(|| refuse(404, "redemption_not_found"))
    }
}

impl Asked for Cancel {
    fn whom(&self) -> Whom {
        None
    }

    fn member(&self, model: &Model) -> Result<usize, Told> {
        match self.known(model)? {
            (_, redemption) if redemption.cancelled => Err(refuse(409, "already_cancelled")),
            (_, redemption) => Ok(redemption.member),
        }
    }

    fn decide(&self, draft: &mut Draft<'_>, model: &Model) -> Result<Told, Told> {
        let (key, redemption) = self.known(model)?;
        draft.cancel(key, redemption.clone())
    }
}

/// Points spent for an order.
#[derive(Clone, Debug)]
pub(crate) struct Redemption {
    pub(crate) member: usize,
    sent: Rc<Redeem>,
    told: Rc<Told>,
    /// What came out of which lot (negative).
    lots: Vec<Lot>,
    pub(crate) cancelled: bool,
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
        self.must_be_active()?;
        let available = self.member.available();
        if sent.points > available {
            let balance = Some((available, self.member.debt));
            let (status, code) = (409, "insufficient_points");
            return Err(Told::Refused(Refused { status, code, balance, remaining: None }));
        }
        // Free lots come first and suffice.
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

    fn cancel(&mut self, key: &OrderKey, mut redemption: Redemption) -> Result<Told, Told> {
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
}
