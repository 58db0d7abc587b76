//! Ids and hashes as types, so that one is never mistaken for another.
//!
//! Each is made once, where it comes in. None has a default: an absent id is an `Option`, and a special one
//! has a name of its own.

use std::fmt;

/// Makes types of ids and hashes that are a fixed number of bytes. Any bytes are one; none is one by default.
#[macro_export]
macro_rules! bytes_id {
    ($($(#[$doc:meta])* $name:ident[$length:literal];)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub [u8; $length]);
    )+};
}

bytes_id! {
    /// A member's id: the 16 bytes of its ULID.
    MemberId[16];
    /// A redemption's id, which follows from its brand and order.
    RedemptionId[16];
    /// The id of a merge of two members: the 16 bytes of its ULID.
    MergeId[16];
    /// A grant's id: the 16 bytes of its ULID.
    GrantId[16];
    /// A referral's id: that of the friend, for a friend is brought once.
    ReferralId[16];
}

/// The text is not an id of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAnId {
    /// Not 1 to 64 of `[A-Za-z0-9._:-]`, as ids in a programme are.
    OfProgramme,
    /// Not what a shop may call something of its own: see [`is_shop_id`](crate::shape::is_shop_id).
    OfShop,
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAnId::OfProgramme => "not 1 to 64 of A-Z a-z 0-9 . _ : -",
            NotAnId::OfShop => "not 1 to 64 characters of NFC text, without control characters, and without blanks at its ends",
        })
    }
}

impl std::error::Error for NotAnId {}

/// Makes types for textual ids that a programme gives: 1 to 64 of `[A-Za-z0-9._:-]`. One is made by reading it
/// (`"acme".parse()`), and short ones need no allocation.
#[macro_export]
macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        $crate::text! { $crate::shape::is_id, $crate::id::NotAnId::OfProgramme; $($(#[$doc])* $name;)+ }
    };
}

/// Makes types for textual ids of what a shop calls something of its own, in its own script: see
/// [`is_shop_id`](crate::shape::is_shop_id).
#[macro_export]
macro_rules! shop_id {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        $crate::text! { $crate::shape::is_shop_id, $crate::id::NotAnId::OfShop; $($(#[$doc])* $name;)+ }
    };
}

/// Makes types for textual ids by their rule.
#[doc(hidden)]
#[macro_export]
macro_rules! text {
    ($rule:path, $error:path; $($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($crate::json::Text);

        impl $name {
            /// The id of a text that has been checked: by the shape of its body or document, or before it was
            /// stored. A stored id is readable for ever, whatever the rules for ids become.
            pub fn of_checked(text: &str) -> $name {
                $name(text.into())
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The bytes of its text.
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::id::NotAnId;

            fn from_str(text: &str) -> Result<$name, $crate::id::NotAnId> {
                if $rule(text) { Ok($name(text.into())) } else { Err($error) }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl ::std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, text: &str) -> bool {
                self.0 == text
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, text: &&str) -> bool {
                self.0 == *text
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(self.as_str(), f)
            }
        }
    )+};
}

text_id! {
    /// A brand's id.
    BrandId;
    /// A tier's id.
    TierId;
    /// An activity's id, in the programme.
    ActivityId;
    /// A badge's id, in the programme.
    BadgeId;
    /// A buyer's name for a block of points, by which it is bought once.
    BlockRef;
    /// A code that somebody was referred with.
    ReferralCode;
    /// An offer's id.
    OfferId;
}

shop_id! {
    /// A shop's id of an order, which means something together with the brand.
    OrderId;
    /// A shop's id of a line of an order.
    OrderLineId;
    /// A shop's name for where an order was placed.
    OrderChannel;
    /// A shop's id of a refund of an order, or of a part of a redemption that is cancelled.
    RefundId;
    /// A shop's id of one of several redemptions for an order.
    RedemptionPart;
    /// A shop's name for one doing of an activity, by which it earns once.
    ActivityRef;
    /// The staff's name for an adjustment, by which it is made once.
    AdjustmentId;
    /// A shop's name for a balance that it brings along, by which it lands once.
    BalanceId;
    /// A shop's id of a use of a grant without an order.
    UseId;
    /// A shop's name for a claim or a purchase of an offer, by which it is made once.
    ClaimId;
    /// The staff's name for an issue of an offer, by which it is made once.
    IssueId;
    /// The staff's name for codes that are put into an offer's stock together, or printed together.
    BatchId;
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    #[test]
    fn an_id_is_one_to_64_of_its_letters_and_is_its_text() {
        let long = "a".repeat(65);
        for text in ["a", "acme", "A-1.b_c:d", &long[..64]] {
            let id: BrandId = text.parse().unwrap();
            assert_eq!(
                (id.as_str(), id.to_string().as_str(), format!("{id:?}")),
                (text, text, format!("{text:?}"))
            );
            assert_eq!(id, BrandId::of_checked(text));
            // It is looked up by its text, in whatever map.
            assert_eq!(HashMap::from([(id.clone(), 1)]).get(text), Some(&1));
            assert_eq!(BTreeMap::from([(id.clone(), 1)]).get(text), Some(&1));
            assert!(id == *text && id != *"other");
        }
        for text in ["", "a b", "a/b", "é", "a\n", &long] {
            assert_eq!(text.parse::<BrandId>(), Err(NotAnId::OfProgramme), "{text:?}");
            assert_eq!(BrandId::of_checked(text).as_str(), text, "what is stored is read");
        }
    }

    #[test]
    fn what_is_no_id_says_what_one_is() {
        assert_eq!(NotAnId::OfProgramme.to_string(), "not 1 to 64 of A-Z a-z 0-9 . _ : -");
        assert!(NotAnId::OfShop.to_string().starts_with("not 1 to 64 characters of NFC text"));
    }

    /// As shops write them, in whatever script; counted in characters and not in bytes.
    #[test]
    fn what_a_shop_names_it_names_in_its_own_way() {
        let (long, longer) = ("单".repeat(64), "单".repeat(65));
        for text in ["#1001", "Shop/0001", "订单1", "SO 17-1", "gid://shop/Order/1", "\u{e9}", "-0", &long]
        {
            assert_eq!(text.parse(), Ok(OrderId::of_checked(text)), "{text:?}");
        }
        let wrong = [
            "",
            " A1",
            "A1 ",
            "\u{3000}A1",
            "A1\u{a0}",
            "\u{feff}A1",
            "A\n1",
            "A\u{7}",
            "A\u{85}1",
            "\0",
            "e\u{301}",
            "\u{212b}",
            &longer,
        ];
        for text in wrong {
            assert_eq!(text.parse::<OrderId>(), Err(NotAnId::OfShop), "{text:?}");
            assert_eq!(OrderId::of_checked(text).as_str(), text, "what is stored is read");
        }
    }
}
