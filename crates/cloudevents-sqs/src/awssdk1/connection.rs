//! A client of SQS.

use super::{
    failure,
    options::{Login, Target},
};
use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_sqs::{
    Client,
    config::{
        ConfigBag, Credentials, Intercept, ProvideCredentials, RuntimeComponents, SharedCredentialsProvider,
        interceptors::BeforeDeserializationInterceptorContextMut, retry::RetryConfig,
    },
    error::BoxError,
    types::QueueAttributeName,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_types::body::SdkBody;
use cloudevents_core::{Error, ErrorKind};
use http_body_util::Limited;
use std::{sync::Arc, time::Duration};
use tokio::runtime::Handle;

/// How often the client tries a settlement, which does the same again. The client does not try to send or receive again.
const TRIES: u32 = 3;

/// The bytes of an answer: ten messages of a MiB, each byte of which may have an escape in JSON.
const MOST_ANSWER: usize = 64 << 20;

/// How long looking at a queue may take.
const CHECK: Duration = Duration::from_secs(30);

/// How long one try of a settlement may take.
const SETTLEMENT: Duration = Duration::from_secs(10);

/// Returns the current runtime, on which requests live.
pub(super) fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))
}

/// A client for one queue. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) client: Client,
    /// How SQS names the queue.
    pub(super) url: Arc<str>,
}

impl Wire {
    /// Finds credentials. Nothing is requested from SQS yet.
    pub(super) async fn new(target: &Target) -> Result<Self, Error> {
        let config = config(target).await;
        if let Some(provider) = config.credentials_provider()
            && let Err(error) = provider.provide_credentials().await
        {
            return Err(failure::refused("there are no credentials of AWS").with_source(error).with_help(
                "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or name a profile in `AWS_PROFILE`",
            ));
        }
        let config = aws_sdk_sqs::Config::from(&config).to_builder().interceptor(Limit).build();
        Ok(Self { client: Client::from_conf(config), url: target.url().into() })
    }

    /// Whether the queue is there, and the largest message that it takes, in bytes. If this user may not look at the queue, it is a
    /// success.
    pub(super) async fn check(&self) -> Result<Option<usize>, Error> {
        let asked = self.client.get_queue_attributes().queue_url(&*self.url);
        let asked = asked.attribute_names(QueueAttributeName::MaximumMessageSize).customize();
        let answer = asked.config_override(once(CHECK)).send().await;
        match answer.map_err(|error| failure::of(&error)) {
            Err(error) if error.detail().starts_with("AccessDenied") => Ok(None),
            answer => {
                let attributes = answer?.attributes;
                let most =
                    attributes.as_ref().and_then(|all| all.get(&QueueAttributeName::MaximumMessageSize));
                Ok(most.and_then(|most| most.parse().ok()))
            }
        }
    }
}

/// Bounds the bytes that are read of an answer. The client reads everything that a peer sends.
#[derive(Debug)]
struct Limit;

impl Intercept for Limit {
    fn name(&self) -> &'static str {
        "Limit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, MOST_ANSWER));
        Ok(())
    }
}

async fn config(target: &Target) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(target.options.connect_timeout).build();
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(target.region.to_string()))
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES));
    if let Some(endpoint) = &target.options.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(login) = &target.options.login {
        loader = loader.credentials_provider(SharedCredentialsProvider::new(credentials(login)));
    }
    loader.load().await
}

fn credentials(login: &Login) -> Credentials {
    let session = login.session_token.as_ref().map(|token| token.expose().to_owned());
    Credentials::new(login.access_key_id.expose(), login.secret_access_key.expose(), session, None, "options")
}

/// Options of a request that settles messages: the client tries it again, and each try has an end. An endpoint that holds a request would
/// hold the messages for ever.
pub(super) fn settlement() -> aws_sdk_sqs::config::Builder {
    aws_sdk_sqs::config::Builder::new()
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(SETTLEMENT).build())
}

/// Options of a request that the client does not try again, and that may take this long.
pub(super) fn once(limit: Duration) -> aws_sdk_sqs::config::Builder {
    aws_sdk_sqs::config::Builder::new()
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(limit).build())
}
