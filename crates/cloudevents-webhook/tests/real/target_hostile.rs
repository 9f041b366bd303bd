//! A target that is attacked, over sockets.

use crate::{
    target_access::{post_signed, with_signature},
    tools::{TOKEN, Target, soon, with_token},
};
use cloudevents_http::{HttpReceiverOptions, serve};
use cloudevents_testkit::webhook::{Attack, attack};
use cloudevents_transport::Bounds;
use cloudevents_webhook::receiver::Webhook;
use std::{future::pending, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const MS: Duration = Duration::from_millis(1);

/// A target with short deadlines, behind the server of the HTTP binding.
async fn target() -> SocketAddr {
    let mut options = with_token();
    options.http.body_deadline = 200 * MS;
    options.http.receiver.decoding.limits.bytes = 100_000;
    let mut http = HttpReceiverOptions::default();
    // hyper looks at it before it reads what is already there: only a slow head may be that late.
    http.header_deadline = 3000 * MS;
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
        let attacked = soon(attack(address, "/hook", &headers, kind, Duration::from_secs(15))).await;
        let attacked = attacked.unwrap_or_else(|| panic!("{kind:?} goes on for ever"));
        assert!(
            attacked.status.is_none() || attacked.status == expected || attacked.status == Some(408),
            "{kind:?}: {attacked:?}"
        );
        if let Some(status) = expected.filter(|_| !matches!(kind, Attack::HeaderFlood | Attack::EndlessBody))
        {
            assert_eq!(attacked.status, Some(status), "{kind:?}");
        }
        assert!(attacked.sent < most, "{kind:?}: {attacked:?}");
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

/// Nothing is known of a sender until its signature is checked, which needs the whole body.
#[tokio::test]
async fn slow_unsigned_bodies_leave_room_for_signed_ones() {
    let mut options = with_signature();
    options.http.receiver.in_flight = Bounds { messages: 8, bytes: 10_000 };
    let (target, seen) = Target::accepting(options).await;
    for large in [false, true] {
        let address = target.url.strip_prefix("http://").unwrap().strip_suffix("/hook").unwrap();
        let mut slow = Vec::new();
        for _ in 0..8 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = "POST /hook HTTP/1.1\r\nhost: a\r\ncontent-type: application/cloudevents+json\r\ncontent-length: 5000\r\n\r\n{";
            stream.write_all(head.as_bytes()).await.unwrap();
            if large {
                stream.write_all(&[b' '; 4000]).await.unwrap();
            }
            slow.push(stream);
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let id = format!("signed-{large}");
        let response = soon(post_signed(&target, &id)).await;
        assert_eq!(response.status, 204, "large: {large}: {response:?}");
        assert!(seen.ids().contains(&id));
        // The one that made room learns why.
        let mut response = [0; 12];
        soon(slow[0].read_exact(&mut response)).await.unwrap();
        assert_eq!(&response, b"HTTP/1.1 408");
    }
}
