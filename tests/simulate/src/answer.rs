//! Answers' bytes, read and compared with the model's, field by field.

mod entry;
mod member;
mod order;
mod page;
mod partner;
mod told;

use laurel_tests::model::NEVER;
use serde::Deserialize;

pub(crate) use self::{
    member::{compare_member, compare_merged, compare_registered},
    order::compare_order,
    page::compare_page,
    partner::compare_partner,
    told::{code, compare_told},
};
use crate::instant;

/// What is wrong, in words.
pub(crate) type Verdict = Result<(), String>;

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, want: T) -> Verdict {
    if got == want { Ok(()) } else { Err(format!("{what}: {got:?}, where the model says {want:?}")) }
}

fn same_instant(what: &str, got: Option<&str>, want: i64) -> Verdict {
    let got = match got {
        None => NEVER,
        Some(text) => instant::read(text).ok_or_else(|| format!("{what}: {text} is no instant"))?.0,
    };
    if got == want { Ok(()) } else { Err(format!("{what}: {got}, where the model says {want}")) }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    let text = |_| String::from_utf8_lossy(body).into_owned();
    serde_json::from_slice(body).map_err(|error| format!("{error}: {}", text(())))
}

/// What a sweep says: whether it is done.
pub(crate) fn swept(body: &[u8]) -> Result<bool, String> {
    #[derive(Deserialize)]
    struct Got {
        done: bool,
    }
    read::<Got>(body).map(|got| got.done)
}
