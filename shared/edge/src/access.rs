//! Who reaches what, and what they see. This is the one place that decides it, for every route, role and
//! brand: the routes say whom they admit ([`crate::Access`]), and the codes who sees their data
//! ([`crate::Data`]).
//!
//! - An admin or operator reaches everything that its routes do; a key that is bound to a brand reaches only
//!   that brand's data.
//! - A storefront belongs to the house: it acts for the house's own brands, on every member.
//! - A partner acts for its own brand, on members that are linked to it, as far as the newest programme says
//!   `may`. It names them by reference and sees what `sees` says.
//! - A member is a token's bearer: it reads its own data and spends what the token names.
//!
//! Data that a caller may not know does not exist for it: the answer is the same as if it did not exist.

use domain::{
    id::BrandId,
    json::Json,
    member::MemberId,
    programme::{BrandKind, May, Sees},
    refusal::Refusal,
};
use engine::{Done, Whom, records::EntryRecord};

use crate::{
    Answer, Api, Call, Caller, Data, Members, Problem, Role, Route, Spend,
    said::Said,
    wire::{self, OfEntry},
};

/// How a caller names a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Naming {
    /// By id or identity.
    Anybody,
    /// By the reference of its link.
    Reference,
    /// Itself.
    Own(MemberId),
}

impl Caller {
    pub(crate) fn naming(&self) -> Naming {
        match &self.grant {
            Some(grant) => Naming::Own(grant.member),
            None if self.is(Role::Partner) => Naming::Reference,
            None => Naming::Anybody,
        }
    }

    /// The admitted path, in which a token's bearer goes by its own id, whichever id of its person was named: what is done
    /// then reaches from that one to whoever answers for it at the commit. Two who are parted after they were found to
    /// be one act each on itself, and an entry says by way of which id it came.
    pub(crate) fn own_path(&self, mut path: Vec<String>) -> Vec<String> {
        if let (Naming::Own(own), Some(id)) = (self.naming(), path.first_mut()) {
            *id = wire::member_id(own);
        }
        path
    }

    /// Whether it is staff of the programme.
    pub fn is_staff(&self) -> bool {
        self.may(&[Role::Operator])
    }

    /// Whether it reaches only the house's own brands.
    pub(crate) fn is_house(&self) -> bool {
        !self.may(&[Role::Operator]) && !self.is(Role::Partner)
    }
}

impl Api {
    /// Whether the caller may call this at all; checked before its body.
    pub(crate) async fn admit(&self, caller: &Caller, route: &Route, path: &[String]) -> Result<(), Problem> {
        if route.access.anybody {
            return Ok(());
        }
        if !caller.roles.iter().any(|role| route.access.admits(*role)) {
            return Err(Problem::forbidden());
        }
        let partner = match &caller.brand {
            Some(brand) => self.partner(brand)?,
            None => None,
        };
        let admitted = match partner {
            Some((may, _)) => caller.is(Role::Partner) && route.access.partners.may(may),
            // A partner signs its requests: a key or token of its brand is refused.
            None => !caller.is(Role::Partner),
        };
        if !admitted {
            return Err(Problem::forbidden());
        }
        match (caller.naming(), path.first()) {
            (Naming::Own(own), Some(id)) => match wire::read_member_id(id) {
                Some(named) => self.must_be_one(own, named).await,
                None => Err(Refusal::MemberNotFound.into()),
            },
            _ => Ok(()),
        }
    }

    /// Whether both are records of one person: a member is itself under each of them. It is asked for the answer's sake:
    /// what is done names the member by the bearer's own id ([`Caller::own_path`], [`crate::Form::whom`]).
    async fn must_be_one(&self, own: MemberId, named: MemberId) -> Result<(), Problem> {
        let one = own == named || self.engine.people().are_one(own, named).await?;
        if one { Ok(()) } else { Err(Refusal::MemberNotFound.into()) }
    }

    /// Whether the caller may ask for what the body names; the body has the route's shape.
    pub(crate) async fn admit_body(
        &self,
        caller: &Caller,
        route: &Route,
        body: &Json,
        said: &Said,
    ) -> Result<(), Problem> {
        if caller.is(Role::Partner) && said.brand.is_some() && said.brand != caller.brand {
            return Err(Problem::forbidden());
        }
        let Some(grant) = &caller.grant else { return Ok(()) };
        let names_another = matches!(route.access.members, Members::Joining);
        if let Some(named) = said.member_id.filter(|_| !names_another) {
            self.must_be_one(grant.member, named.0).await?;
        }
        let granted = match route.access.members {
            Members::Refused => false,
            Members::Own | Members::Joining => true,
            // The check for callers bound to a brand ensures that it is the token's brand.
            Members::Spend(asked) => {
                // What names no order, as a claim of an offer does, is nothing that a token names.
                let asked = asked(body);
                grant.spend.as_ref().zip(asked).is_some_and(|(spend, asked)| spend.allows(&asked))
            }
        };
        if granted { Ok(()) } else { Err(Problem::forbidden()) }
    }

    /// Checks that the programme has the brand and that the caller may act for it.
    ///
    /// # Errors
    /// `brand_not_found`, or `forbidden` for a caller that is bound to another brand, or to the
    /// house's own.
    pub fn may_act_for(&self, call: &Call, brand: &BrandId) -> Result<(), Problem> {
        let other = call.caller.brand.as_ref().is_some_and(|bound| bound != brand);
        if other {
            return Err(Problem::forbidden());
        }
        let programmes = self.engine.programme().timeline()?;
        let known = programmes.newest().brand(brand).ok_or(Refusal::BrandNotFound)?;
        match known.kind {
            BrandKind::Partner if call.caller.is_house() => Err(Problem::forbidden()),
            _ => Ok(()),
        }
    }

