//! Brokers, by the bare clients of their libraries.

pub(crate) mod amqp;
pub(crate) mod jetstream;
pub(crate) mod kafka;
pub(crate) mod mqtt;
pub(crate) mod nats;
pub(crate) mod pgmq;
pub(crate) mod pubsub;
pub(crate) mod rabbitmq;
pub(crate) mod redis;
pub(crate) mod sqs;
pub(crate) mod websockets;

use crate::{failure::Result, hand::Hand, load::Load};
use std::{convert::Infallible, future::Future};

/// The most messages that a bare client has taken and not acknowledged. It is the default of receivers.
pub(crate) const PREFETCH: u16 = 256;

/// A broker, and a bare client of it.
pub(crate) trait Broker: Sync {
    /// Whether messages stay for other readers after they were read.
    const IS_LOG: bool;

    /// The name of its rows.
    fn name(&self) -> String;

    /// Makes an empty topic or queue. A reader finds the messages that come there from then on.
    fn open(&self, place: &str, reader: &str) -> impl Future<Output = Result<()>> + Send;

    /// Sends the load there, as fast as the bare client can, and returns when all of it is confirmed.
    fn fill(&self, place: &str, load: Load) -> impl Future<Output = Result<()>> + Send;

    /// Reads until it is dropped.
    fn read(&self, place: &str, reader: &str, hand: &Hand)
    -> impl Future<Output = Result<Infallible>> + Send;

    /// The URL from which `ce` reads, with an option.
    fn source(&self, place: &str, reader: &str) -> String;

    /// The URL to which `ce` sends.
    fn sink(&self, place: &str) -> String;

    /// The lowest part of the bare client's rate for `ce listen`, which also decodes each event, and prints it as JSON.
    fn listen(&self) -> f64 {
        0.2
    }

    /// The tool that comes with the protocol, and sends each line of its input there.
    fn tool(&self, _place: &str) -> Option<Tool> {
        None
    }

    /// Options of URLs that are measured besides the default.
    fn options(&self) -> &'static [&'static str] {
        &[]
    }
}

/// A program that sends each line of its input to a place.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) arguments: Vec<String>,
    pub(crate) line: Line,
    /// The most lines that it sends without a loss.
    pub(crate) most: usize,
    /// The lowest part of its rate for `ce send`.
    pub(crate) floor: f64,
}

/// Makes the line of an event, of its key and its document.
type Line = Box<dyn Fn(&str, &str) -> String + Send>;

impl Tool {
    /// A program whose lines are documents.
    pub(crate) fn new<'a>(program: &'static str, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        Self {
            program,
            arguments,
            line: Box::new(|_, document| document.to_owned()),
            most: usize::MAX,
            floor: 0.5,
        }
    }
}

/// How many messages are sent before the first of them is confirmed: 1,024, and 32 MB.
pub(crate) fn unconfirmed(load: Load) -> usize {
    (32_000_000_usize).checked_div(load.size).unwrap_or(1).clamp(1, 1024)
}
