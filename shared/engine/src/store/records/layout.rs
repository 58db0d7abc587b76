//! How values are stored: bytes that never change, whatever happens to the types in `domain`.
//!
//! A value's bytes follow from its layout and from nothing else. `layout!` gives the layout of a struct or an
//! enum: the order of the names there is the order of the bytes, and a variant has the number given there. So
//! a declaration may list fields and variants in any order, and an added one does not compile until its
//! record says where it goes.
//!
//! | value | bytes |
//! |---|---|
//! | whole number without a sign | seven bits a byte, the lowest first; the last byte is the one below 128 |
//! | whole number with a sign | 0, −1, 1, −2 … as 0, 1, 2, 3 … |
//! | byte, yes or no | one byte |
//! | so many bytes or elements | one after the other |
//! | text, list, map | how many (bytes, elements, pairs in the order of their keys), and these |
//! | what may be missing | 0, or 1 and the value |
//! | struct, tuple | its fields |
//! | enum | the variant's number, and its fields |
//!
//! There is one way to write a value, and any other is refused: a number with needless bytes, a map out of
//! order, bytes left over. That is the format of the crate `postcard`, less its leniency.

use std::collections::BTreeMap;

/// These bytes are no such value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damaged;

/// Bytes that are read from the front.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads these.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The next byte.
    #[inline]
    fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.rest.split_first().ok_or(Damaged)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next so many bytes.
    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    /// How many elements follow. An element has at least one byte, so a length cannot promise more elements
    /// than there are bytes.
    #[inline]
    fn length(&mut self) -> Result<usize, Damaged> {
        let length = usize::try_from(u64::read(self)?).map_err(|_| Damaged)?;
        if length > self.rest.len() { Err(Damaged) } else { Ok(length) }
    }

    /// Text.
    #[inline]
    pub(super) fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damaged)
    }

    /// Nothing is left over.
    ///
    /// # Errors
    /// Something is.
    pub fn end(self) -> Result<(), Damaged> {
        if self.rest.is_empty() { Ok(()) } else { Err(Damaged) }
    }
}

/// Room reserved for elements that are only promised, in bytes.
const ROOM_MAX: usize = 64 * 1024;

/// A value that has one form in bytes.
pub trait Layout: Sized {
    /// Appends the value's bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads a value.
    ///
    /// # Errors
    /// The bytes are no such value.
    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged>;

    /// Appends the bytes of all of them.
    #[inline]
    fn write_all(all: &[Self], out: &mut Vec<u8>) {
        all.iter().for_each(|one| one.write(out));
    }

    /// Reads so many.
    ///
    /// # Errors
    /// The bytes are no such values.
    #[inline]
    fn read_all(length: usize, from: &mut Reader<'_>) -> Result<Vec<Self>, Damaged> {
        let mut all = Vec::with_capacity(length.min(ROOM_MAX / size_of::<Self>().max(1)));
        for _ in 0..length {
            all.push(Self::read(from)?);
        }
        Ok(all)
    }

    /// Reads as many as the array has.
    ///
    /// # Errors
    /// The bytes are no such values.
    #[inline]
    fn read_array<const N: usize>(from: &mut Reader<'_>) -> Result<[Self; N], Damaged> {
        Self::read_all(N, from)?.try_into().map_err(|_| Damaged)
    }
}

/// Writes text.
#[inline]
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u64).write(out);
    out.extend_from_slice(text.as_bytes());
}

/// Writes the number of a variant. For [`layout!`].
#[inline]
pub(crate) fn write_variant(number: u32, out: &mut Vec<u8>) {
    number.write(out);
}

macro_rules! whole {
    ($($type:ident)*) => {$(
        impl Layout for $type {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                let mut number = *self;
                while number >= 0x80 {
                    out.push(number.to_le_bytes()[0] | 0x80);
                    number >>= 7;
                }
                out.push(number.to_le_bytes()[0]);
            }

            #[inline]
            fn read(from: &mut Reader<'_>) -> Result<$type, Damaged> {
                let (mut number, mut shift) = (0, 0);
                loop {
                    let byte = from.byte()?;
                    let part = $type::from(byte & 0x7f);
                    // A last byte of 0 is redundant, and bits beyond the type's would be lost.
                    if shift >= $type::BITS || (shift > 0 && byte == 0) || (part << shift) >> shift != part {
                        return Err(Damaged);
                    }
                    number |= part << shift;
                    if byte < 0x80 {
                        return Ok(number);
                    }
                    shift += 7;
                }
            }
        }
    )*};
}

whole! { u16 u32 u64 u128 }

