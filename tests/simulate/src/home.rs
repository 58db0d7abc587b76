//! Where a simulated shop's records are: in memory, or in a real store, which must then give the model's
//! answers too.

use std::sync::Arc;

use engine::{memory::MemoryStore, store::Store};

/// A store, a new one for each seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Home {
    /// In memory: nothing happens except what the simulation does.
    #[default]
    Memory,
    /// The embedded store, in a folder that is removed afterwards.
    #[cfg(feature = "outside")]
    Embedded,
    /// A table of DynamoDB Local, which `scripts/dynamodb-local` fetches.
    #[cfg(feature = "outside")]
    Table,
}

impl Home {
    /// A store with nothing in it.
    ///
    /// # Errors
    /// It cannot be opened, in words.
    pub(crate) fn open(self) -> Result<Arc<dyn Store>, String> {
        match self {
            Home::Memory => Ok(Arc::new(MemoryStore::new())),
            #[cfg(feature = "outside")]
            Home::Embedded => crate::outside::embedded(),
            #[cfg(feature = "outside")]
            Home::Table => crate::outside::table(),
        }
    }
}
