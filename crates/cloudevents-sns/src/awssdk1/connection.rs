//! A client of SNS.

use super::{failure, options::Target};
use aws_sdk_sns::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
};
use cloudevents_aws::{Limit, config};
use cloudevents_core::Error;
use std::{sync::Arc, time::Duration};

/// How long looking at a topic may take.
const CHECK: Duration = Duration::from_secs(30);

/// A client for one topic. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) client: Client,
    /// How SNS names the topic.
    pub(super) arn: Arc<str>,
}

impl Wire {
    /// Finds credentials. Nothing is requested from SNS yet.
    pub(super) async fn new(target: &Target) -> Result<Self, Error> {
        let config = config(&target.server).await?;
        let config = aws_sdk_sns::Config::from(&config).to_builder().interceptor(Limit).build();
        Ok(Self { client: Client::from_conf(config), arn: target.arn().into() })
    }

    /// Whether the topic is there, and the largest message that it takes, in bytes. If this user may not look at the topic, it is a
    /// success.
    pub(super) async fn check(&self) -> Result<Option<usize>, Error> {
        let asked = self.client.get_topic_attributes().topic_arn(&*self.arn).customize();
        let answer = asked.config_override(once(CHECK)).send().await;
        match answer.map_err(|error| failure::of(&error)) {
            Err(error) if error.detail().starts_with("AuthorizationError") => Ok(None),
            answer => {
                let attributes = answer?.attributes.unwrap_or_default();
                Ok(attributes.get("MaximumMessageSize").and_then(|most| most.parse().ok()))
            }
        }
    }
}

/// Options of a request that the client does not try again, and that may take this long.
pub(super) fn once(limit: Duration) -> aws_sdk_sns::config::Builder {
    aws_sdk_sns::config::Builder::new()
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(limit).build())
}
