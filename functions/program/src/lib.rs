//! `GET /program` · `PUT /program`: the programme, one versioned document.

use domain::{
    json::Json,
    shape::{COUNT, Shape, required},
};
use edge::{Access, Answer, Api, Call, Code, Function, Method, Problem, Role, Route};
use serde_json::{Value, json};

const ANSWER: Shape = Shape::Object(&[required("version", COUNT, "the version it is saved as")]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "program",
    routes: &[
        Route {
            method: Method::Get,
            path: "",
            summary: "The programme's newest version, with its number as `version`",
            access: Access::keys(&[Role::Operator, Role::Storefront, Role::Scheduler]),
            body: None,
            remembers: false,
            answers: &[(200, domain::programme::SHOWN)],
            problems: &[Code::NoProgram],
            query: &[],
            handler: |api, call| Box::pin(get(api, call)),
        },
        Route {
            method: Method::Put,
            path: "",
            summary: "Saves a new version; with `version`, only on top of that one",
            access: Access::keys(&[Role::Operator]),
            body: Some(domain::programme::SHOWN),
            remembers: false,
            answers: &[(200, ANSWER)],
            problems: &[Code::ProgramConflict, Code::InvalidProgram],
            query: &[],
            handler: |api, call| Box::pin(put(api, call)),
        },
    ],
};

async fn get(api: &Api, _: &Call) -> Result<Answer, Problem> {
    let (version, text) = api.engine.programme().document().await?;
    let mut document: Value = serde_json::from_str(&text).unwrap_or_default(); // it was read when it was saved
    document["version"] = version.into();
    Ok(Answer::new(200, &document))
}

async fn put(api: &Api, call: &Call) -> Result<Answer, Problem> {
    // The programme is every brand's.
    if call.caller.brand.is_some() {
        return Err(Problem::forbidden());
    }
    // A number beyond any version is not the newest one either.
    let based_on = call.body.whole_of("version").map(|version| u32::try_from(version).unwrap_or(u32::MAX));
    let mut text: Value = serde_json::from_slice(&call.text).unwrap_or_default(); // it was read as JSON before
    let mut document = call.body.clone();
    if let (Json::Object(fields), Value::Object(members)) = (&mut document, &mut text) {
        fields.retain(|(name, _)| name != "version");
        members.shift_remove("version");
    }

    let tell = |version: u32| Answer::new(200, &json!({"version": version})).kept();
    let answer =
        api.engine.programme().save(&call.request, &document, &text.to_string(), based_on, tell).await?;

    // A brand may be a partner now: its keys are read with the rest.
    api.refresh().await?;
    Ok(answer.into())
}
