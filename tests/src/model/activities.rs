//! Activities that take, and activities that are taken back (rule 8).

use super::Model;
use super::command::{Asked, Body, Command, Told, Whom, invalid, refuse};
use super::draft::{About, Draft};
use super::earning::Activity;
use super::member::Lot;
use super::program::{self, Program};
use smol_str::{SmolStr, format_smolstr};
use std::rc::Rc;

/// Brand, activity and reference: the name of one doing of an activity.
pub type ActivityKey = (SmolStr, SmolStr, SmolStr);

/// An activity that is taken back, as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakeBack {
    /// Which.
    pub activity: ActivityKey,
}

/// What a named activity gave.
#[derive(Clone, Debug)]
pub(crate) struct Gave {
    pub(crate) member: usize,
    /// `None`: it took.
    points_and_growth: Option<(i64, i64)>,
    expires_at: i64,
    program: Rc<Program>,
}

pub(crate) fn read(body: &Body<'_>) -> Option<Command> {
    let is_one = body.path == "/reverse" && body.value["activity"].is_string();
    is_one.then(|| {
        let activity = (body.word("brand"), body.word("activity"), body.word("activity_ref"));
        Command::TakeBack(TakeBack { activity })
    })
}

impl Asked for TakeBack {
    fn whom(&self) -> Whom {
        None
    }

    fn member(&self, model: &Model) -> Result<usize, Told> {
        let known = model.given.get(&self.activity);
        known.map(|gave| gave.member).ok_or_else(|| refuse(404, "activity_not_found"))
    }

    fn reference(&self) -> Option<SmolStr> {
        let (brand, activity, reference) = &self.activity;
        Some(format_smolstr!("activity back {brand} {activity} {reference}"))
    }

    fn decide(&self, draft: &mut Draft<'_>, model: &Model) -> Result<Told, Told> {
        draft.take_activity_back(self, &model.given[&self.activity])
    }
}

impl Draft<'_> {
    /// Notes what a named activity gave or, with `None`, that it took.
    pub(crate) fn note_given(
        &mut self,
        sent: &Activity,
        points_and_growth: Option<(i64, i64)>,
        expires_at: i64,
    ) {
        if let Some(reference) = &sent.reference {
            let key = (sent.brand.clone(), sent.activity.clone(), reference.clone());
            let program = self.program().clone();
            self.given = Some((key, Gave { member: self.id, points_and_growth, expires_at, program }));
        }
    }

    /// Told by an own brand alone, and taken like an adjustment's minus.
    pub(crate) fn activity_takes(
        &mut self,
        sent: &Activity,
        activity: &program::Activity,
        occurred: i64,
    ) -> Told {
        let (taken, lots) = self.take(None, -activity.points);
        let before = self.member.growth;
        let change = self.member.change_growth(activity.growth);
        self.note_given(sent, None, 0);
        let about = About { brand: &sent.brand, order_id: None, occurred };
        let entry = self.record("activity", -taken, change, lots, Some(about));
        let mut done = self.finish(200, before, Some(entry));
        done.earned = Some((-taken, activity.points));
        Told::Done(Box::new(done))
    }

    fn take_activity_back(&mut self, sent: &TakeBack, gave: &Gave) -> Result<Told, Told> {
        let (points, growth) = gave.points_and_growth.ok_or_else(invalid)?;
        let (mut taken, mut lots) = (0, Vec::new());
        // As an order's: for a lot that has ended, the programme at its end decides what kind of lot it was.
        let judged = self.versions().at(gave.expires_at.min(self.now));
        if gave.program.by_inactivity() || judged.by_inactivity() {
            (taken, lots) = self.take(None, points);
        } else if gave.expires_at > self.now {
            let brand = sent.activity.0.clone();
            let own = Lot { expires_at: gave.expires_at, brand, held_until: None, points: 0 };
            (taken, lots) = self.take(Some(&own), points);
        }
        let before = self.member.growth;
        let change = self.member.change_growth(-growth);
        let about = About { brand: &sent.activity.0, order_id: None, occurred: self.now };
        let entry = self.record("reverse_activity", -taken, change, lots, Some(about));
        let mut done = self.finish(200, before, Some(entry));
        done.taken = Some(taken);
        Ok(Told::Done(Box::new(done)))
    }
}
