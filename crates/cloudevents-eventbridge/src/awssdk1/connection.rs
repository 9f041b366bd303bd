//! A client of EventBridge.

use super::{failure, options::Target};
use aws_sdk_eventbridge::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
};
use cloudevents_aws::{Limit, config};
use cloudevents_core::Error;
use std::{sync::Arc, time::Duration};

/// How long looking at a bus may take.
const CHECK: Duration = Duration::from_secs(30);

/// A client for one bus. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) client: Client,
    /// How EventBridge names the bus.
    pub(super) arn: Arc<str>,
}

impl Wire {
    /// Finds credentials. Nothing is requested from EventBridge yet.
    pub(super) async fn new(target: &Target) -> Result<Self, Error> {
        let config = config(&target.server).await?;
        let config = aws_sdk_eventbridge::Config::from(&config).to_builder().interceptor(Limit).build();
        Ok(Self { client: Client::from_conf(config), arn: target.arn().into() })
    }

    /// Whether the bus is there. If this user may not look at it, it is a success.
    pub(super) async fn check(&self) -> Result<(), Error> {
        let asked = self.client.describe_event_bus().name(&*self.arn).customize();
        let answer = asked.config_override(once(CHECK)).send().await;
        match answer.map_err(|error| failure::of(&error)) {
            Err(error) if error.detail().starts_with("AccessDenied") => Ok(()),
            answer => answer.map(drop),
        }
    }
}

/// Options of a request that the client does not try again, and that may take this long.
pub(super) fn once(limit: Duration) -> aws_sdk_eventbridge::config::Builder {
    aws_sdk_eventbridge::config::Builder::new()
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(limit).build())
}
