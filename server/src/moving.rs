//! `laurel export --csv`: two files from which `laurel import` makes the same members and balances again.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufWriter},
    path::Path,
};

use csv::Writer;
use domain::{
    member::{Identity, IdentityKind, Lot, Status},
    programme::Programme,
    time::Instant,
};
use edge::Api;
use engine::{DEBT_NAME, MemberView, lot_name};
use files::{
    guard::{as_text, guarded},
    header::NUMBERED_MAX,
};

use crate::{
    progress,
    start::{StartError, failed},
};

/// Members of a page.
const PAGE: usize = 500;

/// Columns after those that say who somebody is.
const ABOUT: &[&str] = &[
    "name",
    "birthday",
    "gender",
    "locale",
    "time_zone",
    "country",
    "province",
    "city",
    "district",
    "area",
    "terms_version",
    "registered_at",
    "registered_channel",
    "brand",
    "tags",
    "badges",
    "tier",
    "tier_until",
    "growth",
    "prior_orders",
    "prior_amount",
];

/// What was written.
#[derive(Default)]
pub(crate) struct Moved {
    pub(crate) members: u64,
    pub(crate) lots: u64,
    /// Members who have left, identities beyond those that a row can have, and members whose quiet hours no column
    /// holds.
    pub(crate) left: u64,
    pub(crate) identities_left: u64,
    pub(crate) quiet_left: u64,
}

/// A member's cells, by column.
type Cells = Vec<(String, String)>;

/// Writes `members.csv` and `lots.csv`.
pub(crate) async fn write(
    api: &Api,
    (members, lots): (BufWriter<File>, BufWriter<File>),
    excel: bool,
    folder: &Path,
) -> Result<Moved, StartError> {
    let unwritable = |error: io::Error| failed(&format!("cannot write to {}", folder.display()), &error);
    let mut who = BTreeSet::new();
    let (mut consents, mut attributes) = (BTreeSet::new(), BTreeSet::new());
    each(api, |programme, view| {
        who.extend(identities(&all_of(view)).0.into_iter().map(|(column, _)| column));
        consents.extend(view.person.consents.keys().map(|channel| format!("consent.{channel}")));
        attributes.extend(own_attributes(programme, view).map(|(column, _)| column));
        Ok(())
    })
    .await?;
    // As people write them: numbers first, ids of other systems last.
    let mut who: Vec<String> = who.into_iter().collect();
    who.sort_by_key(|column| (column.starts_with("external"), !column.starts_with("phone")));
    let columns: Vec<String> = who
        .iter()
        .cloned()
        .chain(ABOUT.iter().map(|name| (*name).to_owned()))
        .chain(consents)
        .chain(attributes)
        .collect();
    let balance = ["brand", "points", "expires_at", "held_until", "balance_id"].map(str::to_owned);
    let lot_columns: Vec<String> = who.into_iter().chain(balance).collect();
    let mut moved = Moved::default();
    let table = |mut file: BufWriter<File>, columns: &[String]| -> io::Result<Writer<BufWriter<File>>> {
        if excel {
            io::Write::write_all(&mut file, "\u{feff}".as_bytes())?;
        }
        let mut writer = Writer::from_writer(file);
        writer.write_record(columns)?;
        Ok(writer)
    };
    let mut members = table(members, &columns).map_err(unwritable)?;
    let mut lots = table(lots, &lot_columns).map_err(unwritable)?;
    each(api, |programme, view| {
        // Whoever was merged comes with the one that it was merged into.
        if view.member.status == Status::Merged {
            return Ok(());
        }
        let (own, beyond) = identities(&all_of(view));
        // Who has left cannot come again by a file.
        if own.is_empty() || matches!(view.member.status, Status::Closed | Status::Erased) {
            moved.left += 1;
            return Ok(());
        }
        moved.members += 1;
        moved.identities_left += beyond;
        moved.quiet_left += u64::from(!view.person.quiet_hours.is_empty());
        let first = own[..1].to_vec();
        record(&mut members, &columns, &[own, about(programme, view)].concat(), excel)?;
        for lot in balances(programme, view) {
            moved.lots += 1;
            record(&mut lots, &lot_columns, &[first.clone(), lot].concat(), excel)?;
        }
        Ok(())
    })
    .await?;
    members.flush().and_then(|()| lots.flush()).map_err(unwritable)?;
    Ok(moved)
}

/// Hands over every member as of now.
async fn each(
    api: &Api,
    mut take: impl FnMut(&Programme, &MemberView) -> io::Result<()>,
) -> Result<(), StartError> {
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    let programmes = api.engine.programme().timeline().map_err(unreadable)?;
    let bar = progress::bar(0, "exporting");
    let (mut count, mut after) = (0, None);
    loop {
        let (page, following) = api.engine.records().member_ids(after, PAGE).await.map_err(unreadable)?;
        for id in &page {
            let view = api.engine.people().member_itself(*id, api.clock.now()).await.map_err(unreadable)?;
            take(programmes.newest(), &view).map_err(|error| failed("cannot write", &error))?;
            count += 1;
        }
        bar.set_position(count);
        after = following;
        if after.is_none() {
            bar.finish_and_clear();
            return Ok(());
        }
    }
}

fn record(
    writer: &mut Writer<BufWriter<File>>,
    columns: &[String],
    cells: &Cells,
    excel: bool,
) -> io::Result<()> {
    let cell = |column: &String| {
        let value = cells.iter().find(|(own, _)| own == column).map_or("", |(_, value)| value.as_str());
        if excel { as_text(value) } else { guarded(value) }.into_owned()
    };
    Ok(writer.write_record(columns.iter().map(cell))?)
}

