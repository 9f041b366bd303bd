//! Peers that do what they should not: each costs its own connection, and nothing else.

use crate::{
    client::pairs,
    server::listen,
    tools::{Peer, event},
};
use cloudevents_core::ErrorKind;
use cloudevents_testkit::{
    patience, slowed,
    websockets::{Handshake, HostileServer},
};
use cloudevents_transport::{Receiver, ReceiverOptions};
use cloudevents_websockets::{
    Subprotocol, WsServer, WsServerOptions,
    tungstenite029::{receiver, sender},
};
use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc::unbounded_channel,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

/// A masked frame of a client: the key is zero, so that the payload is as it is.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(payload);
    frame
}

const HANDSHAKE: &str = "GET /events HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nsec-websocket-protocol: cloudevents.json\r\n\r\n";

const TEXT: u8 = 0x81;
const FRAGMENT: u8 = 0x01;
const CONTINUATION: u8 = 0x00;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

fn impatient() -> WsServerOptions {
    let mut options = WsServerOptions::default();
    options.receiver.decoding.limits.bytes = 1024;
    options.message_deadline = Duration::from_millis(400);
    options
}

async fn still_serves(url: &str, deliveries: &mut Receiver) {
    let sender = sender(url, Default::default()).await.unwrap();
    sender.send(&event("good")).await.unwrap();
    loop {
        let delivery = timeout(patience(), deliveries.next()).await.unwrap().unwrap().unwrap();
        let good = delivery.event().is_ok_and(|event| event.id() == "good");
        delivery.accept().await.unwrap();
        if good {
            return;
        }
    }
}

/// RFC 6455, sections 5.1, 5.2, 5.4, 5.5, 8.1 and 7.4.1: what ends a connection, and with which status.
#[tokio::test]
async fn each_bad_frame_has_its_status() {
    let server = listen(impatient()).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let huge = [vec![TEXT, 0xff], u64::MAX.wrapping_shr(1).to_be_bytes().to_vec(), vec![0; 4]].concat();
    let too_large = [vec![TEXT, 0xfe], 1025_u16.to_be_bytes().to_vec(), vec![0; 4]].concat();
    let in_parts = [masked(FRAGMENT, &[b' '; 100]), masked(CONTINUATION, &[b' '; 100]).repeat(10)].concat();
    for (what, bytes, code) in [
        ("not masked", vec![TEXT, 2, b'{', b'}'], 1002),
        ("a reserved bit", masked(TEXT | 0x40, b"{}"), 1002),
        ("a reserved data opcode", masked(0x83, b"{}"), 1002),
        ("a reserved control opcode", masked(0x8b, b""), 1002),
        ("a fragmented ping", masked(PING & 0x7f, b""), 1002),
        ("a long ping", [vec![PING, 0xfe, 0, 200], vec![0; 204]].concat(), 1002),
        ("a continuation of nothing", masked(0x80, b"{}"), 1002),
        ("a message inside another one", [masked(FRAGMENT, b"{"), masked(TEXT, b"{}")].concat(), 1002),
        ("a length of 2 bytes for 3", vec![TEXT, 0xfe, 0, 3, 0, 0, 0, 0, b'a', b'b', b'c'], 1002),
        ("a close frame of one byte", masked(0x88, b"x"), 1002),
        ("not UTF-8", masked(TEXT, &[0xc3, 0x28]), 1007),
        ("a frame of 2^63 bytes", huge, 1009),
        ("a frame that is too large", too_large, 1009),
        ("fragments that are too large together", in_parts, 1009),
    ] {
        let mut peer = Peer::connect(&url, Subprotocol::Json).await;
        peer.write(&bytes).await.unwrap();
        assert_eq!(peer.close_code().await, Some(code), "{what}");
    }
    still_serves(&url, &mut deliveries).await;
}

/// A sender that has more to write than buffers hold is not reset before it can read why.
#[tokio::test]
async fn a_sender_learns_that_its_message_is_too_large() {
    let server = listen(WsServerOptions::default()).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let large = event("large").into_builder().text("x".repeat(20 << 20)).build().unwrap();
    for _ in 0..3 {
        let sender = sender(&url, Default::default()).await.unwrap();
        let error = timeout(patience(), sender.send(&large)).await.expect("it hangs").unwrap_err();
        assert!(error.detail().contains("closed the connection with status 1009"), "{error}");
    }
    still_serves(&url, &mut deliveries).await;
}

