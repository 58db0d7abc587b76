//! Bodies and answers as structs: [`body!`](crate::body) makes one that a handler reads,
//! [`answer!`](crate::answer) one that it answers with. Each is its own shape, field by field, with the docs
//! of its fields and under its own name among the published schemas: a field that is not in the shape does
//! not compile.
//!
//! ```
//! edge::body! {
//!     /// Something is given away.
//!     pub struct Give {
//!         /// to whom
//!         pub member_id: edge::Ulid<domain::member::MemberId>,
//!         /// how many; 1 unless given
//!         pub points: Option<edge::Positive>,
//!     }
//! }
//! edge::answer! {
//!     /// What was given.
//!     pub struct Given<'a> {
//!         /// by whom
//!         pub brand: edge::Id<&'a domain::id::BrandId>,
//!         /// null: for ever
//!         pub until: edge::OrNull<edge::At>,
//!         /// left out where nobody said
//!         pub reason: Option<edge::Text<100, &'a str>>,
//!     }
//! }
//! let brand = "acme".parse().unwrap();
//! let given = Given { brand: edge::Id(&brand), until: edge::OrNull(None), reason: None };
//! assert_eq!(serde_json::to_string(&given).unwrap(), r#"{"brand":"acme","until":null}"#);
//! ```

use domain::{json::Json, shape::Shape};
use serde::Serialize;

use crate::kinds::{Change, Kind, Read};

/// A field of a body: a kind of value that must be there, an `Option` of one that need not be, or a [`Change`].
pub trait Taken: Sized {
    /// Whether it must be there.
    const REQUIRED: bool;
    /// What it must be.
    const SHAPE: Shape;

    /// The field; `None` if it does not have the shape.
    fn take(sent: Option<&Json>) -> Option<Self>;
}

impl<T: Read> Taken for T {
    const REQUIRED: bool = true;
    const SHAPE: Shape = T::SHAPE;

    fn take(sent: Option<&Json>) -> Option<T> {
        T::read(sent?)
    }
}

/// A field that is `null` counts as left out.
impl<T: Read> Taken for Option<T> {
    const REQUIRED: bool = false;
    const SHAPE: Shape = T::SHAPE;

    fn take(sent: Option<&Json>) -> Option<Option<T>> {
        match sent {
            None | Some(Json::Null) => Some(None),
            Some(json) => T::read(json).map(Some),
        }
    }
}

impl<T: Read> Taken for Change<T> {
    const REQUIRED: bool = false;
    const SHAPE: Shape = T::SHAPE;

    fn take(sent: Option<&Json>) -> Option<Change<T>> {
        match sent {
            None => Some(Change::Keep),
            Some(Json::Null) => Some(Change::Remove),
            Some(json) => T::read(json).map(Change::To),
        }
    }
}

/// A field of an answer: a kind of value, or an `Option` of one that is left out if it is `None`.
pub trait Told {
    /// Whether it is always there.
    const REQUIRED: bool;
    /// What it is.
    const SHAPE: Shape;

    /// Whether it is left out of this answer.
    fn is_left_out(&self) -> bool;
}

impl<T: Kind + Serialize> Told for T {
    const REQUIRED: bool = true;
    const SHAPE: Shape = T::SHAPE;

    fn is_left_out(&self) -> bool {
        false
    }
}

impl<T: Kind + Serialize> Told for Option<T> {
    const REQUIRED: bool = false;
    const SHAPE: Shape = T::SHAPE;

    fn is_left_out(&self) -> bool {
        self.is_none()
    }
}

/// Names that the macros use in their callers' crates.
#[doc(hidden)]
pub mod made {
    pub use domain::{
        json::Json,
        shape::{Field, Shape},
    };
    pub use serde::{Serialize, Serializer, ser::SerializeMap};

    use super::{Taken, Told};

    pub const fn taken<T: Taken>(name: &'static str, doc: &'static str) -> Field {
        Field { name: bare(name), required: T::REQUIRED, shape: T::SHAPE, doc: trimmed(doc) }
    }

    pub const fn told<T: Told>(name: &'static str, doc: &'static str) -> Field {
        Field { name: bare(name), required: T::REQUIRED, shape: T::SHAPE, doc: trimmed(doc) }
    }

