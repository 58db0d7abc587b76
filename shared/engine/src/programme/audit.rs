//! The audit of offers: every version can be read, words and offers name each other, and the count is right.

use std::collections::BTreeMap;

use domain::id::OfferId;

use crate::{
    programme::{Programmes, at_hand::AT_ONCE},
    store::{
        Key, Record,
        error::Error,
        keys::{self, kind},
        records::{OfferRecord, OffersRecord, WordRecord, decode},
    },
};

/// Records that are looked at in one call of the store.
const PAGE: usize = 500;

/// The most that is said: damage may be everywhere.
const SAID_MAX: usize = 100;

impl Programmes {
    /// What is wrong with the offers, in words, each with what it is about; empty if nothing is.
    ///
    /// # Errors
    /// The store failed.
    pub async fn audit_offers(&self) -> Result<Vec<(String, String)>, Error> {
        let mut wrong = Vec::new();
        let mut held: BTreeMap<String, OfferId> = BTreeMap::new();
        let heads = self.records.scan_all(keys::all(kind::OFFER)).await?;
        for (key, record) in &heads {
            let Some(id) = keys::read_offer(key) else { continue };
            let mut say = |what: String| wrong.push((format!("offer {id}"), what));
            let Ok(own) = decode::<OfferRecord>(key, &record.value) else {
                say("its record cannot be read".to_owned());
                continue;
            };
            self.audit_versions(&id, own.version, &mut say).await?;
            if let Some(word) = own.word
                && let Some(other) = held.insert(word.clone(), id.clone())
            {
                say(format!("the offer {other} has the word {word} too"));
            }
            if wrong.len() >= SAID_MAX {
                return Ok(wrong);
            }
        }
        self.audit_words(held, &mut wrong).await?;
        self.audit_count(heads.len(), &mut wrong).await?;
        wrong.truncate(SAID_MAX);
        Ok(wrong)
    }

    /// Every version up to the newest is there and can be read.
    async fn audit_versions(
        &self,
        id: &OfferId,
        newest: u32,
        say: &mut impl FnMut(String),
    ) -> Result<(), Error> {
        let versions: Vec<u32> = (1..=newest).collect();
        for some in versions.chunks(AT_ONCE) {
            let places: Vec<Key> = some.iter().map(|version| keys::offer_version(id, *version)).collect();
            let found = self.records.store.get(&places).await?;
            for ((version, key), record) in some.iter().zip(&places).zip(found) {
                let read = |record: Record| {
                    let read = decode(key, &record.value).ok()?;
                    let offer = self.offer_of(&(id.clone(), *version), &read).ok()?;
                    (offer.brand == read.brand).then_some(())
                };
                match record.map(read) {
                    None => say(format!("version {version} is missing")),
                    Some(None) => say(format!("version {version} cannot be read")),
                    Some(Some(())) => {}
                }
            }
        }
        Ok(())
    }

    /// Every word names the offer that has it, and every offer's word names it.
    async fn audit_words(
        &self,
        mut held: BTreeMap<String, OfferId>,
        wrong: &mut Vec<(String, String)>,
    ) -> Result<(), Error> {
        let mut from = None;
        loop {
            let page = self.records.store.walk(Some(kind::WORD), from, PAGE).await?;
            for (key, record) in &page.records {
                let Some(word) = keys::read_word(key) else { continue };
                let mut say = |what: String| wrong.push((format!("word {word}"), what));
                match decode::<WordRecord>(key, &record.value) {
                    Err(_) => say("its record cannot be read".to_owned()),
                    Ok(WordRecord { offer: None }) => {}
                    Ok(WordRecord { offer: Some(offer) }) => {
                        if held.get(word) == Some(&offer) {
                            held.remove(word);
                        } else {
                            say(format!("names the offer {offer}, which has it not"));
                        }
                    }
                }
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        let missing = |(word, offer)| (format!("offer {offer}"), format!("its word {word} does not name it"));
        wrong.extend(held.into_iter().map(missing));
        Ok(())
    }

    async fn audit_count(&self, offers: usize, wrong: &mut Vec<(String, String)>) -> Result<(), Error> {
        let key = keys::offers();
        let says = match self.records.get(&key).await? {
            None => Some(0),
            Some(record) => decode::<OffersRecord>(&key, &record.value).ok().map(|all| u64::from(all.offers)),
        };
        let what = match says {
            None => "the record of all offers cannot be read".to_owned(),
            Some(says) if says != offers as u64 => {
                format!("there are {offers}, and the record of all says {says}")
            }
            Some(_) => return Ok(()),
        };
        wrong.push(("offers".to_owned(), what));
        Ok(())
    }
}