/// What is refused is reported at once, though the peer gets time to read why, and whatever else happens meanwhile.
#[tokio::test]
async fn a_refusal_is_seen_while_the_peer_still_sends() {
    for drains in [false, true] {
        let (see, mut seen) = unbounded_channel();
        let mut options = WsServerOptions::default();
        options.receiver.decoding.limits.bytes = 1024;
        options.on_refusal = Some(Arc::new(move |error| drop(see.send(error.clone()))));
        let server = listen(options).await;
        let mut peer = Peer::connect(&server.url(), Subprotocol::Json).await;
        let mut deliveries = server.into_receiver();
        let too_large = [vec![TEXT, 0xff], (1_u64 << 20).to_be_bytes().to_vec(), vec![0; 4]].concat();
        peer.write(&too_large).await.unwrap();
        let Some(Message::Close(Some(frame))) = peer.next().await else { panic!("no close frame") };
        assert_eq!(u16::from(frame.code), 1009);
        let sending = async {
            while peer.write(b" ").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
            std::future::pending().await
        };
        let seeing = async {
            if drains {
                deliveries.drain(patience()).await.unwrap();
            }
            // It is discarded for five seconds.
            timeout(Duration::from_millis(4500), seen.recv())
                .await
                .expect("it is late")
                .expect("it is not seen")
        };
        let error = tokio::select! {
            error = seeing => error,
            () = sending => unreachable!(),
        };
        assert!(error.detail().contains("1048576 bytes"), "{error}");
    }
}

