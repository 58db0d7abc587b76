//! Makes commands from checked bodies. What a shape cannot say (the currency's digits, either this field or
//! that) is checked here, all faults at once.

use std::sync::Arc;

use domain::{
    id::GrantId,
    member::MemberId,
    number::{Currency, Money, SignedMoney},
    programme::Timeline,
    shape::Fault,
    time::Zone,
};
use engine::{Whom, id::Reference};

use crate::{Api, Call, Decimal, IdentitySent, MoneyText, Problem, Ulid, access::Naming, identity};

/// A command in the making: the faults of the body so far.
pub struct Form<'a> {
    api: &'a Api,
    naming: Naming,
    programmes: Arc<Timeline>,
    /// The programme's money.
    pub currency: Currency,
    /// The programme's calendar.
    pub zone: Zone,
    faults: Vec<Fault>,
}

/// Fields of a body with whether each was sent, for [`Form::takes_no`]: `given!(body: amount, lines)`.
#[macro_export]
macro_rules! given {
    ($body:ident: $($field:ident),+) => {
        &[$((stringify!($field), $body.$field.is_some())),+]
    };
}

/// A field of a body that this kind of request requires, or `None` and a fault: `need!(form, body.amount)`.
#[macro_export]
macro_rules! need {
    ($form:ident, $body:ident.$field:ident) => {
        $form.needed(stringify!($field), $body.$field)
    };
}

impl<'a> Form<'a> {
    /// A form for the call.
    ///
    /// # Errors
    /// There is no programme yet.
    pub fn new(api: &'a Api, call: &'a Call) -> Result<Form<'a>, Problem> {
        let programmes = api.engine.programme().timeline()?;
        let (currency, zone) = (programmes.newest().currency, programmes.newest().zone);
        Ok(Form { api, naming: call.caller.naming(), programmes, currency, zone, faults: Vec::new() })
    }

    /// Notes a fault.
    pub fn fault(&mut self, pointer: impl Into<String>, code: &'static str, detail: &str) {
        self.faults.push(Fault::new(pointer, code, detail));
    }

    /// The grant that is shown as that.
    pub fn grant(&self, shown: GrantId) -> GrantId {
        self.api.secrets.grant_shown_as(shown)
    }

    /// The printed code that is typed so; `None` if it is none of ours.
    pub fn printed(&self, typed: &str) -> Option<domain::offer::printed::Printed> {
        self.api.secrets.printer().read(typed)
    }

    /// A field that this kind of request requires: see [`need!`](crate::need).
    pub fn needed<T>(&mut self, name: &str, sent: Option<T>) -> Option<T> {
        if sent.is_none() {
            self.fault(format!("/{name}"), "required", "needed here");
        }
        sent
    }

    /// Fields that do not belong to this kind of request: see [`given!`](crate::given).
    pub fn takes_no(&mut self, fields: &[(&str, bool)], why: &str) {
        for (name, _) in fields.iter().filter(|(_, sent)| *sent) {
            self.fault(format!("/{name}"), "unknown_field", why);
        }
    }

    /// An amount of the programme's currency, or `None` and a fault.
    pub fn money(&mut self, sent: &MoneyText, pointer: &str) -> Option<Money> {
        let money = Money::parse(sent, self.currency);
        self.is_money(money.is_some(), sent, pointer);
        money
    }

    /// The same for an amount that may be below 0.
    pub fn signed_money(&mut self, sent: &Decimal, pointer: &str) -> Option<SignedMoney> {
        let money = SignedMoney::parse(sent, self.currency);
        self.is_money(money.is_some(), sent, pointer);
        money
    }

    fn is_money(&mut self, it_is: bool, sent: &str, pointer: &str) {
        if !it_is {
            let code = String::from_utf8_lossy(&self.currency.code);
            let digits = match self.currency.digits {
                0 => "whole units".to_owned(),
                digits => format!("at most {digits} digits after the point but for zeros"),
            };
            let detail =
                format!("an amount of {code}: at most 13 digits before the point, {digits}; not {sent:?}");
            self.faults.push(Fault::new(pointer, "wrong_format", detail));
        }
    }

    /// The same for an optional field.
    pub fn money_if(&mut self, sent: Option<&MoneyText>, pointer: &str) -> Option<Option<Money>> {
        sent.map_or(Some(None), |sent| self.money(sent, pointer).map(Some))
    }

    /// The member that the request names, in the way that the caller names members; or `None` and a fault.
    pub fn whom(
        &mut self,
        member_id: Option<Ulid<MemberId>>,
        identity: Option<&IdentitySent>,
        member_ref: Option<Ulid<Reference>>,
    ) -> Option<Whom> {
        let by_id = ("member_id", member_id.is_some());
        let by_identity = ("identity", identity.is_some());
        let by_reference = ("member_ref", member_ref.is_some());
        match self.naming {
            Naming::Reference => {
                self.takes_no(&[by_id, by_identity], "a partner names a member by member_ref");
                self.needed("member_ref", member_ref).map(|reference| Whom::Linked(reference.0))
            }
            // It may name itself; other checks ensure that it names nobody else.
            Naming::Own(own) => {
                self.takes_no(&[by_reference, by_identity], "a token is its member's");
                Some(Whom::Id(own))
            }
            Naming::Anybody => {
                self.takes_no(&[by_reference], "a reference means something to its partner alone");
                self.anybody(member_id, identity)
            }
        }
    }

    /// The member that `member_id` or `identity` names.
    fn anybody(
        &mut self,
        member_id: Option<Ulid<MemberId>>,
        identity: Option<&IdentitySent>,
    ) -> Option<Whom> {
        match (member_id, identity) {
            (Some(_), Some(_)) => {
                self.fault("/identity", "unknown_field", "member_id or identity, not both");
                None
            }
            (Some(id), None) => Some(Whom::Id(id.0)),
            (None, Some(sent)) => match identity::normalize(self.programmes.newest(), sent, "/identity") {
                Ok(known) => Some(Whom::Identity(known.claim(self.api))),
                Err(fault) => {
                    self.faults.push(fault);
                    None
                }
            },
            (None, None) => {
                self.fault("/member_id", "required", "member_id or identity");
                None
            }
        }
    }

    /// The command, if nothing is wrong with the body.
    ///
    /// # Errors
    /// All faults that were noted.
    pub fn finish<T>(self, made: Option<T>) -> Result<T, Problem> {
        match made {
            _ if !self.faults.is_empty() => Err(Problem::invalid_field(&self.faults)),
            Some(made) => Ok(made),
            None => Err(Problem::broken("a body is refused and has no fault")),
        }
    }
}
