//! Events that must not be played side by side: those of one member, however each names it, and those of one order.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use domain::{
    id::{BrandId, OrderId},
    json::Json,
    member::MemberId,
};
use edge::wire::{member_id, read_id};
use files::Row;
use landing::{held_together, identities, registration};

use super::{Run, events, events::Event};
use crate::{
    rows::{object, text},
    start::StartError,
};

/// Whom the texts of a file mean: nobody registers while it is replayed.
#[derive(Default)]
pub(super) struct Members(HashMap<String, Option<MemberId>>);

/// Events of a window that may be of one member or one order, as places in it, each in the window's order.
pub(super) async fn groups(
    run: &Run,
    members: &mut Members,
    window: &[Event],
) -> Result<Vec<Vec<usize>>, StartError> {
    let mut names = Vec::with_capacity(window.len());
    for event in window {
        let Ok(row) = run.sheet.row(event.first) else { continue };
        let mut own: Vec<u64> = events::order_name(&row).into_iter().collect();
        let member = match members.named(run, &row).await? {
            Some(member) => Some(member),
            None => of_order(run, &row).await?,
        };
        match member {
            Some(member) => {
                let mut hash = DefaultHasher::new();
                ("member", member).hash(&mut hash);
                own.push(hash.finish());
            }
            None => own.extend(landing::who(&row)),
        }
        names.push(own);
    }
    Ok(held_together(names.into_iter()))
}

/// The member of a refund that names nobody.
async fn of_order(run: &Run, row: &Row<'_>) -> Result<Option<MemberId>, StartError> {
    let programmes = run.api.engine.programme().timeline().map_err(super::unreadable)?;
    let brand = match (row.get("brand"), programmes.newest().brands.as_slice()) {
        (Some(cell), _) => BrandId::of_checked(cell.text),
        (None, [only]) => only.id.clone(),
        _ => return Ok(None),
    };
    let Some(order) = row.get("order_id") else { return Ok(None) };
    let order = OrderId::of_checked(order.text);
    run.api.engine.ledger().member_of_order(&brand, &order).await.map_err(super::unreadable)
}

/// Names the event's member by its id, if there is one.
pub(super) async fn name_member(run: &Run, event: &Event, body: &mut Json) -> Result<(), StartError> {
    let Ok(row) = run.sheet.row(event.first) else { return Ok(()) };
    let (Some(member), Json::Object(fields)) = (Members::default().named(run, &row).await?, body) else {
        return Ok(());
    };
    if let Some(field) = fields.iter_mut().find(|(name, _)| name == "identity") {
        *field = ("member_id".into(), Json::Text(member_id(member).into()));
    }
    Ok(())
}

impl Members {
    /// The member that a row names.
    async fn named(&mut self, run: &Run, row: &Row<'_>) -> Result<Option<MemberId>, StartError> {
        if let Some(id) = row.get("member_id") {
            return Ok(read_id(id.text));
        }
        let Ok(named) = identities(row) else { return Ok(None) };
        let Some(first) = named.first() else { return Ok(None) };
        let name = format!("{} {:?} {}", first.kind, first.channel, first.cell.text);
        if let Some(known) = self.0.get(&name) {
            return Ok(*known);
        }
        let brand = {
            let programmes = run.api.engine.programme().timeline().map_err(super::unreadable)?;
            programmes.newest().brands[0].id.to_string() // a programme has one
        };
        let identities = Json::List(named.iter().map(|one| registration(one, false)).collect());
        let body = object([("identities", Some(identities)), ("brand", text(Some(&brand)))]);
        let person =
            edge::checked(&body).and_then(|sent| edge::person(&run.api, sent, true, run.api.clock.now()));
        let mut member = None;
        for claim in person.iter().flat_map(|(_, claims)| claims) {
            let found = run.api.engine.records().claimed_by(claim).await.map_err(super::unreadable)?;
            member = member.or(found);
        }
        self.0.insert(name, member);
        Ok(member)
    }
}
