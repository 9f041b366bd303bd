//! How a broker behaves.

use std::time::Duration;

/// How a [`Broker`](super::Broker) behaves.
///
/// ```
/// use cloudevents_testkit::amqp::{Broker, BrokerOptions};
///
/// let mut options = BrokerOptions::default();
/// options.users.push(("alice".into(), "secret".into()));
/// options.max_message_size = Some(1024);
/// let broker = Broker::with_options(options)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// Users and passwords of SASL PLAIN. Default: none. Without users, SASL ANONYMOUS is accepted. With users, it is accepted only if
    /// [`tokens`](Self::tokens) are required.
    pub users: Vec<(String, String)>,
    /// Whether SASL EXTERNAL is accepted, without checking the identity. Default: no.
    pub external: bool,
    /// The credit of a sender: how many messages it may send before one is answered. Default: 500. A sender learns of a credit below 200
    /// when its first message is answered. Sending more messages before that detaches the link.
    pub credit: u32,
    /// The maximum message size in bytes. Default: none.
    pub max_message_size: Option<u64>,
    /// The bytes of data above which a message ends its link with `amqp:link:message-size-exceeded`, a limit that clients are not told.
    /// Default: none.
    pub detaches_above: Option<usize>,
    /// Whether a client has to put a token for an address on the node `$cbs` before it attaches a link to the address, and renew it before
    /// it expires. Default: no. Signatures are not checked.
    pub tokens: bool,
    /// How long a receiver may hold a message, like the lock of Azure Service Bus: then it is delivered again, unless its lock was renewed
    /// over the node `$management`. Default: no limit. The token of the lock is an annotation, not the tag of the delivery.
    pub locks: Option<Duration>,
    /// How long a receiver may hold a message of a link that does not name another time (the property `rabbitmq:consumer-timeout`).
    /// Default: no limit.
    ///
    /// After this time the message is delivered again, and the link gets nothing more until it is settled there. RabbitMQ 4.3 does so for
    /// quorum queues after its `consumer_timeout`. This broker sends nothing about it. RabbitMQ sends a disposition that client libraries
    /// leave unread.
    pub hold: Option<Duration>,
    /// How long a receiver's link may be idle, like links of Azure Service Bus: then it ends with `amqp:link:detach-forced`. Messages and
    /// settlements over it are activity, and so is a renewal of locks whose `associated-link-name` is its name. (Credit is, too. The
    /// embedded broker does not see it come.) Default: no limit.
    pub idle: Option<Duration>,
    /// Whether a receiver may request a dynamic node. Default: yes.
    pub dynamic: bool,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            external: false,
            credit: 500,
            max_message_size: None,
            detaches_above: None,
            tokens: false,
            locks: None,
            hold: None,
            idle: None,
            dynamic: true,
        }
    }
}
