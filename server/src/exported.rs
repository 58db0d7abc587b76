//! The values exported for people and programs: members and their entries, versions of the programme and of offers,
//! guests' uses, blocks and closed settlements. `laurel export` writes them to files; `laurel audit --settlement` computes with
//! them.

mod of_offers;

use std::io;

use bytes::Bytes;
use edge::{
    Api,
    wire::{Show, Viewer},
};
use serde_json::{Value, json};

use crate::{
    home::AdminKey,
    progress,
    start::{Opened, StartError, failed},
};

pub(crate) use of_offers::{guests, offers};

/// The file of members, a line each.
pub(crate) const MEMBERS: &str = "members.jsonl";
/// The file of entries; those of one member stand together, newest first.
pub(crate) const LEDGER: &str = "ledger.jsonl";
/// The file of the programme's versions, oldest first.
pub(crate) const PROGRAMS: &str = "programs.jsonl";
/// The file of blocks that were bought.
pub(crate) const BLOCKS: &str = "blocks.jsonl";
/// The file of offers' versions, by offer, oldest first.
pub(crate) const OFFERS: &str = "offers.jsonl";
/// The file of what guests' uses say: a line for each telling and each return of one.
pub(crate) const GUESTS: &str = "guests.jsonl";
/// The file of closed settlements, newest first.
pub(crate) const SETTLEMENTS: &str = "settlements.jsonl";

const PAGE: usize = 500;
const LEDGER_PAGE: usize = 200;

/// Receives members and entries: each member, then its entries, newest first.
pub(crate) trait Takes {
    /// A member; `entries` is how many its ledger has.
    fn member(&mut self, member: &Value) -> io::Result<()>;
    /// An entry of the member `member_id`.
    fn entry(&mut self, entry: &Value) -> io::Result<()>;
    /// The entry before this member's last one cannot be found.
    fn broken(&mut self, member: &Value) -> io::Result<()>;
}

fn unreadable(error: engine::Error) -> StartError {
    failed("cannot read the store", &error)
}

/// Hands over every member and every entry.
pub(crate) async fn each(api: &Api, taker: &mut impl Takes, what: &'static str) -> Result<(), StartError> {
    let unwritable = |error: io::Error| failed("cannot write", &error);
    let programmes = api.engine.programme().timeline().map_err(unreadable)?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let viewer = Viewer { secrets: &api.secrets, staff: true };
    let now = api.clock.now();
    let bar = progress::bar(0, what);
    let (mut members, mut after) = (0, None);
    loop {
        let (page, following) = api.engine.records().member_ids(after, PAGE).await.map_err(unreadable)?;
        for id in &page {
            let view = api.engine.people().member_itself(*id, now).await.map_err(unreadable)?;
            let mut member = json!(show.member(&view, viewer));
            // What is due is in its ledger too, and shown as not written down yet.
            member["entries"] = view.member.seq.into();
            taker.member(&member).map_err(unwritable)?;
            members += 1;
            let mut place = None;
            loop {
                let (listed, next) = match api.engine.ledger().entries(*id, place, LEDGER_PAGE, now).await {
                    // The cursor is our own, so the entry there is gone.
                    Err(engine::Error::ForeignPlace) => {
                        taker.broken(&member).map_err(unwritable)?;
                        break;
                    }
                    listed => listed.map_err(unreadable)?,
                };
                for entry in &listed {
                    let mut entry = json!(show.listed(entry));
                    entry["member_id"] = member["id"].clone();
                    taker.entry(&entry).map_err(unwritable)?;
                }
                place = next;
                if place.is_none() {
                    break;
                }
            }
        }
        bar.set_length(members);
        bar.set_position(members);
        after = following;
        if after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Every version of the programme, as it was sent.
pub(crate) async fn programs(api: &Api) -> Result<Vec<Value>, StartError> {
    let programmes = api.engine.programme().timeline().map_err(unreadable)?;
    let zone = programmes.newest().zone;
    let mut lines = Vec::new();
    for number in 1..=programmes.newest().version {
        let version = api.engine.programme().version(number).await.map_err(unreadable)?;
        let Some((since, text)) = version else {
            return Err(StartError(format!("version {number} of the programme is missing")));
        };
        let document: Value =
            serde_json::from_str(&text).map_err(|error| failed("a programme is not JSON", &error))?;
        lines.push(json!({"version": number, "since": zone.show(since), "document": document}));
    }
    Ok(lines)
}

/// Every block that was bought.
pub(crate) async fn blocks(api: &Api) -> Result<Vec<Value>, StartError> {
    let (currency, zone) = api.engine.programme().currency_and_zone().map_err(unreadable)?;
    let bought = api.engine.accounts().blocks_bought().await.map_err(unreadable)?;
    let lines = bought.iter().map(|block| {
        json!({
            "brand": block.brand.as_str(),
            "block": block.number,
            "reference": block.reference.as_str(),
            "points": block.points,
            "price": block.price.show(currency),
            "bought_at": zone.show(block.bought_at),
        })
    });
    Ok(lines.collect())
}

/// Every closed settlement, whole, as `GET /settlements/{month}` answers it to an admin.
pub(crate) async fn settlements(api: &Api, opened: &Opened) -> Result<Vec<Value>, StartError> {
    let mut lines = Vec::new();
    for month in pages(api, opened, "/settlements", "settlements").await?.1 {
        if month["state"] == "closed" {
            let month = month["month"].as_str().unwrap_or_default();
            lines.extend(settlement(api, opened, month).await?);
        }
    }
    Ok(lines)
}

/// A month's settlement, whole; `None` if it is not closed.
pub(crate) async fn settlement(api: &Api, opened: &Opened, month: &str) -> Result<Option<Value>, StartError> {
    let (statement, accounts) = pages(api, opened, &format!("/settlements/{month}"), "accounts").await?;
    let Some(mut statement) = statement else { return Ok(None) };
    statement["accounts"] = accounts.into();
    Ok(Some(statement))
}

/// The first page of a list, and the elements of all; empty if there is no such list.
async fn pages(
    api: &Api,
    opened: &Opened,
    path: &str,
    name: &str,
) -> Result<(Option<Value>, Vec<Value>), StartError> {
    let (mut first, mut elements, mut cursor) = (None, Vec::new(), String::new());
    loop {
        let Some(page) = asked(api, opened, &format!("{path}?limit=100{cursor}")).await? else {
            return Ok((None, Vec::new()));
        };
        elements.extend(page[name].as_array().cloned().unwrap_or_default());
        let next = page["next_cursor"].as_str().map(|next| format!("&cursor={next}"));
        first = first.or(Some(page));
        match next {
            Some(next) => cursor = next,
            None => return Ok((first, elements)),
        }
    }
}

/// What the function answers to an admin; `None` if it finds nothing.
async fn asked(api: &Api, opened: &Opened, path: &str) -> Result<Option<Value>, StartError> {
    let key = match &opened.admin_key {
        AdminKey::Given(key) | AdminKey::File(key, _) => format!("Bearer {key}"),
    };
    let request = http::Request::get(path).header("authorization", key).body(Bytes::new());
    let response = api.serve(request.map_err(|error| failed("cannot ask", &error))?).await;
    let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    match response.status().as_u16() {
        200 => Ok(Some(answer)),
        404 => Ok(None),
        _ => Err(StartError(format!("{path}: {}", answer["detail"].as_str().unwrap_or_default()))),
    }
}
