//! A target that is attacked, over sockets.

use crate::tools::{TOKEN, soon, with_token};
use cloudevents_http::{HttpReceiverOptions, serve};
use cloudevents_testkit::webhook::{Attack, attack};
use cloudevents_webhook::receiver::Webhook;
use std::{future::pending, net::SocketAddr, time::Duration};
use tokio::net::TcpListener;

const MS: Duration = Duration::from_millis(1);

/// A target with short deadlines, behind the server of the HTTP binding.
async fn target() -> SocketAddr {
    let mut options = with_token();
    options.http.body_deadline = 200 * MS;
    options.http.receiver.decoding.limits.bytes = 100_000;
    let mut http = HttpReceiverOptions::default();
    http.header_deadline = 200 * MS;
    let (webhook, receiver) = Webhook::open(options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let _receiver = receiver; // nothing gets as far as that
        let respond = move |request, peer| {
            let webhook = webhook.clone();
            async move { webhook.respond(request, Some(peer)).await }
        };
        serve(listener, &http, pending(), respond).await;
    });
    address
}

#[tokio::test]
async fn every_attack_ends_soon_and_takes_little() {
    let address = target().await;
    let headers = format!("content-type: application/cloudevents+json\r\nauthorization: Bearer {TOKEN}\r\n");
    for (kind, expected, most) in [
        // hyper responds to late heads with 408 or hangs up.
        (Attack::SlowHead(10 * MS), None, 10_000),
        (Attack::HeaderFlood, Some(431), 1_000_000),
        (Attack::SlowBody(10 * MS), Some(413), 10_000),
        (Attack::EndlessBody, Some(413), 20_000_000),
        (Attack::Declared(100_001), Some(413), 10_000),
        (Attack::Declared(99_999), Some(408), 10_000),
    ] {
        let attacked = soon(attack(address, "/hook", &headers, kind, Duration::from_secs(10))).await;
        let attacked = attacked.unwrap_or_else(|| panic!("{kind:?} goes on for ever"));
        assert!(
            attacked.status.is_none() || attacked.status == expected || attacked.status == Some(408),
            "{kind:?}: {attacked:?}"
        );
        if let Some(status) = expected.filter(|_| !matches!(kind, Attack::HeaderFlood | Attack::EndlessBody))
        {
            assert_eq!(attacked.status, Some(status), "{kind:?}");
        }
        assert!(attacked.took < Duration::from_secs(5) && attacked.sent < most, "{kind:?}: {attacked:?}");
    }
}

#[tokio::test]
async fn nothing_of_a_body_is_read_without_a_token() {
    let headers = "content-type: application/cloudevents+json\r\n";
    let attacked =
        soon(attack(target().await, "/hook", headers, Attack::SlowBody(10 * MS), Duration::from_secs(10)))
            .await
            .unwrap();
    // Its declared length alone would be 413.
    assert_eq!(attacked.status, Some(401));
}
