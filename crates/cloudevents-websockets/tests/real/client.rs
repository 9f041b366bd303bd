//! Clients, over sockets.

use crate::tools::{event, serve};
use axum::{Router, response::Response, routing::any};
use cloudevents_avro::Avro;
use cloudevents_core::{ErrorKind, Event, Message as CloudEvent};
use cloudevents_protobuf::Protobuf;
use cloudevents_testkit::{patience, ports};
use cloudevents_transport::{
    Bounds, Confirmed, LossPolicy, Outgoing, Receiver, ReceiverOptions, Sender, SenderOptions, Settles,
};
use cloudevents_websockets::{
    WsServer, WsServerOptions,
    axum08::WsUpgrade,
    tungstenite029::{WsReceiverOptions, WsSenderOptions, connect_pair, receiver, sender},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// A server whose connections the test owns.
pub(crate) async fn pairs(options: WsServerOptions) -> (String, mpsc::UnboundedReceiver<(Sender, Receiver)>) {
    let (send, receive) = mpsc::unbounded_channel();
    let connect = async move |upgrade: WsUpgrade| -> Response {
        let send = send.clone();
        upgrade.with_options(options.clone()).on_connected(async move |sender, deliveries| {
            let _ = send.send((sender, deliveries));
            Ok(())
        })
    };
    (serve(Router::new().route("/", any(connect))).await + "/?reject=drop", receive)
}

pub(crate) fn sender_url(url: &str) -> &str {
    url.strip_suffix("?reject=drop").unwrap()
}

async fn next(deliveries: &mut Receiver) -> Event {
    let delivery = timeout(patience(), deliveries.next()).await.unwrap().unwrap().unwrap();
    let event = delivery.event().unwrap();
    delivery.accept().await.unwrap();
    event
}

#[tokio::test]
async fn capabilities_are_honest() {
    let (url, mut connections) = pairs(WsServerOptions::default()).await;
    let (sender, deliveries) = connect_pair(&url, Default::default(), Default::default()).await.unwrap();
    let (to_client, from_client) = connections.recv().await.unwrap();
    for sender in [sender, to_client] {
        let can = sender.capabilities();
        assert_eq!(
            (can.confirms, can.batches, can.requests, can.receipts),
            (Confirmed::Written, false, false, false)
        );
        assert!(can.carries.is_empty());
    }
    for deliveries in [deliveries, from_client] {
        assert_eq!(deliveries.capabilities().settles, Settles::Never);
    }
}

#[tokio::test]
async fn both_directions_over_one_connection() {
    let (url, mut connections) = pairs(WsServerOptions::default()).await;
    let (sender, mut deliveries) = connect_pair(&url, Default::default(), Default::default()).await.unwrap();
    let (to_client, mut from_client) = connections.recv().await.unwrap();
    for id in ["1", "2", "3"] {
        sender.send(&event(id)).await.unwrap();
        to_client.send(&event(id)).await.unwrap();
        assert_eq!(next(&mut from_client).await, event(id));
        assert_eq!(next(&mut deliveries).await, event(id));
    }
    assert!(connections.try_recv().is_err(), "there is one connection");
    // The receiver goes on without the sender.
    drop(sender);
    to_client.send(&event("4")).await.unwrap();
    assert_eq!(next(&mut deliveries).await, event("4"));
}

/// What has arrived is delivered, and delivered again, before the receiver ends.
#[tokio::test]
async fn a_receiver_of_one_connection_ends_when_everything_is_settled() {
    let (url, mut connections) = pairs(WsServerOptions::default()).await;
    let sender = sender(sender_url(&url), Default::default()).await.unwrap();
    let (_to_client, mut from_client) = connections.recv().await.unwrap();
    sender.send_all([event("1"), event("2"), event("3")]).await.unwrap();
    sender.close().await.unwrap();
    let first = from_client.next().await.unwrap().unwrap();
    assert_eq!(first.event().unwrap().id(), "1");
    first.retry(Duration::from_millis(50)).await.unwrap();
    let rest = [next(&mut from_client).await, next(&mut from_client).await, next(&mut from_client).await];
    assert_eq!(rest.map(|event| event.id().to_owned()), ["2", "3", "1"]);
    assert!(from_client.next().await.unwrap().is_none());
    assert!(!from_client.connectivity().state().is_connected());
}

/// The formats are those of the options; what a format cannot hold is refused unless the policy says otherwise.
#[tokio::test]
async fn every_subprotocol_carries_events() {
    let mut options = WsServerOptions::default();
    let formats = &mut options.receiver.decoding.formats;
    *formats = std::mem::take(formats).with(Avro::new()).with(Protobuf::new());
    let (url, mut connections) = pairs(options).await;
    let mut sending = WsSenderOptions::default();
    sending.sender.decoding.formats =
        std::mem::take(&mut sending.sender.decoding.formats).with(Avro::new()).with(Protobuf::new());
    for format in ["json", "avro", "protobuf"] {
        let url = format!("{}?format={format}", sender_url(&url));
        let sender = sender(&url, sending.clone()).await.unwrap();
        let (_to_client, mut from_client) = connections.recv().await.unwrap();
        let sent = event(format);
        sender.send(&sent).await.unwrap();
        let delivery = from_client.next().await.unwrap().unwrap();
        assert_eq!(delivery.event().unwrap(), sent);
        let CloudEvent::Structured(document) = delivery.message().unwrap() else { panic!() };
        assert_eq!(document.format().as_str(), format);
        drop(delivery.accept());
        // A document in this format does not change; one in another known format is converted.
        for document in ["json", "avro"] {
            let format: &dyn cloudevents_core::Format =
                if document == "json" { &cloudevents_json::Json::new() } else { &Avro::new() };
            let (message, _) = CloudEvent::structured(&sent, format).unwrap();
            sender.send(&message).await.unwrap();
            assert_eq!(next(&mut from_client).await, sent);
        }
    }
    let json_only = sender(&format!("{}?format=avro", sender_url(&url)), Default::default()).await;
    assert_eq!(json_only.unwrap_err().kind(), ErrorKind::UnknownFormat);
}

#[tokio::test]
async fn what_a_format_cannot_hold_is_refused_or_lost_by_the_policy() {
    let mut options = WsServerOptions::default();
    let formats = &mut options.receiver.decoding.formats;
    *formats = std::mem::take(formats).with(Protobuf::new());
    let (url, mut connections) = pairs(options).await;
    // A type that JSON has no notation for is no loss: the text stays.
    let uri = cloudevents_core::Uri::parse("https://example.com/").unwrap();
    let typed = Event::builder().id("1").source("/s").ty("t").extension("callback", uri).build().unwrap();
    let json = sender(sender_url(&url), Default::default()).await.unwrap();
    let _connection = connections.recv().await.unwrap();
    json.send(&typed).await.unwrap();
    // Protobuf has no offset of a time.
    let event =
        Event::builder().id("1").source("/s").ty("t").time("2026-11-21T06:00:00+01:00").build().unwrap();
    for (losses, expected) in
        [(LossPolicy::Refuse, Some(ErrorKind::Inexact)), (LossPolicy::Allow, None), (LossPolicy::Log, None)]
    {
        let mut sending = WsSenderOptions::default();
        sending.sender.losses = losses;
        sending.sender.decoding.formats =
            std::mem::take(&mut sending.sender.decoding.formats).with(Protobuf::new());
        let sender = sender(&format!("{}?format=protobuf", sender_url(&url)), sending).await.unwrap();
        let _connection = connections.recv().await.unwrap();
        assert_eq!(sender.send(&event).await.err().map(|error| error.kind()), expected, "{losses:?}");
    }
}

#[tokio::test]
async fn a_closed_sender_has_sent_and_a_dropped_one_sends_what_it_has() {
    let (url, mut connections) = pairs(WsServerOptions::default()).await;
    for drops in [true, false] {
        let sender = sender(sender_url(&url), Default::default()).await.unwrap();
        let (_to_client, mut from_client) = connections.recv().await.unwrap();
        let mut outcomes = Vec::new();
        for id in 0..100 {
            outcomes.push(sender.enqueue(event(&id.to_string())).await.unwrap());
        }
        if drops {
            drop((sender, outcomes));
        } else {
            sender.close().await.unwrap();
            assert_eq!(sender.send(&event("late")).await.unwrap_err().kind(), ErrorKind::Closed);
        }
        for id in 0..100 {
            assert_eq!(next(&mut from_client).await.id(), id.to_string());
        }
        assert!(from_client.next().await.unwrap().is_none());
    }
}

/// A peer that does not read is a slow one: what waits is bounded, and the next message waits for room.
#[tokio::test]
async fn what_is_in_flight_is_bounded() {
    let mut options = WsServerOptions::default();
    options.receiver.in_flight = Bounds { messages: 1, bytes: 1 };
    options.receiver.decoding.limits.bytes = 1 << 20;
    let (url, mut connections) = pairs(options).await;
    let mut sending = WsSenderOptions::default();
    sending.sender.in_flight = Some(Bounds { messages: 8, bytes: 1 << 20 });
    sending.sender.enqueue_timeout = Duration::from_millis(300);
    let sender = sender(sender_url(&url), sending).await.unwrap();
    let (_to_client, mut from_client) = connections.recv().await.unwrap();
    let large = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .payload("text/plain", cloudevents_core::Payload::text("x".repeat(100_000)))
        .build()
        .unwrap();
    let mut sent = 0;
    let error = loop {
        match sender.enqueue(&large).await {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 1000, "the sender takes messages without end");
    };
    assert_eq!(error.kind(), ErrorKind::Timeout);
    for _ in 0..sent {
        next(&mut from_client).await;
    }
    sender.send(&large).await.unwrap();
}

/// A server that goes away and comes back: sender and receiver reconnect by themselves.
#[tokio::test]
async fn sender_and_receiver_outlive_their_server() {
    // A port that the system does not hand out, also while no server has it.
    let serving = format!("ws://127.0.0.1:{}/?reject=drop", ports::free());
    let server = timeout(patience(), bind_again(&serving)).await.unwrap();
    let url = server.url();
    let sender = sender(&url, Default::default()).await.unwrap();
    let mut deliveries = server.into_receiver();
    sender.send(&event("1")).await.unwrap();
    assert_eq!(next(&mut deliveries).await.id(), "1");
    deliveries.drain(patience()).await.unwrap();
    drop(deliveries);
    let mut state = sender.connectivity();
    while state.losses() == 0 {
        timeout(patience(), state.changed()).await.unwrap();
    }
    let again = timeout(patience(), bind_again(&serving)).await.unwrap();
    sender.send(&event("2")).await.unwrap(); // waits for the connection
    assert_eq!(next(&mut again.into_receiver()).await.id(), "2");
    assert_eq!((state.connects(), state.losses()), (2, 1));

    let (url, mut connections) = pairs(WsServerOptions::default()).await;
    let (sender, mut deliveries) = connect_pair(&url, Default::default(), Default::default()).await.unwrap();
    for round in 0..3 {
        let (to_client, mut from_client) = timeout(patience(), connections.recv()).await.unwrap().unwrap();
        to_client.send(&event(&round.to_string())).await.unwrap();
        assert_eq!(next(&mut deliveries).await.id(), round.to_string());
        sender.send(&event(&round.to_string())).await.unwrap();
        assert_eq!(next(&mut from_client).await.id(), round.to_string());
        to_client.close().await.unwrap();
    }
}

/// A process that another test starts has copies of all sockets of this one, closed ones too, until it is another program.
pub(crate) async fn bind_again(url: &str) -> WsServer {
    loop {
        match WsServer::bind(url, Default::default()).await {
            Err(error) if error.to_string().contains("in use") => tokio::task::yield_now().await,
            server => return server.unwrap(),
        }
    }
}

/// What was not written fails, and is not sent again.
#[tokio::test]
async fn messages_of_a_lost_connection_fail() {
    let mut options = WsServerOptions::default();
    options.receiver.in_flight = Bounds { messages: 1, bytes: 1 };
    options.receiver.decoding.limits.bytes = 1 << 20;
    let (url, mut connections) = pairs(options).await;
    let sender = sender(sender_url(&url), Default::default()).await.unwrap();
    let (to_client, from_client) = connections.recv().await.unwrap();
    let large = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .payload("text/plain", cloudevents_core::Payload::text("x".repeat(900_000)))
        .build()
        .unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..40 {
        outcomes.push(sender.enqueue(&large).await.unwrap());
    }
    drop((to_client, from_client));
    let last = outcomes.pop().unwrap();
    assert_eq!(timeout(patience(), last).await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn no_server_is_an_error_at_once() {
    let url = "ws://127.0.0.1:9/";
    assert_eq!(sender(url, Default::default()).await.unwrap_err().kind(), ErrorKind::Disconnected);
    let url = format!("{url}?reject=drop");
    assert_eq!(
        receiver(&url, ReceiverOptions::default().into()).await.unwrap_err().kind(),
        ErrorKind::Disconnected
    );
}

#[tokio::test]
async fn undecided_about_rejected_messages_it_does_not_start() {
    let (url, _connections) = pairs(WsServerOptions::default()).await;
    let undecided = receiver(sender_url(&url), WsReceiverOptions::default()).await.unwrap_err();
    assert_eq!(undecided.kind(), ErrorKind::Unsupported);
    assert!(undecided.help().is_some_and(|help| help.contains("reject=drop")), "{undecided}");
}

/// User, password, headers and the query reach the server; nothing of them is shown.
#[tokio::test]
async fn credentials_reach_the_server_and_are_seen_nowhere() {
    let (send, mut seen) = mpsc::unbounded_channel();
    let count = Arc::new(AtomicU32::new(0));
    let connect = async move |request: axum::extract::Request| {
        let header = |name| {
            request
                .headers()
                .get(name)
                .map(|value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned())
        };
        let _ =
            send.send((header("authorization"), header("x-key"), request.uri().query().map(str::to_owned)));
        count.fetch_add(1, Ordering::Relaxed);
        axum::http::StatusCode::UNAUTHORIZED
    };
    let url = serve(Router::new().route("/", any(connect))).await.replace("ws://", "ws://me:s3cret@");
    let mut options = WsSenderOptions::from(SenderOptions::default());
    options.connection.headers.insert("x-key", "k3y".parse().unwrap());
    let shown = format!("{options:?}");
    let error = sender(&format!("{url}/?query.token=t0ken"), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let (authorization, key, query) = seen.recv().await.unwrap();
    assert_eq!(authorization.as_deref(), Some("Basic bWU6czNjcmV0"));
    assert_eq!((key.as_deref(), query.as_deref()), (Some("k3y"), Some("token=t0ken")));
    let shown = format!("{shown} {error} {error:?}");
    for secret in ["s3cret", "bWU6", "k3y", "t0ken"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_and_blocks_nothing() {
    let (url, mut connections) = pairs(WsServerOptions::default()).await;
    let sender = sender(sender_url(&url), Default::default()).await.unwrap();
    let (_to_client, mut from_client) = connections.recv().await.unwrap();
    let batch = CloudEvent::batched(&[event("1")], &cloudevents_json::Json::new()).unwrap().0;
    assert_eq!(sender.send(&batch).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let along = Outgoing::from(event("2")).header("x", "y");
    assert_eq!(sender.send(along).await.unwrap_err().kind(), ErrorKind::Inexact);
    sender.send(&event("3")).await.unwrap();
    assert_eq!(next(&mut from_client).await.id(), "3");
}
