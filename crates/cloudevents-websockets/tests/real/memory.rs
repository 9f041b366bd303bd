//! The heap that reading and writing take, counted.

use crate::{server::listen, tools::Peer};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Payload};
use cloudevents_testkit::patience;
use cloudevents_testkit::{
    heap::{self, order},
    websockets::{Handshake, HostileServer},
};
use cloudevents_transport::{Bounds, Receiver, ReceiverOptions, SenderOptions};
use cloudevents_websockets::{
    Frame, Subprotocol, WsServerOptions, decode, encode,
    tungstenite029::{receiver, sender},
};
use std::{future::Future, thread, time::Duration};
use tokio::time::timeout;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// The payload of a JSON document is a part of the frame.
#[test]
fn an_event_is_one_buffer_however_large_its_payload() {
    for payload in [1, 10, 1 << 20] {
        let event = order().into_builder().payload("text/plain", Payload::text("x".repeat(payload)));
        let (frame, _) =
            encode(&event.build().unwrap(), Subprotocol::Json, &DecodeOptions::strict()).unwrap();
        let decode = || decode(frame.clone(), Subprotocol::Json, &DecodeOptions::strict());
        assert!(decode().is_ok());
        let heap = heap::of(decode);
        assert!(heap.calls <= 2, "{payload} bytes: {}", heap.calls);
        assert!(heap.peak < 2048, "{payload} bytes: {}", heap.peak);
    }
}

/// A refused message was not kept first.
#[test]
fn a_refusal_costs_nothing() {
    let large = Frame::Binary(Bytes::from(vec![b'x'; 17 << 20]));
    let refused =
        || decode(large.clone(), Subprotocol::Avro, &DecodeOptions::strict()).map(|_| ()).unwrap_err();
    assert!(heap::of(refused).peak < 1024, "{:?}", heap::of(refused));
    let wrong = Frame::Binary(Bytes::from_static(b"{}"));
    let refused =
        || decode(wrong.clone(), Subprotocol::Json, &DecodeOptions::strict()).map(|_| ()).unwrap_err();
    assert!(heap::of(refused).peak < 1024, "{:?}", heap::of(refused));
}

/// The most bytes of a message.
const MESSAGE: usize = 1 << 20;

/// Their messages together have fifty times the memory that a server may take for them.
const PEERS: usize = 200;

/// What is taken besides: the buffer of each peer's client, 128 KiB; those of its connection in the server, as much with what is read at
/// once; and what a growing message is copied from and to.
const BESIDES: isize = (PEERS * (256 << 10) + 3 * MESSAGE) as isize;

fn scarce() -> WsServerOptions {
    let mut options = WsServerOptions::default();
    options.receiver.decoding.limits.bytes = MESSAGE;
    options.receiver.in_flight = Bounds { messages: 1024, bytes: 4 * MESSAGE };
    options
}

/// Runs this with a server in one thread, whose heap is counted.
fn measured<F: Future<Output = ()>>(run: impl FnOnce(String, Receiver) -> F) -> heap::Heap {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    heap::of(|| {
        runtime.block_on(async {
            let server = listen(scarce()).await;
            let url = server.url();
            timeout(2 * patience(), run(url, server.into_receiver())).await.unwrap();
        });
    })
}

/// The head of a text frame of a client with this payload; the key is zero.
fn head(first: u8, payload: usize) -> Vec<u8> {
    [&[first, 0xff][..], &u64::try_from(payload).unwrap().to_be_bytes(), &[0; 4]].concat()
}

static SPACES: [u8; MESSAGE] = [b' '; MESSAGE];

/// Writes what the server takes, and does not wait until it takes more.
async fn push(peer: &mut Peer, bytes: &[u8]) {
    let _ = timeout(Duration::from_millis(20), peer.write(bytes)).await;
}

#[test]
fn stalled_messages_share_a_bound() {
    let frame = |peer: usize| match peer % 2 {
        0 => vec![(head(0x81, MESSAGE), MESSAGE - 1)],
        _ => vec![
            (head(0x01, MESSAGE / 4), MESSAGE / 4),
            (head(0x00, MESSAGE / 4), MESSAGE / 4),
            (head(0x80, MESSAGE / 2), 1),
        ],
    };
    let heap = measured(async |url, _deliveries| {
        let mut peers = Vec::new();
        for number in 0..PEERS {
            let mut peer = Peer::connect(&url, Subprotocol::Json).await;
            for (head, payload) in frame(number) {
                push(&mut peer, &head).await;
                push(&mut peer, &SPACES[..payload]).await;
            }
            peers.push(peer);
        }
    });
    assert!(heap.peak > 4 * MESSAGE as isize, "{heap:?}");
    assert!(heap.peak < 3 * 4 * MESSAGE as isize + BESIDES, "{heap:?}");
}

