//! How a member is known: an identity is added, or removed.

use domain::{member::MemberId, refusal::Refusal};
use edge::{
    Answer, Api, Call, Code, IdentityTold, Kind, Method, Notes, Problem, Route, answer, asking, body,
    changed, stored_claim, taking,
    wire::{Identity, IdentityId, Member, Show, read_id},
};
use engine::{NewIdentity, OwnIdentity};

use crate::{SHOP_AND_OWN, named};

/// The longest reason, in characters, as where a badge is taken back.
const REASON_MAX: usize = 500;

body! {
    /// An identity is added to a member.
    struct AddIdentity {
        /// how else the person is known; a member's token needs its proof
        identity: IdentityTold,
    }
}

answer! {
    /// A member has an identity.
    struct MemberIdentity<'a> {
        /// as the member has it
        identity: Identity<'a>,
        /// the member
        member: Member<'a>,
    }
}

answer! {
    /// An identity was removed.
    struct IdentityRemoved<'a> {
        /// the member without it
        member: Member<'a>,
    }
}

/// `POST /members/{id}/identities`.
pub(crate) const ADD: Route = Route {
    method: Method::Post,
    path: "/{id}/identities",
    summary: "Adds an identity to a member, or verifies one that it has",
    notes: Some(Notes::of_staff("identity.added")),
    access: SHOP_AND_OWN,
    remembers: true,
    answers: &[(200, MemberIdentity::SHAPE), (201, MemberIdentity::SHAPE)],
    problems: &[
        Code::MemberNotFound,
        Code::MemberNotActive,
        Code::IdentityConflict,
        Code::ProofInvalid,
        Code::ProofRequired,
        Code::LimitExceeded,
    ],
    ..taking!(AddIdentity => add)
};

/// `DELETE /members/{id}/identities/{identity_id}`.
pub(crate) const REMOVE: Route = Route {
    method: Method::Delete,
    path: "/{id}/identities/{identity_id}",
    summary: "Removes an identity of a member, unless it is the only one",
    notes: Some(Notes::of_staff("identity.removed").without_part()),
    access: SHOP_AND_OWN,
    remembers: false,
    answers: &[(200, IdentityRemoved::SHAPE)],
    problems: &[Code::MemberNotFound, Code::IdentityNotFound, Code::LastIdentity],
    query: &["reason"],
    ..asking!(remove)
};

async fn add(api: &Api, call: &Call, body: AddIdentity) -> Result<Answer, Problem> {
    let member = named(call)?;
    let (identity, claim) = edge::identity_told(api, &body.identity, "/identity")?;
    // A member vouches for nothing: it proves.
    if call.caller.grant.is_some() {
        return Err(Refusal::ProofRequired.into());
    }
    let new = NewIdentity { member, identity, claim, proved: false, changed: changed(call) };

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let tell = |own: &OwnIdentity| {
        let identity = show.identity(own.of, &own.identity, &api.secrets);
        let member = show.member(&own.view, api.viewer(call));
        Answer::new(if own.added { 201 } else { 200 }, &MemberIdentity { identity, member }).kept()
    };
    let told = api.engine.people().add_identity(&call.request, &new, tell).await?;

    Ok(told.into())
}

async fn remove(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let member = named(call)?;
    // It is asked for as everywhere, and there is no entry to keep it with.
    call.words("reason", REASON_MAX)?;
    let id = call.path.get(1).and_then(|id| read_id::<IdentityId>(id));
    let claim = |of: MemberId, own: &domain::member::Identity| {
        (id == Some(api.secrets.identity_id(of, own))).then(|| stored_claim(api, own))
    };

    api.engine.people().remove_identity(&call.request, member, &changed(call), claim).await?;

    let view = api.engine.people().member(member, call.request.now).await?;
    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let answer = IdentityRemoved { member: show.member(&view, api.viewer(call)) };
    Ok(Answer::new(200, &answer).tagged(api.tag_of(&view.person)))
}
