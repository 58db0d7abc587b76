//! The final checks of who members are: whoever has an identity is found by it, the index of what persons share is that
//! of the persons that there are, nobody is in the clear in the store, and all of it is so under another line of the
//! master key.

use std::{collections::BTreeSet, sync::Arc};

use domain::time::Instant;
use edge::{Api, Secrets, rekey, sealed::SEALED};
use engine::{
    keys::{self, kind},
    store::{Key, Store, kinds},
};

use crate::{
    instance::{MASTER_KEY, ask, at_once, instance},
    op::Stays,
    world::World,
};

/// The line that is added to the master key.
const NEWER: &str = "another-simulated-master-key-0123456789";

/// Records in a page of a walk.
const PAGE: usize = 1_000;

pub(crate) fn check(world: &World, api: &Arc<Api>, now: i64) -> Result<(), String> {
    found(world, api)?;
    index(world, api, now)?;
    at_once(nobody_in_the_clear(&*world.store))
}

/// Whoever has an identity that was added is found by it, and nobody by one that was removed.
fn found(world: &World, api: &Arc<Api>) -> Result<(), String> {
    for added in world.writer.persons.added.iter().filter(|added| added.stays != Stays::Going) {
        let (number, is_here) = (added.number, added.stays == Stays::Here);
        let body = format!(r#"{{"identity":{{"kind":"external","channel":"more","value":"e{number}"}}}}"#);
        let (status, body) = ask(api, "POST", "/members/find", &body, &[])?;
        let is_own = String::from_utf8_lossy(&body).contains(&world.ids[world.model.reach(added.member)]);
        if (status, is_own) != (if is_here { 200 } else { 404 }, is_here) {
            return Err(format!("at last, e{number} is {:?}, and answered {status}", added.stays));
        }
    }
    Ok(())
}

fn index(world: &World, api: &Arc<Api>, now: i64) -> Result<(), String> {
    let mut wanted = BTreeSet::new();
    at_once(async {
        for id in &world.ids {
            let id = edge::wire::read_member_id(id).ok_or("an id that is none")?;
            let view = api.engine.people().member_itself(id, Instant(now)).await;
            let person = view.map_err(|error| error.to_string())?.person;
            let shared = edge::alike::shared(&api.secrets, &person);
            wanted.extend(shared.into_iter().map(|(_, hash)| keys::alike(hash, id)));
        }
        let found = world.store.scan(keys::all(kind::ALIKE), usize::MAX).await;
        let found = found.map_err(|error| error.to_string())?;
        let found: BTreeSet<Key> = found.into_iter().map(|(key, _)| key).collect();
        match found.symmetric_difference(&wanted).next() {
            Some(key) => Err(format!("at last, persons and the index of what they share differ in {key:?}")),
            None => Ok(()),
        }
    })
}

/// What says who somebody is is sealed.
async fn nobody_in_the_clear(store: &dyn Store) -> Result<(), String> {
    for kind in kinds::sealed() {
        let mut from = None;
        loop {
            let page = store.walk(Some(kind), from, PAGE).await.map_err(|error| error.to_string())?;
            let mut open = page.records.iter().filter(|(_, record)| record.value.first() != Some(&SEALED));
            if let Some((key, _)) = open.next() {
                return Err(format!("at last, {key:?} is in the clear"));
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Everything is moved to a newer line of the master key; the functions under that line alone.
pub(crate) fn rekeyed(world: &World, now: i64) -> Result<Arc<Api>, String> {
    let at = |secrets: &Secrets| {
        instance(&world.store, &world.weather, secrets, world.settings.seed, now, world.elapsed)
    };
    let both = at(&Secrets::new(format!("{MASTER_KEY}\n{NEWER}").as_bytes()));
    let newer = Secrets::new(NEWER.as_bytes());
    at_once(async {
        let done = rekey::rekey(&both, &*world.store, |_| ()).await;
        done.map_err(|error| format!("at last, it is not rekeyed: {error}"))?;
        let note = async |name| both.engine.records().note(name).await.map_err(|error| error.to_string());
        let fingerprint = note(keys::MASTER_KEY_NOTE).await?.ok_or("at last, the data name no master key")?;
        let ring = note(keys::RING_NOTE).await?;
        newer.settle(&fingerprint, ring.as_deref()).map_err(|other| other.to_string())?;
        let api = at(&newer);
        api.refresh().await.map_err(|error| error.to_string())?;
        Ok(api)
    })
}
