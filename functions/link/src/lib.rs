//! `POST /link`: a partner gives the code that a member asked for, and gets its reference to the member.

use domain::shape::{Shape, required};
use edge::{Access, Answer, Api, Call, Code, Function, Method, Partners, Problem, Route, wire};
use engine::id::Reference;
use serde_json::json;

const REQUEST: Shape = Shape::Object(&[required(
    "code",
    Shape::Text { max: 40 },
    "as the member gave it; case and dashes do not count",
)]);

const ANSWER: Shape = Shape::Object(&[required(
    "member_ref",
    Shape::Ulid { prefix: "lnk_" },
    "what the partner names the member by; another brand has another",
)]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "link",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "A partner is linked with the member that a code was made for",
        access: Access::partners_alone(Partners::Any),
        body: Some(REQUEST),
        remembers: true,
        answers: &[(200, ANSWER)],
        problems: &[Code::LinkCodeNotFound],
        query: &[],
        handler: |api, call| Box::pin(handle(api, call)),
    }],
};

async fn handle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    // Nobody else can ask this.
    let brand = call.caller.brand.as_deref().ok_or_else(Problem::forbidden)?;
    let reference = Reference(api.chance.bytes()?);
    let tell = |reference: Reference| Answer::new(200, &json!({"member_ref": wire::id(reference)})).kept();

    let told = api.guess(call, async {
        let typed = call.body.text_of("code").unwrap_or_default();
        let code = api.secrets.link_code_hash(typed);
        Ok(api.engine.partners().link(&call.request, brand, code, reference, tell).await?)
    });

    Ok(told.await?.into())
}
