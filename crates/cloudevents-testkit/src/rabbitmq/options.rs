//! How a broker behaves.

/// How a [`Broker`](super::Broker) behaves.
///
/// ```
/// use cloudevents_testkit::rabbitmq::{Broker, BrokerOptions};
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
    /// Users and passwords. Default: none, which lets anyone in.
    pub users: Vec<(String, String)>,
    /// Whether SASL EXTERNAL is accepted, without checking the identity. Default: no.
    pub external: bool,
    /// The maximum size of a body in bytes. A larger one closes the channel, as RabbitMQ does. Default: 134,217,728 (128 MiB), as in
    /// RabbitMQ 3. RabbitMQ 4 has 16 MiB.
    pub max_message_size: Option<u64>,
    /// The maximum size of a frame in bytes, which a client may lower to 4,096. Default: 131,072, as in RabbitMQ.
    pub frame_max: u32,
    /// Whether messages are confirmed together, one confirmation for all that arrived at once. Default: yes, as RabbitMQ does when it
    /// is busy.
    pub confirms_together: bool,
    /// Changes to the properties of messages that clients publish. Default: none.
    pub interceptor: Interceptor,
}

/// The change that a [`Broker`](super::Broker) makes to the properties of each published message, before it routes or returns the message.
///
/// ```
/// use cloudevents_testkit::rabbitmq::Interceptor;
///
/// assert_eq!(Interceptor::default(), Interceptor::None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interceptor {
    /// Nothing.
    #[default]
    None,
    /// Sets the property `timestamp` and the headers `timestamp_in_ms` and `x-routed-by`, as RabbitMQ's `set_header_timestamp` and
    /// `set_header_routing_node` do.
    Stamp,
    /// Removes all headers, as no known broker does.
    Strip,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            external: false,
            max_message_size: Some(128 << 20),
            frame_max: 131_072,
            confirms_together: true,
            interceptor: Interceptor::None,
        }
    }
}
