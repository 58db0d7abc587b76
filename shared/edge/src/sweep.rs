//! What the two scheduled functions share: they settle members on whom something is due.

use domain::json::Json;
use domain::shape::{COUNT, Shape, optional, required};
use engine::{Part, Swept, keys};
use serde_json::json;

use crate::{Answer, Api, Call, Problem, wire};

const PARTS: Shape = Shape::Whole { min: 0, max: keys::DUE_SHARDS as i64 };

/// The body of a scheduled function.
pub const SWEEP_REQUEST: Shape = Shape::Object(&[
    optional("as_of", Shape::Instant, "what is due by then; not ahead of now; now unless given"),
    optional("member_id", Shape::Ulid { prefix: "mbr_" }, "this member alone"),
    optional("part", PARTS, "which part of the members, from 0; several sweeps may share the work"),
    optional("parts", PARTS, "of how many, at most 32; needed with part"),
]);

/// The answer of a scheduled function.
pub const SWEEP_ANSWER: Shape = Shape::Object(&[
    required("as_of", Shape::Instant, "what was due by then"),
    required("members", COUNT, "members on whom something was due"),
    required("points_expired", COUNT, "points that expired"),
    required("renewed", COUNT, "tiers kept, or reached again at a lapse"),
    required("upgraded", COUNT, "members re-rated upwards at a lapse"),
    required("downgraded", COUNT, "members re-rated downwards at a lapse"),
    required("done", Shape::Bool, "false: call again"),
]);

/// Settles as the body asks.
///
/// # Errors
/// `as_of` lies ahead of now, there is no such member, or the store failed.
pub async fn sweep(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let now = call.request.now;
    // What was done under its key is answered, whatever this instance's clock makes of the rest.
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        return Ok(Answer::from(answer).replayed(true));
    }
    let as_of = call.body.text_of("as_of").and_then(domain::time::Instant::parse).unwrap_or(now);
    if as_of > now {
        return Err(Problem::field("/as_of", "out_of_range", "not ahead of now"));
    }

    let swept: Swept = match call.body.text_of("member_id").and_then(wire::read_member_id) {
        Some(id) => api.engine.ledger().sweep_member(&call.request, id, as_of).await?,
        None => {
            let part = part(&call.body)?;
            let swept = api.engine.ledger().sweep(&call.request, as_of, part).await?;
            if swept.done && part.is_first() {
                // Signatures are judged by the machine's clock, also under a test's.
                api.engine.access().forget_nonces(api.clock.world()).await?;
            }
            swept
        }
    };

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let body = json!({
        "as_of": zone.show(as_of),
        "members": swept.members,
        "points_expired": swept.points_expired,
        "renewed": swept.renewed,
        "upgraded": swept.upgraded,
        "downgraded": swept.downgraded,
        "done": swept.done,
    });
    let answer = Answer::new(200, &body);
    if swept.done {
        return Ok(api.engine.access().remember_answer(&call.request, answer.kept()).await?.into());
    }
    // What is not done is not remembered: the same key goes on.
    Ok(answer)
}

/// The part of the members that the body names; all of them if it names none.
fn part(body: &Json) -> Result<Part, Problem> {
    let number = |name: &str| body.whole_of(name).map(|number| u8::try_from(number).unwrap_or(u8::MAX));
    let part = match (number("part"), number("parts")) {
        (None, None) => Some(Part::WHOLE),
        (index, of) => Part::new(index.unwrap_or(u8::MAX), of.unwrap_or(0)),
    };
    part.ok_or_else(|| Problem::field("/part", "out_of_range", "part is 0 to parts - 1, and parts 1 to 32"))
}
