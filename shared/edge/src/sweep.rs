//! What the two scheduled functions share: they settle members on whom something is due.

use domain::{member::MemberId, time::Instant};
use engine::{Part, Swept, keys};

use crate::{Answer, Api, At, Call, Problem, Ulid, Whole, answer, body};

/// A number of a part, or of parts.
type Parts = Whole<0, { keys::DUE_SHARDS as i64 }>;

body! {
    /// The body of a scheduled function.
    pub struct Sweep {
        /// what is due by then; not ahead of now; now unless given
        pub as_of: Option<Instant>,
        /// this member alone
        pub member_id: Option<Ulid<MemberId>>,
        /// which part of the members, from 0; several sweeps may share the work
        pub part: Option<Parts>,
        /// of how many, at most 32; needed with part
        pub parts: Option<Parts>,
    }
}

answer! {
    /// The answer of a scheduled function.
    pub struct SweptSoFar {
        /// what was due by then
        pub as_of: At,
        /// members on whom something was due
        pub members: u64,
        /// points that expired
        pub points_expired: u64,
        /// tiers kept, or reached again at a lapse
        pub renewed: u64,
        /// members re-rated upwards at a lapse
        pub upgraded: u64,
        /// members re-rated downwards at a lapse
        pub downgraded: u64,
        /// false: call again
        pub done: bool,
    }
}

/// Settles as the body asks.
///
/// # Errors
/// `as_of` lies ahead of now, there is no such member, or the store failed.
pub async fn sweep(api: &Api, call: &Call, asked: Sweep) -> Result<Answer, Problem> {
    let now = call.request.now;
    // A key that has been used gets its answer, whatever this instance's clock says of the rest.
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        return Ok(Answer::from(answer).replayed(true));
    }
    let as_of = asked.as_of.unwrap_or(now); // what is due by now is meant, unless it is said
    if as_of > now {
        return Err(Problem::field("/as_of", "out_of_range", "not ahead of now"));
    }

    let swept: Swept = match asked.member_id {
        Some(id) => api.engine.ledger().sweep_member(&call.request, id.0, as_of).await?,
        None => {
            let part = part(&asked)?;
            let swept = api.engine.ledger().sweep(&call.request, as_of, part).await?;
            if swept.done && part.is_first() {
                // Signatures are judged by the machine's clock, even under a test's.
                api.engine.access().forget_nonces(api.clock.world()).await?;
            }
            swept
        }
    };

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let body = SweptSoFar {
        as_of: At(zone.show(as_of)),
        members: swept.members,
        points_expired: swept.points_expired,
        renewed: swept.renewed,
        upgraded: swept.upgraded,
        downgraded: swept.downgraded,
        done: swept.done,
    };
    let answer = Answer::new(200, &body);
    if swept.done {
        return Ok(api.engine.access().remember_answer(&call.request, answer.kept()).await?.into());
    }
    // An unfinished sweep is not remembered: the same key continues it.
    Ok(answer)
}

/// The part of the members that the body names; all of them if it names none.
fn part(asked: &Sweep) -> Result<Part, Problem> {
    let number = |part: Parts| u8::try_from(part.0).ok();
    let part = match (asked.part, asked.parts) {
        (None, None) => Some(Part::WHOLE),
        (Some(index), Some(of)) => number(index).zip(number(of)).and_then(|(index, of)| Part::new(index, of)),
        (Some(_), None) | (None, Some(_)) => None,
    };
    part.ok_or_else(|| Problem::field("/part", "out_of_range", "part is 0 to parts - 1, and parts 1 to 32"))
}
