//! The server, as clients see it.

use crate::tools::{Peer, event, serve};
use axum::{Router, routing::any};
use cloudevents_avro::Avro;
use cloudevents_core::{DecodeOptions, ErrorKind, FormatId, Message as CloudEvent};
use cloudevents_testkit::patience;
use cloudevents_testkit::ports;
use cloudevents_transport::{Bounds, ReceiverOptions};
use cloudevents_websockets::{
    Subprotocol, WsServer, WsServerOptions,
    axum08::WsUpgrade,
    tungstenite029::{connect_pair, sender},
};
use std::time::Duration;
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpStream};
use tokio_tungstenite::tungstenite::Message;

const DOCUMENT: &str = r#"{"specversion":"1.0","id":"1","source":"/tests","type":"test"}"#;

pub(crate) async fn listen(options: impl Into<WsServerOptions>) -> WsServer {
    WsServer::bind("ws://127.0.0.1:0/events?reject=drop", options.into()).await.unwrap()
}

fn with_avro() -> WsServerOptions {
    let mut decoding = DecodeOptions::strict();
    decoding.formats = decoding.formats.with(Avro::new());
    decoding.into()
}

/// Sends the head of a request, and returns the status line and headers of the response.
async fn handshake(server: &WsServer, head: &str) -> String {
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(head.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1, "{}", String::from_utf8_lossy(&response));
        response.push(byte[0]);
    }
    String::from_utf8(response).unwrap()
}

fn request(change: impl Fn(&str) -> String) -> String {
    let lines = [
        "GET /events HTTP/1.1",
        "Host: test",
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: chat, cloudevents.json",
    ];
    let lines: Vec<_> = lines.into_iter().map(change).filter(|line| !line.is_empty()).collect();
    format!("{}\n\n", lines.join("\n"))
}

