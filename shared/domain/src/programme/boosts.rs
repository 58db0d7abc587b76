//! Member days 会员日: times at which orders earn more (rewards.md, 7).

use super::{
    Programme, check_names,
    read::{list, text, unique},
};
use crate::{
    condition::{Condition, Reader, Subject, Wants},
    event::OrderLine,
    id::BrandId,
    json::Json,
    member::{Member, Person},
    number::Rate,
    offer::{AnniversaryOf, Openings, WHEN, openings::OwnDays, read_openings},
    shape::{Fault, Shape, optional, required},
    time::{Instant, Zone},
};

/// A time at which orders earn more. Each line earns by the largest above 1 that is open and fits.
#[derive(Clone, PartialEq, Debug)]
pub struct Boost {
    /// Its id.
    pub id: String,
    /// When it is open.
    pub when: Openings,
    /// What the points of a line are multiplied by; one of at most 1 does nothing.
    pub multiplier: Rate,
    /// Lines in these categories, or of `skus`; where neither is given, all.
    pub categories: Option<Vec<String>>,
    /// Lines of these articles.
    pub skus: Option<Vec<String>>,
    /// Orders of these brands; of every one without them.
    pub brands: Option<Vec<BrandId>>,
    /// Whom it is for; everybody without one.
    pub audience: Option<Condition>,
}

impl Boost {
    /// Whether it multiplies that line, or, without one, an order that has no lines: of what such an order consists is
    /// not known.
    pub fn fits(&self, line: Option<&OrderLine>) -> bool {
        if self.categories.is_none() && self.skus.is_none() {
            return true;
        }
        let among = |words: &Option<Vec<String>>, word: Option<&String>| {
            words.as_ref().zip(word).is_some_and(|(words, word)| words.contains(word))
        };
        line.is_some_and(|line| {
            among(&self.categories, line.category.as_ref()) || among(&self.skus, line.sku.as_ref())
        })
    }

    /// Whether it is open then, for somebody with these days.
    fn is_open(&self, whom: &Subject<'_>, zone: Zone, at: Instant) -> Result<bool, Wants> {
        let nobody = Person::default();
        let of = self.when.anniversary.map(|anniversary| anniversary.of);
        let person = match (of, whom.person) {
            (Some(AnniversaryOf::Birthday), None) => return Err(Wants::PERSON),
            (_, person) => person.unwrap_or(&nobody),
        };
        Ok(self.when.is_open(zone, &OwnDays::of(whom.member, person, zone), at))
    }
}

impl Programme {
    /// The boosts that are open at that moment, and fit brand and member, in the programme's order; without those that
    /// multiply by at most 1. For an audience the tier is that in effect, a trial's too.
    ///
    /// # Errors
    /// What must be looked up first.
    pub fn open_boosts(
        &self,
        brand: &BrandId,
        whom: &Subject<'_>,
        at: Instant,
    ) -> Result<Vec<&Boost>, Wants> {
        let tried: Option<Member> = whom.member.trial.as_ref().map(|trial| {
            let mut member = whom.member.clone();
            member.standing.tier = trial.tier.clone();
            member
        });
        let fits_whom = Subject { member: tried.as_ref().unwrap_or(whom.member), ..*whom };
        let (mut open, mut wants) = (Vec::new(), Wants::default());
        let raises = |boost: &&Boost| boost.multiplier.millionths() > Rate::ONE.millionths();
        let of_brand = |boost: &&Boost| boost.brands.as_ref().is_none_or(|brands| brands.contains(brand));
        for boost in self.boosts.iter().filter(raises).filter(of_brand) {
            if wants.collect(boost.is_open(whom, self.zone, at)) != Some(true) {
                continue;
            }
            let fits = boost.audience.as_ref().map_or(Ok(true), |audience| audience.holds(&fits_whom));
            if wants.collect(fits) == Some(true) {
                open.push(boost);
            }
        }
        wants.nothing()?;
        Ok(open)
    }
}

const WORDS: Shape = Shape::List { of: &Shape::Text { max: 64 }, min: 1, max: 2_000 };

const BOOST: Shape = Shape::Object(&[
    required("id", Shape::Id, "the boost's id"),
    optional("when", WHEN, "when it is open, at occurred_at; always unless given"),
    required("multiplier", Shape::Rate, "of a line's points; the largest above 1 counts"),
    optional("categories", WORDS, "lines in these, or of skus; all where neither is given"),
    optional("skus", WORDS, "lines of these"),
    optional(
        "brands",
        Shape::List { of: &Shape::Id, min: 1, max: 200 },
        "orders of these; of all unless given",
    ),
    optional("audience", Shape::Condition, "whom it is for; everybody unless given"),
]);

pub(super) const BOOSTS: Shape = Shape::List { of: &BOOST, min: 0, max: 100 };

pub(super) fn boosts(json: &Json, zone: Zone, reader: &mut Reader<'_>) -> Vec<Boost> {
    list(json, "boosts", |json, at| {
        let at = format!("/points{at}");
        let words = |name: &str| -> Option<Vec<String>> {
            Some(json.get(name)?.list().iter().filter_map(Json::text).map(str::to_owned).collect())
        };
        let when = json.get("when").unwrap_or(&Json::Null);
        Boost {
            id: text(json, "id").to_owned(),
            when: read_openings(when, &format!("{at}/when"), zone, reader.faults),
            multiplier: json.text_of("multiplier").and_then(Rate::parse).unwrap_or(Rate::ONE),
            categories: words("categories"),
            skus: words("skus"),
            brands: words("brands").map(|brands| brands.iter().map(|id| BrandId::of_checked(id)).collect()),
            audience: json.get("audience").and_then(|own| reader.read(own, &format!("{at}/audience"))),
        }
    })
}

/// What must agree across the document.
pub(super) fn agree(programme: &Programme, faults: &mut Vec<Fault>) {
    unique("points/boosts", programme.boosts.iter().map(|boost| boost.id.as_str()), faults);
    for (index, boost) in programme.boosts.iter().enumerate() {
        let at = format!("/points/boosts/{index}");
        for (place, brand) in boost.brands.iter().flatten().enumerate() {
            if programme.brand(brand).is_none() {
                let at = format!("{at}/brands/{place}");
                faults.push(Fault::new(at, "unknown_brand", format!("no brand {brand}")));
            }
        }
        if let Some(audience) = &boost.audience {
            check_names(programme, audience, &format!("{at}/audience"), faults);
        }
    }
}
