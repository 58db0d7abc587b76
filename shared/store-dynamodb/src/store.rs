//! The store itself: its options, its client, its table, and the implementation of the port.

use std::{fmt, sync::Arc, time::Duration};

use aws_sdk_dynamodb::{
    Client, Config,
    config::{
        BehaviorVersion, Credentials, IdentityCache, Region, SharedHttpClient, StalledStreamProtectionConfig,
        retry::RetryConfig, timeout::TimeoutConfig,
    },
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        StreamSpecification, StreamViewType, TableDescription, TableStatus, TimeToLiveSpecification,
        TimeToLiveStatus,
    },
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use bytes::Bytes;
use engine::store::{
    Instant, Key, Kind, Manner, Page, Pending, Range, Record, Store, StoreError, Version, Write,
};

use crate::{
    error::{Cause, ConnectError, Failure, classify},
    item::{END, PARTITION, SORT},
    tries::Pace,
    version::Versions,
};

/// The only certificates that we trust: parsing the system's 144 would be two thirds of a cold start.
const ROOTS: &[u8] = include_bytes!("../roots/amazon.pem");

/// How long to wait for a new table.
const TABLE_PATIENCE: Duration = Duration::from_secs(60);

/// Where the table is, and how to talk to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The table's name.
    pub table: String,
    /// Another address than AWS's own, such as that of DynamoDB Local: `http://127.0.0.1:8000`.
    /// Without credentials in the environment, made-up ones are sent there.
    pub endpoint: Option<String>,
    /// The region; `None` takes `AWS_REGION` or else `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// The credentials; `None` takes `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    pub keys: Option<AccessKeys>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How often and how long a call is tried.
    pub pace: Pace,
    /// How long a reader of the feed waits before it asks the stream again.
    pub stream_pause: Duration,
}

impl Options {
    /// The usual options for that table.
    pub fn new(table: impl Into<String>) -> Options {
        Options {
            table: table.into(),
            endpoint: None,
            region: None,
            keys: None,
            connect_timeout: Duration::from_secs(1),
            attempt_timeout: Duration::from_millis(1_500),
            pace: Pace::default(),
            stream_pause: Duration::from_secs(1),
        }
    }

    /// For work that nobody waits for, such as an audit: a slow call does not end it.
    pub fn patient(mut self) -> Options {
        self.attempt_timeout = Duration::from_secs(15);
        self.pace.budget = Duration::from_secs(120);
        self
    }
}

/// An access key of AWS.
#[derive(Clone)]
pub struct AccessKeys {
    /// The key's id.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// The session's token, for temporary keys.
    pub session_token: Option<String>,
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKeys({})", self.id)
    }
}

impl AccessKeys {
    fn from_environment() -> Option<AccessKeys> {
        let id = variable("AWS_ACCESS_KEY_ID")?;
        let secret = variable("AWS_SECRET_ACCESS_KEY")?;
        Some(AccessKeys { id, secret, session_token: variable("AWS_SESSION_TOKEN") })
    }

    /// DynamoDB Local accepts any value.
    pub(crate) fn made_up() -> AccessKeys {
        AccessKeys { id: "local".to_owned(), secret: "local".to_owned(), session_token: None }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The store over one table of DynamoDB. Clones share its connections.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    pub(crate) client: Client,
    pub(crate) table: Arc<str>,
    pub(crate) pace: Pace,
    pub(crate) versions: Arc<Versions>,
    #[cfg(feature = "stream")]
    pub(crate) reach: Arc<Reach>,
    /// The table's stream, once it was looked for and found.
    #[cfg(feature = "stream")]
    pub(crate) stream: Option<Arc<crate::stream::Stream>>,
}

/// What another client of the same account is made of.
#[cfg(feature = "stream")]
#[derive(Debug)]
pub(crate) struct Reach {
    endpoint: Option<String>,
    region: Region,
    keys: Credentials,
    timeouts: TimeoutConfig,
    http: SharedHttpClient,
    pause: Duration,
}

impl DynamoStore {
    /// A store over that table. Nothing is sent yet; see [`DynamoStore::table_ready`].
    ///
    /// # Errors
    /// The region or the credentials are missing, or the endpoint is no address.
    pub fn connect(options: Options) -> Result<DynamoStore, ConnectError> {
        let client = http_client()?;
        DynamoStore::connect_over(options, client)
    }

