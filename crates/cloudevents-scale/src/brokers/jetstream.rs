//! JetStream, by async-nats.

use super::{Broker, PREFETCH, Tool, unconfirmed};
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, digits, number},
};
use async_nats::{
    HeaderMap,
    jetstream::{self, consumer::pull, message::PublishMessage, stream},
};
use futures_util::StreamExt;
use std::{collections::VecDeque, convert::Infallible};

/// The bytes that the bare client asks for.
const MOST: usize = 32 << 20;

#[derive(Debug)]
pub(crate) struct JetStream(pub(crate) String);

impl JetStream {
    async fn context(&self) -> Result<jetstream::Context> {
        Ok(jetstream::new(async_nats::connect(&self.0).await?))
    }

    fn url(&self, place: &str) -> String {
        format!("{}/{place}", self.0.replacen("nats:", "nats+jetstream:", 1).trim_end_matches('/'))
    }
}

impl Broker for JetStream {
    const IS_LOG: bool = true;

    fn name(&self) -> String {
        "JetStream".to_owned()
    }

    async fn open(&self, place: &str, _reader: &str) -> Result<()> {
        let config =
            stream::Config { name: place.into(), subjects: vec![place.into()], ..stream::Config::default() };
        self.context().await?.get_or_create_stream(config).await?;
        Ok(())
    }

    async fn fill(&self, place: &str, load: Load) -> Result<()> {
        let (context, payload) = (self.context().await?, load.payload());
        let mut open = VecDeque::new();
        for number in 0..load.count {
            if open.len() >= unconfirmed(load)
                && let Some(first) = open.pop_front()
            {
                confirmed(first).await?;
            }
            let mut headers = HeaderMap::new();
            headers.insert("ce-datacontenttype", "application/json");
            for (name, value) in load.attributes(number) {
                headers.insert(format!("ce-{name}"), value);
            }
            let message = PublishMessage::build().payload(payload.clone()).headers(headers);
            open.push_back(context.send_publish(place.to_owned(), message).await?);
        }
        for one in open {
            confirmed(one).await?;
        }
        Ok(())
    }

    async fn read(&self, place: &str, reader: &str, hand: &Hand) -> Result<Infallible> {
        let config = pull::Config {
            durable_name: Some(reader.into()),
            max_ack_pending: -1,
            ..pull::Config::default()
        };
        let consumer = self.context().await?.create_consumer_on_stream(config, place).await?;
        // A server disconnects a client that has 64 MiB to read.
        let stream = consumer.stream().max_messages_per_batch(PREFETCH.into()).max_bytes_per_batch(MOST);
        let mut messages = stream.messages().await?;
        loop {
            let message = messages.next().await.ok_or("the consumer has ended")??;
            let header = message.headers.as_ref().and_then(|headers| headers.get("ce-id"));
            let body = message.payload.clone();
            // The tool has sent documents.
            let found = header.map_or_else(|| number(&body), |id| digits(id.as_str().as_bytes()));
            let found = found.ok_or("a message without a number")?;
            let acknowledge = async move {
                let _ = message.ack().await;
            };
            hand.give(found, body, acknowledge).await;
        }
    }

    fn source(&self, place: &str, reader: &str) -> String {
        format!("{}?consumer={reader}&reject=drop", self.url(place))
    }

    fn sink(&self, place: &str) -> String {
        self.url(place)
    }

    fn tool(&self, place: &str) -> Option<Tool> {
        let from_input = ["pub", "--jetstream", "--quiet", "--force-stdin", "--send-on=newline"];
        Some(Tool::new("nats", ["--server", &self.0].into_iter().chain(from_input).chain([place])))
    }

    fn options(&self) -> &'static [&'static str] {
        &["prefetch=64"]
    }
}

async fn confirmed(sent: jetstream::context::PublishAckFuture) -> Result<()> {
    sent.await?;
    Ok(())
}
