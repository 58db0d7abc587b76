//! E-mail addresses: from what was sent to the one form, or why it is no address; and the forms that earlier
//! builds gave the same address.

use email_address::{EmailAddress, Options};
use icu_normalizer::ComposingNormalizerBorrowed;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::{Unread, fold::shown};

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();

/// The longest address that is stored, in bytes.
const BYTES_MAX: usize = 256;

/// An address in its one form: lower case, NFC, the domain in ASCII.
///
/// # Errors
/// It is no address, or a name stands beside it: what was sent, and what would be right.
pub fn email(text: &str) -> Result<String, Unread> {
    let sent = text.trim();
    if let Some((_, rest)) = sent.split_once('<') {
        let address = rest.split('>').next().unwrap_or_default().trim();
        let detail = format!("{} has a name beside its address: {address} alone", shown(sent));
        return Err(Unread::new("display_text", detail));
    }
    let lower = NFC.normalize(sent).to_lowercase();
    let lower = NFC.normalize(&lower);
    let Some((local, domain)) = lower.rsplit_once('@') else {
        return Err(Unread::new("wrong_format", format!("{} has no @: an e-mail address", shown(sent))));
    };
    if local.contains('@') && !local.contains('"') {
        let detail = format!("{} is two addresses: each is an identity of its own", shown(sent));
        return Err(Unread::new("second_address", detail));
    }
    let no_address = |what: &str| Unread::new("wrong_format", format!("{} {what}", shown(sent)));
    let domain = ascii(domain).ok_or_else(|| no_address("has a domain that there cannot be"))?;
    if !domain.contains('.') {
        let detail = format!("{} has no dot in its domain: a whole one, such as example.cn", shown(sent));
        return Err(Unread::new("no_dot_in_domain", detail));
    }
    let address = format!("{local}@{domain}");
    let options = Options::default().without_display_text().without_domain_literal();
    match EmailAddress::parse_with_options(&address, options) {
        Ok(_) if address.len() <= BYTES_MAX => Ok(address),
        Ok(_) => Err(no_address("is too long for an e-mail address")),
        Err(_) => Err(no_address("is not an e-mail address")),
    }
}

/// The domain in ASCII, in lower case; `None` if there is no such domain.
fn ascii(domain: &str) -> Option<String> {
    let to_ascii =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, DnsLength::Verify);
    to_ascii.ok().map(|domain| domain.into_owned())
}

/// The forms in which 0.1.0 may have stored an address, other than its one form. Of an address in ASCII there are
/// none.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Earlier {
    /// As it would make of what is sent now.
    pub(super) sent: Option<String>,
    /// With the domain in its own script.
    pub(super) other: Option<String>,
}

impl Earlier {
    pub(super) fn of(text: &str, address: &str) -> Earlier {
        let is_one = |form: &String| form != address && EmailAddress::is_valid(form);
        let sent = Some(text.trim().to_lowercase()).filter(is_one);
        let other = address.rsplit_once('@').and_then(|(local, domain)| {
            let (own, read) = Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::URL, Hyphens::Allow);
            read.is_ok().then(|| format!("{local}@{own}"))
        });
        let other = other.filter(|form| is_one(form) && sent.as_ref() != Some(form));
        Earlier { sent, other }
    }
}
