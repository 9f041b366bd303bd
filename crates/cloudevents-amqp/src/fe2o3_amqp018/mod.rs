//! Conversion for messages of fe2o3-amqp 0.18, and a sender and a receiver on fe2o3-amqp.
//!
//! [`decode`] and [`encode`] are for programs that manage their own links. [`sender`] and [`receiver`]
//! connect by themselves:
//!
//! ```no_run
//! use cloudevents_amqp::fe2o3_amqp018::{receiver, sender};
//! use cloudevents_core::{DecodeOptions, Event};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "amqp://guest:guest@localhost:5672/orders";
//! let orders = sender(url, Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?).await?;
//!
//! let url = "amqp://guest:guest@localhost:5672/orders?dead-letter=orders.rejected";
//! let mut deliveries = receiver(url, DecodeOptions::strict().into()).await?;
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # URLs
//!
//! [The crate's documentation](crate#urls) describes the form of URLs and their options.
//!
//! # Azure Service Bus and Event Hubs
//!
//! Use `amqps://POLICY:KEY@NAMESPACE.servicebus.windows.net/QUEUE`, with the key percent-encoded, for SASL PLAIN with a shared access
//! policy. With `sasl=cbs` the key is not sent. Tokens are derived from it, put on the node `$cbs`, and renewed when a quarter of their
//! lifetime is left. For tokens of an identity provider, set your own [`Tokens`] in [`AmqpConnection::tokens`].
//!
//! Service Bus locks each message that a receiver gets, and delivers it again when the lock ends. `lock=30s` in the URL of a receiver is
//! the lock duration of the queue or subscription. With it, locks are renewed while a delivery is held, and by
//! [`Delivery::extend`](cloudevents_transport::Delivery::extend).
//!
//! # Guarantees
//!
//! The tests named here are in `tests/real`. The tests of the contract are in `cloudevents_transport::contract`. They run against the
//! testkit's broker, or against the broker that `CE_TEST_AMQP_URL` names: `.ci/brokers/amqp` starts ActiveMQ Artemis, RabbitMQ and a broker
//! on rhea.
//!
//! | | guarantee | shown by |
//! |---|---|---|
//! | delivery | at least once: a sender returns the outcome of each message, and a receiver gets unsettled messages again | `contract`, `kill::a_killed_consumer_loses_nothing` |
//! | outcomes | the broker's own: rejected, released and modified are distinguished, with condition and description | `client::the_senders_outcome_is_the_brokers` |
//! | no answer | a timeout after [`SenderOptions::timeout`](cloudevents_transport::SenderOptions::timeout) | `client::a_broker_that_does_not_answer_is_a_timeout` |
//! | order | as enqueued, over one sender and one receiver; redelivered messages come later | contract `order_is_kept` |
//! | bounds | enqueuing waits for the broker's credit and [`SenderOptions::in_flight`](cloudevents_transport::SenderOptions::in_flight) | `client::the_brokers_credit_is_the_room_for_sending`, `client::what_may_be_in_flight_is_bounded_at_the_sender_too` |
//! | cancellation | an `enqueue` that is dropped before it returns has sent nothing; dropping an outcome does not cancel the message | `client::the_brokers_credit_is_the_room_for_sending`, contract `an_unwatched_outcome_settles` |
//! | size | a message above the broker's limit: [`TooLarge`](cloudevents_core::ErrorKind::TooLarge), and the link stays open. A broker that does not announce its limit ends the link: the largest message without an outcome is `TooLarge`, the others are lost | `client::what_is_too_large_for_the_broker_is_not_sent`, `what_ends_the_link_by_its_size_is_refused_and_the_others_are_not` |
//! | settlement | accepted, rejected with the reason, released, modified; [`receiver`] describes when the outcome is known | contract, `client::rejected_messages_keep_their_reason` |
//! | unreadable | a message that the client cannot read is delivered as an error, to be settled, and blocks no other | `client::what_is_no_message_surfaces_and_blocks_nothing` |
//! | retry | after its delay, as another attempt; the receiver holds the message until then | contract `what_is_retried_comes_again` |
//! | memory | a receiver holds at most its bounds by count; by bytes, its bounds, one message and the prefetched messages | `client::a_stalled_consumer_is_sent_no_more_than_its_bounds`, `client::a_stalled_consumer_bounds_bytes` |
//! | credit | never more than was granted, even if the broker reports more; aborted deliveries cost none | `credit::a_flow_of_the_peer_behind_messages_grants_nothing_twice`, `credit::an_aborted_delivery_costs_no_credit` |
//! | dropping | a dropped delivery is released, and so are all messages that a dropped receiver has prefetched | contract `what_is_dropped_comes_again`, `client::a_dropped_receiver_releases` |
//! | draining | the broker has read every settlement, and prefetched messages are released, in the order in which they came | contract `draining_loses_nothing`, `what_is_left_at_an_end_keeps_its_order`, `client::draining_releases_what_was_prefetched_and_retries_at_once` |
//! | lost connection | messages in flight are [`Disconnected`](cloudevents_core::ErrorKind::Disconnected); sender and receiver reconnect | `client::a_sender_outlives_its_broker`, `client::a_receiver_outlives_its_broker` |
//! | bodies | of a message that is rejected to another address or forwarded: unchanged, of every kind; a body that is not bytes is refused over other protocols | `bodies::dead_letters_keep_bodies_of_every_kind`, `bodies::a_bridge_forwards_no_body_as_none`, `bodies::what_cannot_be_read_does_not_become_an_empty_dead_letter` |
//! | rejected | goes to its own address or to the broker, or is dropped, as chosen when opening | `client::dead_letters_go_to_an_address`, `client::rejected_messages_keep_their_reason` |
//! | crash | of the consumer: nothing is lost, and unsettled messages are delivered again | `kill::a_killed_consumer_loses_nothing` |
//! | closed | a sender that is closed or dropped still sends enqueued messages | contract `a_closed_sender_declines`, `client::what_a_dropped_sender_enqueued_arrives` |
//! | credentials | a source of credentials is called before each connection; a refused login is retried with fresh ones | `client::credentials_are_asked_for_before_each_connection` |
//! | tokens | put before a link is attached, renewed before they expire, tried again until they do | `azure::tokens_are_put_before_anything_else`, `azure::tokens_are_renewed_before_they_expire`, `azure::a_renewal_that_fails_is_tried_again` |
//! | locks | renewed while a delivery is held, with `lock`; otherwise a delivery that is held for longer than its lock is delivered again | `azure::locks_are_renewed_while_deliveries_are_held`, `azure::extending_renews_a_lock` |
//! | destinations | a message can go to another address of the broker, over a separate link | `destinations::messages_go_to_other_addresses` |
//! | requests | the reply is the message with the same `correlation-id` at an address that the broker makes | `requests::a_request_gets_its_reply` |
//! | secrets | users, passwords, keys and tokens appear in no `Debug` output, no error and no log | `client::only_those_who_may_are_let_in`, `tls::keys_are_seen_nowhere` |
//!
//! Not supported: exactly-once delivery, since links are not resumed; transactions; filters of the source other than a selector; streams of
//! RabbitMQ. Streams deliver nothing again, and the log warns of them.

mod binding;
mod cbs;
mod connection;
mod dead_letter;
mod extras;
mod failure;
mod forwarding;
mod locks;
mod login;
mod message;
mod node;
mod options;
mod publisher;
mod received;
mod receiver;
mod refusal;
mod replies;
mod sasl;
mod sender;
mod source;
mod stream;
mod token;
mod urls;

pub use binding::BINDING;
#[cfg(feature = "tls")]
pub use cloudevents_transport::binding::rustls023::Tls;
pub use login::Login;
pub use message::{Fe2o3Message, decode, decode_message, encode, encode_message, from_sections, sections};
pub use options::{AmqpConnection, Sasl};
pub use received::ReceivedMessage;
pub use receiver::{AmqpReceiverOptions, receiver};
pub use refusal::AmqpRefusal;
pub use sender::{AmqpSenderOptions, sender};
pub use token::{SasPolicy, Token, Tokens};
