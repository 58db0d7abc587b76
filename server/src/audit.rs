//! `laurel audit`: recomputes every member from its ledger and names those that differ.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

use edge::{Api, wire};

use crate::{
    cli::Data,
    progress,
    start::{self, StartError, failed},
};

/// Members looked at between two looks at the bar.
const PAGE: usize = 500;

/// The most differing members that are named.
const NAMED_MAX: usize = 100;

/// Audits the folder.
pub(crate) async fn audit(data: &Data) -> Result<ExitCode, StartError> {
    let opened = start::open_existing(data)?;
    let api = Arc::new(start::assemble(&opened, None, None).await?);
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    let bar = progress::bar(0, "auditing");
    let (mut members, mut entries, mut differing) = (0u64, 0u64, 0usize);
    let mut points: BTreeMap<&'static str, i64> = BTreeMap::new();
    let mut kinds: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut tiers: BTreeMap<String, u64> = BTreeMap::new();
    let mut after = None;
    loop {
        let (page, next) = api.engine.member_ids(after, PAGE).await.map_err(unreadable)?;
        for id in &page {
            let finding = api.engine.audit_member(*id).await.map_err(unreadable)?;
            members += 1;
            entries += finding.entries;
            finding.points.iter().for_each(|(kind, sum)| *points.entry(kind).or_default() += sum);
            finding.kinds.iter().for_each(|(kind, count)| *kinds.entry(kind).or_default() += count);
            *tiers.entry(finding.tier).or_default() += 1;
            if !finding.differences.is_empty() {
                differing += 1;
                if differing <= NAMED_MAX {
                    println!("{}: {}", wire::member_id(*id), finding.differences.join("; "));
                }
            }
        }
        bar.set_length(members);
        bar.set_position(members);
        after = next;
        if after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    println!("members {members}, ledger entries {entries}");
    for (kind, sum) in &points {
        println!("  {kind:<14} {:>10} entries {sum:>14} points", kinds.get(kind).copied().unwrap_or(0));
    }
    println!("  {:<14} {:>10} entries {:>14} points", "all", entries, points.values().sum::<i64>());
    let tiers: Vec<String> = order_tiers(&api, &tiers);
    println!("tiers {}", tiers.join(", "));
    if differing > 0 {
        println!("{differing} members differ from their ledger");
        return Ok(ExitCode::from(1));
    }
    println!("every member agrees with its ledger");
    Ok(ExitCode::SUCCESS)
}

/// Tiers in the ladder's order.
fn order_tiers(api: &Api, tiers: &BTreeMap<String, u64>) -> Vec<String> {
    let rank = |id: &str| api.engine.programmes().ok().and_then(|programmes| programmes.newest().rank(id));
    let mut tiers: Vec<_> = tiers.iter().collect();
    tiers.sort_by_key(|(id, _)| rank(id));
    tiers.into_iter().map(|(id, count)| format!("{id} {count}")).collect()
}