/// What a message took is free when it is settled, though its connection goes on.
#[test]
fn a_connection_keeps_no_memory_of_its_last_message() {
    let heap = measured(async |url, mut deliveries| {
        let mut peers = Vec::new();
        for _ in 0..PEERS {
            let mut peer = Peer::connect(&url, Subprotocol::Json).await;
            let (sent, delivery) = tokio::join!(
                async {
                    peer.write(&head(0x81, MESSAGE)).await?;
                    peer.write(&SPACES).await
                },
                deliveries.next()
            );
            sent.unwrap();
            delivery.unwrap().unwrap().accept().await.unwrap();
            peers.push(peer);
        }
    });
    assert!(heap.peak < 3 * 4 * MESSAGE as isize + BESIDES, "{heap:?}");
}

/// Messages that have begun while there was room are not read to their end when there is none any more.
#[test]
fn messages_that_no_program_takes_share_a_bound() {
    let heap = measured(async |url, _deliveries| {
        let mut peers = Vec::new();
        for _ in 0..PEERS {
            let mut peer = Peer::connect(&url, Subprotocol::Json).await;
            push(&mut peer, &head(0x81, MESSAGE)).await;
            push(&mut peer, &SPACES[..1000]).await;
            peers.push(peer);
        }
        for peer in &mut peers {
            push(peer, &SPACES[1000..]).await;
        }
        // A server that reads too much needs time for it.
        tokio::time::sleep(Duration::from_secs(3)).await;
    });
    assert!(heap.peak < 3 * 4 * MESSAGE as isize + BESIDES, "{heap:?}");
}

/// Half of them send, half receive.
const CLIENTS: usize = 20;

/// Runs clients of a server that sends each of them these bytes, until all have closed their connections with this status. The server has a
/// thread of its own, whose heap does not count.
fn of_clients(handshake: Handshake, sent: Vec<u8>, status: Option<u16>) -> heap::Heap {
    let elsewhere =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = elsewhere.block_on(HostileServer::start(handshake, sent)).unwrap();
    let url = format!("{}?message-deadline=3s", server.url());
    let here = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let heap = heap::of(|| {
        here.block_on(async {
            let mut sending = SenderOptions::default();
            let mut receiving = ReceiverOptions::default();
            sending.decoding.limits.bytes = MESSAGE;
            receiving.decoding.limits.bytes = MESSAGE;
            let (mut senders, mut receivers) = (Vec::new(), Vec::new());
            for _ in 0..CLIENTS / 2 {
                senders.push(sender(&url, sending.clone().into()).await);
                receivers.push(receiver(&format!("{url}&reject=drop"), receiving.clone().into()).await);
            }
            let Some(status) = status else {
                return assert!(senders.iter().all(Result::is_err) && receivers.iter().all(Result::is_err));
            };
            assert!(senders.iter().all(Result::is_ok) && receivers.iter().all(Result::is_ok));
            let closed = async {
                while server.close_codes().len() < CLIENTS {
                    tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
                }
            };
            timeout(2 * patience(), closed).await.unwrap();
            assert!(
                server.close_codes().iter().all(|code| *code == Some(status)),
                "{:?}",
                server.close_codes()
            );
        });
    });
    // Not in the thread that is counted.
    thread::spawn(move || drop((server, elsewhere))).join().unwrap();
    heap
}

/// The head of a text frame of a server with this payload.
fn unmasked(first: u8, payload: usize) -> Vec<u8> {
    [&[first, 127][..], &u64::try_from(payload).unwrap().to_be_bytes()].concat()
}

/// What is declared costs nothing; what arrives costs each client one message, in a buffer that doubles.
#[test]
fn unfinished_messages_of_servers_have_a_bound() {
    let spaces = |bytes: usize| vec![b' '; bytes];
    let fragments = [unmasked(0x01, MESSAGE / 2), spaces(MESSAGE / 2), unmasked(0, MESSAGE / 2), spaces(1)];
    let half = 2 * MESSAGE;
    for (kind, sent, status, each) in [
        ("declared", unmasked(0x81, MESSAGE), 1008, 0),
        ("too large", unmasked(0x81, MESSAGE + 1), 1009, 0),
        ("a frame", [unmasked(0x81, MESSAGE), spaces(MESSAGE - 1)].concat(), 1008, half),
        ("fragments", fragments.concat(), 1008, half),
        ("bytes", [vec![0x01, 1, b' '], [0, 1, b' '].repeat(MESSAGE / 16)].concat(), 1008, half / 16),
    ] {
        let heap = of_clients(Handshake::Good, sent, Some(status));
        let bound = CLIENTS * (each + (256 << 10));
        eprintln!("{kind}: {} KiB of {} KiB", heap.peak >> 10, bound >> 10);
        assert!(heap.peak < bound as isize, "{kind}: {heap:?}");
        assert!(heap.peak >= (CLIENTS * each / 4) as isize, "{kind} did not arrive: {heap:?}");
    }
    let heap = of_clients(Handshake::Flood, Vec::new(), None);
    eprintln!("a head: {} KiB", heap.peak >> 10);
    assert!(heap.peak < 1 << 20, "{heap:?}");
}
