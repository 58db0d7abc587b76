//! Who hears of what: what a webhook's brand decides is what a caller of that brand may see. Beside
//! [`crate::access`], which decides it for requests.

use domain::{
    event::{EventType, Hearers},
    id::BrandId,
    programme::{BrandKind, Programme},
};
use engine::{Error, Happening, What, id::Reference};

use crate::{Api, wire::Show};

/// What somebody gets of an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Hears {
    /// Nothing: it does not exist for them.
    Nothing,
    /// All of it.
    Whole,
    /// What a shop of the house may see: all but what staff alone see of a person.
    House,
    /// What a partner is told, which knows the member by that reference, if it is about one.
    AsPartner(Option<Reference>),
}

impl Api {
    /// What a webhook of that brand, or of none, gets of an event.
    ///
    /// # Errors
    /// There is no programme yet, or the store failed.
    pub async fn hears(&self, happening: &Happening, brand: Option<&BrandId>) -> Result<Hears, Error> {
        let Some(own) = brand else { return Ok(Hears::Whole) };
        let programmes = self.engine.programme().timeline()?;
        // Nobody acts for a brand that the programme does not have.
        let Some(known) = programmes.newest().brand(own) else { return Ok(Hears::Nothing) };
        let (what, hearers) = (&happening.what, happening.kind.hearers());
        match (known.kind, hearers) {
            (_, Hearers::Own) if what.brand() != Some(own) => Ok(Hears::Nothing),
            // That something of staff's own has changed is staff's own too.
            (BrandKind::Own, _) if is_of_staff_alone(happening, programmes.newest()) => Ok(Hears::Nothing),
            (BrandKind::Own, _) => Ok(Hears::House),
            // Whoever asks for a test gets it.
            (BrandKind::Partner, Hearers::Own) if happening.kind == EventType::WebhookTest => {
                Ok(Hears::AsPartner(None))
            }
            (BrandKind::Partner, Hearers::House | Hearers::Own) => Ok(Hears::Nothing),
            (BrandKind::Partner, Hearers::Partners) => self.partner_hears(what, own).await,
        }
    }

    /// A partner hears of its own entries, of members that were linked with it when they were made, and of its links.
    async fn partner_hears(&self, what: &What, own: &BrandId) -> Result<Hears, Error> {
        if what.brand() != Some(own) {
            return Ok(Hears::Nothing);
        }
        let reference = match what {
            What::Entry(entry) if entry.event.kind.row().for_partners => {
                let link = self.engine.partners().link_at(entry, own).await?;
                link.map(|link| link.record.reference)
            }
            What::Linked { link, .. } => Some(link.reference),
            What::Entry(_)
            | What::Registered { .. }
            | What::Programme { .. }
            | What::Offer { .. }
            | What::Settled { .. }
            | What::Noted(_) => None,
        };
        Ok(reference.map_or(Hears::Nothing, |own| Hears::AsPartner(Some(own))))
    }

    /// The event's JSON, as they get it; `None` if they get nothing.
    ///
    /// # Errors
    /// There is no programme yet.
    pub fn event_text(&self, happening: &Happening, hears: Hears) -> Result<Option<Vec<u8>>, Error> {
        let programmes = self.engine.programme().timeline()?;
        let show = Show { programme: programmes.newest(), secrets: &self.secrets };
        let text = match hears {
            Hears::Nothing => return Ok(None),
            Hears::Whole => serde_json::to_vec(&show.event(happening, true)),
            Hears::House => serde_json::to_vec(&show.event(happening, false)),
            Hears::AsPartner(reference) => serde_json::to_vec(&show.partner_event(happening, reference)),
        };
        #[expect(clippy::expect_used, reason = "an event that cannot be written must not go out empty")]
        Ok(Some(text.expect("structs with string keys, written to memory")))
    }
}

/// Whether it tells of nothing but fields that staff alone see.
fn is_of_staff_alone(happening: &Happening, programme: &Programme) -> bool {
    let What::Noted(noted) = &happening.what else { return false };
    !noted.fields.is_empty() && noted.fields.iter().all(|field| is_staffs(field, programme))
}

/// Whether staff alone see that field of a person: an attribute of theirs, or one that the programme has no more.
pub(crate) fn is_staffs(field: &str, programme: &Programme) -> bool {
    let Some(id) = field.strip_prefix("profile.attributes.") else { return false };
    programme.attributes.iter().find(|rule| rule.id == id).is_none_or(|rule| rule.staff)
}
