//! Fields of a body that are used before a handler reads all of it.

use domain::{id::BrandId, json::Json, member::MemberId, time::Instant};
use engine::id::Reference;

use crate::{Problem, Read as _, Ulid, body};

body! {
    /// Fields that mean the same in every body: whose data it is about, and how the request is meant.
    pub(crate) struct Said {
        /// the brand it is done at
        pub(crate) brand: Option<BrandId>,
        /// the member it is about
        pub(crate) member_id: Option<Ulid<MemberId>>,
        /// what a partner names the member by
        pub(crate) member_ref: Option<Ulid<Reference>>,
        /// answer what would happen and write nothing
        pub(crate) dry_run: Option<bool>,
        /// until when a schedule settles
        pub(crate) as_of: Option<Instant>,
    }
}

/// The name that a field of [`Said`] has in a body.
macro_rules! name {
    ($field:ident) => {{
        const _: fn(&Said) = |said| {
            let _ = &said.$field;
        };
        stringify!($field)
    }};
}

impl Said {
    pub(crate) const AS_OF: &str = name!(as_of);
    /// A request is the same with `false` and without.
    pub(crate) const DRY_RUN: &str = name!(dry_run);

    /// These fields of a body that has its route's shape; nothing, if there is no body.
    ///
    /// # Errors
    /// 500 `internal`: in that shape, one of these names means something else.
    pub(crate) fn of(body: &Json) -> Result<Said, Problem> {
        let said = match body {
            Json::Null => Said::read(&Json::Object(Vec::new())),
            body => Said::read(body),
        };
        said.ok_or_else(|| Problem::broken("a field that every body has in one sense has another"))
    }
}
