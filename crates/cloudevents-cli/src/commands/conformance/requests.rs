//! A consumer behind HTTP: messages are requests as they stand.

use super::broker::{next, next_within, receiver};
use crate::{
    connect::{self, Certificates},
    failure::Failure,
};
use cloudevents_conformance::{Arrived, Channel, ChannelError};
use cloudevents_kit::Receiver;
use cloudevents_testkit::testee::message;
use reqwest::{Client, redirect::Policy};
use serde_json::Value;
use std::{collections::VecDeque, error::Error, pin::pin, time::Duration};
use tokio::select;

/// The connections to a consumer behind HTTP.
pub(super) struct Requests {
    client: Client,
    url: String,
    receiver: Receiver,
    /// Messages that arrived while a request waited for its response: a consumer may publish before it responds.
    arrived: VecDeque<Arrived>,
    /// Dropped last: the client and the server need it.
    runtime: connect::Runtime,
}

impl Requests {
    /// The URL that the consumer serves, and the URL where it publishes the events that it has read. A server is started there.
    pub(super) fn open(
        url: &str,
        echo: &str,
        limit: Duration,
        certificates: &Certificates,
    ) -> Result<Self, Failure> {
        let runtime = connect::runtime()?;
        let receiver = runtime.block_on(receiver(echo, certificates))?;
        let mut builder = Client::builder().redirect(Policy::none()).no_proxy().timeout(limit);
        if url.starts_with("https:") {
            builder = certificates.in_client(builder)?;
        }
        let client = builder.build().map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Self { client, url: url.to_owned(), receiver, arrived: VecDeque::new(), runtime })
    }
}

impl Channel for Requests {
    /// Sends the message. The status of the response makes no difference: no document prescribes one.
    fn send(&mut self, message: &Value) -> Result<(), ChannelError> {
        if message.get("status").is_some() {
            return Err(ChannelError::Unwritable("it is a response".to_owned()));
        }
        let unwritable = |error: &dyn Error| ChannelError::Unwritable(error.to_string());
        let (headers, body) = message::http(message).map_err(|error| unwritable(&error))?;
        let request = self.client.post(&self.url).headers(headers).body(body);
        self.runtime.block_on(async {
            let mut response = pin!(request.send());
            loop {
                select! {
                    arrived = next(&mut self.receiver) => self.arrived.push_back(arrived?),
                    response = &mut response => return match response {
                        // Without the URL, in which there may be a secret.
                        Err(error) if error.is_builder() => Err(unwritable(&error.without_url())),
                        Err(error) if error.is_connect() => {
                            Err(ChannelError::Lost(error.without_url().to_string()))
                        }
                        // The next message shows the state of the consumer.
                        _ => Ok(()),
                    },
                }
            }
        })
    }

    fn receive(&mut self, within: Duration) -> Result<Option<Arrived>, ChannelError> {
        if let Some(arrived) = self.arrived.pop_front() {
            return Ok(Some(arrived));
        }
        self.runtime.block_on(next_within(&mut self.receiver, within))
    }
}
