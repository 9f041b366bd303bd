//! Users of JetStream who may not do all that a receiver does: the server reports that, and a receiver passes it on.

use crate::{
    process::Process,
    tools::{event, next, stream_config, strict, within},
};
use async_nats::jetstream;
use cloudevents_core::ErrorKind;
use cloudevents_nats::async_nats051::{NatsSenderOptions, receiver, sender};

/// A server with the stream `ORDERS` and a message, with the user `root`, and with the user `alice`, who may not publish to these subjects.
async fn denying(subjects: &str) -> Option<Process> {
    let server = Process::start_with(|folder| {
        let config = folder.join("users.conf");
        let text = format!(
            "authorization {{ users = [ {{ user: root, password: p }}, {{ user: alice, password: p, permissions: {{ publish: {{ deny: \"{subjects}\" }} }} }} ] }}"
        );
        std::fs::write(&config, text).unwrap();
        vec!["--config".into(), config.to_str().unwrap().into()]
    })?;
    let root = async_nats::ConnectOptions::with_user_and_password("root".into(), "p".into());
    let context = jetstream::new(root.connect(server.url()).await.unwrap());
    context.create_stream(stream_config("ORDERS")).await.unwrap();
    let sending = sender(&url(&server, "root", ""), NatsSenderOptions::default()).await.unwrap();
    sending.send(&event("1")).await.unwrap();
    Some(server)
}

fn url(server: &Process, user: &str, query: &str) -> String {
    server.url().replace("nats://", &format!("nats+jetstream://{user}:p@")) + "/ORDERS.x" + query
}

/// It would be connected, and receive nothing.
#[tokio::test]
async fn a_real_server_that_forbids_requests_for_messages_refuses_a_receiver() {
    for subjects in ["$JS.API.CONSUMER.MSG.NEXT.>", "$JS.API.CONSUMER.INFO.>", "$JS.API.STREAM.NAMES"] {
        let Some(server) = denying(subjects).await else { return };
        let error = within(receiver(&url(&server, "alice", "?consumer=c"), strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{subjects}: {error}");
        assert!(error.to_string().contains("Permissions Violation for Publish"), "{subjects}: {error}");
    }
}

/// Without the server's confirmation, the first settlements are on their way, and lost, before the server reports that.
#[tokio::test]
async fn settlements_that_a_real_server_forbids_fail() {
    let Some(server) = denying("$JS.ACK.>").await else { return };
    for query in ["?consumer=c&ack-wait=500ms", "?consumer=d&ack-wait=500ms&double-ack=true"] {
        let mut receiving = receiver(&url(&server, "alice", query), strict()).await.unwrap();
        let error = within(async {
            loop {
                if let Err(error) = next(&mut receiving).await.accept().await {
                    break error;
                }
            }
        })
        .await;
        assert_eq!(error.kind(), ErrorKind::Refused, "{query}: {error}");
        assert!(error.to_string().contains("$JS.ACK."), "{query}: {error}");
    }
}

/// Core NATS: the server confirms nothing, and says before it has read more that it forbids a message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_a_real_server_forbids_fails() {
    let Some(server) = denying("no.>").await else { return };
    for _ in 0..20 {
        let at = server.url().replace("nats://", "nats://alice:p@");
        let sending = sender(&format!("{at}/no.a"), NatsSenderOptions::default()).await.unwrap();
        let (one, other) = (sending.enqueue(&event("1")).await, sending.enqueue(&event("2")).await);
        within(sending.close()).await.unwrap();
        for outcome in [one.unwrap(), other.unwrap()] {
            let error = outcome.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
            assert!(error.to_string().contains(r#"Permissions Violation for Publish to "no.a""#), "{error}");
        }
        let sending = sender(&format!("{at}/yes.a"), NatsSenderOptions::default()).await.unwrap();
        within(sending.send(&event("3"))).await.unwrap();
        within(sending.close()).await.unwrap();
    }
}