/// The key and its answer are the example of RFC 6455, section 1.3.
#[tokio::test]
async fn the_handshake_selects_a_subprotocol() {
    let server = listen(with_avro()).await;
    let response = handshake(&server, &request(str::to_owned)).await.to_ascii_lowercase();
    assert!(response.starts_with("http/1.1 101 "), "{response}");
    assert!(response.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{response}");
    assert!(response.contains("sec-websocket-protocol: cloudevents.json\r\n"), "{response}");
    // The first of the client's that the server supports, whose format it has to know.
    for (offered, selected) in [
        ("cloudevents.avro, cloudevents.json", "cloudevents.avro"),
        ("cloudevents.json, cloudevents.avro", "cloudevents.json"),
        ("cloudevents.proto, cloudevents.avro", "cloudevents.avro"),
    ] {
        let head = request(|line| match line.starts_with("Sec-WebSocket-Protocol") {
            true => format!("Sec-WebSocket-Protocol: {offered}"),
            false => line.to_owned(),
        });
        let response = handshake(&server, &head).await.to_ascii_lowercase();
        assert!(response.contains(&format!("sec-websocket-protocol: {selected}\r\n")), "{response}");
    }
}

#[tokio::test]
async fn a_handshake_that_is_none_is_refused() {
    let mut options = with_avro();
    options.origins = Some(vec!["https://dashboard.example".into()]);
    let server = listen(options).await;
    let replaced = |from: &'static str, to: &'static str| {
        let head = request(|line| if line.starts_with(from) { to.to_owned() } else { line.to_owned() });
        assert_ne!(head, request(str::to_owned), "{from}");
        head
    };
    for (head, status) in [
        (replaced("Sec-WebSocket-Protocol", ""), "400"),
        (replaced("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: chat"), "400"),
        (replaced("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: Cloudevents.Json"), "400"),
        (replaced("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: cloudevents.json-batch"), "400"),
        (replaced("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: cloudevents.proto"), "400"),
        (replaced("Sec-WebSocket-Key", ""), "400"),
        (replaced("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ="), "400"),
        (
            replaced(
                "Sec-WebSocket-Key",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ),
            "400",
        ),
        (replaced("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), "426"),
        (replaced("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13\nSec-WebSocket-Version: 13"), "426"),
        (replaced("Host", ""), "400"),
        (replaced("Host", "Host: test\nHost: test"), "400"),
        (replaced("Host", "Host: te st"), "400"),
        (replaced("Upgrade", ""), "426"),
        (replaced("GET", "GET /other HTTP/1.1"), "404"),
        (replaced("GET", "POST /events HTTP/1.1"), "405"),
        (replaced("Host", "Host: test\nOrigin: https://elsewhere.example"), "403"),
        (replaced("Host", "Host: test\nOrigin: https://dashboard.example"), "101"),
    ] {
        let response = handshake(&server, &head).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{head}\n{response}");
        assert_eq!(response.to_ascii_lowercase().contains("sec-websocket-protocol"), status == "101");
    }
}

/// A client that sends requests and reads nothing does not keep responses waiting.
#[tokio::test]
async fn a_refused_handshake_is_the_last_of_its_connection() {
    let server = listen(ReceiverOptions::default()).await;
    for wrong in [
        request(|line| line.replace("/events", "/other")),
        request(|line| line.replace("Upgrade: websocket", "")),
    ] {
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        stream.write_all(wrong.replace('\n', "\r\n").repeat(3).as_bytes()).await.unwrap();
        let mut response = String::new();
        let read = stream.read_to_string(&mut response);
        tokio::time::timeout(patience(), read).await.expect("it stays open").unwrap();
        let response = response.to_ascii_lowercase();
        assert_eq!(response.matches("http/1.1 4").count(), 1, "{response}");
        let connection = response.lines().find_map(|line| line.strip_prefix("connection: ")).unwrap();
        assert!(connection.ends_with("close"), "{response}");
    }
}

#[tokio::test]
async fn many_clients_and_formats_come_to_one_receiver() {
    let server = listen(with_avro()).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let mut options = cloudevents_websockets::tungstenite029::WsSenderOptions::default();
    options.sender.decoding.formats = options.sender.decoding.formats.with(Avro::new());
    let json = sender(&url, options.clone()).await.unwrap();
    let avro = sender(&format!("{url}?format=avro,json"), options).await.unwrap();
    for (sender, id, format) in [(&json, "1", FormatId::JSON), (&avro, "2", FormatId::new("avro"))] {
        sender.send(&event(id)).await.unwrap();
        let delivery = deliveries.next().await.unwrap().unwrap();
        assert_eq!(delivery.event().unwrap(), event(id));
        let CloudEvent::Structured(document) = delivery.message().unwrap() else { panic!() };
        assert_eq!(*document.format(), format);
        assert_eq!(delivery.received().native::<Message>().unwrap().is_text(), id == "1");
        assert_eq!((delivery.topic(), delivery.peer().is_some()), (Some("/events"), true));
        delivery.accept().await.unwrap();
    }
}

/// The document of the wrong kind of frame is shown to the program, and the connection ends with status 1003.
#[tokio::test]
async fn a_frame_of_the_wrong_kind_ends_the_connection() {
    let server = listen(ReceiverOptions::default()).await;
    let mut peer = Peer::connect(&server.url(), Subprotocol::Json).await;
    let mut deliveries = server.into_receiver();
    peer.send(Message::binary(DOCUMENT)).await;
    let delivery = deliveries.next().await.unwrap().unwrap();
    assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::InvalidDocument);
    assert_eq!(delivery.body().unwrap(), DOCUMENT);
    delivery.reject("wrong").await.unwrap();
    assert_eq!(peer.close_code().await, Some(1003));
}

/// A document that is none is the program's to settle; the connection stays.
#[tokio::test]
async fn a_malformed_document_surfaces_and_blocks_nothing() {
    let server = listen(ReceiverOptions::default()).await;
    let mut peer = Peer::connect(&server.url(), Subprotocol::Json).await;
    let mut deliveries = server.into_receiver();
    for document in ["", "{", "[]", r#"{"specversion":"1.0","id":"1"}"#, DOCUMENT] {
        peer.send(Message::text(document)).await;
        let delivery = deliveries.next().await.unwrap().unwrap();
        assert_eq!(delivery.event().is_ok(), document == DOCUMENT, "{document}");
        assert_eq!(delivery.body().unwrap(), document);
        drop(delivery.reject("malformed"));
    }
}

#[tokio::test]
async fn draining_closes_as_going_away() {
    // A port that no other test is given when it is free.
    let url = format!("ws://127.0.0.1:{}/events?reject=drop", ports::free());
    let server = WsServer::bind(&url, ReceiverOptions::default().into()).await.unwrap();
    let mut peer = Peer::connect(&server.url(), Subprotocol::Json).await;
    let address = server.local_addr();
    let mut deliveries = server.into_receiver();
    peer.send(Message::text(DOCUMENT)).await;
    deliveries.next().await.unwrap().unwrap().accept().await.unwrap();
    let (drained, code) = tokio::join!(deliveries.drain(patience()), peer.close_code());
    drained.unwrap();
    assert_eq!(code, Some(1001));
    // A process that another test starts has a copy of the socket until it is another program.
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(patience(), refused).await.unwrap();
}

#[tokio::test]
async fn dropping_closes_every_connection() {
    let server = listen(ReceiverOptions::default()).await;
    let mut peer = Peer::connect(&server.url(), Subprotocol::Json).await;
    drop(server);
    assert!(peer.close_code().await.is_some());
}

/// What is not taken is not read: the sender sees a slow peer.
#[tokio::test]
async fn a_stalled_receiver_reads_no_more_than_its_bounds() {
    let mut options = ReceiverOptions::default();
    options.in_flight = Bounds { messages: 4, bytes: 1 << 20 };
    options.decoding.limits.bytes = 64 << 10;
    let server = listen(options).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let mut peer = Peer::connect(&url, Subprotocol::Json).await;
    let large = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/tests","type":"test","data":"{}"}}"#,
        "x".repeat(60_000)
    );
    let mut sent = 0_usize;
    while let Ok(()) =
        tokio::time::timeout(Duration::from_millis(300), peer.send(Message::text(large.clone()))).await
    {
        sent += large.len();
        assert!(sent < 64 << 20, "the server reads without end");
    }
    // The rest arrives when there is room.
    drop(peer);
    deliveries.next().await.unwrap().unwrap().accept().await.unwrap();
}

#[tokio::test]
async fn beyond_its_connections_it_accepts_no_more() {
    let mut options = WsServerOptions::default();
    options.connections = 1;
    let server = listen(options).await;
    let first = Peer::connect(&server.url(), Subprotocol::Json).await;
    let url = server.url();
    let mut second = Box::pin(Peer::connect(&url, Subprotocol::Json));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut second).await.is_err());
    drop(first);
    tokio::time::timeout(patience(), second).await.unwrap();
}

