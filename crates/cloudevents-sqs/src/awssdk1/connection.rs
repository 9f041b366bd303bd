//! A client of SQS.

use super::{failure, options::Target};
use aws_sdk_sqs::{
    Client, config::retry::RetryConfig, config::timeout::TimeoutConfig, types::QueueAttributeName,
};
use cloudevents_aws::{Limit, config};
use cloudevents_core::Error;
use std::{sync::Arc, time::Duration};

/// How long looking at a queue may take.
const CHECK: Duration = Duration::from_secs(30);

/// How long one try of a settlement may take.
const SETTLEMENT: Duration = Duration::from_secs(10);

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
        let config = config(&target.server).await?;
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