/// How the person of a member is known, by way of records too that were merged into it.
fn all_of(view: &MemberView) -> Vec<Identity> {
    let others = view.others.iter().flat_map(|(_, identities)| identities);
    view.person.identities.iter().chain(others).cloned().collect()
}

/// The same in columns; and how many identities no column is left for.
fn identities(all: &[Identity]) -> (Cells, u64) {
    let (mut cells, mut beyond): (Cells, u64) = (Vec::new(), 0);
    for identity in all {
        let name = match identity.kind {
            IdentityKind::Phone => "phone".to_owned(),
            IdentityKind::Email => "email".to_owned(),
            IdentityKind::External => format!("external.{}", identity.channel),
        };
        let numbers = if identity.kind == IdentityKind::External { 1 } else { NUMBERED_MAX };
        let numbered = |number: u32| if number == 1 { name.clone() } else { format!("{name}_{number}") };
        let free = (1..=numbers).map(numbered).find(|name| cells.iter().all(|(own, _)| own != name));
        match free {
            Some(column) => cells.push((column, identity.value.clone())),
            None => beyond += 1,
        }
    }
    (cells, beyond)
}

fn about(programme: &Programme, view: &MemberView) -> Cells {
    let MemberView { member, person, prior: (prior_orders, prior_amount), .. } = view;
    let zone = programme.zone;
    let end = |at: Option<Instant>| at.map_or_else(|| "never".to_owned(), |at| zone.show(at));
    let plain = |value: &Option<String>| value.clone().unwrap_or_default();
    let part = |name: &str| person.region.get(name).cloned().unwrap_or_default();
    let orders = member.orders.count + prior_orders.unwrap_or(0);
    let amount = member.orders.amount.0 + prior_amount.unwrap_or_default().0;
    let said = orders > 0 || amount > 0 || prior_orders.is_some();
    let amount = domain::number::Money(amount).show(programme.currency);
    // What is gone from the programme could not come again.
    let badges = member.badges.iter().filter(|badge| programme.badge(&badge.id).is_some());
    let badges: Vec<&str> = badges.map(|badge| badge.id.as_str()).collect();
    let tags = member.tags.iter().filter(|tag| programme.has_hand_tag(tag));
    let tags: Vec<&str> = tags.map(String::as_str).collect();
    let mut cells = vec![
        ("name", plain(&person.name)),
        ("birthday", plain(&person.birthday)),
        ("gender", plain(&person.gender)),
        ("locale", person.locale.map_or_else(String::new, |locale| locale.word().to_owned())),
        ("time_zone", plain(&person.time_zone)),
        ("country", part("country")),
        ("province", part("province")),
        ("city", part("city")),
        ("district", part("district")),
        ("area", part("area")),
        ("terms_version", plain(&person.terms_version)),
        ("registered_at", zone.show(member.registered_at)),
        ("registered_channel", plain(&person.channel)),
        ("brand", person.brand.clone()),
        ("tags", tags.join(";")),
        ("badges", badges.join(";")),
        ("tier", member.standing.tier.to_string()),
        ("tier_until", end(member.standing.valid_until)),
        ("growth", member.growth.to_string()),
        ("prior_orders", if said { orders.to_string() } else { String::new() }),
        ("prior_amount", if said { amount } else { String::new() }),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect::<Cells>();
    cells.extend(person.consents.iter().map(|(channel, given)| {
        let since = person.consents_since.get(channel).filter(|_| *given);
        let word =
            since.map_or_else(|| (if *given { "yes" } else { "no" }).to_owned(), |since| zone.show(since.at));
        (format!("consent.{channel}"), word)
    }));
    cells.extend(own_attributes(programme, view));
    cells
}

/// The columns of the attributes that the member has, and their cells. What is gone from the programme could not
/// come again.
fn own_attributes<'a>(
    programme: &'a Programme,
    view: &'a MemberView,
) -> impl Iterator<Item = (String, String)> + 'a {
    let own = view.person.attributes.iter();
    let known = own
        .filter(|(id, value)| programme.attribute(id).is_some_and(|rule| rule.kind.word() == value.kind()));
    known.map(|(id, value)| (format!("attribute.{id}"), value.cell()))
}

/// A row for each lot, and one for a debt.
fn balances(programme: &Programme, view: &MemberView) -> Vec<Cells> {
    let zone = programme.zone;
    let row = |brand: &str, points: String, end: String, held: String, id: String| {
        let names = ["brand", "points", "expires_at", "held_until", "balance_id"];
        let values = [brand.to_owned(), points, end, held, id];
        names.map(str::to_owned).into_iter().zip(values).collect::<Cells>()
    };
    let lot = |lot: &Lot| {
        let end = lot.expires_at.map_or_else(|| "never".to_owned(), |at| zone.show(at));
        let held = lot.held_until.map_or_else(String::new, |at| zone.show(at));
        row(lot.brand.as_str(), lot.points.to_string(), end, held, lot_name(lot))
    };
    let debt = (view.member.debt > 0).then(|| {
        let empty = String::new;
        row(&view.person.brand, format!("-{}", view.member.debt), empty(), empty(), DEBT_NAME.to_owned())
    });
    view.member.lots.iter().map(lot).chain(debt).collect()
}
