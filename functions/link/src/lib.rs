//! `POST /link`: a partner gives the code that a member asked for, and gets its reference to the member.

use edge::{
    Access, Answer, Api, Call, Code, Function, Kind, Method, Partners, Problem, Route, Text, Ulid, answer,
    body, taking,
};
use engine::id::Reference;

body! {
    /// A partner gives a code.
    struct GiveCode {
        /// as the member gave it; case and dashes do not count
        code: Text<40>,
    }
}

answer! {
    /// A partner is linked.
    struct Linked {
        /// what the partner names the member by; another brand has another
        member_ref: Ulid<Reference>,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "link",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "A partner is linked with the member that a code was made for",
        access: Access::partners_alone(Partners::Any),
        remembers: true,
        answers: &[(200, Linked::SHAPE)],
        problems: &[Code::LinkCodeNotFound],
        ..taking!(GiveCode => handle)
    }],
};

async fn handle(api: &Api, call: &Call, body: GiveCode) -> Result<Answer, Problem> {
    // Nobody else can ask this.
    let brand = call.caller.brand.as_ref().ok_or_else(Problem::forbidden)?;
    let reference = Reference(api.chance.bytes()?);
    let tell = |reference| Answer::new(200, &Linked { member_ref: Ulid(reference) }).kept();

    let told = api.guess(call, async {
        let code = api.secrets.link_code_hash(&body.code);
        Ok(api.engine.partners().link(&call.request, brand, code, reference, tell).await?)
    });

    Ok(told.await?.into())
}
