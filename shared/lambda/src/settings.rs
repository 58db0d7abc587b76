//! What a function reads from its environment. The template sets the same names.

use std::fmt;

use domain::time::Instant;

/// The table's name.
const TABLE: &str = "LAUREL_TABLE";
/// The secret that holds the master key: its ARN or name in Secrets Manager.
const MASTER_KEY_SECRET: &str = "LAUREL_MASTER_KEY_SECRET";
/// The master key itself, for tests and trials.
const MASTER_KEY: &str = "LAUREL_MASTER_KEY";
/// Origins of browser pages that may call, separated by commas.
const CORS_ORIGINS: &str = "LAUREL_CORS_ORIGINS";
/// How many requests a minute a caller may send to this instance.
const RATE_LIMIT: &str = "LAUREL_RATE_LIMIT";
/// Another DynamoDB than the region's, for tests.
const ENDPOINT: &str = "LAUREL_ENDPOINT";
/// How much is logged.
const LOG: &str = "LAUREL_LOG";
/// Where a test's clock starts; for binaries with the feature `test-clock`.
const TEST_CLOCK: &str = "LAUREL_TEST_CLOCK";

/// `1`: webhooks may point to this machine; for binaries with the feature `test-clock`.
const LOCAL_WEBHOOKS: &str = "LAUREL_LOCAL_WEBHOOKS";

/// The names that a deployed function reads, and whether they are required; one of the two master keys is
/// required. `LAUREL_TEST_CLOCK` and `LAUREL_LOCAL_WEBHOOKS` are not among them: a deployed binary refuses them.
pub const ENVIRONMENT: &[(&str, bool)] = &[
    (TABLE, true),
    (MASTER_KEY_SECRET, true),
    (MASTER_KEY, false),
    (CORS_ORIGINS, false),
    (RATE_LIMIT, false),
    (ENDPOINT, false),
    (LOG, false),
];

/// Where the master key is.
#[derive(Clone, PartialEq, Eq)]
pub enum MasterKey {
    /// In Secrets Manager, under that ARN or name.
    Secret(String),
    /// Here.
    Given(String),
}

/// A function's settings from its environment.
#[derive(Clone)]
pub struct Settings {
    /// The table.
    pub table: String,
    /// Another DynamoDB than the region's.
    pub endpoint: Option<String>,
    /// Where the master key is.
    pub master_key: MasterKey,
    /// Origins of browser pages that may call.
    pub origins: Vec<String>,
    /// Requests a minute that a caller may send; 0 means no limit.
    pub rate_limit: u32,
    /// How much is logged.
    pub log: String,
    /// Where a test's clock starts.
    pub test_clock: Option<Instant>,
    /// Whether webhooks may point to this machine, for tests.
    pub local_webhooks: bool,
}

/// What is wrong with the environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// It is not set.
    Missing(&'static str),
    /// It is not what it should be.
    Wrong(&'static str, &'static str),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::Missing(name) => write!(f, "{name} is not set"),
            SettingsError::Wrong(name, why) => write!(f, "{name}: {why}"),
        }
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// The settings of the process.
    ///
    /// # Errors
    /// Something is missing or wrong.
    pub fn of_environment() -> Result<Settings, SettingsError> {
        Settings::of(|name| std::env::var(name).ok())
    }

    /// The settings from that environment. An empty value counts as not set.
    ///
    /// # Errors
    /// Something is missing or wrong.
    pub fn of(environment: impl Fn(&str) -> Option<String>) -> Result<Settings, SettingsError> {
        let given = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let master_key = match (given(MASTER_KEY_SECRET), given(MASTER_KEY)) {
            (Some(secret), _) => MasterKey::Secret(secret),
            (None, Some(key)) => MasterKey::Given(key),
            (None, None) => return Err(SettingsError::Missing(MASTER_KEY_SECRET)),
        };
        let origins = given(CORS_ORIGINS).unwrap_or_default();
        let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        Ok(Settings {
            table: given(TABLE).ok_or(SettingsError::Missing(TABLE))?,
            endpoint: given(ENDPOINT),
            master_key,
            origins: origins.map(str::to_owned).collect(),
            rate_limit: given(RATE_LIMIT).map_or(Ok(edge::RATE_LIMIT), |text| rate_limit(&text))?,
            log: given(LOG).unwrap_or_else(|| "info".to_owned()),
            test_clock: given(TEST_CLOCK).map(|text| test_clock(&text)).transpose()?,
            local_webhooks: given(LOCAL_WEBHOOKS).map_or(Ok(false), |text| local_webhooks(&text))?,
        })
    }
}

fn rate_limit(text: &str) -> Result<u32, SettingsError> {
    text.trim().parse().map_err(|_| SettingsError::Wrong(RATE_LIMIT, "a whole number of requests is needed"))
}

