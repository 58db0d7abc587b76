//! `POST /expire-points`: points whose time has come expire, and whatever else is due is written down.
//!
//! Only writes down what settling already makes true: late, repeated or never, it changes no figure.

use edge::{
    Access, Answer, Api, Call, Code, Function, Method, Problem, Role, Route, SWEEP_ANSWER, SWEEP_REQUEST,
};

/// The function.
pub static FUNCTION: Function = Function {
    name: "expire-points",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Points whose time has come expire, and whatever else is due is written down",
        access: Access::keys(&[Role::Scheduler, Role::Operator]),
        body: Some(SWEEP_REQUEST),
        remembers: true,
        answers: &[(200, SWEEP_ANSWER)],
        problems: &[Code::MemberNotFound],
        query: &[],
        handler: |api, call| Box::pin(handle(api, call)),
    }],
};

async fn handle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    edge::sweep(api, call).await
}
