//! `wss`, with a proxy that terminates TLS before the server.

use crate::{server::listen, tools::event};
use cloudevents_core::ErrorKind;
use cloudevents_testkit::tls::Authority;
use cloudevents_transport::ReceiverOptions;
use cloudevents_websockets::tungstenite029::{Tls, WsSenderOptions, sender};

#[tokio::test]
async fn events_arrive_over_tls_and_strangers_are_refused() {
    let (trusted, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = listen(ReceiverOptions::default()).await;
    let port = trusted.terminate(server.local_addr().port(), false).await.unwrap();
    let mut deliveries = server.into_receiver();
    let with = |authority: &Authority| {
        let mut options = WsSenderOptions::default();
        options.connection.tls = Tls::default().with_authorities(authority.pem());
        options
    };
    let url = format!("wss://127.0.0.1:{port}/events");
    sender(&url, with(&trusted)).await.unwrap().send(&event("1")).await.unwrap();
    let delivery = deliveries.next().await.unwrap().unwrap();
    assert_eq!(delivery.event().unwrap(), event("1"));
    delivery.accept().await.unwrap();
    assert_eq!(sender(&url, with(&other)).await.unwrap_err().kind(), ErrorKind::Disconnected);
    let elsewhere = format!("wss://localhost:{port}/events");
    assert_eq!(sender(&elsewhere, with(&trusted)).await.unwrap_err().kind(), ErrorKind::Disconnected);
}
