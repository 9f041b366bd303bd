//! What reading and writing take from the heap, counted.

use crate::{server::listen, tools::Peer};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Payload};
use cloudevents_testkit::heap::{self, order};
use cloudevents_transport::{Bounds, Receiver};
use cloudevents_websockets::{Frame, Subprotocol, WsServerOptions, decode, encode};
use std::{future::Future, time::Duration};
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

/// What is refused was not kept first.
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

/// What is taken besides: the buffer of each peer's client, 128 KiB; those of its connection in the server, as much with what is read at once; and
/// what a growing message is copied from and to.
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
            timeout(Duration::from_secs(60), run(url, server.into_receiver())).await.unwrap();
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
