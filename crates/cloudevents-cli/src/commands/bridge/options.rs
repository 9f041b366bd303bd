//! The options of `ce bridge`.

use super::config::{CatalogPolicy, Losses, ModeName, Order};
use crate::{
    catalog::LenientCatalog,
    commands::systems::SystemOptions,
    connect::Certificates,
    lenient::{Lenient, peer},
    rules::RuleOptions,
};
use clap::Args;
use cloudevents_kit::Peer;
use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
};

/// Move events from one URL to another, and lose none.
///
/// When TO has confirmed a message, the bridge removes it from FROM. While TO is unavailable, no message becomes a dead letter: a failed
/// message is tried again, and the messages behind it in its order wait. The bridge reads no more messages when 64 failed messages wait
/// (`parked` in a configuration file), or when it holds as many as may be in flight (`in-flight`). Only a message that TO refuses becomes a
/// dead letter: over HTTP, with status 400, 409, 413, 415, 422 or 431. After a crash, messages in flight are sent again. With --from, a
/// message leaves FROM when TO has all of its events. It becomes a dead letter as it was received.
///
/// Ctrl-C and SIGTERM stop reading, wait for the messages in flight, and exit. From Kafka and MQTT, the messages in flight are all messages
/// that were read before the last message that was sent or is under way. Otherwise that message would come again. Messages that are not
/// done in time (`drain`, 30 s) may be sent again: their number is reported, and the exit status is 3.
///
/// With --config, SIGHUP reads the file again and waits in the same way. Then the bridge continues with the settings and credentials of the
/// file, unless FROM is a file. An end that is away then is tried again.
///
/// If FROM keeps no message, such as over WebSockets, messages that TO has not confirmed by the end are lost: their number is reported, and
/// the exit status is 3. The same applies to messages that core NATS sends faster than TO takes them, beyond `prefetch`. Events that were
/// read ahead of a pipe are lost, too: 64 events at most and the buffer. The reported number does not include them. An event of a pipe or a
/// file that TO refuses has no dead letter without --dead-letter: it is reported, and the exit status is 1.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ce bridge 'amqp://localhost/orders?dead-letter=orders.rejected' \\
      https://example.com/hook
  ce bridge 'kafka://localhost:9092/orders?group=bridge&dead-letter=rejected' \\
      amqp://localhost/orders
  ce bridge http://0.0.0.0:8080/ kafka://localhost:9092/orders \\
      --metrics 0.0.0.0:9090
  ce bridge file:orders.jsonl https://example.com/hook     ends with the file
  ce bridge 'amqp://localhost/python?peer=python-2&dead-letter=rejected' \\
      'amqp://localhost/java?peer=java-4'
  ce bridge 'amqp://localhost/orders?dead-letter=rejected' \\
      https://example.com/hook --catalog shop.xreg.json
  ce bridge http://0.0.0.0:8080/ kafka://localhost:9092/pushes --from gitlab
  ce bridge 'kafka://localhost:9092/orders?group=bridge&dead-letter=rejected' \\
      amqp://localhost/orders --rename tenant=customer \\
      --set 'subject={data.order.id, id}' --remove internalid
  ce bridge --config bridge.yaml --check
  ce bridge amqp://localhost/orders.rejected https://example.com/hook \\
      --redrive --dry-run
  HOOK_SECRET=whsec_... ce bridge amqp://localhost/orders.rejected \\
      https://example.com/hook --redrive --mode structured \\
      --to-secret-env HOOK_SECRET

