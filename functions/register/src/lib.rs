//! `POST /register`: somebody becomes a member, or is found to be one.

use domain::member::Person;
use edge::{
    Access, Answer, Api, Call, Code, Function, Kind, Method, Problem, Registration, Role, Route, SignalsSent,
    answer, taking,
    wire::{Member, Show},
};
use engine::Registered;

answer! {
    /// Who is a member now, or was.
    struct RegisteredMember<'a> {
        /// the member
        member: Member<'a>,
        /// whether it is new
        created: bool,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "register",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Somebody becomes a member, or is found to be one",
        access: Access::keys(&[Role::Storefront, Role::Operator]),
        remembers: true,
        answers: &[(200, RegisteredMember::SHAPE), (201, RegisteredMember::SHAPE)],
        problems: &[
            Code::BrandNotFound,
            Code::MemberNotFound,
            Code::IdentityConflict,
            Code::ProofInvalid,
            Code::NotAdmitted,
            Code::LimitExceeded,
        ],
        ..taking!(Registration => handle)
    }],
};

async fn handle(api: &Api, call: &Call, body: Registration) -> Result<Answer, Problem> {
    let programmes = api.engine.programme().timeline()?;
    let brand = body.brand.clone();
    let signals = body.signals.as_ref().map_or_else(Vec::new, SignalsSent::hashes);
    let (person, claims) = match edge::person(api, body, call.caller.is_staff(), call.request.now) {
        Ok((person, claims)) => (Person { changed: Some(edge::changed(call)), ..person }, claims),
        // What was answered before is answered again, whatever would be refused now: a birthday is judged by today.
        Err(problem) => {
            let before = api.engine.access().remembered(&call.request).await?;
            return before.map(|answer| Answer::from(answer).replayed(true)).ok_or(problem);
        }
    };
    api.may_act_for(call, &brand)?;
    let now = call.request.now;
    let registration =
        engine::Registration { id: api.new_id(now)?, registered_at: now, person, claims, signals };

    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let tell = |registered: &Registered| {
        let status = if registered.created { 201 } else { 200 };
        let member = show.member(&registered.view, api.viewer(call));
        Answer::new(status, &RegisteredMember { member, created: registered.created }).kept()
    };
    let told = api.engine.people().register(&call.request, &registration, tell).await?;

    Ok(told.into())
}
