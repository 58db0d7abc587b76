//! Whose order it is: the member settled to now, and what conditions ask of it, looked up once they do.

use domain::{
    condition::{Condition, Subject, Wants},
    event::{Event, History},
    id::TierId,
    member::{Member, Person, Status},
    offer::openings::OwnDays,
    programme::Programme,
    refusal::Refusal,
    time::{Instant, Zone},
};

use crate::{
    access::requests::Request,
    ledger::{act::Whom, standing::settled},
    offers::Offers,
    store::{error::Error, reading::Loaded},
};

/// A member whose order it is.
pub(crate) struct Customer {
    /// As it is stored.
    pub(crate) loaded: Loaded,
    /// Settled to `now`.
    pub(crate) member: Member,
    /// What time has done since it was stored.
    pub(crate) timely: Vec<Event>,
    /// The moment: the request's, or that up to which the member is settled.
    pub(crate) now: Instant,
    /// The member as audiences see it: of the tier in effect.
    in_effect: Member,
    person: Option<Person>,
    history: Option<History>,
}

impl Customer {
    /// The tier in effect, a trial's too, of a member that is active: any other is priced as a guest.
    pub(crate) fn tier(&self) -> Option<&TierId> {
        (self.member.status == Status::Active).then(|| self.member.tier_in_effect())
    }

    /// The person, as far as it was looked up.
    pub(crate) fn person(&self) -> Option<&Person> {
        self.person.as_ref()
    }

    fn subject<'a>(&'a self, programme: &'a Programme) -> Subject<'a> {
        Subject {
            member: &self.in_effect,
            person: self.person.as_ref(),
            history: self.history.as_ref(),
            recent: &self.timely,
            programme,
            now: self.now,
        }
    }

    /// The days of its own that are known of it.
    pub(crate) fn own_days(&self, zone: Zone) -> OwnDays {
        match &self.person {
            Some(person) => OwnDays::of(&self.member, person, zone),
            None => OwnDays::of(&self.member, &Person::default(), zone),
        }
    }
}

impl Offers {
    /// The member that is named, or whom it was merged into, settled to now.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`]; a record is unreadable, or the store failed.
    pub(crate) async fn customer(&self, request: &Request, whom: &Whom) -> Result<Customer, Error> {
        let id = self.ledger.member_of(request, whom).await?.ok_or(Refusal::MemberNotFound)?;
        let loaded = self.records.reach(id).await?.ok_or(Refusal::MemberNotFound)?;
        let stored = &loaded.record.member;
        let programmes = self.programme.timeline_of(stored).await?;
        let now = request.now.max(stored.as_of);
        let (member, timely) = settled(&programmes, stored, now);
        let mut in_effect = member.clone();
        in_effect.standing.tier = member.tier_in_effect().clone();
        Ok(Customer { loaded, member, timely, now, in_effect, person: None, history: None })
    }

    /// Whether the customer is of that audience.
    ///
    /// # Errors
    /// A record is unreadable, or the store failed.
    pub(crate) async fn is_of(&self, customer: &mut Customer, audience: &Condition) -> Result<bool, Error> {
        let programmes = self.programme.timeline()?;
        loop {
            match audience.holds(&customer.subject(programmes.newest())) {
                Ok(holds) => return Ok(holds),
                Err(wants) => self.learn(customer, wants).await?,
            }
        }
    }

    /// Looks up what is wanted of the customer.
    pub(crate) async fn learn(&self, customer: &mut Customer, wants: Wants) -> Result<(), Error> {
        let wants = Wants { person: wants.person && customer.person.is_none(), ..wants };
        let (person, history) = self.ledger.look_up(&customer.loaded.record, wants).await?;
        customer.person = person.or(customer.person.take());
        customer.history = history.or(customer.history.take());
        Ok(())
    }
}