/// Fragments without content need no memory, and pongs are answers: only the deadline ends such a message.
#[tokio::test]
async fn a_message_that_never_ends_is_given_up() {
    let server = listen(impatient()).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let mut peer = Peer::connect(&url, Subprotocol::Json).await;
    let begun = Instant::now();
    peer.write(&masked(FRAGMENT, b"{")).await.unwrap();
    let dripping = async {
        loop {
            let drops = [masked(CONTINUATION, b""), masked(PONG, b"")].concat();
            if peer.write(&drops).await.is_err() || begun.elapsed() > patience() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::join!(dripping, still_serves(&url, &mut deliveries));
    assert!(begun.elapsed() >= Duration::from_millis(400) && begun.elapsed() < patience());
    assert_eq!(peer.close_code().await, Some(1008));
}

/// A message that waited for memory until its deadline may be sent again; the ones that took it may not.
#[tokio::test]
async fn the_status_says_who_took_the_memory() {
    let mut options = impatient();
    options.receiver.decoding.limits.bytes = 1 << 20;
    options.receiver.in_flight.bytes = 1024;
    options.message_deadline = Duration::from_secs(5);
    let server = listen(options).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let begun = [&[TEXT, 0xff][..], &[0, 0, 0, 0, 0, 8, 0, 0], &[0; 4], &[b' '; 200_000]].concat();
    let mut peers = Vec::new();
    for _ in 0..20 {
        peers.push(Peer::connect(&url, Subprotocol::Json).await);
    }
    for peer in &mut peers {
        peer.write(&begun).await.unwrap();
    }
    // A small message needs none of it.
    still_serves(&url, &mut deliveries).await;
    let mut codes = Vec::new();
    for peer in &mut peers {
        codes.push(peer.close_code().await.unwrap());
    }
    assert!(codes.iter().all(|code| [1008, 1013].contains(code)), "{codes:?}");
    assert!(codes.contains(&1008) && codes.contains(&1013), "{codes:?}");
}

/// The deadline of a message is far away. Those that took the memory stall, or drip.
#[tokio::test]
async fn messages_that_make_no_progress_give_way() {
    for drip in [&b""[..], b" "] {
        let mut options = WsServerOptions::default();
        options.receiver.decoding.limits.bytes = 1 << 20;
        options.receiver.in_flight.bytes = 1 << 20;
        let server = listen(options).await;
        let url = server.url();
        let mut deliveries = server.into_receiver();
        let begun = [&[TEXT, 0xff][..], &[0, 0, 0, 0, 0, 15, 0, 0], &[0; 4], &[b' '; 600_000]].concat();
        let mut crowd = Vec::new();
        for _ in 0..4 {
            let mut peer = Peer::connect(&url, Subprotocol::Json).await;
            let begun = begun.clone();
            crowd.push(tokio::spawn(async move {
                peer.write(&begun).await.unwrap();
                while !drip.is_empty() && peer.write(drip).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await; // a byte now and then
                }
                std::future::pending::<()>().await;
            }));
        }
        tokio::time::sleep(Duration::from_millis(200)).await; // until they have the memory
        let large = event("good").into_builder().text("x".repeat(300_000)).build().unwrap();
        let sender = sender(&url, Default::default()).await.unwrap();
        let begun = Instant::now();
        sender.send(&large).await.unwrap();
        let delivery = timeout(patience(), deliveries.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(delivery.event().unwrap().id(), "good");
        assert!(begun.elapsed() < slowed(Duration::from_secs(12)), "{drip:?}: {:?}", begun.elapsed());
        crowd.iter().for_each(|task| task.abort());
    }
}

/// RFC 9112, section 3.2: before anything else.
#[tokio::test]
async fn a_handshake_has_one_valid_host() {
    let server = listen(WsServerOptions::default()).await;
    let good = HANDSHAKE;
    let twice = good.replace("host: x", "host: x\r\nhost: x");
    for (request, status) in [
        (good.to_owned(), "101"),
        (twice.clone(), "400"),
        (twice.replace("/1.1", "/1.0"), "400"),
        (twice.replace("/events", "/other"), "400"),
        (twice.replace("GET", "POST"), "400"),
        (good.replace("host: x\r\n", ""), "400"),
        (good.replace("host: x", "host: me@x"), "400"),
        (good.replace("host: x", "host: x:99999"), "400"),
        (good.replace("host: x", "host: x:y"), "400"),
        (good.replace("host: x", "host: [::1]:80"), "101"),
    ] {
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        timeout(patience(), stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&answer[9..]), status, "{request}");
    }
}

/// A client that sends without end and closes nothing does not delay the end of the server.
#[tokio::test]
async fn a_flood_does_not_delay_the_end() {
    let server = listen(WsServerOptions::default()).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let mut peer = Peer::connect(&url, Subprotocol::Json).await;
    let message = masked(TEXT, br#"{"specversion":"1.0","id":"1","source":"/tests","type":"test"}"#);
    let flood = message.repeat(1000);
    let flooding = tokio::spawn(async move { while peer.write(&flood).await.is_ok() {} });
    for _ in 0..100 {
        timeout(patience(), deliveries.next()).await.unwrap().unwrap().unwrap().accept().await.unwrap();
    }
    let begun = Instant::now();
    timeout(patience(), deliveries.drain(Duration::from_secs(15))).await.unwrap().unwrap();
    assert!(begun.elapsed() < slowed(Duration::from_secs(12)), "{:?}", begun.elapsed());
    drop(deliveries);
    timeout(patience(), flooding).await.unwrap().unwrap();
}

/// A flood of them must not keep others from being served either.
#[tokio::test]
async fn a_flood_of_empty_fragments_blocks_no_other() {
    let server = listen(impatient()).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let mut peer = Peer::connect(&url, Subprotocol::Json).await;
    peer.write(&masked(FRAGMENT, b"")).await.unwrap();
    let flood = masked(CONTINUATION, b"").repeat(10_000);
    let flooding = async { while peer.write(&flood).await.is_ok() {} };
    let serving = async {
        for _ in 0..3 {
            still_serves(&url, &mut deliveries).await;
        }
    };
    tokio::join!(timeout(patience(), flooding), serving).0.expect("the peer was not given up");
}

/// More pings than are answered at once, and then a message.
#[tokio::test]
async fn what_comes_behind_many_pings_does_not_wait() {
    let mut options = WsServerOptions::default();
    // No look after the peer goes on with it in time.
    (options.keep_alive, options.message_deadline) = (patience() * 4, patience() * 4);
    let server = listen(options).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let event = masked(TEXT, br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
    for pings in [63, 64, 65, 1000] {
        let mut peer = Peer::connect(&url, Subprotocol::Json).await;
        peer.write(&[masked(PING, b"").repeat(pings), event.clone()].concat()).await.unwrap();
        let delivery = timeout(patience(), deliveries.next()).await;
        delivery.unwrap_or_else(|_| panic!("{pings}")).unwrap().unwrap().accept().await.unwrap();
    }
}

/// All of them on one thread: each connection has its turn.
#[tokio::test]
async fn floods_of_small_frames_leave_others_their_turn() {
    const FLOODS: usize = 3;
    let server = listen(WsServerOptions::default()).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let address = url.split('/').nth(2).unwrap().to_owned();
    let stop = Arc::<AtomicBool>::default();
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    // Threads: a flood does not wait for the server.
    let floods: Vec<_> = (0..FLOODS)
        .map(|_| {
            let (address, stop, begun) = (address.clone(), Arc::clone(&stop), begun.clone());
            std::thread::spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream.write_all(HANDSHAKE.as_bytes()).unwrap();
                let flood = masked(PONG, b"").repeat(10_000);
                while !stop.load(Ordering::Relaxed) && stream.write_all(&flood).is_ok() {
                    let _ = begun.send(());
                }
            })
        })
        .collect();
    // Each has written more than is read in a turn.
    for _ in 0..FLOODS * 4 {
        timeout(patience(), begins.recv()).await.expect("they are not read").unwrap();
    }
    let begin = Instant::now();
    still_serves(&url, &mut deliveries).await;
    let took = begin.elapsed();
    stop.store(true, Ordering::Relaxed);
    drop(deliveries);
    for flood in floods {
        tokio::task::spawn_blocking(|| flood.join().unwrap()).await.unwrap();
    }
    assert!(took < slowed(Duration::from_secs(15)), "{took:?}");
}

#[tokio::test]
async fn a_silent_peer_is_given_up() {
    let mut options = WsServerOptions::default();
    options.keep_alive = Duration::from_millis(100);
    let (url, mut connections) = pairs(options).await;
    let begun = Instant::now();
    let peer = Peer::connect(&url, Subprotocol::Json).await;
    let (_to_client, mut from_client) = connections.recv().await.unwrap();
    assert!(timeout(patience(), from_client.next()).await.unwrap().unwrap().is_none());
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    let error = from_client.connectivity().state().error().cloned().unwrap();
    assert!(error.detail().contains("silent"), "{error}");
    drop(peer);
}

/// A client that pings and reads nothing gets no unbounded buffer of answers.
#[tokio::test]
async fn a_flood_of_pings_without_reading_is_given_up() {
    let mut options = WsServerOptions::default();
    // It ends as a silent peer: one whose message is late may go on sending for a second, which is a lot.
    options.keep_alive = Duration::from_secs(1);
    let server = listen(options).await;
    let url = server.url();
    let mut deliveries = server.into_receiver();
    let mut peer = Peer::connect(&url, Subprotocol::Json).await;
    let flood = masked(PING, &[0; 125]).repeat(1000);
    let flooding = async {
        let mut written = 0_usize;
        while peer.write(&flood).await.is_ok() {
            written += flood.len();
            assert!(written < 256 << 20, "the server reads without end");
        }
    };
    tokio::join!(timeout(patience(), flooding), still_serves(&url, &mut deliveries))
        .0
        .expect("the peer was not given up");
}

/// A request that never ends, and a connection on which nothing is ever said.
#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    let mut options = impatient();
    options.header_deadline = Duration::from_millis(200);
    options.connections = 2;
    let server = listen(options).await;
    let url = server.url();
    let silent = TcpStream::connect(server.local_addr()).await.unwrap();
    let mut slow = TcpStream::connect(server.local_addr()).await.unwrap();
    slow.write_all(b"GET /events HTTP/1.1\r\nHost: ").await.unwrap();
    // There is room for no other connection until both are given up.
    timeout(patience(), still_serves(&url, &mut server.into_receiver())).await.unwrap();
    drop((silent, slow));
}