Exit status: 0 stopped, 1 an end refused the login or the address, or TO refused
letters of a redrive again or events of a file or a pipe, 2 wrong usage or
configuration, 3 the network or a broker failed, messages were lost or may be
sent again, or refused ones wait for their dead-letter place.")]
pub(crate) struct Bridge {
    /// Read from this URL, or @NAME of a connection in the configuration file.
    pub(super) from: Option<String>,
    /// Send to this URL, or @NAME of a connection in the configuration file.
    pub(super) to: Option<String>,
    /// Read settings from a YAML or JSON file of 1 MiB at most. Flags take precedence.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Check the settings, and exit.
    #[arg(long)]
    pub(super) check: bool,
    /// Store refused messages at this URL instead of the `dead-letter` of FROM.
    #[arg(long, value_name = "URL")]
    pub(super) dead_letter: Option<String>,
    /// Move only events for which this CESQL expression is TRUE. `data.order.id=42` is a place of a payload in JSON, and filters of the
    /// Subscriptions API may be given in JSON. Other events are removed from FROM, and messages that cannot be read are refused. With
    /// --redrive, both stay at FROM, and a FROM that could not keep them is refused: MQTT, core NATS, WebSockets and pipes. They also stay
    /// in a topic of Kafka, but the group goes past them: a redrive with another group reads them again.
    #[arg(long, value_name = "EXPRESSION|JSON")]
    pub(super) filter: Option<String>,
    /// Allow --filter on a queue, where events that do not match are removed for all consumers.
    #[arg(long)]
    pub(super) drop_unmatched: bool,
    /// Send only events that the message definitions and schemas of this catalog allow: a document of xRegistry, a folder of them, or the
    /// URL of a registry. Messages with other events become dead letters. A catalog with mistakes is refused.
    #[arg(long, value_name = "CATALOG")]
    pub(super) catalog: Option<PathBuf>,
    #[command(flatten)]
    pub(super) lenient_catalog: LenientCatalog,
    /// Treatment of events that the catalog does not allow: `reject`, or `log` and send them [default: reject].
    #[arg(long, value_name = "POLICY")]
    pub(super) catalog_policy: Option<CatalogPolicy>,
    /// Keep messages in order by `key`, `partition`, `topic`, `attribute:NAME`, or not at all (`none`). With `key`, messages with the same
    /// key or `partitionkey` are in order. With neither, they keep the order of their partition, topic or queue, one by one [default: key].
    #[arg(long, value_name = "ORDER")]
    pub(super) order: Option<Order>,
    /// Treatment of parts of a message that TO cannot carry: `refuse`, `log` or `allow` [default: refuse].
    #[arg(long, value_name = "POLICY")]
    pub(super) losses: Option<Losses>,
    #[command(flatten)]
    pub(super) systems: SystemOptions,
    #[command(flatten)]
    pub(super) rules: RuleOptions,
    #[command(flatten)]
    pub(super) lenient: Lenient,
    /// Repair messages at FROM as messages of this implementation need it, such as python-2. A wrong name lists the implementations.
    #[arg(long, value_name = "NAME", value_parser = peer)]
    pub(super) from_peer: Option<Peer>,
    /// Write messages for this implementation at TO, such as java-4, where it reads other messages than the specification states.
    #[arg(long, value_name = "NAME", value_parser = peer)]
    pub(super) to_peer: Option<Peer>,
    /// Send events in this mode: `binary`, `structured`, or as they came (`kept`) [default: kept].
    #[arg(long, value_name = "MODE")]
    pub(super) mode: Option<ModeName>,
    /// Sign HTTP requests to TO with the key in this environment variable, or in `@FILE`: `whsec_...` or `whsk_...`. Signatures are those
    /// of Standard Webhooks, which need `--mode structured`, or message signatures with --to-key-id.
    #[arg(long, value_name = "VARIABLE")]
    pub(super) to_secret_env: Option<String>,
    /// The name by which TO knows the key of --to-secret-env, for message signatures (RFC 9421). They cover the attributes of all modes.
    #[arg(long, value_name = "ID")]
    pub(super) to_key_id: Option<String>,
    /// Maximum messages in flight to TO: there are fewer while TO takes long to answer [default: 256].
    #[arg(long, value_name = "NUMBER")]
    pub(super) limit: Option<NonZeroUsize>,
    /// Maximum messages per second.
    #[arg(long, value_name = "NUMBER")]
    pub(super) rate: Option<NonZeroU32>,
    /// Serve /live, /ready and /metrics at this address.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) metrics: Option<SocketAddr>,
    /// Send dead letters again: remove their dead-letter headers, and exit after 5 idle seconds (see --idle). A dead letter leaves FROM
    /// when TO has taken it. If TO refuses one again, the exit status is 1. Then it stays at FROM, even if FROM has `reject`, or moves to
    /// `dead-letter` or --dead-letter if that names another destination.
    #[arg(long)]
    pub(super) redrive: bool,
    /// With --redrive: show the messages to send, and settle none. A missing consumer is created, and the broker may count a delivery.
    #[arg(long, requires = "redrive")]
    pub(super) dry_run: bool,
    /// With --redrive: maximum number of times to replay a message [default: 3].
    #[arg(long, value_name = "NUMBER", requires = "redrive")]
    pub(super) replays: Option<u32>,
    /// With --redrive: exit after this number of messages. Messages that are refused again count, stay, and come first in the next redrive:
    /// with as many of them, it moves no other message. A quorum queue of RabbitMQ may give the next redrive a later dead letter first.
    #[arg(long, short = 'n', value_name = "NUMBER", requires = "redrive", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,
    /// Exit after this number of idle seconds. A bridge is not idle while FROM or TO is away, while messages wait for another attempt, or
    /// while refused messages wait for their dead-letter destination. It is not idle either while messages that were lost with a
    /// connection, or that another receiver holds, come again: over JetStream, Redis Streams, SQS, pgmq and an outbox in Postgres.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) idle: Option<u64>,
    #[command(flatten)]
    pub(super) certificates: Certificates,
}
