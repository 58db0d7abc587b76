//! `laurel audit`: recomputes every member from its ledger and names those that differ.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

use domain::{
    id::{BrandId, TierId},
    member::MemberId,
};
use edge::{Api, wire};
use engine::{Books, Finding};
use futures_util::future::join_all;

use crate::{
    cli::Data,
    progress,
    start::{self, StartError, failed},
};

/// Members audited between two updates of the progress bar.
const PAGE: usize = 500;

/// Members that are read at once: over a table each entry of a ledger is a round trip.
const AT_ONCE: usize = 32;

/// The most differing members that are named.
const NAMED_MAX: usize = 100;

/// The findings of the whole audit.
#[derive(Default)]
struct Totals {
    books: Books,
    members: u64,
    entries: u64,
    points: BTreeMap<&'static str, i64>,
    kinds: BTreeMap<&'static str, u64>,
    tiers: BTreeMap<TierId, u64>,
    differing: BTreeMap<MemberId, Vec<String>>,
    brands: BTreeMap<BrandId, Vec<String>>,
    /// What is wrong with offers, each with what it is about.
    offers: Vec<(String, String)>,
}

/// Audits the folder or the table.
pub(crate) async fn audit(data: &Data) -> Result<ExitCode, StartError> {
    let opened = start::open_existing(data).await?;
    let api = Arc::new(start::assemble(&opened, None, None).await?);
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    let bar = progress::bar(0, "auditing");
    let mut totals = Totals { books: Books::at(api.clock.now()), ..Totals::default() };
    let mut after = None;
    loop {
        let (page, next) = api.engine.records().member_ids(after, PAGE).await.map_err(unreadable)?;
        for ids in page.chunks(AT_ONCE) {
            let findings = join_all(ids.iter().map(|id| api.engine.ledger().audit_member(*id))).await;
            for (id, finding) in ids.iter().zip(findings) {
                totals.note(*id, finding.map_err(unreadable)?);
            }
        }
        bar.set_length(totals.members);
        bar.set_position(totals.members);
        after = next;
        if after.is_none() {
            break;
        }
    }
    let strays = api.engine.ledger().strays(&totals.books).await.map_err(unreadable)?;
    for (id, differences) in strays.members {
        totals.differing.entry(id).or_default().extend(differences);
    }
    totals.brands = strays.brands;
    totals.offers = api.engine.programme().audit_offers().await.map_err(unreadable)?;
    for (offer, differences) in strays.offers {
        totals.offers.push((format!("offer {offer}"), differences.join("; ")));
    }
    bar.finish_and_clear();
    Ok(totals.print(&api))
}

impl Totals {
    fn note(&mut self, id: MemberId, finding: Finding) {
        self.books.note(id, &finding);
        self.members += 1;
        self.entries += finding.entries;
        finding.points.iter().for_each(|(kind, sum)| *self.points.entry(kind).or_default() += sum);
        finding.kinds.iter().for_each(|(kind, count)| *self.kinds.entry(kind).or_default() += count);
        *self.tiers.entry(finding.tier).or_default() += 1;
        if !finding.differences.is_empty() {
            self.differing.insert(id, finding.differences);
        }
    }

    fn print(&self, api: &Api) -> ExitCode {
        for (id, differences) in self.differing.iter().take(NAMED_MAX) {
            println!("{}: {}", wire::member_id(*id), differences.join("; "));
        }
        for (brand, differences) in &self.brands {
            println!("brand {brand}: {}", differences.join("; "));
        }
        for (about, difference) in &self.offers {
            println!("{about}: {difference}");
        }
        println!("members {}, ledger entries {}", self.members, self.entries);
        let line = |kind: &str, entries: u64, points: i64| {
            println!("  {kind:<14} {entries:>10} entries {points:>14} points");
        };
        for (kind, sum) in &self.points {
            line(kind, self.kinds.get(kind).copied().unwrap_or(0), *sum);
        }
        line("all", self.entries, self.points.values().sum());
        println!("tiers {}", order_tiers(api, &self.tiers).join(", "));
        let digest: String = self.books.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        println!("digest {digest}");
        if !self.brands.is_empty() {
            println!("{} brands' accounts differ from the ledger", self.brands.len());
        }
        if !self.offers.is_empty() {
            println!("{} things are wrong with offers", self.offers.len());
        }
        if self.differing.is_empty() {
            println!("every member agrees with its ledger");
        } else {
            println!("{} members differ from their ledger", self.differing.len());
        }
        let agrees = self.differing.is_empty() && self.brands.is_empty() && self.offers.is_empty();
        ExitCode::from(u8::from(!agrees))
    }
}

/// Tiers in the ladder's order.
fn order_tiers(api: &Api, tiers: &BTreeMap<TierId, u64>) -> Vec<String> {
    let rank = |id: &TierId| {
        api.engine.programme().timeline().ok().and_then(|programmes| programmes.newest().rank(id))
    };
    let mut tiers: Vec<_> = tiers.iter().collect();
    tiers.sort_by_key(|(id, _)| rank(id));
    tiers.into_iter().map(|(id, count)| format!("{id} {count}")).collect()
}
