//! Identities and people as callers send them: numbers become E.164, addresses lower-case with their domain in
//! ASCII, other systems' ids stay as they are.

mod email;
mod fold;
mod phone;
#[cfg(test)]
mod tests;

use domain::{
    id::{BrandId, ReferralCode},
    member::{
        CONSENTS_MAX, Changed, ConsentWay, Consented, IDENTITIES_MAX, Identity, IdentityKind, Person,
        REGION_PARTS,
    },
    programme::Programme,
    shape::Fault,
    time::{Day, Instant, Zone},
};
use engine::{
    Request,
    id::IdentityHash,
    store::{Claim, ClaimedForm},
};

use email::Earlier;
pub use email::email;
pub use phone::phone;

use crate::{
    Api, AttributesSent, AttributesTold, Call, Change, Code, DayText, List, LocaleWord, Named, Problem,
    QuietHoursShown, QuietSent, Secrets, SignalsSent, Text, body, serve::hash, wire, words,
};

words! {
    /// What an identity is, in words.
    pub enum IdentityWord {
        /// A telephone number.
        Phone = "phone",
        /// An email address.
        Email = "email",
        /// Another system's id.
        External = "external",
    }
}

body! {
    /// An identity, where a request names a member by one.
    pub struct IdentitySent {
        /// what it is
        pub kind: IdentityWord,
        /// the other system, of an external identity
        pub channel: Option<Text<64>>,
        /// the number, address or id
        pub value: Text<256>,
        /// whether the shop vouches for it
        pub verified: Option<bool>,
    }
}

body! {
    /// An identity that somebody says is a person's.
    pub struct IdentityTold {
        /// what it is
        pub kind: IdentityWord,
        /// the other system, of an external identity
        pub channel: Option<Text<64>>,
        /// the number, address or id
        pub value: Text<256>,
        /// whether the shop vouches for it
        pub verified: Option<bool>,
        /// that a code which was sent to it came back; codes are not sent yet, so none is good
        pub proof: Option<Text<64>>,
    }
}

impl IdentityTold {
    /// The identity, without what proves it.
    fn sent(&self) -> IdentitySent {
        let IdentityTold { kind, channel, value, verified, proof: _ } = self.clone();
        IdentitySent { kind, channel, value, verified }
    }
}

body! {
    /// Where a person lives, as sent.
    pub struct RegionSent {
        /// 国家
        pub country: Change<Text<100>>,
        /// 省
        pub province: Change<Text<100>>,
        /// 市
        pub city: Change<Text<100>>,
        /// 区
        pub district: Change<Text<100>>,
        /// 商圈
        pub area: Change<Text<100>>,
    }
}

body! {
    /// Who a person is, as sent.
    pub struct ProfileSent {
        /// as the person gives it
        pub name: Change<Text<100>>,
        /// YYYY-MM-DD
        pub birthday: Change<DayText>,
        /// as the person gives it
        pub gender: Change<Text<32>>,
        /// the language in which the person is written to
        pub locale: Change<LocaleWord>,
        /// the IANA name of the zone of the person's own clock, such as Asia/Urumqi
        pub time_zone: Change<Text<64>>,
        /// hours of that clock in which the person is told nothing: one object, or a list of up to 4
        pub quiet_hours: Change<QuietSent>,
        /// where the person lives
        pub region: Change<RegionSent>,
        /// what the programme declares beside, by its ids; null takes one away
        pub attributes: Change<AttributesSent>,
    }
}

body! {
    /// Somebody registers.
    pub struct Registration {
        /// how the person is known
        pub identities: List<IdentityTold, 1, IDENTITIES_MAX>,
        /// who the person is
        pub profile: Option<ProfileSent>,
        /// where the person registers
        pub brand: BrandId,
        /// for example store:0042
        pub channel: Option<Text<64>>,
        /// of who has brought the person, who becomes a member; kept. Where the programme has referral it must be a member's
        pub referral_code: Option<Text<64>>,
        /// what the person agreed to
        pub terms_version: Option<Text<64>>,
        /// by channel
        pub consents: Option<Named<bool, CONSENTS_MAX>>,
        /// what tells whether two members are one, for referral
        pub signals: Option<SignalsSent>,
    }
}

