//! Which errors are about one message.

use cloudevents_core::Error;
use cloudevents_transport::bridge;

/// Whether an error of sending is a refusal of this very message: no later attempt can succeed, and other messages may. For
/// [`BridgePolicy::refuses_message`](cloudevents_transport::bridge::BridgePolicy::refuses_message).
///
/// | protocol | refusals of a message |
/// |---|---|
/// | HTTP | the statuses 400, 409, 413, 415, 422 and 431 |
/// | AMQP 1.0 | rejected, except with conditions about the address, rights or resources; modified as undeliverable here |
/// | Kafka | a record that is too large or invalid |
/// | RabbitMQ | none |
/// | MQTT 5 | the reason codes 0x95 (too large) and 0x99 (payload format invalid) |
/// | any | what the format or protocol cannot express, and what is too large |
///
/// Of other errors, [`bridge::refuses_message`] decides.
///
/// ```
/// use cloudevents_kit::{Error, ErrorKind, refuses_message};
///
/// assert!(refuses_message(&Error::new(ErrorKind::TooLarge)));
/// assert!(!refuses_message(&Error::new(ErrorKind::Disconnected)));
/// ```
pub fn refuses_message(error: &Error) -> bool {
    let known: &[fn(&Error) -> Option<bool>] = &[
        #[cfg(feature = "reqwest013")]
        cloudevents_http::refuses_message,
        #[cfg(feature = "fe2o3-amqp018")]
        cloudevents_amqp::fe2o3_amqp018::refuses_message,
        #[cfg(feature = "rdkafka039")]
        cloudevents_kafka::rdkafka039::refuses_message,
        #[cfg(feature = "lapin4")]
        cloudevents_rabbitmq::lapin4::refuses_message,
        #[cfg(feature = "rumqttc-next034")]
        cloudevents_mqtt::rumqttc_next034::refuses_message,
    ];
    known.iter().find_map(|decide| decide(error)).unwrap_or_else(|| bridge::refuses_message(error))
}
