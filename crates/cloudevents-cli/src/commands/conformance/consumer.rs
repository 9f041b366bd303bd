//! A consumer under test, behind HTTP or a broker.

use super::{
    broker::{Binding, Broker, Way},
    requests::Requests,
};
use crate::{
    connect::{self, Certificates},
    failure::Failure,
};
use clap::Args;
use cloudevents_conformance::{Channel, ConsumerTestee, Suite, Testee};
use cloudevents_kit::transport::Endpoint;
use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// A consumer under test.
#[derive(Args, Debug)]
#[command(next_help_heading = "Consumers as they run")]
pub(super) struct Consumer {
    /// Test the consumer that reads here: http://HOST/PATH, kafka://BROKER/TOPIC, amqp://BROKER/ADDRESS, mqtt://BROKER/TOPIC or
    /// nats://SERVER/SUBJECT. It has to publish each event that it has read, in any mode, to the URL of --echo.
    #[arg(long, value_name = "URL", requires = "echo", conflicts_with_all = ["testee", "command", "smoke"])]
    consumer: Option<String>,
    /// Where the consumer publishes the events that it has read: a topic or queue of the same broker or another one. For HTTP, this
    /// program serves the URL.
    #[arg(long, value_name = "URL", requires = "consumer")]
    echo: Option<String>,
    /// A format that the consumer reads beside JSON, such as protobuf. May be repeated.
    #[arg(long, value_name = "FORMAT", requires = "consumer")]
    reads: Vec<String>,
    #[command(flatten)]
    certificates: Certificates,
}

impl Consumer {
    /// The cases that such a consumer can be tested with. All cases if no consumer is under test.
    pub(super) fn observed(&self, suite: Suite) -> Result<Suite, Failure> {
        match &self.consumer {
            Some(url) => Ok(suite.observed_through(Binding::of(url)?.name)),
            None => Ok(suite),
        }
    }

    /// The consumer, if one is under test.
    pub(super) fn testee(
        &self,
        time_limit: Option<u64>,
        start_limit: Option<u64>,
    ) -> Result<Option<Box<dyn Testee>>, Failure> {
        self.certificates.check(self.consumer.iter().chain(&self.echo))?;
        let (Some(url), Some(echo)) = (&self.consumer, &self.echo) else { return Ok(None) };
        let binding = Binding::of(url)?;
        if Binding::of(echo)?.name != binding.name {
            return Err(Failure::usage("--consumer and --echo are of different protocols"));
        }
        if are_one_place(url, echo)? {
            return Err(Failure::usage("--consumer and --echo are the same place").help(
                "the consumer under test reads at one place and publishes what it has read at another",
            ));
        }
        let limit = Duration::from_secs(time_limit.unwrap_or(10));
        Ok(Some(match binding.way {
            Way::Sender(write) => self.behind(
                Broker::open(url, echo, write, limit, &self.certificates)?,
                binding,
                limit,
                start_limit.or(time_limit),
            ),
            Way::Requests => {
                let requests = Requests::open(url, echo, limit, &self.certificates)?;
                self.behind(requests, binding, limit, start_limit.or(time_limit))
            }
        }))
    }

    fn behind<C: Channel + 'static>(
        &self,
        channel: C,
        binding: Binding,
        limit: Duration,
        start_limit: Option<u64>,
    ) -> Box<dyn Testee> {
        let run = RandomState::new().hash_one(std::process::id());
        let url = self.consumer.as_deref().unwrap_or_default();
        let mut testee = ConsumerTestee::new(channel, binding.name, format_args!("{run:016x}"))
            .name(format!("the consumer of {}", connect::shown(url)))
            .time_limit(limit)
            .start_limit(Duration::from_secs(start_limit.unwrap_or(60)));
        for format in &self.reads {
            testee = testee.format(format);
        }
        Box::new(testee)
    }
}

/// Whether two URLs of one protocol lead to the same topic, queue, subject or address. Their options make no difference.
fn are_one_place(one: &str, other: &str) -> Result<bool, Failure> {
    let parsed = |url| Endpoint::parse(url).map_err(connect::failed);
    let (one, other) = (parsed(one)?, parsed(other)?);
    Ok(one.hosts() == other.hosts() && one.path() == other.path())
}
