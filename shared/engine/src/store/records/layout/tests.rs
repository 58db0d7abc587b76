//! Values and their bytes, both ways.

use proptest::{collection, prelude::*};

use super::*;

/// The value is written in these bytes and read from them, and from no part of them.
fn check<T: Layout + PartialEq + std::fmt::Debug>(value: &T, bytes: &[u8]) {
    let mut written = Vec::new();
    value.write(&mut written);
    assert_eq!(written, bytes, "{value:?}");
    let mut from = Reader::new(bytes);
    assert_eq!(T::read(&mut from).as_ref(), Ok(value));
    assert_eq!(from.end(), Ok(()));
    for end in 0..bytes.len() {
        assert_eq!(T::read(&mut Reader::new(&bytes[..end])), Err(Damaged), "{value:?} cut at {end}");
    }
}

#[derive(PartialEq, Debug)]
enum Shape {
    Line { from: u32, to: Option<bool> },
    Point,
    Text(String),
}
layout! { enum Shape { 0 = Point, 1 = Text(text), 200 = Line { to, from } } }

#[derive(PartialEq, Debug)]
struct Named {
    second: i64,
    first: [u8; 2],
}
layout! { struct Named { first, second } }

#[derive(PartialEq, Debug)]
struct Day(i32);
layout! { struct Day(number) }

#[test]
fn each_value_has_its_bytes() {
    check(&0_u64, &[0]);
    check(&127_u64, &[127]);
    check(&128_u32, &[0x80, 1]);
    check(&u16::MAX, &[0xff, 0xff, 3]);
    check(&u32::MAX, &[0xff, 0xff, 0xff, 0xff, 15]);
    check(&u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    check(&0_i32, &[0]);
    check(&-1_i32, &[1]);
    check(&1_i64, &[2]);
    check(&-65_i64, &[0x81, 1]);
    check(&i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    check(&i128::MIN, &[&[0xff; 18][..], &[3]].concat());
    check(&7_u8, &[7]);
    check(&255_u8, &[255]);
    check(&true, &[1]);
    check(&"茶".to_owned(), &[3, 0xe8, 0x8c, 0xb6]);
    check(&vec![1_u8, 2], &[2, 1, 2]);
    check(&vec![300_u32, 1], &[2, 0xac, 2, 1]);
    check(&[None, Some(false)], &[0, 1, 0]);
    check(&[9_u8; 3], &[9, 9, 9]);
    check(&Box::new((1_i32, 2_u64)), &[2, 2]);
    check(&BTreeMap::from([("a".to_owned(), 1_u64), ("b".to_owned(), 2)]), &[2, 1, b'a', 1, 1, b'b', 2]);
    check(&Shape::Point, &[0]);
    check(&Shape::Text("a".to_owned()), &[1, 1, b'a']);
    check(&Shape::Line { from: 5, to: Some(true) }, &[0xc8, 1, 1, 1, 5]);
    check(&Named { second: -1, first: [3, 4] }, &[3, 4, 1]);
    check(&Day(-1), &[1]);
}

fn refused<T: Layout + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let mut from = Reader::new(bytes);
    let read = T::read(&mut from).and_then(|value| from.end().map(|()| value));
    assert_eq!(read, Err(Damaged), "{bytes:02x?}");
}

#[test]
fn what_has_another_form_is_refused() {
    refused::<u64>(&[]);
    refused::<u64>(&[0x80]);
    refused::<u64>(&[0x80, 0]);
    refused::<u64>(&[1, 1]);
    refused::<u16>(&[0xff, 0xff, 4]);
    refused::<u32>(&[0xff, 0xff, 0xff, 0xff, 16]);
    refused::<u64>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]);
    refused::<u64>(&[0xff; 11]);
    refused::<i128>(&[&[0xff; 18][..], &[4]].concat());
    refused::<i128>(&[0xff; 20]);
    refused::<bool>(&[2]);
    refused::<Option<u8>>(&[2, 1]);
    refused::<String>(&[2, 0xc3, 0x28]);
    refused::<String>(&[5, b'a']);
    refused::<Vec<u64>>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1]);
    refused::<BTreeMap<String, u8>>(&[2, 1, b'b', 0, 1, b'a', 0]);
    refused::<BTreeMap<String, u8>>(&[2, 1, b'a', 0, 1, b'a', 1]);
    refused::<Shape>(&[2]);
    refused::<Shape>(&[0xff, 0xff, 0xff, 0xff, 15]);
}

type Everything = (Vec<(u64, i64)>, (Option<String>, (BTreeMap<String, i128>, Vec<[u16; 3]>)));

proptest! {
    #[test]
    fn what_is_written_is_read(
        numbers in collection::vec((any::<u64>(), any::<i64>()), 0..9),
        text in proptest::option::of(".*"),
        map in collection::btree_map(".{0,3}", any::<i128>(), 0..5),
        arrays in collection::vec(any::<[u16; 3]>(), 0..4),
    ) {
        let value: Everything = (numbers, (text, (map, arrays)));
        let mut written = Vec::new();
        value.write(&mut written);
        let mut from = Reader::new(&written);
        prop_assert_eq!(Everything::read(&mut from), Ok(value));
        prop_assert_eq!(from.end(), Ok(()));
    }

    /// Any bytes that can be read would be written as the same bytes.
    #[test]
    fn there_is_one_form(bytes in collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..40)) {
        let mut from = Reader::new(&bytes);
        if let Ok(value) = Everything::read(&mut from) {
            let mut written = Vec::new();
            value.write(&mut written);
            prop_assert_eq!(&written[..], &bytes[..bytes.len() - from.rest.len()]);
        }
    }
}
