//! `POST /adjust`: an operator moves points or growth by hand, with a reason. And two records of one person are joined,
//! and parted again, below the paths of the function `members`.

mod merge;

use domain::{
    decide::Adjust,
    id::{AdjustmentId, BrandId},
    member::MemberId,
    number::SignedFigure,
    time::Instant,
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, IdentitySent, Kind, Method, Notes, Problem, Role, Route,
    Text, Ulid, body, given, taking, wire::Adjusted,
};
use engine::Act;

body! {
    /// An operator moves points or growth.
    struct AdjustPoints {
        /// the member, or `identity`
        member_id: Option<Ulid<MemberId>>,
        /// in place of `member_id`
        identity: Option<IdentitySent>,
        /// the brand that issues added points
        brand: BrandId,
        /// a minus takes; 0 unless given
        points: Option<SignedFigure>,
        /// a minus takes; 0 unless given
        growth: Option<SignedFigure>,
        /// why; kept with the entry
        reason: Text<500>,
        /// the adjustment's natural key
        adjustment_id: AdjustmentId,
        /// of added points; by the programme's rule unless given
        expires_at: Option<Instant>,
        /// whether the brand settles added points as issued and taken ones as taken back; false unless given
        bill: Option<bool>,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "adjust",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "An operator moves points or growth by hand",
        notes: Some(Notes::of_staff("points.adjusted")),
        access: Access::keys(&[Role::Operator]),
        remembers: true,
        answers: &[(200, Adjusted::SHAPE)],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::OrderConflict,
            Code::MemberNotActive,
            Code::LimitExceeded,
        ],
        ..taking!(AdjustPoints => handle)
    }],
};

/// Two records of one person, below the paths of the function `members`.
pub static MEMBERS: Function = Function { name: "members", routes: &[merge::MERGE, merge::UNMERGE] };

async fn handle(api: &Api, call: &Call, body: AdjustPoints) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = form.whom(body.member_id, body.identity.as_ref(), None);
    // A missing figure moves nothing.
    let (points, growth) =
        (body.points.unwrap_or(SignedFigure::ZERO), body.growth.unwrap_or(SignedFigure::ZERO));
    if (points, growth) == (SignedFigure::ZERO, SignedFigure::ZERO) {
        form.fault("/points", "required", "points or growth, not 0");
    }
    if points <= SignedFigure::ZERO {
        form.takes_no(given!(body: expires_at), "only added points expire");
    }
    let whom = form.finish(whom)?;
    let adjust = Adjust {
        brand: body.brand,
        points,
        growth,
        reason: body.reason.into(),
        expires_at: body.expires_at,
        occurred_at: None,
        bill: body.bill == Some(true),
    };

    let done =
        api.engine.ledger().execute(&call.request, &Act::adjust(whom, &body.adjustment_id, adjust)).await?;

    api.done::<Adjusted>(call, &done).await
}