/// One that has been silent for long may give way, and is upgraded before another one comes.
#[tokio::test]
async fn a_connection_that_begins_late_does_not_give_way() {
    let mut options = WsServerOptions::default();
    options.connections = 1;
    let server = listen(options).await;
    let url = server.url();
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let mut first = Peer::over(stream, &url, Subprotocol::Json).await;
    let mut second = Box::pin(Peer::connect(&url, Subprotocol::Json));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut second).await.is_err());
    first.send(Message::text(DOCUMENT)).await;
    let mut deliveries = server.into_receiver();
    let delivery = tokio::time::timeout(patience(), deliveries.next()).await.unwrap();
    delivery.unwrap().unwrap().accept().await.unwrap();
    drop(first);
    tokio::time::timeout(patience(), second).await.unwrap();
}

#[tokio::test]
async fn deadlines_without_end() {
    let mut options = WsServerOptions::default();
    (options.header_deadline, options.message_deadline, options.keep_alive) =
        (Duration::MAX, Duration::MAX, Duration::MAX);
    let server = listen(options).await;
    let mut peer = Peer::connect(&server.url(), Subprotocol::Json).await;
    peer.send(Message::text(DOCUMENT)).await;
    // And one in two parts: the mask of zeros leaves it as it is.
    let length = u8::try_from(DOCUMENT.len()).unwrap();
    let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0], DOCUMENT.as_bytes()].concat();
    let (first, rest) = frame.split_at(frame.len() / 2);
    peer.write(first).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    peer.write(rest).await.unwrap();
    let mut deliveries = server.into_receiver();
    for _ in 0..2 {
        let delivery = tokio::time::timeout(patience(), deliveries.next()).await.unwrap();
        delivery.unwrap().unwrap().accept().await.unwrap();
    }
}

#[tokio::test]
async fn what_a_url_of_a_server_must_not_say() {
    for (url, kind) in [
        ("ws://127.0.0.1:0/", ErrorKind::Unsupported), // undecided about rejected messages
        ("wss://127.0.0.1:0/?reject=drop", ErrorKind::Unsupported),
        ("http://127.0.0.1:0/?reject=drop", ErrorKind::InvalidUrl),
        ("ws://me@127.0.0.1:0/?reject=drop", ErrorKind::InvalidUrl),
        ("ws://one,two/?reject=drop", ErrorKind::InvalidUrl),
        ("ws://127.0.0.1:0/?reject=keep", ErrorKind::InvalidUrl),
        ("ws://127.0.0.1:0/?reject=drop&format=json", ErrorKind::InvalidUrl),
        ("ws://127.0.0.1:0/?reject=drop&role=client", ErrorKind::InvalidUrl),
        ("ws://203.0.113.1:0/?reject=drop", ErrorKind::Transport),
    ] {
        assert_eq!(WsServer::bind(url, Default::default()).await.unwrap_err().kind(), kind, "{url}");
    }
}

