//! Offers that are saved: few, so that several save one at once, and with few words.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use domain::{json::Json, offer::code::fold};
use edge::Api;
use engine::{
    keys,
    records::{OfferVersionRecord, decode},
};
use laurel_tests::model::Model;
use serde_json::{Value, json};

use super::{Asked, Names, Op, Sent};
use crate::{
    answered::{Got, Next},
    faults::Kind,
    generate::Writer,
    instance::ask,
    store::Committed,
    world::{View, World},
};

/// Every version that was saved of each, as it was sent.
pub(crate) type Shelf = BTreeMap<String, Vec<Rc<str>>>;

/// A new version of an offer, on top of whatever there is.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) id: String,
    pub(crate) document: Rc<str>,
}

impl Asked for Offer {
    fn kind(&self) -> Kind {
        Kind::Program
    }

    fn request(&self, _: &Names<'_>) -> Sent {
        Sent { method: "PUT", path: format!("/offers/{}", self.id), body: self.document.to_string() }
    }

    fn compare(&self, world: &World, got: &Got<'_>, _: &View, _: usize) -> Result<Next, String> {
        if got.status == 422 {
            // Another offer has the word, or had it when this was decided.
            let others = world.offers.iter().filter(|(id, _)| **id != self.id);
            let mut had = others.flat_map(|(_, versions)| versions).filter_map(|document| word(document));
            let own = word(&self.document);
            return match own.is_some_and(|own| had.any(|word| word == own)) {
                true => got.wants(422, "invalid_offer"),
                false => Err(format!("{} is refused, and nobody had its word", self.document)),
            };
        }
        got.wants(200, "")?;
        let told: Value = serde_json::from_slice(got.body).map_err(|error| error.to_string())?;
        match told["id"] == *self.id && is_saved(&world.offers, &told, Some(&self.document)) {
            true => Ok(Next::Nothing),
            false => Err(format!("{told} was not saved")),
        }
    }
}

/// The word that a document has, as words are compared; none of one that is suspended.
fn word(document: &str) -> Option<String> {
    let document: Value = serde_json::from_str(document).ok()?;
    document["word"].as_str().filter(|_| document["suspended"] != true).map(fold)
}

/// Whether what is told of an offer is the version that it says, which is that document if one is given.
fn is_saved(offers: &Shelf, told: &Value, document: Option<&Rc<str>>) -> bool {
    let number = told["version"].as_u64().unwrap_or(0) as usize;
    let versions = told["id"].as_str().and_then(|id| offers.get(id));
    let Some(saved) = versions.and_then(|all| all.get(number.wrapping_sub(1))) else { return false };
    let Ok(Value::Object(want)) = serde_json::from_str(saved) else { return false };
    let same = document.is_none_or(|document| canonical(document) == canonical(saved));
    same && want.iter().all(|(name, value)| told[name] == *value)
}

fn canonical(document: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    Json::parse(document.as_bytes()).ok()?.canonical(&mut out, "");
    Some(out)
}

impl World {
    /// A version of an offer was saved: it is the next one, says what was sent, and has a word that no other has.
    pub(crate) fn saved_offer(&mut self, sent: &Offer, told: &Committed) -> Result<(), String> {
        let (key, value) = told.offer.as_ref().ok_or("no version")?;
        let (id, number) = keys::read_offer_version(key).ok_or("no key of a version")?;
        let record: OfferVersionRecord = decode(key, value).map_err(|error| error.to_string())?;
        let versions = self.offers.entry(id.to_string()).or_default();
        let last = versions.last().map(|last| canonical(last));
        if *id.as_str() != *sent.id || number as usize != versions.len() + 1 {
            return Err(format!("{id} {number} is saved, after {} of {}", versions.len(), sent.id));
        }
        if canonical(&record.document) != canonical(&sent.document) || last == Some(canonical(&sent.document))
        {
            return Err(format!("{id} {number} is saved as {}, for {}", record.document, sent.document));
        }
        versions.push(sent.document.clone());
        let mut words: Vec<String> =
            self.offers.values().filter_map(|versions| word(versions.last()?)).collect();
        let all = words.len();
        words.sort_unstable();
        words.dedup();
        if words.len() < all { Err(format!("two offers have one word: {words:?}")) } else { Ok(()) }
    }
}

/// At last, each offer is shown as it was saved last.
pub(crate) fn check(world: &World, api: &Arc<Api>) -> Result<(), String> {
    let (status, body) = ask(api, "GET", "/offers?limit=200", "", &[])?;
    let page: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let shown = page["offers"].as_array().ok_or_else(|| format!("at last, offers are answered {status}"))?;
    for (told, (id, versions)) in shown.iter().zip(&world.offers) {
        let newest = told["version"].as_u64() == Some(versions.len() as u64);
        if told["id"] != **id || !newest || !is_saved(&world.offers, told, None) {
            return Err(format!("at last, {id} is shown as {told}"));
        }
    }
    match shown.len() == world.offers.len() {
        true => Ok(()),
        false => Err(format!("at last, {} offers of {} are shown", shown.len(), world.offers.len())),
    }
}

impl Writer {
    /// A new version of an offer, or the one before again; otherwise a search for a member.
    pub(crate) fn offer(&mut self, _: &Model, _: i64) -> Op {
        let dice = &mut self.dice;
        let id = dice.pick(&["a", "a.1", "b"]);
        let mut document = json!({
            "brand": "acme", "name": {"zh": "券", "en": "Coupon"}, "how": "code",
            "gives": {"discount": {"percent": dice.pick(&["5", "10"])}},
        });
        if dice.percent(70) {
            document["word"] = dice.pick(&["SPRING", "spr1ng", "LOVE"]).into();
        }
        if dice.percent(20) {
            document["suspended"] = true.into();
        }
        Op::Offer(Offer { id: id.to_owned(), document: Rc::from(document.to_string()) })
    }
}