    /// Like [`DynamoStore::connect`], over the given connections.
    pub(crate) fn connect_over(
        options: Options,
        http: SharedHttpClient,
    ) -> Result<DynamoStore, ConnectError> {
        let endpoint = options.endpoint.map(checked_endpoint).transpose()?;
        let region = options.region.or_else(|| variable("AWS_REGION"));
        let region = region.or_else(|| variable("AWS_DEFAULT_REGION"));
        let region = region.or_else(|| endpoint.as_ref().map(|_| "local".to_owned()));
        let keys = options.keys.or_else(AccessKeys::from_environment);
        let keys = keys.or_else(|| endpoint.as_ref().map(|_| AccessKeys::made_up()));
        let keys = keys.ok_or(ConnectError::Credentials)?;
        let keys = Credentials::new(keys.id, keys.secret, keys.session_token, None, "laurel");
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(options.connect_timeout)
            .operation_attempt_timeout(options.attempt_timeout)
            .build();
        let region = Region::new(region.ok_or(ConnectError::Region)?);
        #[cfg(feature = "stream")]
        let reach = Arc::new(Reach {
            endpoint: endpoint.clone(),
            region: region.clone(),
            keys: keys.clone(),
            timeouts: timeouts.clone(),
            http: http.clone(),
            pause: options.stream_pause,
        });
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region)
            .credentials_provider(keys)
            .identity_cache(IdentityCache::no_cache())
            .http_client(http)
            // Retried here and nowhere else.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(endpoint);
        Ok(DynamoStore {
            client: Client::from_conf(config.build()),
            table: options.table.into(),
            pace: options.pace,
            versions: Arc::default(),
            #[cfg(feature = "stream")]
            reach,
            #[cfg(feature = "stream")]
            stream: None,
        })
    }

    /// The same store with a feed: the table's stream. Without a stream it has none.
    ///
    /// # Errors
    /// DynamoDB refuses to describe the table, or does not answer.
    #[cfg(feature = "stream")]
    pub async fn with_feed(self) -> Result<DynamoStore, ConnectError> {
        let asked = self.client.describe_table().table_name(&*self.table).send().await;
        let table = asked.map_err(|error| ConnectError::Failed(classify(&error).cause()))?.table;
        let Some((arn, label)) = table.and_then(|table| {
            let is_on = table.stream_specification.is_some_and(|stream| stream.stream_enabled);
            Some((table.latest_stream_arn?, table.latest_stream_label?)).filter(|_| is_on)
        }) else {
            return Ok(self);
        };
        let Reach { endpoint, region, keys, timeouts, http, pause } = &*self.reach;
        let mut config = aws_sdk_dynamodbstreams::Config::builder()
            .behavior_version(aws_sdk_dynamodbstreams::config::BehaviorVersion::v2026_01_12())
            .region(region.clone())
            .credentials_provider(keys.clone())
            .identity_cache(IdentityCache::no_cache())
            .http_client(http.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.clone())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(endpoint.clone());
        let stream = crate::stream::Stream {
            client: aws_sdk_dynamodbstreams::Client::from_conf(config.build()),
            arn,
            label,
            pace: self.pace,
            pause: *pause,
            memory: Default::default(),
        };
        Ok(DynamoStore { stream: Some(Arc::new(stream)), ..self })
    }

    /// Creates the table, paid by request, with a stream of its changes, waits until it is ready, and has DynamoDB
    /// remove records that have ended. An existing table is no error; it gets what it lacks of these.
    ///
    /// # Errors
    /// DynamoDB refuses or does not answer, or the existing table is not one of Laurel's.
    pub async fn create_table(&self) -> Result<(), ConnectError> {
        let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let bytes = |name| {
            let kind = ScalarAttributeType::B;
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
        };
        let built =
            |error: aws_sdk_dynamodb::error::BuildError| ConnectError::Failed(Cause::new(error.to_string()));
        let made = self
            .client
            .create_table()
            .table_name(&*self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key(PARTITION, KeyType::Hash).map_err(built)?)
            .key_schema(key(SORT, KeyType::Range).map_err(built)?)
            .attribute_definitions(bytes(PARTITION).map_err(built)?)
            .attribute_definitions(bytes(SORT).map_err(built)?)
            .stream_specification(changes().map_err(built)?)
            .send()
            .await;
        if let Err(error) = made {
            let exists = error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception());
            // If it may have been created after all, this waits for it too.
            if let (false, failure @ (Failure::Refused(_) | Failure::NotSent(_))) = (exists, classify(&error))
            {
                return Err(ConnectError::Failed(failure.cause()));
            }
        }
        let begun = std::time::Instant::now();
        loop {
            match self.table_ready().await {
                Err(ConnectError::TableNotReady(_) | ConnectError::TableMissing(_))
                    if begun.elapsed() < TABLE_PATIENCE =>
                {
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                Ok(()) => {
                    self.stream_changes().await?;
                    return self.remove_ended().await;
                }
                other => return other,
            }
        }
    }