/// In a router of axum, the program has both directions, and each ends with the connection.
#[tokio::test]
async fn a_handler_of_axum_talks_to_its_client() {
    async fn echo(upgrade: WsUpgrade) -> axum::response::Response {
        upgrade.on_connected(async |sender, mut deliveries| {
            while let Some(delivery) = deliveries.next().await? {
                sender.send(delivery.event()?).await?;
                delivery.accept().await?;
            }
            Ok(())
        })
    }
    let url = serve(Router::new().route("/echo", any(echo))).await;
    let url = format!("{url}/echo?reject=drop");
    let (sender, mut deliveries) = connect_pair(&url, Default::default(), Default::default()).await.unwrap();
    for id in ["1", "2"] {
        sender.send(&event(id)).await.unwrap();
        let delivery = deliveries.next().await.unwrap().unwrap();
        assert_eq!(delivery.event().unwrap().id(), id);
        delivery.accept().await.unwrap();
    }
    sender.close().await.unwrap();
    assert!(deliveries.next().await.unwrap().is_none());
}

/// An error of the handler, or its end, closes the connection.
#[tokio::test]
async fn a_handler_that_ends_closes() {
    async fn hello(upgrade: WsUpgrade) -> axum::response::Response {
        upgrade.on_connected(async |sender, _| {
            drop(sender.enqueue(event("hello")).await?); // written although the handler ends
            Ok(())
        })
    }
    let url = serve(Router::new().route("/", any(hello))).await;
    let mut peer = Peer::connect(&url, Subprotocol::Json).await;
    assert!(peer.next().await.unwrap().into_text().unwrap().contains("hello"));
    assert_eq!(peer.close_code().await, Some(1000));
}

/// A frame of a client, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let head = match payload.len() {
        short @ ..126 => vec![first, 0x80 | u8::try_from(short).unwrap()],
        _ => [&[first, 0xfe][..], &length].concat(),
    };
    [&head, &[0; 4][..], payload].concat()
}

/// Nothing that this side refuses is silent, because no delivery shows it.
#[tokio::test]
async fn what_is_refused_is_seen() {
    let (see, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut options = WsServerOptions::default();
    options.on_refusal = Some(std::sync::Arc::new(move |error| drop(see.send(error.clone()))));
    options.receiver.decoding.limits.bytes = 1000;
    options.message_deadline = Duration::from_millis(300);
    let server = listen(options).await;
    let mut is_seen = async |what: &str, kind| {
        let error = tokio::time::timeout(patience(), seen.recv()).await;
        let error = error.unwrap_or_else(|_| panic!("{what} is not seen")).unwrap();
        assert!(error.kind() == kind && error.detail().contains(what), "{what}: {error}");
    };
    handshake(&server, &request(|line| line.replace("/events", "/other"))).await;
    is_seen("404 Not Found of GET /other", ErrorKind::Refused).await;
    handshake(&server, &request(|line| line.replace("GET", "POST"))).await;
    is_seen("405 Method Not Allowed of POST /events", ErrorKind::Refused).await;
    handshake(&server, &request(|line| line.replace("cloudevents.json", "other"))).await;
    is_seen("400 Bad Request of GET /events: offer one of the subprotocols", ErrorKind::Refused).await;
    let mut nothing = TcpStream::connect(server.local_addr()).await.unwrap();
    nothing.write_all(b"\x16\x03\x01 no HTTP\r\n\r\n").await.unwrap();
    is_seen("invalid HTTP", ErrorKind::Transport).await;

    for (bytes, what) in [
        (frame(0x81, &[b'x'; 1001]), "1001 bytes"),
        (frame(0x81, b"\xff"), "not UTF-8"),
        (frame(0xc1, b"x"), "protocol"),
        (frame(0x01, b"x"), "was not complete"),
    ] {
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let head = request(str::to_owned).replace('\n', "\r\n");
        stream.write_all(&[head.as_bytes(), &bytes].concat()).await.unwrap();
        is_seen(what, ErrorKind::Transport).await;
    }
    // What ends by itself is not refused, and neither is what a delivery shows.
    let mut peer = Peer::connect(&server.url(), Subprotocol::Json).await;
    peer.send(Message::binary(DOCUMENT)).await;
    drop(peer);
    let mut receiver = server.into_receiver();
    assert!(receiver.next().await.unwrap().unwrap().event().is_err());
    receiver.drain(Duration::from_secs(5)).await.unwrap();
    drop(receiver);
    assert!(seen.recv().await.is_none());
}
