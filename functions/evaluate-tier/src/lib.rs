//! `POST /evaluate-tier`: tiers whose period has ended are kept or re-rated, and whatever else is due is written down.
//!
//! Only writes down what settling already makes true: late, repeated or never, it changes no figure.

use edge::{Access, Code, Function, Kind, Method, Role, Route, Sweep, SweptSoFar, taking};

/// The function.
pub static FUNCTION: Function = Function {
    name: "evaluate-tier",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Tiers whose period has ended are kept or re-rated, and whatever else is due is written down",
        access: Access::keys(&[Role::Scheduler, Role::Operator]),
        remembers: true,
        answers: &[(200, SweptSoFar::SHAPE)],
        problems: &[Code::MemberNotFound],
        ..taking!(Sweep => edge::sweep)
    }],
};
