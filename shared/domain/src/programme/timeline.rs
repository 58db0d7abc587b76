//! The versions of a programme, each in force from a moment on.

use super::Programme;
use crate::time::Instant;

/// Every version of a programme, oldest first. Never empty.
#[derive(Clone, Debug)]
pub struct Timeline {
    versions: Vec<std::sync::Arc<Programme>>,
}

impl Timeline {
    /// The versions in order of their numbers; `None` if there is none.
    pub fn new(versions: Vec<std::sync::Arc<Programme>>) -> Option<Timeline> {
        (!versions.is_empty()).then_some(Timeline { versions })
    }

    /// All of them.
    pub fn versions(&self) -> &[std::sync::Arc<Programme>] {
        &self.versions
    }

    /// The version in force at that moment (the first one covers all earlier times).
    pub fn at(&self, instant: Instant) -> &Programme {
        let later = self.versions.iter().rev().find(|version| version.since <= instant);
        // Events before the first version are judged by the first. There is always one.
        later.unwrap_or(&self.versions[0])
    }

    /// The version in force just before that moment: it judges what falls due at it (rules, 2).
    pub fn before(&self, instant: Instant) -> &Programme {
        let earlier = self.versions.iter().rev().find(|version| version.since < instant);
        earlier.unwrap_or(&self.versions[0]) // as in `at`
    }

    /// The versions after that one, oldest first.
    pub fn after(&self, number: u32) -> &[std::sync::Arc<Programme>] {
        let known = self.versions.partition_point(|version| version.version <= number);
        &self.versions[known..]
    }

    /// The newest version.
    pub fn newest(&self) -> &std::sync::Arc<Programme> {
        &self.versions[self.versions.len() - 1] // never empty
    }

    /// Whether any version has a brand whose account members share: limits, or points that are paid for.
    pub fn has_accounts(&self) -> bool {
        let mut brands = self.versions.iter().flat_map(|version| &version.brands);
        brands.any(|brand| !brand.limits.is_empty() || brand.funding.is_some())
    }

    /// The version of that number.
    pub fn version(&self, number: u32) -> Option<&Programme> {
        self.versions.iter().find(|version| version.version == number).map(|version| &**version)
    }

    /// The timeline with one more version.
    #[must_use]
    pub fn with(&self, next: Programme) -> Timeline {
        let mut versions = self.versions.clone();
        versions.push(std::sync::Arc::new(next));
        Timeline { versions }
    }
}
