//! Other implementations, by name, and the repairs that their messages need.

use crate::{Error, ErrorKind, Leniency, RepairKind};
use alloc::{format, vec::Vec};
use core::{fmt, str::FromStr};

/// Another implementation that differs from the specification in known ways, and its major version.
///
/// For reading, it is a set of repairs: [`leniency`](Self::leniency). For writing, it is a dialect of each protocol: `Encoding::for_peer`
/// of the bindings, whose documentation says where it differs from the specification. As text, and as the URL option `peer` of senders and
/// receivers, it is its [`name`](Self::name).
///
/// | name | implementation | repairs |
/// |---|---|---|
/// | `aws` | documents in queues of AWS, as its Message Processing Framework for .NET writes them | `assumed-json` |
/// | `camel-4` | Apache Camel | `assumed-json`, `foreign-prefix`, `raw-text`, `latin1-text` |
/// | `dapr` | Dapr | `assumed-json` |
/// | `debezium-3` | Debezium with its `CloudEventsConverter` | `assumed-json`, `dropped-name` |
/// | `event-grid` | Azure Event Grid | `dropped-attribute`, `uri-fragment` |
/// | `event-hubs` | Azure Event Hubs between AMQP and Kafka | `amqp-encoded`, `assumed-json`, `binary-text`, `foreign-prefix` |
/// | `go-2` | sdk-go | `foreign-prefix`, `raw-text` |
/// | `google-pubsub` | Google Pub/Sub, also its push without an envelope | `assumed-json`, `ignored-header` |
/// | `java-4` | sdk-java | `raw-text`, `unprefixed-extension` |
/// | `javascript-10` | sdk-javascript | `raw-text`, `latin1-text` |
/// | `jms` | clients of JMS, such as Qpid JMS | `assumed-json`, `named-content-type` |
/// | `knative` | Knative Eventing | `raw-text` |
/// | `python-1` | sdk-python before version 2 | `assumed-json`, `raw-text`, `latin1-text` |
/// | `python-2` | sdk-python | `numeric-time` |
/// | `smallrye-4` | SmallRye Reactive Messaging (Quarkus) | none |
/// | `spring-4` | Spring Cloud Stream and the Spring module of sdk-java | `assumed-json`, `content-type-name`, `foreign-prefix`, `ignored-header`, `quoted-text`, `raw-text` |
/// | `xrcg` | producers that the generator of xRegistry writes | `assumed-json` |
///
/// Each repair concerns some protocols: `raw-text` the headers of HTTP and NATS, `numeric-time` AMQP, and so on.
///
/// A peer reads every message that strict decoding reads, and with the same result. There are three exceptions. These repairs exist
/// because strict decoding would read something that the peer did not mean. With `raw-text`, a `%` or a quotation mark in a header of HTTP
/// and NATS stands for itself. With `unprefixed-extension`, application properties of AMQP are extensions. With `content-type-name`, a
/// header `contentType` of Kafka is the content type.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Peer, RepairKind};
///
/// let peer: Peer = "python-2".parse()?;
/// assert!(peer.leniency().allows(RepairKind::NumericTime));
/// let decoding = DecodeOptions::strict().with_leniency(peer.leniency());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// Documents in queues of AWS.
    Aws,
    /// Apache Camel 4.
    Camel4,
    /// Dapr.
    Dapr,
    /// Debezium 3.
    Debezium3,
    /// Azure Event Grid.
    EventGrid,
    /// Azure Event Hubs, between AMQP and Kafka.
    EventHubs,
    /// The Go SDK, version 2.
    Go2,
    /// Google Pub/Sub.
    GooglePubSub,
    /// The Java SDK, version 4.
    Java4,
    /// The JavaScript SDK, version 10.
    JavaScript10,
    /// Clients of JMS over AMQP 1.0.
    Jms,
    /// Knative Eventing.
    Knative,
    /// The Python SDK, version 1.
    Python1,
    /// The Python SDK, version 2.
    Python2,
    /// SmallRye Reactive Messaging 4, as in Quarkus.
    SmallRye4,
    /// Spring Cloud Stream 4.
    Spring4,
    /// Producers that the generator of xRegistry writes.
    Xrcg,
}