macro_rules! signed {
    ($($type:ident $unsigned:ident)*) => {$(
        impl Layout for $type {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                ((*self << 1) ^ (*self >> ($type::BITS - 1))).cast_unsigned().write(out);
            }

            #[inline]
            fn read(from: &mut Reader<'_>) -> Result<$type, Damaged> {
                let folded = $unsigned::read(from)?;
                Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
            }
        }
    )*};
}

signed! { i32 u32 i64 u64 i128 u128 }

impl Layout for u8 {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<u8, Damaged> {
        from.byte()
    }

    #[inline]
    fn write_all(all: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(all);
    }

    #[inline]
    fn read_all(length: usize, from: &mut Reader<'_>) -> Result<Vec<u8>, Damaged> {
        from.take(length).map(<[u8]>::to_vec)
    }

    #[inline]
    fn read_array<const N: usize>(from: &mut Reader<'_>) -> Result<[u8; N], Damaged> {
        from.take(N)?.try_into().map_err(|_| Damaged)
    }
}

impl Layout for bool {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<bool, Damaged> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damaged),
        }
    }
}

impl Layout for String {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<String, Damaged> {
        from.text().map(str::to_owned)
    }
}

impl<T: Layout> Layout for Vec<T> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        T::write_all(self, out);
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<Vec<T>, Damaged> {
        let length = from.length()?;
        T::read_all(length, from)
    }
}

impl<T: Layout, const N: usize> Layout for [T; N] {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        T::write_all(self, out);
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<[T; N], Damaged> {
        T::read_array(from)
    }
}

impl<T: Layout> Layout for Option<T> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<Option<T>, Damaged> {
        bool::read(from)?.then(|| T::read(from)).transpose()
    }
}

impl<T: Layout> Layout for Box<T> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<Box<T>, Damaged> {
        T::read(from).map(Box::new)
    }
}

impl<A: Layout, B: Layout> Layout for (A, B) {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let (first, second) = self;
        first.write(out);
        second.write(out);
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<(A, B), Damaged> {
        Ok((A::read(from)?, B::read(from)?))
    }
}

impl<K: Layout + Ord, V: Layout> Layout for BTreeMap<K, V> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        for (key, value) in self {
            key.write(out);
            value.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<BTreeMap<K, V>, Damaged> {
        let length = from.length()?;
        let mut map = BTreeMap::new();
        for _ in 0..length {
            let (key, value) = (K::read(from)?, V::read(from)?);
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(Damaged);
            }
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// Says how a type is stored; see the module's text.
///
/// Both directions name every field: a field that is missing here, or there, does not compile.
macro_rules! layout {
    (struct $name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::store::records::layout::Layout for $name {
            fn write(&self, out: &mut Vec<u8>) {
                let $name { $($field),* } = self;
                $($crate::store::records::layout::Layout::write($field, out);)*
            }

            fn read(
                from: &mut $crate::store::records::layout::Reader<'_>,
            ) -> Result<Self, $crate::store::records::layout::Damaged> {
                $(let $field = $crate::store::records::layout::Layout::read(from)?;)*
                Ok($name { $($field),* })
            }
        }
    };
    (struct $name:ident($value:ident)) => {
        impl $crate::store::records::layout::Layout for $name {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                let $name($value) = self;
                $crate::store::records::layout::Layout::write($value, out);
            }

            #[inline]
            fn read(
                from: &mut $crate::store::records::layout::Reader<'_>,
            ) -> Result<Self, $crate::store::records::layout::Damaged> {
                $crate::store::records::layout::Layout::read(from).map($name)
            }
        }
    };
    (enum $name:ident { $(
        $number:literal = $variant:ident $(($($part:ident),*))? $({ $($field:ident),* $(,)? })?
    ),* $(,)? }) => {
        impl $crate::store::records::layout::Layout for $name {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $($name::$variant $(($($part),*))? $({ $($field),* })? => {
                        $crate::store::records::layout::write_variant($number, out);
                        $($($crate::store::records::layout::Layout::write($part, out);)*)?
                        $($($crate::store::records::layout::Layout::write($field, out);)*)?
                    })*
                }
            }

            // A number that stands twice.
            #[deny(unreachable_patterns)]
            fn read(
                from: &mut $crate::store::records::layout::Reader<'_>,
            ) -> Result<Self, $crate::store::records::layout::Damaged> {
                let number: u32 = $crate::store::records::layout::Layout::read(from)?;
                match number {
                    $($number => {
                        $($(let $part = $crate::store::records::layout::Layout::read(from)?;)*)?
                        $($(let $field = $crate::store::records::layout::Layout::read(from)?;)*)?
                        Ok($name::$variant $(($($part),*))? $({ $($field),* })?)
                    })*
                    _ => Err($crate::store::records::layout::Damaged),
                }
            }
        }
    };
}

pub(crate) use layout;

#[cfg(test)]
mod tests;
