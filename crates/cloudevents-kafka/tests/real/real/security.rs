//! Users, tokens and TLS, if `CE_TEST_KAFKA_SASL`, `CE_TEST_KAFKA_OAUTH` and `CE_TEST_KAFKA_SASL_TLS` name
//! listeners that require them.

#[cfg(feature = "tls")]
mod tokens;

use super::skipped;
use crate::broker::{Topic, event, next, number, soon};
use cloudevents_core::ErrorKind;
use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, KafkaSenderOptions, receiver, sender};
use cloudevents_transport::binding::log::LogOptions;
use std::env;

/// The user that the broker's script creates, for a URL.
const USER: &str = "orders:p%40ss%20w%3Ard%2F1";

/// Sends and receives an event. `options` begin with `&`.
async fn there_and_back(topic: &Topic, listener: &str, options: &str) {
    let url = format!("kafka://{USER}@{listener}/{}", topic.name);
    let sender =
        soon(sender(&format!("{url}?{}", &options[1..]), KafkaSenderOptions::default())).await.unwrap();
    soon(sender.send(&event(7, "k"))).await.unwrap();
    let mut receiving = KafkaReceiverOptions::default();
    receiving.log = LogOptions::default().dropping_rejected();
    let url = format!("{url}?group={}{options}", topic.group());
    let mut receiver = soon(receiver(&url, receiving)).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(number(&delivery), 7, "{options}");
    delivery.accept().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_told_by_sasl() {
    let (Some(topic), Ok(listener)) = (Topic::real(1).await, env::var("CE_TEST_KAFKA_SASL")) else {
        return skipped();
    };
    there_and_back(&topic, &listener, "&sasl=plain").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whom_the_broker_does_not_know_is_refused() {
    let (Some(topic), Ok(listener)) = (Topic::real(1).await, env::var("CE_TEST_KAFKA_SASL")) else {
        return skipped();
    };
    let url = format!("kafka://orders:guess@{listener}/{}", topic.name);
    let refused = soon(sender(&url, KafkaSenderOptions::default())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert!(!format!("{refused} {refused:?}").contains("guess"), "{refused:?}");
    let url = format!("{url}?group=g&reject=drop");
    let refused = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
}

#[cfg(feature = "tls")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_encrypted() {
    let (Some(topic), Ok(listener)) = (Topic::real(1).await, env::var("CE_TEST_KAFKA_SASL_TLS")) else {
        return skipped();
    };
    let authority = env::var("CE_TEST_KAFKA_CA").unwrap();
    for mechanism in ["plain", "scram-sha-256", "scram-sha-512"] {
        there_and_back(&topic, &listener, &format!("&tls&ssl.ca.location={authority}&sasl={mechanism}"))
            .await;
    }
    // An authority that the system does not trust.
    let url = format!("kafka://{USER}@{listener}/{}?tls", topic.name);
    let refused = soon(sender(&url, KafkaSenderOptions::default())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
}
