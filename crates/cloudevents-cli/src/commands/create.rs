//! `ce create`: creates the topic, the stream or the queue of a URL, or the tables of an outbox.

use crate::{
    connect::{self, Certificates, address::UrlOptions},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    plain::plain,
};
use clap::Args;
use cloudevents_kit::transport::Side;

/// Create the topic, the stream or the queue that a URL names, or the tables of an outbox.
///
/// Other commands create nothing, except for a queue of RabbitMQ with the option `declare`, and for consumers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce create kafka://localhost:9092/orders --set partitions=6 \\
      --set retention.ms=604800000
  ce create 'nats+jetstream://localhost:4222/orders.*' -o stream=ORDERS \\
      --set max_age=168h --set storage=file
  ce create rabbitmq://localhost:5672/ -o queue=orders --set max-length=100000
  ce create 'postgres://shop:s3cret@localhost/shop?outbox=billing'

Settings:
  Kafka topic           partitions, replication, and settings of topics: retention.ms
  JetStream stream      subjects (in place of that of the URL), storage, retention, discard,
                        num_replicas, max_age, max_bytes, max_msgs, duplicate_window, and others.
                        Ages are written 30m or 168h. The option `stream` names the stream
  RabbitMQ queue        arguments: max-length, message-ttl, delivery-limit, and others.
                        A quorum queue, unless the option `declare` is `classic`
  Tables of an outbox   none. They are for all targets

A consumer of JetStream is created by `ce listen` and `ce bridge`, by the option `consumer`.

Exit status: 0 there is such a place now, 1 there is one with other settings, or the broker
refused, 2 wrong usage, or the protocol creates nothing, 3 the network or the broker failed.")]
pub(crate) struct Create {
    /// The URL of a sender or a receiver. Also @NAME for a connection of the configuration file.
    url: String,
    /// A setting of the place. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    address: UrlOptions,
    #[command(flatten)]
    certificates: Certificates,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let setting = text.split_once('=').filter(|(name, _)| !name.is_empty());
    setting
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected NAME=VALUE".to_owned())
}

pub(crate) fn run(command: Create, console: &Console) -> Result<Status, Failure> {
    let url = command.address.address(&command.url, Side::Both)?.url;
    command.certificates.check([&url])?;
    let place = connect::runtime()?.block_on(connect::create(&url, command.set, &command.certificates))?;
    let mut emit = Emit::new(console);
    emit.value(&super::look::to_json(&place), |paint| super::look::line(&place, paint))?;
    emit.flush()?;
    let article = if place.kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    console.say(&format!("there is {article} {} {}", place.kind, plain(&place.name)));
    Ok(Status::Done)
}
