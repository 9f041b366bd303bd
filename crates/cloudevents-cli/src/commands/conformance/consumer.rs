//! A consumer under test, behind a broker.

use super::broker::{Binding, Broker};
use crate::{connect, failure::Failure};
use clap::Args;
use cloudevents_conformance::{ConsumerTestee, Suite, Testee};
use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// A consumer under test.
#[derive(Args, Debug)]
#[command(next_help_heading = "Consumers behind a broker")]
pub(super) struct Consumer {
    /// Test the consumer that reads here: kafka://BROKER/TOPIC, amqp://BROKER/ADDRESS,
    /// mqtt://BROKER/TOPIC or nats://SERVER/SUBJECT. It has to publish each event that it
    /// has read, in any mode, where --echo says.
    #[arg(long, value_name = "URL", requires = "echo", conflicts_with_all = ["testee", "command", "smoke"])]
    consumer: Option<String>,
    /// Where the consumer publishes the events that it has read, with the same broker or another one.
    #[arg(long, value_name = "URL", requires = "consumer")]
    echo: Option<String>,
    /// A format that the consumer reads beside JSON, such as protobuf. May be repeated.
    #[arg(long, value_name = "FORMAT", requires = "consumer")]
    reads: Vec<String>,
}

impl Consumer {
    /// The cases that such a consumer can be tested with; all of them if none is under test.
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
        let (Some(url), Some(echo)) = (&self.consumer, &self.echo) else { return Ok(None) };
        let binding = Binding::of(url)?;
        if Binding::of(echo)?.name != binding.name {
            return Err(Failure::usage("--consumer and --echo are of different protocols"));
        }
        let limit = Duration::from_secs(time_limit.unwrap_or(10));
        let broker = Broker::open(url, echo, binding, limit)?;
        let run = RandomState::new().hash_one(std::process::id());
        let mut testee = ConsumerTestee::new(broker, binding.name, format_args!("{run:016x}"))
            .name(format!("the consumer of {}", connect::shown(url)))
            .time_limit(limit)
            .start_limit(Duration::from_secs(start_limit.or(time_limit).unwrap_or(60)));
        for format in &self.reads {
            testee = testee.format(format);
        }
        Ok(Some(Box::new(testee)))
    }
}
