//! Where a webhook may point to. A request that we send comes from inside our network, so it must not be led to what
//! only our network reaches: the address is judged once where the URL names one, and again when it is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The longest URL, in characters.
pub(crate) const URL_MAX: usize = 2_000;

/// The URL of a webhook. With `local` it may also be plain HTTP and point to this machine, for tests.
///
/// # Errors
/// A code and the words for a fault: what would be right.
pub fn target(text: &str, local: bool) -> Result<Url, (&'static str, &'static str)> {
    let wrong = || ("wrong_format", "a URL such as https://hooks.example.com/laurel");
    if text.len() > URL_MAX {
        return Err(("out_of_range", "at most 2000 characters"));
    }
    let url = Url::parse(text).map_err(|_| wrong())?;
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        "http" => return Err(("https_only", "events are sent over https alone")),
        _ => return Err(wrong()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(("no_password", "a URL without user and password: requests are signed"));
    }
    if url.fragment().is_some() {
        return Err(("wrong_format", "a URL without a fragment: it is not sent"));
    }
    let refused = ("address_refused", "a public address: this one is of a machine or a network of its own");
    let is_public = match url.host().ok_or_else(wrong)? {
        Host::Ipv4(address) => is_public(address.into()),
        Host::Ipv6(address) => is_public(address.into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name != "localhost" && !name.ends_with(".localhost")
        }
    };
    if is_public || local { Ok(url) } else { Err(refused) }
}

/// Whether an address is one of the public network: not of this machine, of a private or local network, of a cloud's
/// metadata, nor reserved, in any notation.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(own) => is_public_v4(own),
        IpAddr::V6(own) => is_public_v6(own),
    }
}

fn is_public_v4(own: Ipv4Addr) -> bool {
    let [a, b, c, _] = own.octets();
    let is_special = own.is_private()
        || own.is_loopback()
        || own.is_link_local()
        || own.is_broadcast()
        || own.is_documentation()
        || own.is_multicast()
        || a == 0
        || a >= 240
        // Shared by carriers, where some clouds have their metadata.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !is_special
}

fn is_public_v6(own: Ipv6Addr) -> bool {
    let parts = own.segments();
    let inner = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    // An address of the older kind inside is judged as that.
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            return inner(high, low);
        }
        [0x2002, high, low, ..] => return inner(high, low),
        _ => {}
    }
    let is_global = parts[0] & 0xe000 == 0x2000;
    let is_special = parts[0] == 0x2001 && (parts[1] < 0x200 || parts[1] == 0xdb8)
        || parts[0] == 0x3fff && parts[1] < 0x1000;
    is_global && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_points_to_a_public_address_over_https() {
        for (text, want) in [
            ("https://hooks.example.com/laurel?a=1", ""),
            ("https://hooks.example.com:8443/", ""),
            ("https://商店.example/", ""),
            ("https://93.184.216.34/", ""),
            ("https://[2606:2800:220:1:248:1893:25c8:1946]/", ""),
            ("http://hooks.example.com/", "https_only"),
            ("ftp://hooks.example.com/", "wrong_format"),
            ("hooks.example.com", "wrong_format"),
            ("https://", "wrong_format"),
            ("", "wrong_format"),
            ("https://hooks.example.com/#part", "wrong_format"),
            ("https://user@hooks.example.com/", "no_password"),
            ("https://user:word@hooks.example.com/", "no_password"),
            ("https://:word@hooks.example.com/", "no_password"),
            ("https://localhost/", "address_refused"),
            ("https://LOCALHOST./", "address_refused"),
            ("https://a.localhost/", "address_refused"),
            ("https://127.0.0.1/", "address_refused"),
            ("https://127.1/", "address_refused"),
            ("https://2130706433/", "address_refused"),
            ("https://0x7f.0.0.1/", "address_refused"),
            ("https://0177.0.0.1/", "address_refused"),
            ("https://%31%32%37.0.0.1/", "address_refused"),
            ("https://１２７.0.0.1/", "address_refused"),
            ("https://0.0.0.0/", "address_refused"),
            ("https://10.1.2.3/", "address_refused"),
            ("https://172.16.0.1/", "address_refused"),
            ("https://192.168.1.1/", "address_refused"),
            ("https://169.254.169.254/latest/meta-data", "address_refused"),
            ("https://100.100.100.200/", "address_refused"),
            ("https://[::1]/", "address_refused"),
            ("https://[::]/", "address_refused"),
            ("https://[::ffff:127.0.0.1]/", "address_refused"),
            ("https://[::ffff:a9fe:a9fe]/", "address_refused"),
            ("https://[::127.0.0.1]/", "address_refused"),
            ("https://[64:ff9b::a9fe:a9fe]/", "address_refused"),
            ("https://[2002:7f00:1::]/", "address_refused"),
            ("https://[fe80::1]/", "address_refused"),
            ("https://[fd00:ec2::254]/", "address_refused"),
            ("https://[fec0::1]/", "address_refused"),
            ("https://[ff02::1]/", "address_refused"),
            ("https://[2001::1]/", "address_refused"),
            ("https://[2001:db8::1]/", "address_refused"),
        ] {
            let found = target(text, false).map_or_else(|(code, _)| code, |_| "");
            assert_eq!(found, want, "{text}");
        }
        let long = format!("https://hooks.example.com/{}", "a".repeat(2_000));
        assert_eq!(target(&long, false).unwrap_err().0, "out_of_range");
    }

    #[test]
    fn a_test_may_point_to_its_own_machine() {
        for (text, want) in [
            ("http://127.0.0.1:8080/hook", ""),
            ("https://localhost/", ""),
            ("http://user@127.0.0.1/", "no_password"),
            ("file:///etc/passwd", "wrong_format"),
        ] {
            assert_eq!(target(text, true).map_or_else(|(code, _)| code, |_| ""), want, "{text}");
        }
    }

    #[test]
    fn addresses_at_the_edges_of_networks() {
        for (text, want) in [
            ("9.255.255.255", true),
            ("10.0.0.0", false),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.64.0.0", false),
            ("100.127.255.255", false),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.31.255.255", false),
            ("172.32.0.0", true),
            ("192.0.0.8", false),
            ("192.0.2.1", false),
            ("192.0.1.1", true),
            ("198.17.255.255", true),
            ("198.18.0.0", false),
            ("198.19.255.255", false),
            ("198.20.0.0", true),
            ("223.255.255.255", true),
            ("224.0.0.1", false),
            ("240.0.0.0", false),
            ("255.255.255.255", false),
            ("1fff::1", false),
            ("2000::1", true),
            ("2001:1ff::1", false),
            ("2001:200::1", true),
            ("3fff::1", false),
            ("3fff:1000::1", true),
            ("4000::1", false),
            ("64:ff9b::808:808", true),
            ("64:ff9b:1::808:808", false),
            ("::ffff:8.8.8.8", true),
            ("2002:808:808::", true),
            ("100::1", false),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), want, "{text}");
        }
    }
}