body! {
    /// A person is corrected.
    pub struct Correction {
        /// fields to correct; null removes one
        pub profile: Option<ProfileSent>,
        /// consents to change
        pub consents: Option<Named<bool, CONSENTS_MAX>>,
        /// what the person agreed to
        pub terms_version: Option<Text<64>>,
    }
}

/// A correction whose attributes were read.
#[derive(Clone, PartialEq, Debug)]
pub struct Corrections {
    sent: Correction,
    attributes: AttributesTold,
}

/// Why a text is no telephone number or no address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// Stable; one of those that `docs/API.md` lists.
    pub code: &'static str,
    /// What was sent, and what would be right.
    pub detail: String,
}

impl Unread {
    fn new(code: &'static str, detail: String) -> Unread {
        Unread { code, detail }
    }
}

/// An identity that was read.
pub(crate) struct Known {
    /// It, in the one form.
    identity: Identity,
    /// Other forms in which 0.1.0 may have stored it.
    earlier: Earlier,
}

/// The identity in its canonical form.
///
/// # Errors
/// It is not a number, an address, or lacks its channel.
pub(crate) fn normalize(programme: &Programme, sent: &IdentitySent, pointer: &str) -> Result<Known, Fault> {
    let wrong =
        |part: &str, detail: &str| Err(Fault::new(format!("{pointer}/{part}"), "wrong_format", detail));
    let unread = |unread: Unread| Fault::new(format!("{pointer}/value"), unread.code, unread.detail);
    let (kind, value, earlier) = match sent.kind {
        IdentityWord::Phone => {
            let number = phone(&sent.value, &programme.default_region).map_err(unread)?;
            (IdentityKind::Phone, number, Earlier::default())
        }
        IdentityWord::Email => {
            let address = email(&sent.value).map_err(unread)?;
            let earlier = Earlier::of(&sent.value, &address);
            (IdentityKind::Email, address, earlier)
        }
        IdentityWord::External if sent.channel.is_none() => {
            return wrong("channel", "an external identity needs its channel");
        }
        IdentityWord::External => (IdentityKind::External, sent.value.0.clone(), Earlier::default()),
    };
    if kind != IdentityKind::External && sent.channel.is_some() {
        return wrong("channel", "only an external identity has a channel");
    }
    // Only an external identity has a channel, and nobody vouches for an identity unless the caller says so.
    let channel = sent.channel.as_deref().unwrap_or_default().to_owned();
    let identity = Identity { kind, channel, value, verified: sent.verified == Some(true) };
    Ok(Known { identity, earlier })
}

impl Known {
    /// What the identity may be claimed by.
    pub(crate) fn claim(&self, api: &Api) -> Claim {
        let Known { identity, earlier } = self;
        let form = |value: &String| ClaimedForm {
            hash: api.secrets.identity_hash(identity.kind.word(), &identity.channel, value),
            value: value.clone(),
        };
        Claim {
            own: form(&identity.value),
            before: earlier.sent.as_ref().map(form),
            other: earlier.other.as_ref().map(form),
        }
    }
}

/// An identity that is to be a member's, and what claims it.
///
/// # Errors
/// It is none, or its proof is not good for that.
pub fn identity_told(api: &Api, sent: &IdentityTold, pointer: &str) -> Result<(Identity, Claim), Problem> {
    let programmes = api.engine.programme().timeline()?;
    let known = normalize(programmes.newest(), &sent.sent(), pointer);
    let known = known.map_err(|fault| Problem::invalid_field(&[fault]))?;
    match sent.proof {
        None => Ok((known.identity.clone(), known.claim(api))),
        Some(_) => Err(Problem::of(Code::ProofInvalid)),
    }
}

/// The keyed hash that claims an identity, in the form in which it is stored.
pub fn stored_claim(api: &Api, own: &Identity) -> IdentityHash {
    claim_under(&api.secrets, own)
}