/// The deadline of a handshake is far away.
#[tokio::test]
async fn connections_that_say_nothing_give_way() {
    let mut options = WsServerOptions::default();
    options.connections = 3;
    let server = listen(options).await;
    let url = server.url();
    let mut kept = Peer::connect(&url, Subprotocol::Json).await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(server.local_addr()).await.unwrap());
    }
    let mut deliveries = server.into_receiver();
    let begun = Instant::now();
    timeout(patience(), still_serves(&url, &mut deliveries)).await.unwrap();
    assert!(begun.elapsed() < slowed(Duration::from_secs(10)), "{:?}", begun.elapsed());
    // A connection with a handshake keeps its place.
    kept.send(Message::text(r#"{"specversion":"1.0","id":"1","source":"/tests","type":"test"}"#)).await;
    assert_eq!(deliveries.next().await.unwrap().unwrap().event().unwrap().id(), "1");
}

/// Servers that hang up, never answer, or choose what was not offered.
#[tokio::test]
async fn clients_refuse_bad_handshakes() {
    for (handshake, kind) in [
        (Handshake::NoSubprotocol, ErrorKind::Refused),
        (Handshake::Subprotocol("cloudevents.avro"), ErrorKind::Refused),
        (Handshake::Subprotocol("cloudevents.json, cloudevents.avro"), ErrorKind::Refused),
        (
            Handshake::Subprotocol("cloudevents.json\r\nSec-WebSocket-Extensions: permessage-deflate"),
            ErrorKind::Refused,
        ),
        (Handshake::Response("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), ErrorKind::Refused),
        (Handshake::Response("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"), ErrorKind::Disconnected),
        (Handshake::Response("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), ErrorKind::Refused),
        (Handshake::Response("HTTP/1.1 101 Switching Protocols\r\n\r\n"), ErrorKind::Disconnected),
        (Handshake::Response(""), ErrorKind::Disconnected),
        (Handshake::Flood, ErrorKind::Disconnected),
        (Handshake::Silence, ErrorKind::Timeout),
    ] {
        let server = HostileServer::start(handshake, Vec::new()).await.unwrap();
        let mut options = cloudevents_websockets::tungstenite029::WsSenderOptions::default();
        if kind == ErrorKind::Timeout {
            options.connection.connect_timeout = Duration::from_secs(1);
        }
        let error = timeout(patience(), sender(&server.url(), options)).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind, "{handshake:?}: {error}");
    }
}

/// What a server does wrong after the handshake ends the connection; the receiver connects again.
#[tokio::test]
async fn clients_close_bad_connections_and_reconnect() {
    let document = |id: u8| {
        let text = format!(r#"{{"specversion":"1.0","id":"{id}","source":"/tests","type":"test"}}"#);
        [vec![TEXT, u8::try_from(text.len()).unwrap()], text.into_bytes()].concat()
    };
    for (bytes, code) in [
        (masked(TEXT, b"{}"), Some(1002)), // servers do not mask
        (vec![0x82, 2, b'{', b'}'], Some(1003)),
        (vec![TEXT, 1, 0xff], Some(1007)),
        ([vec![TEXT, 127], u64::from(u32::MAX).to_be_bytes().to_vec()].concat(), Some(1009)),
        (vec![FRAGMENT, 1, b'{'], Some(1008)), // never ends, and pings are answered
        (vec![0x88, 2, 0x03, 0xe8], Some(1000)), // closed by the server, and echoed
    ] {
        let server =
            HostileServer::start(Handshake::Good, [document(1), bytes.clone()].concat()).await.unwrap();
        let url = format!("{}?reject=drop&message-deadline=200ms", server.url());
        let mut deliveries = receiver(&url, ReceiverOptions::default().into()).await.unwrap();
        let mut seen = 0;
        while seen < 2 {
            let delivery = timeout(patience(), deliveries.next()).await.unwrap().unwrap().unwrap();
            match delivery.event() {
                Ok(event) => {
                    assert_eq!(event.id(), "1");
                    seen += 1;
                }
                Err(error) => assert_eq!((error.kind(), code), (ErrorKind::InvalidDocument, Some(1003))),
            }
            delivery.accept().await.unwrap();
        }
        assert_eq!(server.close_codes().first().copied(), Some(code), "{bytes:?}");
    }
}

/// A server that takes connections and says nothing is noticed.
#[tokio::test]
async fn a_silent_server_is_given_up() {
    let server = HostileServer::start(Handshake::Mute, Vec::new()).await.unwrap();
    let url = format!("{}?keep-alive=100ms", server.url());
    let sender = sender(&url, Default::default()).await.unwrap();
    let mut state = sender.connectivity();
    while state.losses() == 0 {
        timeout(patience(), state.changed()).await.unwrap();
    }
    drop((sender, WsServer::bind("ws://127.0.0.1:0/?reject=drop", Default::default()).await.unwrap()));
}
