//! TLS and SASL EXTERNAL, with a proxy that terminates TLS before the broker.

use crate::tools::{event, id, name, next, strict, within};
use cloudevents_core::ErrorKind;
use cloudevents_rabbitmq::lapin4::{RabbitConnection, RabbitSenderOptions, Tls, receiver, sender};
use cloudevents_testkit::{
    rabbitmq::{Broker, BrokerOptions},
    tls::Authority,
};
use std::env;

/// What trusts the authority.
fn trusting(authority: &Authority) -> Tls {
    Tls::default().with_authorities(authority.pem())
}

fn with(tls: Tls) -> RabbitSenderOptions {
    let mut options = RabbitSenderOptions::default();
    options.connection.tls = tls;
    options
}

#[tokio::test]
async fn events_go_over_tls() {
    let (authority, broker) = (Authority::new().unwrap(), Broker::start().unwrap());
    let url = format!(
        "rabbitmqs://127.0.0.1:{}/?queue=orders&declare=classic",
        authority.terminate(broker.port(), false).await.unwrap()
    );
    let sender = sender(&url, with(trusting(&authority))).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    let mut options = strict();
    options.connection.tls = trusting(&authority);
    let mut receiver = receiver(&url, options).await.unwrap();
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
        let url = format!("rabbitmqs://127.0.0.1:{port}/?queue=orders&declare=classic");
        let error = within(sender(&url, with(tls))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    }
    // The certificate has another name.
    let url = format!("rabbitmqs://localhost:{port}/?queue=orders&declare=classic");
    within(sender(&url, with(trusting(&authority)))).await.unwrap_err();
    for tls in [Tls::default().with_authorities("none"), trusting(&authority).with_identity("none", "none")] {
        let error = within(sender(&url, with(tls))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
    }
}

/// By TLS 1.3, the server may close the connection after the handshake, and its reason may be lost.
#[tokio::test]
async fn a_connection_that_is_closed_after_the_handshake_may_lack_a_certificate() {
    let authority = Authority::new().unwrap();
    let closes = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = authority.terminate(closes.local_addr().unwrap().port(), false).await.unwrap();
    tokio::spawn(async move { while closes.accept().await.is_ok() {} });
    let url = format!("rabbitmqs://127.0.0.1:{port}/?queue=orders");
    let error = within(sender(&url, with(trusting(&authority)))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(error.help().unwrap().contains("may also require a client certificate"), "{error:?}");
}

#[tokio::test]
async fn external_is_whom_the_certificate_says() {
    let authority = Authority::new().unwrap();
    let mut options = BrokerOptions::default();
    options.users.push(("another".into(), "user".into()));
    options.external = true;
    let broker = Broker::with_options(options).unwrap();
    let url = format!(
        "rabbitmqs://127.0.0.1:{}/?queue=orders&declare=classic&sasl=external",
        authority.terminate(broker.port(), true).await.unwrap()
    );
    let (certificate, key) = authority.issue("client").unwrap();
    let known = trusting(&authority).with_identity(certificate, key);
    within(sender(&url, with(known)).await.unwrap().send(&event(1))).await.unwrap();
    within(sender(&url, with(trusting(&authority)))).await.unwrap_err();
}

/// The broker has TLS of its own, and takes clients with a certificate of its authority.
#[tokio::test]
async fn a_real_broker_and_its_client_know_each_other_by_the_files_of_the_url() {
    let (Ok(server), Ok(folder)) = (env::var("CE_TEST_RABBITMQ_TLS"), env::var("CE_TEST_CERTIFICATES"))
    else {
        println!("SKIPPED: CE_TEST_RABBITMQ_TLS is not set");
        return;
    };
    let place = format!("{server}?queue={}&declare=classic&ca={folder}/authority.pem", name("tls"));
    let url = format!("{place}&cert={folder}/client.crt&cert-key={folder}/client.key");
    let opened = sender(&url, RabbitSenderOptions::default()).await.unwrap();
    within(opened.send(&event(1))).await.unwrap();
    let mut receiver = receiver(&url, strict()).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(id(&delivery), "1");
    within(delivery.accept()).await.unwrap();
    let error = within(sender(&place, RabbitSenderOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
}

/// Debug output only shows that certificates and keys are set.
#[test]
fn keys_are_seen_nowhere() {
    let mut connection = RabbitConnection::default();
    connection.tls = Tls::default().with_identity("hunter1", "hunter2");
    assert!(!format!("{connection:?}").contains("hunter"));
}
