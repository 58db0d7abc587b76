//! Erasure: deletes the person, and keeps the ledger under the bare id.

use domain::{
    decide::SetStatus,
    member::{MemberId, Person, Status},
};

use crate::{
    access::requests::Request,
    ledger::act::{Act, Whom},
    people::People,
    store::{
        StoreError, Write,
        error::{ATTEMPTS_MAX, Error},
        id::IdentityHash,
        keys,
        records::MemberCardRecord,
        write::{delete, delete_read},
    },
};

impl People {
    /// Deletes the person: profile, identities, claims, card, links and answers with personal data. The ledger
    /// stays under the bare id. Repeating it does nothing more.
    ///
    /// # Errors
    /// [`domain::refusal::Refusal::MemberNotFound`], or the store failed.
    pub async fn erase(
        &self,
        request: &Request,
        id: MemberId,
        claims: impl Fn(&Person) -> Vec<IdentityHash>,
    ) -> Result<(), Error> {
        let reason = "erased on request".to_owned();
        let set = SetStatus { status: Status::Erased, reason };
        let keyless = Request { key: None, ..request.clone() };
        self.ledger.execute(&keyless, &Act::set_status(Whom::Id(id), set)).await?;
        // From here on something has been written, whatever happens to the rest.
        self.partners.erase_links(request, id).await.map_err(Error::half_done)?;
        self.erase_person(id, claims).await.map_err(Error::half_done)
    }

    async fn erase_person(
        &self,
        id: MemberId,
        claims: impl Fn(&Person) -> Vec<IdentityHash>,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS_MAX {
            let answers = self.records.store.scan(keys::answers(id), 50).await?;
            let last_step = answers.len() < 50;
            let mut writes: Vec<Write> = answers.into_iter().map(|(key, _)| delete(key)).collect();
            if last_step && let Some((person, version)) = self.records.person(id).await? {
                writes.extend(claims(&person).into_iter().map(|hash| delete(keys::identity(hash))));
                writes.push(delete_read(keys::person(id), version));
            }
            if last_step
                && let Some((card, version)) =
                    self.records.read::<MemberCardRecord>(&keys::member_card(id)).await?
            {
                writes.push(delete_read(keys::member_card(id), version));
                writes.push(delete(keys::card(card.hash)));
            }
            match if writes.is_empty() { Ok(()) } else { self.programme.commit(writes).await } {
                Err(Error::Store(StoreError::LostRace | StoreError::Unknown(_))) => {}
                Err(error) => return Err(error),
                Ok(()) if last_step => return Ok(()),
                Ok(()) => {}
            }
        }
        Err(Error::Contended)
    }
}