/// A stored master key: long enough, without the white space that editors and shells put at its ends.
///
/// # Errors
/// It is too short.
pub(crate) fn checked_master_key(key: &str) -> Result<&str, SettingsError> {
    match edge::is_master_key(key) {
        true => Ok(key.trim()),
        false => Err(SettingsError::Wrong(MASTER_KEY, "the master key must have at least 32 characters")),
    }
}

#[cfg(feature = "test-clock")]
fn test_clock(text: &str) -> Result<Instant, SettingsError> {
    Instant::parse(text).ok_or(SettingsError::Wrong(TEST_CLOCK, "an RFC 3339 instant is needed"))
}

#[cfg(feature = "test-clock")]
fn local_webhooks(text: &str) -> Result<bool, SettingsError> {
    Ok(text == "1")
}

#[cfg(not(feature = "test-clock"))]
fn local_webhooks(_: &str) -> Result<bool, SettingsError> {
    Err(SettingsError::Wrong(LOCAL_WEBHOOKS, "this binary sends to public addresses alone"))
}

#[cfg(not(feature = "test-clock"))]
fn test_clock(_: &str) -> Result<Instant, SettingsError> {
    Err(SettingsError::Wrong(TEST_CLOCK, "this binary uses only the machine's clock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::of(|name| set.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_is_needed_and_what_is_not() {
        let (table, key) = (("LAUREL_TABLE", "t"), ("LAUREL_MASTER_KEY", "k"));
        let settings = of(&[table, key]).unwrap();
        assert_eq!((settings.table.as_str(), settings.log.as_str()), ("t", "info"));
        assert!(settings.endpoint.is_none() && settings.origins.is_empty() && settings.test_clock.is_none());
        assert!(settings.master_key == MasterKey::Given("k".to_owned()));
        let missing = |set: &[(&str, &str)]| of(set).err();
        assert_eq!(missing(&[table]), Some(SettingsError::Missing("LAUREL_MASTER_KEY_SECRET")));
        assert_eq!(missing(&[key]), Some(SettingsError::Missing("LAUREL_TABLE")));
        assert_eq!(missing(&[("LAUREL_TABLE", " "), key]), Some(SettingsError::Missing("LAUREL_TABLE")));
    }

    #[test]
    fn a_secret_goes_before_a_key_that_lies_about() {
        let secret = ("LAUREL_MASTER_KEY_SECRET", "arn:aws:secretsmanager:eu-central-1:1:secret:k");
        let settings = of(&[("LAUREL_TABLE", "t"), ("LAUREL_MASTER_KEY", "k"), secret]).unwrap();
        assert!(settings.master_key == MasterKey::Secret(secret.1.to_owned()));
    }

    #[test]
    fn origins_stand_between_commas() {
        let set = [
            ("LAUREL_TABLE", "t"),
            ("LAUREL_MASTER_KEY", "k"),
            ("LAUREL_CORS_ORIGINS", "https://a, https://b,"),
        ];
        assert_eq!(of(&set).unwrap().origins, ["https://a", "https://b"]);
    }

    #[test]
    fn a_limit_of_rate_is_a_number() {
        let set = |limit| [("LAUREL_TABLE", "t"), ("LAUREL_MASTER_KEY", "k"), ("LAUREL_RATE_LIMIT", limit)];
        let limits = ["", "0", "600"].map(|limit| of(&set(limit)).unwrap().rate_limit);
        assert_eq!(limits, [edge::RATE_LIMIT, 0, 600]);
        for wrong in ["many", "-1", "1.5", "4294967296"] {
            assert!(of(&set(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_deployed_binary_has_no_test_clock() {
        let set = |at| [("LAUREL_TABLE", "t"), ("LAUREL_MASTER_KEY", "k"), ("LAUREL_TEST_CLOCK", at)];
        assert_eq!(of(&set("2026-01-01T00:00:00Z")).is_ok(), cfg!(feature = "test-clock"));
        assert!(of(&set("yesterday")).is_err());
    }

    #[test]
    fn a_deployed_binary_sends_to_public_addresses_alone() {
        let set = [("LAUREL_TABLE", "t"), ("LAUREL_MASTER_KEY", "k"), ("LAUREL_LOCAL_WEBHOOKS", "1")];
        assert_eq!(
            of(&set).map(|settings| settings.local_webhooks).ok(),
            cfg!(feature = "test-clock").then_some(true)
        );
        assert!(!of(&set[..2]).unwrap().local_webhooks);
    }

    #[test]
    fn a_short_master_key_is_refused() {
        assert!(checked_master_key("short").is_err());
        assert_eq!(checked_master_key(" 0123456789abcdef0123456789abcdef\n").unwrap().len(), 32);
    }
}
