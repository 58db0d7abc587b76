//! Member days 会员日: times at which orders earn more (rewards.md, 7).

use super::{
    Programme, check_names,
    read::{list, text, unique},
};
use crate::{
    condition::{Condition, Reader},
    id::BrandId,
    json::Json,
    number::Rate,
    offer::{Openings, WHEN, read_openings},
    shape::{Fault, Shape, optional, required},
    time::Zone,
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
