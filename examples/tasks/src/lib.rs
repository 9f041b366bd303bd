//! Compiles the programs of the pages in `docs`, and runs those that need no broker.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/bridge-messages.md")]
mod bridge_messages {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/coming-from.md")]
mod coming_from {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/coming-from-tools.md")]
mod coming_from_tools {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/delivery.md")]
mod delivery {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/delivery-order.md")]
mod delivery_order {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/inbox.md")]
mod inbox {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/outbox.md")]
mod outbox {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/tasks.md")]
mod tasks {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/webhooks.md")]
mod webhooks {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/webhooks-delivering.md")]
mod webhooks_delivering {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/webhooks-receiving.md")]
mod webhooks_receiving {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/webhooks-threats.md")]
mod webhooks_threats {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/amqp.md")]
mod amqp {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/http.md")]
mod http {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/jetstream.md")]
mod jetstream {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/kafka.md")]
mod kafka {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/mqtt.md")]
mod mqtt {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/nats.md")]
mod nats {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/pgmq.md")]
mod pgmq {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/pubsub.md")]
mod pubsub {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/rabbitmq.md")]
mod rabbitmq {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/redis.md")]
mod redis {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/sqs.md")]
mod sqs {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/protocols/websockets.md")]
mod websockets {}
