//! Codes of others that offers hand out: sealed where they are stored, and shown to whom they were handed out.

use domain::id::OfferId;

use super::{Secrets, derive, seal::Seal};

impl Secrets {
    /// Seals a code of that offer. It stays in the ledger for ever with the grant that has handed it out, so the seal follows
    /// from the key of contents, which stays the same for ever, and not from a line of the master key that may go. The same
    /// code of the same offer is sealed the same. `None` if it is too long to be sealed (gigabytes).
    pub fn seal_code(&self, offer: &OfferId, code: &str) -> Option<Vec<u8>> {
        let (seal, name) = (self.seal_of_codes(), name(offer));
        let [nonce @ .., _, _, _, _, _, _, _, _] =
            derive(&seal.nonce, &[&name[..], b"\0", code.as_bytes()].concat());
        seal.over(&name, nonce, code.as_bytes())
    }

    /// The code of that offer that was sealed; `None` if it is another offer's, or damaged.
    pub fn open_code(&self, offer: &OfferId, sealed: &[u8]) -> Option<String> {
        let seal = self.seal_of_codes();
        let rest = sealed.strip_prefix(&[super::MARKED])?.strip_prefix(&seal.mark)?;
        String::from_utf8(seal.open(&name(offer), rest)?).ok()
    }

    fn seal_of_codes(&self) -> Seal {
        Seal::of(&derive(self.content_key(), b"codes of others"))
    }
}

/// The name under which an offer's codes are sealed.
fn name(offer: &OfferId) -> Vec<u8> {
    [b"code of ", offer.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_its_offers() {
        let secrets = Secrets::new(b"0123456789abcdef0123456789abcdef");
        let [film, cake] = ["film", "cake"].map(OfferId::of_checked);
        let sealed = secrets.seal_code(&film, "FILM-0001").unwrap();
        assert_eq!(secrets.open_code(&film, &sealed).as_deref(), Some("FILM-0001"));
        assert_eq!(secrets.seal_code(&film, "FILM-0001").unwrap(), sealed);
        assert_ne!(secrets.seal_code(&film, "FILM-0002").unwrap(), sealed);
        assert_eq!(secrets.open_code(&cake, &sealed), None);
        assert!(!sealed.windows(4).any(|four| four == b"FILM"));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(secrets.open_code(&film, &damaged), None, "byte {at}");
            assert_eq!(secrets.open_code(&film, &sealed[..at]), None, "{at} bytes");
        }
        // Another line of the master key becomes the newest, and the data are moved to it.
        let more = Secrets::new(b"0123456789abcdef0123456789abcdef\nfedcba9876543210fedcba9876543210");
        assert_eq!(more.rekeyed().open_code(&film, &sealed).as_deref(), Some("FILM-0001"));
    }
}
