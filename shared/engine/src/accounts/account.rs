//! An account: its owner, its terms, and its records as they were read.

use std::{borrow::Borrow, sync::Arc};

use domain::{
    id::BrandId,
    number::{Currency, Rate},
    programme::{BrandPer, Programme, Timeline, Way},
    time::Instant,
};

use crate::{
    accounts::{
        stock::{Rules, Shard},
        terms::{Moment, Terms},
    },
    store::{
        Key, Record, Version,
        error::Error,
        keys,
        records::{Stored, decode},
    },
};

/// Whose account it is, named by its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner<Id = BrandId> {
    /// A brand's: what it may issue and honour.
    Brand(Id),
}

/// An account under the programme as this instance knows it, and the shard from which a member spends.
pub(crate) struct Account {
    pub(super) programmes: Arc<Timeline>,
    pub(super) owner: Owner,
    pub(super) terms: Terms,
    pub(super) shard: u8,
}

/// An account as a command has read it.
pub(crate) struct Met {
    pub(crate) account: Account,
    pub(crate) shard: Held<Shard>,
}

/// A record as it was read; the initial value if there is none yet.
#[derive(Clone, Debug)]
pub(crate) struct Held<T> {
    pub(crate) value: T,
    pub(crate) version: Option<Version>,
}

impl<T: Stored + Default> Held<T> {
    pub(crate) fn read(key: &Key, record: Option<Record>) -> Result<Held<T>, Error> {
        let read = record.map(|record| Ok::<_, Error>((decode(key, &record.value)?, record.version)));
        Ok(Held::of(read.transpose()?))
    }

    fn of(read: Option<(T, Version)>) -> Held<T> {
        match read {
            Some((value, version)) => Held { value, version: Some(version) },
            None => Held { value: T::default(), version: None },
        }
    }
}

impl Met {
    pub(crate) fn new(account: Account, shard: Option<(Shard, Version)>) -> Met {
        Met { account, shard: Held::of(shard) }
    }
}

impl Owner<&BrandId> {
    pub(super) fn owned(self) -> Owner {
        match self {
            Owner::Brand(brand) => Owner::Brand(brand.clone()),
        }
    }
}

impl<Id: Borrow<BrandId>> Owner<Id> {
    /// The record of that place of the account.
    pub(super) fn key(&self, place: u8) -> Key {
        match self {
            Owner::Brand(brand) => keys::account(brand.borrow(), place),
        }
    }

    /// The account's terms in that version of the programme, if the owner is in it.
    pub(super) fn terms(&self, programme: &Programme, currency: Currency) -> Option<Terms> {
        match self {
            Owner::Brand(brand) => programme.brand(brand.borrow()).map(|brand| Terms::of(brand, currency)),
        }
    }

    /// The price of a point in that version of the programme; zero if the brand is not in it.
    fn price(&self, programme: &Programme) -> Rate {
        match self {
            Owner::Brand(brand) => {
                programme.brand(brand.borrow()).map_or(Rate::ZERO, |brand| brand.issue_price)
            }
        }
    }

    /// How many points may go in that direction in that time under that version of the programme.
    pub(super) fn limit(&self, programme: &Programme, per: BrandPer, way: Way) -> Option<u64> {
        match self {
            Owner::Brand(brand) => programme.brand(brand.borrow())?.limit(per, way),
        }
    }
}

impl Account {
    /// The record of the pool.
    pub(super) fn pool_key(&self) -> Key {
        self.owner.key(keys::POOL)
    }

    pub(super) fn key_of(&self, shard: u8) -> Key {
        self.owner.key(shard)
    }

    /// The record of the member's shard.
    pub(crate) fn shard_key(&self) -> Key {
        self.key_of(self.shard)
    }

    /// The terms of that version of the programme; `None` if this instance does not know it.
    pub(super) fn terms_of(&self, version: u32) -> Option<Terms> {
        let newest = self.programmes.newest();
        if version == newest.version {
            return Some(self.terms);
        }
        let programme = match version {
            0 => return Some(Terms::default()),
            number => self.programmes.version(number)?,
        };
        // A brand that is not in it was held to nothing.
        Some(self.owner.terms(programme, newest.currency).unwrap_or_default())
    }

    pub(super) fn rules<'t>(&'t self, former: &'t Terms) -> Rules<'t> {
        Rules { version: self.programmes.newest().version, terms: &self.terms, former }
    }

    pub(super) fn moment(&self, at: Instant) -> Moment {
        Moment::of(self.programmes.newest().zone, at)
    }

    /// The price of a point of the brand in that version of the programme.
    ///
    /// # Panics
    /// This instance does not know the version; the caller has checked that it does.
    pub(super) fn price(&self, version: u32) -> Rate {
        let programme = self.programmes.version(version);
        let programme =
            programme.unwrap_or_else(|| panic!("a price of version {version}, which is not known"));
        self.owner.price(programme)
    }
}
