//! Conversion for messages of lapin 4, and a sender and a receiver on lapin.
//!
//! [`decode`] and [`encode`] are for programs that manage their own channels. [`sender`] and [`receiver`]
//! connect by themselves:
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_rabbitmq::lapin4::{receiver, sender};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "rabbitmq://guest:guest@localhost:5672/?queue=orders&declare=quorum";
//! let orders = sender(url, Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?).await?;
//!
//! let url = "rabbitmq://guest:guest@localhost:5672/?queue=orders&declare=quorum&dead-letter=orders.rejected";
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
//! # Guarantees
//!
//! The tests named here are in `tests/real`. The tests of the contract are in `cloudevents_transport::contract`. They run against the
//! testkit's broker, or against the broker that `CE_TEST_RABBITMQ_URL` names: `.ci/brokers/rabbitmq` starts RabbitMQ.
//!
//! | | guarantee | shown by |
//! |---|---|---|
//! | delivery | at least once: a sender returns the outcome of each message, and a receiver gets unsettled messages again | `contract`, `kill::a_killed_consumer_loses_nothing` |
//! | outcomes | the broker's own: a publisher confirm, and that no queue got the message | `client::the_senders_outcome_is_the_brokers`, `client::returned_messages_are_told_apart` |
//! | changes at the broker | stamps and interceptors change no outcome; a returned message that is not recognized fails the messages on their way | `changed::a_dead_letter_that_the_broker_stamps_and_returns_is_not_settled`, `changed::a_returned_message_that_cannot_be_recognized_is_no_success` |
//! | no answer | a timeout after [`SenderOptions::timeout`](cloudevents_transport::SenderOptions::timeout) | `client::a_broker_that_does_not_answer_is_a_timeout` |
//! | order | as enqueued, over one sender and one receiver; retried messages come later | contract `order_is_kept` |
//! | bounds | enqueuing waits for [`SenderOptions::in_flight`](cloudevents_transport::SenderOptions::in_flight) | `client::what_may_be_in_flight_is_bounded_at_the_sender_too` |
//! | cancellation | an `enqueue` that is dropped before it returns has sent nothing; dropping an outcome does not cancel the message | contract `a_dropped_send_arrives_once_or_never`, `an_unwatched_outcome_settles` |
//! | size | a message above [`RabbitSenderOptions::max_message_size`]: [`TooLarge`](cloudevents_core::ErrorKind::TooLarge), and nothing else is disturbed. A message that only the broker finds too large closes the channel: that message is `TooLarge`, the others on their way are lost | `client::what_is_too_large_for_the_broker_is_an_error`, `what_is_too_large_for_the_broker_is_the_mistake_of_that_message_only` |
//! | size, receiving | a message above [`RabbitReceiverOptions::max_message_size`] is an error that can be settled; a message above eight times that ends one connection of each receiver first, and the broker sends eight messages at most then | `bad_input::a_message_that_is_somewhat_too_large_ends_no_connection`, `a_message_that_is_too_large_ends_one_connection_and_is_then_an_error`, `behind_a_message_that_is_much_too_large_a_few_are_sent_at_once` |
//! | size of properties | headers that do not fit into one frame: `TooLarge`, and nothing else is disturbed. A dead letter loses its own headers first, and then the largest | `client::headers_that_do_not_fit_into_a_frame_are_the_mistake_of_their_message`, `client::a_dead_letter_is_stored_however_large_its_headers_are` |
//! | settlement | acknowledged; retried and rejected messages only after the message that was published instead is confirmed | contract, `client::retries_wait_in_a_queue_and_count`, `changed::a_message_that_died_in_its_queue_is_retried`, `client::dead_letters_keep_everything_and_say_why` |
//! | unreadable | properties that lapin cannot read are repaired, so that the message surfaces and blocks no other | `bad_input::what_the_client_cannot_read_surfaces_and_blocks_nothing` |
//! | memory | a receiver holds at most its bounds by count; by bytes, its bounds, one message and the prefetched messages. A broker that sends more than eight times as many loses the connection | `client::a_stalled_consumer_is_sent_no_more_than_its_bounds`, `broken::a_broker_that_knows_no_prefetch_ends_the_connection` |
//! | draining | the broker has read every settlement, and prefetched messages are back in the queue, in order | contract `draining_loses_nothing`, `what_is_left_at_an_end_keeps_its_order`, `client::draining_releases_what_was_prefetched` |
//! | lost channel | after a message that is too large, another one is opened on the same connection; else the sender connects and logs in again | `client::a_channel_that_closed_for_a_message_that_is_too_large_is_not_the_end_of_the_connection`, `client::a_sender_whose_token_has_expired_logs_in_again` |
//! | lost connection | messages in flight are [`Disconnected`](cloudevents_core::ErrorKind::Disconnected); sender and receiver reconnect | `client::a_sender_outlives_its_broker`, `client::a_receiver_outlives_its_broker` |
//! | silence | an attempt to connect ends in time, and leaves no thread behind | `client::a_peer_that_never_speaks_is_given_up` |
//! | secrets | users, passwords and keys appear in no `Debug` output, no error and no log | `client::only_those_who_may_are_let_in`, `tls::keys_are_seen_nowhere` |
//!
//! Not supported: exactly-once delivery; transactions; streams, from which no receiver opens (`real::real_streams_are_refused`); bodies of
//! AMQP 1.0 that RabbitMQ could not convert.

mod acknowledge;
mod binding;
mod connection;
mod dead_letter;
mod destination;
mod extras;
mod failure;
mod frame;
mod login;
mod look;
mod message;
mod options;
mod properties;
mod publisher;
mod received;
mod receiver;
mod refusal;
mod retry;
mod returns;
mod sender;
mod source;
mod stream;
mod urls;

pub use binding::BINDING;
#[cfg(feature = "tls")]
pub use cloudevents_transport::binding::rustls023::Tls;
pub use login::Login;
pub use message::{LapinMessage, decode, decode_message, encode, encode_message, from_rabbit, rabbit};
pub use options::{QueueType, RabbitConnection, Sasl};
pub use received::ReceivedMessage;
pub use receiver::{RabbitReceiverOptions, receiver};
pub use refusal::RabbitRefusal;
pub use sender::{RabbitSenderOptions, sender};
