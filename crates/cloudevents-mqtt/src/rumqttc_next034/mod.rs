//! Conversion for messages of rumqttc-v5-next and rumqttc-v4-next 0.34, and a sender and a receiver on their packets.
//!
//! [`decode`], [`encode`] and [`publish`] are for programs that have a client of rumqttc already. [`sender`] and [`receiver`] connect by
//! themselves:
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_mqtt::rumqttc_next034::{receiver, sender};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let plant = sender("mqtt://localhost:1883/plant/{type}", Default::default()).await?;
//! plant.send(&Event::builder().id("1").source("/sensors/7").ty("temperature").build()?).await?;
//!
//! let url = "mqtt://localhost:1883/plant/%23?client=billing-1&dead-letter=rejected";
//! let mut deliveries = receiver(url, DecodeOptions::strict().into()).await?;
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! [The crate's documentation](crate#urls) describes the form of URLs and their options.
//!
//! The feature is named by the family of crates, rumqttc-next, because one feature serves both versions of MQTT. These crates continue
//! rumqttc, whose last release has TLS with known vulnerabilities.
//!
//! Sender and receiver use the packets and codecs of these crates, and not their event loop:
//! [why](crate#with-your-own-client-and-why-ours-has-its-own-event-loop).
//!
//! # Guarantees
//!
//! The tests named here are in `tests/real`. The tests of the contract are in `cloudevents_transport::contract`. They run against the
//! testkit's broker, or against the broker that `CE_TEST_MQTT_URL` names: `.ci/brokers/mqtt` starts Mosquitto and HiveMQ.
//!
//! | | guarantee | shown by |
//! |---|---|---|
//! | delivery | at least once with QoS 1 and 2: a sender returns the outcome of each message, and a session gets unacknowledged messages again | `contract`, `kill::a_killed_consumer_loses_nothing` |
//! | outcomes | PUBACK with QoS 1, PUBCOMP with QoS 2, written with QoS 0; a refusal has its reason code | `client::the_outcome_is_the_brokers`, `client::every_quality_of_service_arrives` |
//! | no answer | a timeout after [`SenderOptions::timeout`](cloudevents_transport::SenderOptions::timeout) | `client::a_broker_that_does_not_answer_is_a_timeout` |
//! | order | as enqueued, over one sender and one receiver; redelivered messages come later | contract `order_is_kept` |
//! | bounds | enqueuing waits for the broker's Receive Maximum and [`SenderOptions::in_flight`](cloudevents_transport::SenderOptions::in_flight) | `client::the_receive_maximum_is_the_room_for_sending` |
//! | size | a message above the broker's limit: [`TooLarge`](cloudevents_core::ErrorKind::TooLarge), and the connection stays | `client::what_is_too_large_for_the_broker_is_not_sent` |
//! | text | control characters and noncharacters in a header or topic, for which brokers may end the connection: [`Unsupported`](cloudevents_core::ErrorKind::Unsupported), or [`InvalidString`](cloudevents_core::ErrorKind::InvalidString) for a topic, and the connection stays | `client::what_brokers_may_end_the_connection_for_is_not_sent` |
//! | topics of the broker | attributes that make a topic begin with `$` although its template does not: [`InvalidString`](cloudevents_core::ErrorKind::InvalidString), and the connection stays | `real::an_event_that_names_a_topic_of_a_real_broker_is_the_mistake_of_its_message_only` |
//! | settlement | in order of arrival; [`receiver`] describes when the outcome is known | contract, `client::acknowledgements_are_in_order` |
//! | unreadable | a message that is not a valid packet, too large, or flooded with properties is delivered as an error, to be settled, and blocks no other | `hostile::a_message_that_cannot_be_read_surfaces_and_blocks_nothing` |
//! | memory | a receiver holds at most its bounds for deliveries, and as many waiting messages | `client::a_stalled_consumer_stops_reading_and_stays_connected` |
//! | lost connection | messages in flight are [`Disconnected`](cloudevents_core::ErrorKind::Disconnected); sender and receiver reconnect, the latter to its session | `client::a_sender_outlives_its_broker`, `client::a_session_is_resumed` |
//! | rejected | goes to its own topic, or is dropped, as chosen when opening | `client::dead_letters_go_to_a_topic` |
//! | silence | a broker that is silent for one to one and a half Keep Alives is lost | `client::a_silent_broker_is_lost` |
//! | requests | a reply is matched by its correlation data | `client::a_request_gets_its_reply` |
//! | version 3.1.1 | JSON documents only; binary mode is an error | `client::mqtt_3_has_structured_mode_only` |
//! | secrets | users and passwords appear in no `Debug` output, no error and no log | `client::only_those_who_may_are_let_in` |
//!
//! A broker decides how many messages it sends while others are not settled. HiveMQ sends a session the messages that it has at the moment,
//! 50 at most, and more when all of these are acknowledged. There, a message that is retried or handled slowly delays the messages behind
//! it.
//!
//! Not supported: exactly-once delivery across connections, topic aliases, will messages, subscription identifiers, enhanced
//! authentication, MQTT over WebSockets.

mod acknowledge;
mod binding;
mod connection;
mod dead_letter;
mod failure;
mod forwarding;
mod login;
mod message;
mod options;
mod outbox;
mod packet;
mod publish_packet;
mod publisher;
mod received;
mod receiver;
mod refusal;
mod requests;
mod sender;
mod session;
mod source;
mod text;
mod topic;
mod urls;

pub use binding::BINDING;
#[cfg(feature = "tls")]
pub use cloudevents_transport::binding::rustls023::Tls;
pub use login::Login;
pub use message::{decode, encode, publish, publish_v3};
pub use options::{MqttConnection, Qos};
pub use received::ReceivedPublish;
pub use receiver::{MqttReceiverOptions, receiver};
pub use refusal::MqttRefusal;
pub use sender::{MqttSenderOptions, sender};
pub use topic::Topic;
