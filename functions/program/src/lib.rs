//! `GET /program` · `PUT /program`: the programme, one versioned document.

use domain::{
    json::Json,
    programme::{self, Programme},
    shape::Fault,
};
use edge::{
    Access, Answer, Api, Call, Code, Function, Kind, List, Method, Notes, Problem, ProgrammeDocument, Role,
    Route, Text, answer, asking, taking,
};
use serde_json::Value;

/// The longest programme, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

answer! {
    /// A version was saved.
    struct SavedProgramme {
        /// the version it is saved as
        version: u32,
        /// what is allowed, and may not be what is meant
        warnings: List<Warning, 0, 100>,
    }
}

answer! {
    /// Something about a programme that its author should know.
    struct Warning {
        /// RFC 6901, into the programme
        pointer: Text<200>,
        /// a stable word for the kind of warning
        code: Text<64, &'static str>,
        /// what happens, and what would avoid it, for people
        detail: Text<2_000>,
    }
}

impl From<Fault> for Warning {
    fn from(fault: Fault) -> Warning {
        Warning { pointer: Text(fault.pointer), code: Text(fault.code), detail: Text(fault.detail) }
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "program",
    routes: &[
        Route {
            method: Method::Get,
            path: "",
            summary: "The programme's newest version, with its number as `version`",
            access: Access::keys(&[Role::Operator, Role::Storefront, Role::Scheduler]),
            remembers: false,
            answers: &[(200, ProgrammeDocument::<Value>::SHAPE)],
            problems: &[Code::NoProgram],
            ..asking!(get)
        },
        Route {
            method: Method::Put,
            path: "",
            summary: "Saves a new version; with `version`, only on top of that one",
            notes: Some(Notes::of_staff("program.saved")),
            access: Access::keys(&[Role::Operator]),
            body_bytes_max: BODY_BYTES_MAX,
            remembers: false,
            answers: &[(200, SavedProgramme::SHAPE)],
            problems: &[Code::ProgramConflict, Code::InvalidProgram],
            ..taking!(ProgrammeDocument<Json> => put)
        },
    ],
};

async fn get(api: &Api, _: &Call) -> Result<Answer, Problem> {
    let (version, text) = api.engine.programme().document().await?;
    let document: Option<Value> = serde_json::from_str(&text).ok();
    let mut document = document.ok_or_else(|| Problem::broken("a saved programme is no JSON"))?;
    document["version"] = version.into();
    Ok(Answer::new(200, &ProgrammeDocument(document)))
}

async fn put(
    api: &Api,
    call: &Call,
    ProgrammeDocument(mut document): ProgrammeDocument<Json>,
) -> Result<Answer, Problem> {
    // The programme belongs to every brand.
    if call.caller.brand.is_some() {
        return Err(Problem::forbidden());
    }
    // A number beyond every version is not the newest either.
    let based_on = document.whole_of("version").map(|version| u32::try_from(version).unwrap_or(u32::MAX));
    let text: Option<Value> = serde_json::from_slice(&call.text).ok();
    let mut text = text.ok_or_else(|| Problem::broken("a body that was read as JSON is none"))?;
    if let (Json::Object(fields), Value::Object(members)) = (&mut document, &mut text) {
        fields.retain(|(name, _)| name != "version");
        members.shift_remove("version");
    }

    // What has faults is refused below, and needs no warning.
    let read = programme::read(&document, 1, call.request.now);
    let warnings = || read.iter().flat_map(Programme::warnings).map(Warning::from).collect();
    let tell = |version: u32| Answer::new(200, &SavedProgramme { version, warnings: warnings() }).kept();
    let answer =
        api.engine.programme().save(&call.request, &document, &text.to_string(), based_on, tell).await?;

    // A brand may have become a partner: its keys are read with the rest.
    api.refresh().await?;
    Ok(answer.into())
}
