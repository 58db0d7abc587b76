//! The programme: its versions, which parts of them have been used, and the offers of its brands.

mod as_of;
mod at_hand;
mod audit;
mod known;
pub(crate) mod marks;
pub(crate) mod offers;
pub(crate) mod shelf;
pub(crate) mod versions;

use std::sync::Arc;

use crate::{access::Access, programme::known::Known, store::Records};

/// The programme's versions, and commits that use what is in them. Cheap to clone.
#[derive(Clone)]
pub struct Programmes {
    pub(crate) records: Records,
    pub(crate) access: Access,
    known: Arc<Known>,
}

impl Programmes {
    pub(crate) fn new(access: &Access) -> Programmes {
        Programmes { records: access.records.clone(), access: access.clone(), known: Arc::default() }
    }

    /// The same, which learn nothing of what these learn, and tell them nothing.
    pub(crate) fn apart(&self) -> Programmes {
        Programmes { known: Arc::new(self.known.apart()), ..self.clone() }
    }

    /// The same, through other handles.
    pub(crate) fn over(&self, access: &Access) -> Programmes {
        Programmes { records: access.records.clone(), access: access.clone(), ..self.clone() }
    }
}
