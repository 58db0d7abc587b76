//! Samples of the activity log.

use super::{AT, ID, LONG_AGO, Samples, bys, named, text};
use crate::store::{
    id::RequestId,
    records::{By, On, StaffChangeRecord},
};

pub(in super::super) fn staff_change() -> Samples<StaffChangeRecord> {
    let plain = StaffChangeRecord {
        at: AT,
        by: By::Time,
        name: String::new(),
        what: text("webhook.disabled"),
        on: On::Nothing,
        about: None,
        reason: None,
        request: None,
    };
    let full = StaffChangeRecord {
        at: LONG_AGO,
        name: text("前台 2"),
        what: text("badge.removed"),
        on: On::Member(ID),
        about: Some(text("founder")),
        reason: Some(text("误发")),
        request: Some(RequestId([0x44; 16])),
        ..plain.clone()
    };
    let of_key = StaffChangeRecord { on: On::Named(text("tea")), ..plain.clone() };
    let bys = bys().map(|(name, by)| (name, StaffChangeRecord { by, ..plain.clone() }));
    named([("plain", plain), ("full", full), ("of_key", of_key)].into_iter().chain(bys))
}
