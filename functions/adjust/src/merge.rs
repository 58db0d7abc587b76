//! Two records of one person are joined, and parted again.

use domain::{id::MergeId, member::MemberId, refusal::Refusal};
use edge::{
    Access, Answer, Api, Call, Code, Kind, List, Members, Method, Notes, Problem, Role, Route, Text, Ulid,
    answer, body, changed, taking,
    wire::{Entry, Member, Show, read_id},
};
use engine::{MergeAsk, Merged, UnmergeAsk, Unmerged};

body! {
    /// Another record of the same person is merged into a member.
    struct MergeMember {
        /// the other record, which leads to the member from then on
        member_id: Ulid<MemberId>,
        /// why; kept with the entries
        reason: Text<500>,
        /// in place of staff's word: proofs of an identity of each, as codes that were sent; none is good yet
        proofs: Option<List<Text<64>, 2, 2>>,
        /// whether to answer without writing
        dry_run: Option<bool>,
    }
}

body! {
    /// A merge is undone.
    struct UnmergeMember {
        /// which one
        merge_id: Ulid<MergeId>,
        /// why; kept with the entries
        reason: Text<500>,
    }
}

answer! {
    /// Two records of one person are joined.
    struct MembersMerged<'a> {
        /// the merge, by which it can be undone
        merge_id: Ulid<MergeId>,
        /// the member that stays
        member: Member<'a>,
        /// the entry of the other record, and that of the member; they add up to nothing
        entries: List<Entry<'a>, 2, 2>,
    }
}

answer! {
    /// Two records that had been joined are parted.
    struct MembersParted<'a> {
        /// the record that stands for itself again, and the member
        members: List<Member<'a>, 2, 2>,
        /// their entries; they add up to nothing
        entries: List<Entry<'a>, 2, 2>,
    }
}

/// `POST /members/{id}/merge`.
pub(crate) const MERGE: Route = Route {
    method: Method::Post,
    path: "/{id}/merge",
    summary: "Merges another record of the same person into a member",
    access: Access::keys(&[Role::Storefront, Role::Operator]).and_members(Members::Joining),
    notes: Some(Notes::of_staff("member.merged")),
    remembers: true,
    answers: &[(200, MembersMerged::SHAPE)],
    problems: &[
        Code::MemberNotFound,
        Code::MemberNotActive,
        Code::MemberMerged,
        Code::ProofRequired,
        Code::ProofInvalid,
        Code::LimitExceeded,
    ],
    ..taking!(MergeMember => merge)
};

/// `POST /members/{id}/unmerge`.
pub(crate) const UNMERGE: Route = Route {
    method: Method::Post,
    path: "/{id}/unmerge",
    summary: "Undoes a merge: both records stand for themselves again, each with what came by way of it",
    access: Access::keys(&[Role::Operator]),
    notes: Some(Notes::of_staff("member.unmerged")),
    remembers: true,
    answers: &[(200, MembersParted::SHAPE)],
    problems: &[Code::MemberNotFound, Code::MergeNotFound, Code::UnmergeRefused, Code::LimitExceeded],
    ..taking!(UnmergeMember => unmerge)
};

fn named(call: &Call) -> Result<MemberId, Problem> {
    let id = call.path.first().and_then(|id| read_id(id));
    id.ok_or_else(|| Refusal::MemberNotFound.into())
}

async fn merge(api: &Api, call: &Call, body: MergeMember) -> Result<Answer, Problem> {
    // Codes are not sent yet, so no proof is good.
    if body.proofs.is_some() {
        return Err(Problem::of(Code::ProofInvalid));
    }
    // Only staff say by their word alone that two records are one person's.
    if !call.caller.is_staff() {
        let detail = "`proofs`: of an identity of each of the two records, of the purpose `merge`";
        return Err(Problem::saying(Code::ProofRequired, detail));
    }
    let ask = MergeAsk {
        into: named(call)?,
        from: body.member_id.0,
        reason: body.reason.into(),
        merge: api.new_id(call.request.now)?,
        changed: changed(call),
    };

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let tell = |merged: &Merged| {
        let member = show.member(&merged.view, api.viewer(call));
        let entries = merged.entries.iter().map(|entry| show.entry(entry)).collect();
        Answer::new(200, &MembersMerged { merge_id: Ulid(merged.merge), member, entries }).kept()
    };
    let told = api.engine.people().merge(&call.request, &ask, tell).await?;

    Ok(told.into())
}

async fn unmerge(api: &Api, call: &Call, body: UnmergeMember) -> Result<Answer, Problem> {
    let ask = UnmergeAsk { member: named(call)?, merge: body.merge_id.0, reason: body.reason.into() };

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let tell = |parted: &Unmerged| {
        let members = parted.views.iter().map(|view| show.member(view, api.viewer(call))).collect();
        let entries = parted.entries.iter().map(|entry| show.entry(entry)).collect();
        Answer::new(200, &MembersParted { members, entries }).kept()
    };
    let told = api.engine.people().unmerge(&call.request, &ask, tell).await?;

    Ok(told.into())
}
