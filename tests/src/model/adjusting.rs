//! Points and growth by hand.

use super::Model;
use super::command::{Asked, Body, Command, Told, Whom, refuse};
use super::draft::{About, Draft};
use super::member::Lot;
use smol_str::{SmolStr, format_smolstr};

/// An adjustment as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adjust {
    /// Who.
    pub member: Whom,
    /// Where.
    pub brand: SmolStr,
    /// Points.
    pub points: i64,
    /// Growth.
    pub growth: i64,
    /// Its name.
    pub id: SmolStr,
    /// When added points end.
    pub expires_at: Option<i64>,
}

pub(crate) fn read(body: &Body<'_>) -> Option<Command> {
    (body.path == "/adjust").then(|| {
        Command::Adjust(Adjust {
            member: body.whom,
            brand: body.word("brand"),
            points: body.number("points"),
            growth: body.number("growth"),
            id: body.word("adjustment_id"),
            expires_at: body.instant("expires_at"),
        })
    })
}

impl Asked for Adjust {
    fn whom(&self) -> Whom {
        self.member
    }

    fn reference(&self) -> Option<SmolStr> {
        Some(format_smolstr!("adjustment {}", self.id))
    }

    fn decide(&self, draft: &mut Draft<'_>, _: &Model) -> Result<Told, Told> {
        draft.adjust(self)
    }
}

impl Draft<'_> {
    fn adjust(&mut self, sent: &Adjust) -> Result<Told, Told> {
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