    /// The field of that name, even if it is `null`.
    pub fn sent<'a>(json: &'a Json, name: &'static str) -> Option<&'a Json> {
        let name = bare(name);
        json.fields().iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The name of a field that is a word of Rust's: `r#for`.
    pub const fn bare(name: &'static str) -> &'static str {
        match name.as_bytes() {
            [b'r', b'#', ..] => name.split_at(2).1,
            _ => name,
        }
    }

    const fn trimmed(doc: &'static str) -> &'static str {
        match doc.as_bytes() {
            [b' ', ..] => doc.split_at(1).1,
            _ => doc,
        }
    }
}

/// A body: a struct, its shape and how it is read. Each field is a kind of value that must be there, an `Option` of
/// one that may be left out, or a [`Change`]; the line above it is what is published of it.
#[macro_export]
macro_rules! body {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $(#[doc = $doc:literal] $field_vis:vis $field:ident: $kind:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Debug)]
        $vis struct $name {
            $(#[doc = $doc] $field_vis $field: $kind,)*
        }

        impl $name {
            const FIELDS: &'static [$crate::made::Field] =
                &[$($crate::made::taken::<$kind>(stringify!($field), $doc),)*];
            const OBJECT: $crate::made::Shape = $crate::made::Shape::Object(Self::FIELDS);
        }

        impl $crate::Kind for $name {
            const SHAPE: $crate::made::Shape = $crate::made::Shape::Named(stringify!($name), &Self::OBJECT);
        }

        impl $crate::Read for $name {
            fn read(json: &$crate::made::Json) -> Option<Self> {
                // The shape has checked that there is no other field.
                let $crate::made::Json::Object(_) = json else { return None };
                Some($name {
                    $($field: $crate::Taken::take($crate::made::sent(json, stringify!($field)))?,)*
                })
            }
        }
    };
}

/// An answer: a struct, its shape and how it is written, in the order of its fields. Each is a kind of value, or an
/// `Option` of one that is left out where it is `None`; the line above it is what is published of it.
#[macro_export]
macro_rules! answer {
    ($(#[$meta:meta])* $vis:vis struct $name:ident $(<$life:lifetime>)? {
        $(#[doc = $doc:literal] $field_vis:vis $field:ident: $kind:ty,)*
    }) => {
        $(#[$meta])*
        $vis struct $name $(<$life>)? {
            $(#[doc = $doc] $field_vis $field: $kind,)*
        }

        impl $(<$life>)? $name $(<$life>)? {
            const FIELDS: &'static [$crate::made::Field] =
                &[$($crate::made::told::<$kind>(stringify!($field), $doc),)*];
            const OBJECT: $crate::made::Shape = $crate::made::Shape::Object(Self::FIELDS);
        }

        impl $(<$life>)? $crate::Kind for $name $(<$life>)? {
            const SHAPE: $crate::made::Shape = $crate::made::Shape::Named(stringify!($name), &Self::OBJECT);
        }

        impl $(<$life>)? $crate::made::Serialize for $name $(<$life>)? {
            fn serialize<S: $crate::made::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use $crate::made::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $(if !$crate::Told::is_left_out(&self.$field) {
                    map.serialize_entry(const { $crate::made::bare(stringify!($field)) }, &self.$field)?;
                })*
                map.end()
            }
        }
    };
}

/// The words of one field of a body or answer, as an enum.
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        $vis enum $name {
            $($(#[doc = $doc])* $variant,)+
        }

        impl $name {
            /// The word.
            $vis const fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl $crate::Kind for $name {
            const SHAPE: $crate::made::Shape = $crate::made::Shape::OneOf(&[$($word,)+]);
        }

        impl $crate::Read for $name {
            fn read(json: &$crate::made::Json) -> Option<Self> {
                match json.text()? {
                    $($word => Some($name::$variant),)+
                    _ => None,
                }
            }
        }

        impl $crate::made::Serialize for $name {
            fn serialize<S: $crate::made::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}

/// The words of one field of an answer that are chosen elsewhere: a text that is one of a list.
#[macro_export]
macro_rules! word_of {
    ($(#[$meta:meta])* $vis:vis struct $name:ident: $words:expr;) => {
        $(#[$meta])*
        $vis struct $name<T = &'static str>($vis T);

        impl<T> $crate::Kind for $name<T> {
            const SHAPE: $crate::made::Shape = $crate::made::Shape::OneOf($words);
        }

        impl<T: $crate::made::Serialize> $crate::made::Serialize for $name<T> {
            fn serialize<S: $crate::made::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }
    };
}
