//! Quotes as callers hold them: their content sealed, and stored nowhere. What is sealed says nothing to whoever reads
//! it, and nobody else can make one.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::id::BrandId;
use engine::Quote;

use crate::Secrets;

/// The beginning of quotes.
const PREFIX: &str = "qte_";

/// The longest quote, in characters.
pub const QUOTE_CHARS_MAX: usize = 4_096;

impl Secrets {
    /// The quote as that brand is told it; `None` where it would be longer than [`QUOTE_CHARS_MAX`].
    pub fn quote(&self, brand: &BrandId, quote: &Quote) -> Option<String> {
        // Without chance: the same answer has the same quote.
        let sealed = self.seal_record(&name(brand), &quote.bytes()?)?;
        let told = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(sealed));
        (told.len() <= QUOTE_CHARS_MAX).then_some(told)
    }

    /// The quote that the brand was told so, of any age; `None` of anything else.
    pub fn read_quote(&self, brand: &BrandId, told: &str) -> Option<Quote> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(told.strip_prefix(PREFIX)?).ok()?;
        Quote::read(&self.open(&name(brand), &sealed)?)
    }
}

/// What a quote's seal is named by.
fn name(brand: &BrandId) -> Vec<u8> {
    [b"laurel quote\0", brand.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use domain::time::Instant;
    use engine::{OfferTag, Promise, QUOTE_MILLIS, QuotedOffer};

    use super::*;

    fn quote(offers: usize) -> Quote {
        let auto = |number: usize| QuotedOffer {
            offer: OfferTag(number.to_be_bytes()),
            version: 10_000,
            promise: Promise::Applied,
        };
        Quote {
            at: Instant(1_000),
            until: Instant(1_000 + QUOTE_MILLIS),
            programme: 1,
            member: None,
            draft: [3; 32],
            autos: (0..offers).map(auto).collect(),
            coupons: Vec::new(),
        }
    }

    #[test]
    fn a_quote_is_its_brands_and_ours() {
        let secrets = Secrets::new(b"0123456789abcdef0123456789abcdef");
        let (acme, bean) = (BrandId::of_checked("acme"), BrandId::of_checked("bean"));
        let told = secrets.quote(&acme, &quote(2)).unwrap();
        assert_eq!(secrets.read_quote(&acme, &told), Some(quote(2)));
        assert_eq!(secrets.quote(&acme, &quote(2)), Some(told.clone()), "the same again");
        let others = Secrets::new(b"fedcba9876543210fedcba9876543210");
        assert_eq!(others.read_quote(&acme, &told), None);
        for (brand, told) in [(&bean, told.as_str()), (&acme, &told[4..]), (&acme, &told[..told.len() - 4])] {
            assert_eq!(secrets.read_quote(brand, told), None, "{told}");
        }
    }

    #[test]
    fn a_quote_is_at_most_four_kilobytes() {
        let secrets = Secrets::new(b"0123456789abcdef0123456789abcdef");
        let acme = BrandId::of_checked("acme");
        assert!(secrets.quote(&acme, &quote(265)).is_some());
        assert_eq!(secrets.quote(&acme, &quote(400)), None);
    }
}