    /// The caller, as somebody who looks at a member.
    pub fn viewer(&self, call: &Call) -> wire::Viewer<'_> {
        wire::Viewer { secrets: &self.secrets, staff: call.caller.is_staff() }
    }

    /// The brand of that name, if the programme has it and the caller may act for it.
    ///
    /// # Errors
    /// As of [`Api::may_act_for`].
    pub fn brand_named(&self, call: &Call, name: &str) -> Result<BrandId, Problem> {
        let Ok(brand) = name.parse() else {
            // Nobody acts for it and no programme has it.
            if call.caller.brand.is_some() {
                return Err(Problem::forbidden());
            }
            self.engine.programme().timeline()?;
            return Err(Refusal::BrandNotFound.into());
        };
        self.may_act_for(call, &brand)?;
        Ok(brand)
    }

    /// What the newest programme says of that partner; `None` if it is no partner.
    ///
    /// # Errors
    /// There is no programme yet.
    pub fn partner(&self, brand: &BrandId) -> Result<Option<(May, Sees)>, Problem> {
        let programmes = self.engine.programme().timeline()?;
        let partner = programmes.newest().brand(brand).filter(|brand| brand.kind == BrandKind::Partner);
        Ok(partner.map(|brand| (brand.may, brand.sees)))
    }

    /// The answer to a command: the entry it made and what followed from it, as far as the caller may see.
    ///
    /// # Errors
    /// There is no programme yet, or the store failed.
    pub async fn done<A: OfEntry>(&self, call: &Call, done: &Done) -> Result<Answer, Problem> {
        let entry =
            done.entry.as_ref().ok_or_else(|| Problem::broken("a command was done and made no entry"))?;
        let seen = match call.caller.is(Role::Partner) {
            true => Some(self.seen(call, entry).await?),
            false => None,
        };
        let programmes = self.engine.programme().timeline()?;
        let show = wire::Show { programme: programmes.newest(), secrets: &self.secrets };
        let answer = match (seen, &entry.outcome) {
            (Some(sees), _) => Some(Answer::new(200, &show.done_for_partner(entry, sees))),
            (None, Some(outcome)) => A::of(show, entry, outcome),
            (None, None) => None,
        };
        let answer = answer.ok_or_else(|| Problem::broken("a command's entry is not of its kind"))?;
        Ok(answer.replayed(done.replayed))
    }

    /// What a partner sees of the member in this answer. It follows from the entry, so that a repeat shows
    /// the same: what the entry's version of the programme said, if the link stood then.
    async fn seen(&self, call: &Call, entry: &EntryRecord) -> Result<Sees, Problem> {
        let Some(brand) = &call.caller.brand else {
            return Err(Problem::broken("a partner has no brand"));
        };
        // It may have been made under a version that another instance has just saved.
        if self.engine.programme().timeline()?.version(entry.version).is_none() {
            self.engine.programme().refresh().await?;
        }
        let sees = self.sees_under(brand, entry.version)?;
        if sees == Sees::default() {
            return Ok(sees);
        }
        // A member named by a reference is linked; for an order or redemption the link must be looked up.
        let linked =
            call.said.member_ref.is_some() || self.engine.partners().was_linked(entry, brand).await?;
        Ok(if linked { sees } else { Sees::default() })
    }

    /// What that version of the programme says that the brand sees.
    ///
    /// # Errors
    /// There is no programme yet.
    pub(crate) fn sees_under(&self, brand: &BrandId, version: u32) -> Result<Sees, Problem> {
        let programmes = self.engine.programme().timeline()?;
        let version = programmes.version(version).and_then(|programme| programme.brand(brand));
        // It does not see what no version says that it sees.
        Ok(version.map_or(Sees::default(), |brand| brand.sees))
    }

    /// Refuses a reference that means nobody, or nobody any more: it is unknown, even to a repeat of what was done under
    /// it. For what is remembered whole; the ledger asks that itself.
    ///
    /// # Errors
    /// `member_not_found`, or the store failed.
    pub async fn must_mean_somebody(&self, call: &Call, whom: Option<&Whom>) -> Result<(), Problem> {
        let (Some(Whom::Linked(reference)), Some(brand)) = (whom, &call.caller.brand) else { return Ok(()) };
        match self.engine.partners().means_somebody(brand, *reference).await? {
            true => Ok(()),
            false => Err(Refusal::MemberNotFound.into()),
        }
    }

    /// A problem as far as the caller may see it.
    pub(crate) fn told(&self, mut problem: Problem, caller: &Caller) -> Problem {
        let is_partner = caller.is(Role::Partner);
        match problem.code.data() {
            Data::None | Data::Plain(_) => {}
            Data::Staff(_) if caller.may(&[Role::Operator]) => {}
            Data::Staff(_) => problem.data.clear(),
            Data::Balance(_) | Data::Member(_) if !is_partner => {}
            Data::Balance(_) if self.sees_balance(caller) => {}
            Data::Balance(_) | Data::Member(_) => {
                problem.data.clear();
                problem.detail = problem.code.title();
            }
        }
        problem
    }

    /// Whether the newest programme lets the partner see what a member can spend.
    pub fn sees_balance(&self, caller: &Caller) -> bool {
        // Without a programme nobody is a partner.
        let partner = caller.brand.as_ref().and_then(|brand| self.partner(brand).ok().flatten());
        partner.is_some_and(|(_, sees)| sees.balance)
    }
}

impl Spend {
    /// Whether the token allows that: for the same order, at most that many points.
    fn allows(&self, asked: &Spend) -> bool {
        asked.order_id == self.order_id && asked.part == self.part && asked.points_max <= self.points_max
    }
}