impl Peer {
    /// All of them, in alphabetical order of their names.
    pub const ALL: &'static [Self] = &[
        Self::Aws,
        Self::Camel4,
        Self::Dapr,
        Self::Debezium3,
        Self::EventGrid,
        Self::EventHubs,
        Self::Go2,
        Self::GooglePubSub,
        Self::Java4,
        Self::JavaScript10,
        Self::Jms,
        Self::Knative,
        Self::Python1,
        Self::Python2,
        Self::SmallRye4,
        Self::Spring4,
        Self::Xrcg,
    ];

    /// The name: `go-2`, for example.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Camel4 => "camel-4",
            Self::Dapr => "dapr",
            Self::Debezium3 => "debezium-3",
            Self::EventGrid => "event-grid",
            Self::EventHubs => "event-hubs",
            Self::Go2 => "go-2",
            Self::GooglePubSub => "google-pubsub",
            Self::Java4 => "java-4",
            Self::JavaScript10 => "javascript-10",
            Self::Jms => "jms",
            Self::Knative => "knative",
            Self::Python1 => "python-1",
            Self::Python2 => "python-2",
            Self::SmallRye4 => "smallrye-4",
            Self::Spring4 => "spring-4",
            Self::Xrcg => "xrcg",
        }
    }

    /// The repairs that messages of this peer need.
    pub const fn leniency(self) -> Leniency {
        use RepairKind as Kind;
        let strict = Leniency::strict();
        match self {
            Self::Camel4 => strict
                .with(Kind::AssumedJson)
                .with(Kind::ForeignPrefix)
                .with(Kind::RawText)
                .with(Kind::Latin1Text),
            Self::Aws | Self::Dapr | Self::Xrcg => strict.with(Kind::AssumedJson),
            // Names are dropped and not lower-cased: `iodebeziumtxId` comes beside `iodebeziumtxid`, which is something else.
            Self::Debezium3 => strict.with(Kind::AssumedJson).with(Kind::DroppedName),
            Self::EventGrid => strict.with(Kind::DroppedAttribute).with(Kind::UriFragment),
            Self::EventHubs => strict
                .with(Kind::AmqpEncoded)
                .with(Kind::AssumedJson)
                .with(Kind::BinaryText)
                .with(Kind::ForeignPrefix),
            Self::Go2 => strict.with(Kind::ForeignPrefix).with(Kind::RawText),
            Self::GooglePubSub => strict.with(Kind::AssumedJson).with(Kind::IgnoredHeader),
            Self::Java4 => strict.with(Kind::RawText).with(Kind::UnprefixedExtension),
            Self::JavaScript10 => strict.with(Kind::RawText).with(Kind::Latin1Text),
            Self::Jms => strict.with(Kind::AssumedJson).with(Kind::NamedContentType),
            Self::Knative => strict.with(Kind::RawText),
            Self::Python1 => strict.with(Kind::AssumedJson).with(Kind::RawText).with(Kind::Latin1Text),
            Self::Python2 => strict.with(Kind::NumericTime),
            Self::SmallRye4 => strict,
            Self::Spring4 => strict
                .with(Kind::AssumedJson)
                // `contentType` is that of its serializer. An attribute `datacontenttype` takes precedence.
                .with(Kind::ContentTypeName)
                .with(Kind::ForeignPrefix)
                .with(Kind::IgnoredHeader)
                .with(Kind::QuotedText)
                .with(Kind::RawText),
        }
    }

    /// Whether the peer writes messages without a body among its events: the tombstones of a log, which are no events, and which receivers
    /// skip for it.
    pub const fn leaves_tombstones(self) -> bool {
        matches!(self, Self::Debezium3)
    }

    /// Whether the peer takes no status of HTTP but 200 for acceptance: a server answers it so, unless its options name another one.
    pub const fn expects_ok(self) -> bool {
        matches!(self, Self::EventGrid)
    }

    /// Whether the peer reads events in structured mode only, over every protocol: senders write JSON documents for it, unless their
    /// options name a mode.
    pub const fn takes_documents_only(self) -> bool {
        matches!(self, Self::Aws | Self::Dapr)
    }

    /// Whether the peer neither escapes text in headers of HTTP and NATS nor undoes escapes, so that text has to be sent to it as it is.
    pub const fn takes_raw_text(self) -> bool {
        self.leniency().allows(RepairKind::RawText)
    }
}

/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported), for an unknown name; the help lists the known ones.
impl FromStr for Peer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().copied().find(|peer| peer.name() == text);
        found.ok_or_else(|| unknown("peer", text, Self::ALL.iter().map(|peer| peer.name())))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error of a name that is none of these.
#[cold]
pub(crate) fn unknown(what: &str, name: &str, known: impl Iterator<Item = &'static str>) -> Error {
    let known: Vec<_> = known.collect();
    Error::new(ErrorKind::Unsupported)
        .with_detail(format!("there is no {what} `{name}`"))
        .with_help(format!("the names are {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_are_read_as_they_are_written() {
        for peer in Peer::ALL {
            assert_eq!(peer.name().parse::<Peer>().unwrap(), *peer);
        }
        let error = "go-1".parse::<Peer>().unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::Unsupported, "there is no peer `go-1`"));
        for leniency in
            Peer::ALL.iter().map(|peer| peer.leniency()).chain([Leniency::all(), Leniency::strict()])
        {
            assert_eq!(leniency.to_string().parse::<Leniency>().unwrap(), leniency);
        }
        let both: Leniency = "all, raw-text".parse().unwrap();
        assert!(both.allows(RepairKind::RawText) && both.allows(RepairKind::UriFragment));
        assert!("all,raw".parse::<Leniency>().is_err() && "".parse::<Leniency>().is_err());
    }
}
