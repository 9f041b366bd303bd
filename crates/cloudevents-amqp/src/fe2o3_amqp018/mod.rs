//! Messages of fe2o3-amqp 0.18, and a sender and a receiver on top of it.
//!
//! [`decode`] and [`encode`] are for programs with links of their own. [`sender`] and [`receiver`] connect by themselves:
//!
//! ```no_run
//! use cloudevents_amqp::fe2o3_amqp018::{receiver, sender};
//! use cloudevents_core::{Decoding, Event};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "amqp://guest:guest@localhost:5672/orders";
//! let orders = sender(url, Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?).await?;
//!
//! let mut deliveries = receiver(url, Decoding::strict().into()).await?;
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # URLs
//!
//! `amqp://user:password@host:port/address`, or `amqps` with TLS, which needs the feature `tls`. The ports are 5672 and 5671 where none
//! is given; of several hosts, separated by commas, the first that answers is taken. The address is the path without its first slash,
//! percent-decoded: `/queue/orders` of RabbitMQ 3 is the URL `amqp://host//queue/orders`. Options that nobody knows are errors; those
//! of the URL go before those of the program.
//!
//! | option | of | values |
//! |---|---|---|
//! | `mode` | senders | `binary` (default), `structured` |
//! | `format` | senders | of structured mode: `json` (default), or another of [`AmqpSenderOptions::formats`] |
//! | `separator` | senders | `underscore` (default), `colon` |
//! | `prefetch` | receivers | the link credit, 256 by default |
//! | `sasl` | both | `plain` (default where there is a user), `anonymous` (default where there is none), `external`, `cbs` |
//! | `container` | both | the name of the container, a random one by default |
//! | `hostname` | both | the host name of the connection, where it is not the host of the URL: `vhost:orders` |
//!
//! # Azure Service Bus and Event Hubs
//!
//! `amqps://POLICY:KEY@NAMESPACE.servicebus.windows.net/QUEUE`, key and all percent-encoded, is SASL PLAIN with a shared access policy.
//! With `sasl=cbs` the key stays here: tokens are made of it, put on the node `$cbs`, and renewed when a quarter of their time is left. A
//! [`Tokens`] of one's own in [`AmqpConnection::tokens`] does the same with tokens of an identity provider.
//!
//! # What is guaranteed
//!
//! The tests named here are in `tests/it`; those of the contract are in `cloudevents_transport::contract` and run there against the broker
//! of the testkit, or against the one that `CE_TEST_AMQP_URL` names: `.ci/brokers/amqp` starts ActiveMQ Artemis, RabbitMQ and one on rhea.
//!
//! | | what | shown by |
//! |---|---|---|
//! | delivery | at least once: a sender is told what became of each message, a receiver gets what was not settled again | `contract`, `kill::a_killed_consumer_loses_nothing` |
//! | outcomes | the broker's own: rejected, released and modified are told apart, with condition and description | `client::the_senders_outcome_is_the_brokers` |
//! | no answer | a timeout, [`AmqpSenderOptions::timeout`] | `client::a_broker_that_does_not_answer_is_a_timeout` |
//! | order | as enqueued, over one sender and one receiver; what comes again comes late | contract `order_is_kept` |
//! | room | enqueuing waits for the broker's credit and [`AmqpSenderOptions::in_flight`] | `client::the_brokers_credit_is_the_room_for_sending`, `client::what_may_be_in_flight_is_bounded_at_the_sender_too` |
//! | cancelled | an `enqueue` that is dropped before it answers sent nothing; a dropped outcome undoes nothing | `client::the_brokers_credit_is_the_room_for_sending`, contract `an_unwatched_outcome_settles` |
//! | size | larger than the broker's limit: [`TooLarge`](cloudevents_core::ErrorKind::TooLarge), and the link stays | `client::what_is_too_large_for_the_broker_is_not_sent` |
//! | settlement | accepted, rejected with the reason, released, modified; see [`AmqpReceiver`] for when its outcome answers | contract, `client::rejected_messages_keep_their_reason` |
//! | unreadable | a message that the client cannot read surfaces as an error, to be settled, and blocks nothing | `client::what_is_no_message_surfaces_and_blocks_nothing` |
//! | retry | after its delay, kept here until then, as another attempt | contract `what_is_retried_comes_again` |
//! | memory | a receiver is given no more than its bounds by count; by bytes, its bounds, one message and what is prefetched | `client::a_stalled_consumer_is_sent_no_more_than_its_bounds`, `client::a_stalled_consumer_bounds_bytes` |
//! | dropped | a dropped delivery, and a dropped receiver with all it prefetched, is released | contract `what_is_dropped_comes_again`, `client::a_dropped_receiver_releases` |
//! | drained | every settlement is with the broker, what was prefetched is released | contract `draining_loses_nothing`, `client::draining_releases_what_was_prefetched_and_retries_at_once` |
//! | lost connection | what was under way is [`Disconnected`](cloudevents_core::ErrorKind::Disconnected); the next call connects again | `client::a_sender_outlives_its_broker`, `client::a_receiver_outlives_its_broker` |
//! | crash | of the consumer: nothing is lost, what was not settled comes again | `kill::a_killed_consumer_loses_nothing` |
//! | closed | a sender that is closed or dropped has sent what was enqueued | contract `a_closed_sender_declines`, `client::what_a_dropped_sender_enqueued_arrives` |
//! | tokens | put before the link is attached, renewed before they expire | `azure::tokens_are_put_before_anything_else`, `azure::tokens_are_renewed_before_they_expire` |
//! | secrets | users, passwords, keys and tokens are in no `Debug`, no error and no log | `client::only_those_who_may_are_let_in`, `tls::keys_are_seen_nowhere` |
//!
//! Not there: exactly-once delivery, since no link is resumed; transactions; filters; a way to renew locks of Azure Service Bus, so that
//! a delivery held for longer than its lock comes again though it is accepted.

mod answers;
mod cbs;
mod connection;
mod failure;
mod link;
mod message;
mod options;
mod received;
mod receiver;
mod refusal;
mod sasl;
mod sender;
#[cfg(feature = "tls")]
mod tls;
mod token;

pub use message::{Fe2o3Message, decode, decode_message, encode, encode_message, from_sections, sections};
pub use options::{AmqpConnection, Sasl};
pub use receiver::{AmqpReceiver, AmqpReceiverOptions, receiver};
pub use refusal::AmqpRefusal;
pub use sender::{AmqpSender, AmqpSenderOptions, sender};
#[cfg(feature = "tls")]
pub use tls::Tls;
pub use token::{SasPolicy, Token, Tokens};
