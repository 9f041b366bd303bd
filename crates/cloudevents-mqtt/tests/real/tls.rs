//! TLS, with a proxy that terminates TLS before the broker.

use crate::tools::{event, id, next, strict, within};
use cloudevents_core::ErrorKind;
use cloudevents_mqtt::rumqttc_next034::{MqttSenderOptions, Tls, receiver, sender};
use cloudevents_testkit::{mqtt::Broker, tls::Authority};

/// What trusts the authority.
fn trusting(authority: &Authority) -> Tls {
    Tls::default().with_authorities(authority.pem())
}

fn with(tls: Tls) -> MqttSenderOptions {
    let mut options = MqttSenderOptions::default();
    options.connection.tls = tls;
    options
}

#[tokio::test]
async fn events_go_over_tls() {
    let (authority, broker) = (Authority::new().unwrap(), Broker::start().unwrap());
    let url =
        format!("mqtts://127.0.0.1:{}/orders", authority.terminate(broker.port(), false).await.unwrap());
    let mut options = strict();
    options.connection.tls = trusting(&authority);
    let mut receiver = receiver(&url, options).await.unwrap();
    let sender = sender(&url, with(trusting(&authority))).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(id(&delivery), "1");
    within(delivery.accept()).await.unwrap();
    within(sender.close()).await.unwrap();
}

#[tokio::test]
async fn unknown_authorities_are_not_trusted() {
    let (authority, broker) = (Authority::new().unwrap(), Broker::start().unwrap());
    let port = authority.terminate(broker.port(), false).await.unwrap();
    for tls in [Tls::default(), trusting(&Authority::new().unwrap())] {
        let url = format!("mqtts://127.0.0.1:{port}/orders");
        let error = within(sender(&url, with(tls))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    }
    // The certificate has another name.
    let url = format!("mqtts://localhost:{port}/orders");
    within(sender(&url, with(trusting(&authority)))).await.unwrap_err();
    for tls in [Tls::default().with_authorities("none"), trusting(&authority).with_identity("none", "none")] {
        let error = within(sender(&url, with(tls))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let (authority, broker) = (Authority::new().unwrap(), Broker::start().unwrap());
    let url = format!("mqtts://127.0.0.1:{}/orders", authority.terminate(broker.port(), true).await.unwrap());
    within(sender(&url, with(trusting(&authority)))).await.unwrap_err();
    let (certificate, key) = authority.issue("sensor").unwrap();
    let tls = trusting(&authority).with_identity(certificate, key.clone());
    assert!(!format!("{tls:?}").contains(&key));
    let sender = sender(&url, with(tls)).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
}
