//! What a shop says of a member that tells whether two are one.

use engine::id::SignalHash;

use crate::{Text, body};

body! {
    /// What tells whether two members are one: hashes that the shop makes. None of them is kept as it was sent.
    pub struct SignalsSent {
        /// of the device
        pub device: Option<Text<64>>,
        /// of who pays: an account, a card
        pub payer: Option<Text<64>>,
        /// of where it is sent
        pub address: Option<Text<64>>,
    }
}

impl SignalsSent {
    /// What is kept of them.
    pub fn hashes(&self) -> Vec<SignalHash> {
        let SignalsSent { device, payer, address } = self;
        let said = [("device", device), ("payer", payer), ("address", address)];
        let said = said.into_iter().filter_map(|(kind, said)| Some((kind, said.as_ref()?)));
        said.map(|(kind, said)| engine::signal(kind, said)).collect()
    }
}