/// The keyed hashes that claim a person's identities, in the forms in which they are stored.
pub fn stored_claims(api: &Api, person: &Person) -> Vec<IdentityHash> {
    claims_under(&api.secrets, person)
}

/// The same under those secrets.
pub(crate) fn claims_under(secrets: &Secrets, person: &Person) -> Vec<IdentityHash> {
    person.identities.iter().map(|own| claim_under(secrets, own)).collect()
}

fn claim_under(secrets: &Secrets, own: &Identity) -> IdentityHash {
    secrets.identity_hash(own.kind.word(), &own.channel, &own.value)
}

/// The person of a registration at that moment, and what claims each identity, in the same order; `staff` says whether
/// staff sent it.
///
/// # Errors
/// All that is wrong with it.
pub fn person(
    api: &Api,
    sent: Registration,
    staff: bool,
    now: Instant,
) -> Result<(Person, Vec<Claim>), Problem> {
    let programmes = api.engine.programme().timeline()?;
    let programme = programmes.newest();
    let mut faults = Vec::new();
    let proofs = sent.identities.iter().any(|sent| sent.proof.is_some());
    let (mut identities, mut claims): (Vec<Identity>, Vec<Claim>) = (Vec::new(), Vec::new());
    for (index, sent) in sent.identities.iter().enumerate() {
        let pointer = format!("/identities/{index}");
        match normalize(programme, &sent.sent(), &pointer) {
            Ok(known) => {
                let one = &known.identity;
                let same = |own: &Identity| {
                    (own.kind, &own.channel, &own.value) == (one.kind, &one.channel, &one.value)
                };
                if identities.iter().any(same) {
                    faults.push(Fault::new(pointer, "duplicate", "this identity stands twice"));
                } else {
                    claims.push(known.claim(api));
                    identities.push(known.identity);
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    let mut person = Person {
        identities,
        brand: sent.brand.to_string(),
        channel: sent.channel.map(Into::into),
        referral_code: referral_code(sent.referral_code, &mut faults),
        terms_version: sent.terms_version.map(Into::into),
        ..Person::default()
    };
    if let Some(mut profile) = sent.profile {
        let attributes = std::mem::take(&mut profile.attributes);
        AttributesTold::read(programme, attributes, staff, &mut faults)?.apply(&mut person);
        correct_profile(&mut person, profile, &mut faults);
    }
    let told = Consented { at: now, how: ConsentWay::Registration };
    correct_consents(&mut person, sent.consents.as_ref(), told);
    faults.extend(birthday_fault(&person, programme.zone, api.clock.now()));
    match faults.is_empty() {
        false => Err(Problem::invalid_field(&faults)),
        true if proofs => Err(Problem::of(Code::ProofInvalid)),
        true => Ok((person, claims)),
    }
}

/// The code that somebody was brought with, without blanks.
fn referral_code(told: Option<Text<64>>, faults: &mut Vec<Fault>) -> Option<ReferralCode> {
    let told: String = told?.0.chars().filter(|letter| !letter.is_whitespace()).collect();
    let code = told.parse().ok();
    if code.is_none() {
        faults.push(Fault::new("/referral_code", "wrong_format", "1 to 64 of A-Z a-z 0-9 . _ : -"));
    }
    code
}

/// A birthday lies between 1900 and today.
fn birthday_fault(person: &Person, zone: Zone, now: Instant) -> Option<Fault> {
    let day = Day::parse(person.birthday.as_deref()?)?;
    let good = day >= Day::new_year(1900) && day <= zone.day(now);
    (!good).then(|| Fault::new("/profile/birthday", "out_of_range", "from 1900 to today"))
}

/// The change that a call makes of a person.
pub fn changed(call: &Call) -> Changed {
    changed_by(&call.request)
}

/// The same, of a request without a call.
pub fn changed_by(request: &Request) -> Changed {
    Changed { by: wire::by(request.by), at: request.now }
}

impl Api {
    /// The `ETag` of what is known of a person and may be corrected: of profile, consents and terms.
    pub fn tag_of(&self, person: &Person) -> String {
        let Person { name, birthday, gender, region, terms_version, consents, attributes, .. } = person;
        let reached = (
            person.locale.map(LocaleWord::from),
            &person.time_zone,
            QuietHoursShown::all(&person.quiet_hours),
        );
        let attributes: Vec<_> = attributes.iter().map(|(id, value)| (id, value.shown())).collect();
        let known =
            serde_json::json!([name, birthday, gender, reached, region, terms_version, consents, attributes]);
        let hash = hash(&[self.secrets.content_key(), known.to_string().as_bytes()]);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("\"{digits}\"")
    }

    /// What the body of a `PATCH` says; `staff` says whether staff sent it.
    ///
    /// # Errors
    /// What is wrong with its attributes.
    pub fn corrections(&self, mut sent: Correction, staff: bool) -> Result<Corrections, Problem> {
        let programmes = self.engine.programme().timeline()?;
        let mut faults = Vec::new();
        let attributes = match &mut sent.profile {
            None => AttributesTold::default(),
            Some(profile) => {
                let sent = std::mem::take(&mut profile.attributes);
                AttributesTold::read(programmes.newest(), sent, staff, &mut faults)?
            }
        };
        match faults.is_empty() {
            true => Ok(Corrections { sent, attributes }),
            false => Err(Problem::invalid_field(&faults)),
        }
    }

    /// Corrects a person so, at the moment `now`.
    ///
    /// # Errors
    /// All that is wrong with it but for attributes: an impossible birthday, an unknown time zone, hours that are none.
    pub fn corrected(
        &self,
        person: &mut Person,
        told: &Corrections,
        (zone, now): (Zone, Instant),
    ) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        let Corrections { sent, attributes } = told;
        attributes.apply(person);
        if let Some(profile) = sent.profile.clone() {
            correct_profile(person, profile, &mut faults);
        }
        if let Some(terms) = sent.terms_version.clone() {
            person.terms_version = Some(terms.into());
        }
        let told = Consented { at: now, how: ConsentWay::Correction };
        correct_consents(person, sent.consents.as_ref(), told);
        faults.extend(birthday_fault(person, zone, self.clock.now()));
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// Makes the profile what is sent; `faults` gets whatever of it means nothing.
fn correct_profile(person: &mut Person, sent: ProfileSent, faults: &mut Vec<Fault>) {
    sent.name.apply(&mut person.name);
    sent.birthday.apply(&mut person.birthday);
    sent.gender.apply(&mut person.gender);
    sent.locale.apply(&mut person.locale);
    if let Change::To(name) = &sent.time_zone
        && Zone::of(name).is_none()
    {
        let detail = "no such IANA time zone; one is Asia/Shanghai";
        faults.push(Fault::new("/profile/time_zone", "unknown_time_zone", detail));
    }
    sent.time_zone.apply(&mut person.time_zone);
    match &sent.quiet_hours {
        Change::Keep => {}
        Change::Remove => person.quiet_hours.clear(),
        Change::To(hours) => person.quiet_hours = hours.hours("/profile/quiet_hours", faults),
    }
    let region = match sent.region {
        Change::Keep => return,
        Change::Remove => return person.region.clear(),
        Change::To(region) => region,
    };
    let RegionSent { country, province, city, district, area } = region;
    for (part, change) in REGION_PARTS.into_iter().zip([country, province, city, district, area]) {
        match change {
            Change::Keep => {}
            Change::Remove => _ = person.region.remove(part),
            Change::To(place) => _ = person.region.insert(part.to_owned(), place.into()),
        }
    }
}

/// What is told again as it was told before is so since then.
fn correct_consents(person: &mut Person, sent: Option<&Named<bool, CONSENTS_MAX>>, told: Consented) {
    for (channel, consent) in sent.map_or(&[][..], |sent| &sent.0) {
        let before = person.consents.insert(channel.to_string(), *consent);
        if before != Some(*consent) {
            person.consents_since.insert(channel.to_string(), told);
        }
    }
}