    /// Has DynamoDB stream the table's changes, if it does not do so yet.
    async fn stream_changes(&self) -> Result<(), ConnectError> {
        let asked = self.client.describe_table().table_name(&*self.table).send().await;
        let table = asked.map_err(|error| ConnectError::Failed(classify(&error).cause()))?.table;
        let stream = table.and_then(|table| table.stream_specification);
        if stream.is_some_and(|stream| stream.stream_enabled) {
            return Ok(());
        }
        let changes = changes().map_err(|error| ConnectError::Failed(Cause::new(error.to_string())))?;
        let update = self.client.update_table().table_name(&*self.table).stream_specification(changes);
        update.send().await.map(|_| ()).map_err(|error| ConnectError::Failed(classify(&error).cause()))
    }

    /// Has DynamoDB remove records that have ended, if it does not do so yet.
    async fn remove_ended(&self) -> Result<(), ConnectError> {
        let asked = self.client.describe_time_to_live().table_name(&*self.table).send().await;
        let asked = asked.map_err(|error| ConnectError::Failed(classify(&error).cause()))?;
        let status = asked.time_to_live_description().and_then(|told| told.time_to_live_status());
        if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
            return Ok(());
        }
        let built =
            |error: aws_sdk_dynamodb::error::BuildError| ConnectError::Failed(Cause::new(error.to_string()));
        let by_end = TimeToLiveSpecification::builder().attribute_name(END).enabled(true).build();
        let update = self.client.update_time_to_live().table_name(&*self.table);
        let update = update.time_to_live_specification(by_end.map_err(built)?).send().await;
        update.map(|_| ()).map_err(|error| ConnectError::Failed(classify(&error).cause()))
    }

    /// Whether the table exists, is ready, and has this store's keys.
    ///
    /// # Errors
    /// What is wrong with it, or why DynamoDB cannot be reached.
    pub async fn table_ready(&self) -> Result<(), ConnectError> {
        let name = || self.table.to_string();
        let asked = self.client.describe_table().table_name(&*self.table).send().await;
        let table = match asked {
            Ok(answer) => answer.table.ok_or_else(|| ConnectError::TableMissing(name()))?,
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                return Err(ConnectError::TableMissing(name()));
            }
            Err(error) => return Err(ConnectError::Failed(classify(&error).cause())),
        };
        match table.table_status() {
            _ if !has_our_keys(&table) => Err(ConnectError::TableShape(name())),
            Some(TableStatus::Active | TableStatus::Updating) => Ok(()),
            _ => Err(ConnectError::TableNotReady(name())),
        }
    }
}

/// A stream of what items were and are.
fn changes() -> Result<StreamSpecification, aws_sdk_dynamodb::error::BuildError> {
    let changes = StreamSpecification::builder().stream_enabled(true);
    changes.stream_view_type(StreamViewType::NewAndOldImages).build()
}

fn has_our_keys(table: &TableDescription) -> bool {
    let keys = table.key_schema().iter().map(|key| (key.attribute_name(), key.key_type().clone()));
    let bytes = table.attribute_definitions();
    keys.eq([(PARTITION, KeyType::Hash), (SORT, KeyType::Range)])
        && [PARTITION, SORT].iter().all(|name| {
            let kind = |of: &AttributeDefinition| {
                of.attribute_name() == *name && *of.attribute_type() == ScalarAttributeType::B
            };
            bytes.iter().any(kind)
        })
}

/// Pooled connections, trusted if Amazon's certificates vouch for them. They also carry plain `http://`, for
/// a local endpoint.
pub(crate) fn http_client() -> Result<SharedHttpClient, ConnectError> {
    let trusted = TrustStore::empty().with_pem_certificate(ROOTS);
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context.map_err(|_| ConnectError::Roots)?);
    Ok(client.build_https())
}

fn checked_endpoint(given: String) -> Result<String, ConnectError> {
    let server = given.strip_prefix("http://").or_else(|| given.strip_prefix("https://"));
    let server = server.map(|rest| rest.trim_end_matches('/'));
    let plain = |server: &str| !server.is_empty() && !server.contains(['/', '?', '#', ' ', '@']);
    if server.is_some_and(plain) { Ok(given) } else { Err(ConnectError::Endpoint(given)) }
}

impl Store for DynamoStore {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(self.get_all(keys))
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        Box::pin(async move { self.scan_range(&range, limit).await })
    }

    fn walk(
        &self,
        kind: Option<Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        Box::pin(self.walk_page(kind, from, limit))
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(self.commit_all(writes, Manner::Plain))
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(self.commit_all(writes, manner))
    }

    #[cfg(feature = "stream")]
    fn feed(&self) -> Option<&dyn engine::store::Feed> {
        let stream = self.stream.as_deref()?;
        Some(stream)
    }

    fn commit_until(&self, put: Write, until: Instant) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(self.commit_ending(vec![put], Manner::Plain, Some(until)))
    }

    fn removes_ended(&self) -> bool {
        true
    }
}
