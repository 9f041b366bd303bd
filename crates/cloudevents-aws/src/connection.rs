//! The configuration of a client.

use crate::{Login, Server};
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextMut},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use cloudevents_core::Error;
use cloudevents_transport::binding::{connect::runtime, refused};
use http_body_util::Limited;

/// How often a client tries a request, if the request does not say otherwise.
const TRIES: u32 = 3;

/// The bytes of an answer: ten messages of a MiB, each byte of which may have an escape in JSON.
const MOST_ANSWER: usize = 64 << 20;

/// The configuration of clients of this server: credentials, TLS by ring, the endpoint and timeouts. A client also needs [`Limit`].
///
/// Nothing is requested from the service.
///
/// Errors: [`Refused`](cloudevents_core::ErrorKind::Refused) if there are no credentials,
/// [`Timeout`](cloudevents_core::ErrorKind::Timeout) if their source does not answer as long as connecting may take, and
/// [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) outside a tokio runtime.
pub async fn config(server: &Server) -> Result<SdkConfig, Error> {
    runtime()?;
    server.in_time("the source of the credentials", loaded(server)).await
}

async fn loaded(server: &Server) -> Result<SdkConfig, Error> {
    let timeouts = TimeoutConfig::builder().connect_timeout(server.connection.connect_timeout).build();
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(server.region.to_string()))
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES));
    if let Some(endpoint) = &server.connection.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(login) = &server.connection.login {
        loader = loader.credentials_provider(SharedCredentialsProvider::new(credentials(login)));
    }
    let config = loader.load().await;
    match config.credentials_provider() {
        Some(provider) => match provider.provide_credentials().await {
            Ok(_) => Ok(config),
            Err(error) => Err(refused("there are no credentials of AWS").with_source(error).with_help(
                "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or name a profile in `AWS_PROFILE`",
            )),
        },
        None => Ok(config),
    }
}

/// Bounds the bytes that are read of an answer. The client reads everything that a peer sends.
#[derive(Clone, Copy, Debug)]
pub struct Limit;

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

fn credentials(login: &Login) -> Credentials {
    let session = login.session_token.as_ref().map(|token| token.expose().to_owned());
    Credentials::new(login.access_key_id.expose(), login.secret_access_key.expose(), session, None, "options")
}
