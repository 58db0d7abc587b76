//! Reads checked bodies into the domain's types. What a shape cannot say (the currency's digits,
//! either this field or that) is checked here, all faults at once.

use domain::{
    json::Json,
    number::{Currency, Money},
    shape::Fault,
    time::{Instant, Zone},
};
use engine::Whom;

use crate::{Api, Call, Problem, access::Naming};

/// A body being read.
pub struct Form<'a> {
    api: &'a Api,
    body: &'a Json,
    naming: Naming,
    /// The programme's money.
    pub currency: Currency,
    /// The programme's calendar.
    pub zone: Zone,
    faults: Vec<Fault>,
}

impl<'a> Form<'a> {
    /// A form over the call's body.
    ///
    /// # Errors
    /// There is no programme yet.
    pub fn new(api: &'a Api, call: &'a Call) -> Result<Form<'a>, Problem> {
        let (currency, zone) = api.engine.programme().currency_and_zone()?;
        let naming = call.caller.naming();
        Ok(Form { api, body: &call.body, naming, currency, zone, faults: Vec::new() })
    }

    /// Notes a fault.
    pub fn fault(&mut self, pointer: impl Into<String>, code: &'static str, detail: &str) {
        self.faults.push(Fault::new(pointer, code, detail));
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.body.get(name).is_some()
    }

    /// A text field; empty if it is not there.
    pub fn text(&self, name: &str) -> String {
        self.body.text_of(name).unwrap_or_default().to_owned()
    }

    /// A text field, if it is there.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.body.text_of(name).map(str::to_owned)
    }

    /// A whole number; 0 if it is not there.
    pub fn whole(&self, name: &str) -> i64 {
        self.body.whole_of(name).unwrap_or(0)
    }

    /// An instant, if it is there.
    pub fn instant(&self, name: &str) -> Option<Instant> {
        self.body.text_of(name).and_then(Instant::parse)
    }

    /// A field that must be there for this kind of request.
    pub fn needs(&mut self, name: &str) -> String {
        if !self.has(name) {
            self.fault(format!("/{name}"), "required", "needed here");
        }
        self.text(name)
    }

    /// Fields that do not belong to this kind of request.
    pub fn takes_no(&mut self, names: &[&str], why: &str) {
        for name in names {
            if self.has(name) {
                self.fault(format!("/{name}"), "unknown_field", why);
            }
        }
    }

    /// An amount of the programme's currency.
    pub fn money(&mut self, json: Option<&Json>, pointer: &str) -> Option<Money> {
        let text = json.and_then(Json::text)?;
        let money = Money::parse(text, self.currency);
        if money.is_none() {
            let detail = match self.currency.digits {
                0 => "whole units without a point, at most 13 digits".to_owned(),
                digits => format!("at most 13 digits before the point and {digits} after it"),
            };
            self.faults.push(Fault::new(pointer, "wrong_format", detail));
        }
        money
    }

    /// The member that the request names, in the way that the caller names members.
    pub fn whom(&mut self) -> Whom {
        match self.naming {
            Naming::Reference => {
                self.takes_no(&["member_id", "identity"], "a partner names a member by member_ref");
                let reference = self.needs("member_ref");
                crate::wire::read_id(&reference).map_or(Whom::Nobody, Whom::Linked)
            }
            // It may say who it is; that it is no other has been checked.
            Naming::Own(own) => {
                self.takes_no(&["member_ref", "identity"], "a token is its member's");
                Whom::Id(own)
            }
            Naming::Anybody => {
                self.takes_no(&["member_ref"], "a reference means something to its partner alone");
                self.anybody()
            }
        }
    }

    /// The member that `member_id` or `identity` names.
    fn anybody(&mut self) -> Whom {
        match (self.body.text_of("member_id"), self.body.get("identity")) {
            (Some(_), Some(_)) => {
                self.fault("/identity", "unknown_field", "member_id or identity, not both");
                Whom::Nobody
            }
            (Some(id), None) => crate::wire::read_member_id(id).map_or(Whom::Nobody, Whom::Id),
            (None, Some(identity)) => match crate::identity::normalize(self.api, identity, "/identity") {
                Ok(identity) => Whom::Identity(crate::identity::claim(self.api, &identity)),
                Err(fault) => {
                    self.faults.push(fault);
                    Whom::Nobody
                }
            },
            (None, None) => {
                self.fault("/member_id", "required", "member_id or identity");
                Whom::Nobody
            }
        }
    }

    /// The body.
    pub fn body(&self) -> &'a Json {
        self.body
    }

    /// # Errors
    /// All faults that were noted.
    pub fn finish(&self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::invalid_field(&self.faults)) }
    }
}
