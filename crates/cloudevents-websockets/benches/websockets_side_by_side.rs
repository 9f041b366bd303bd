//! Compares the speed of the sender and the receiver with tokio-tungstenite alone, with the same documents, taking turns.
//!
//! ```text
//! cargo bench -p cloudevents-websockets --bench websockets_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! ```
//!
//! The server is tokio-tungstenite alone, in another process, so that processor time and allocations are those of the client alone. The
//! rates are those of client and server together, limited by the slower one.
//!
//! The time of sending ends when the server has answered the close frame, and so has read everything:
//!
//! - `Sender::send_all`: events, as a program has them.
//! - `feed`: documents that were encoded before; `encode, feed` also encodes the events. Both write when the buffer of the client is full.
//! - `encode, send`: the same, but each message is written out before the next.
//! - `encode, report`: what a program adds to `encode, feed` in order to know of each message that it was written, and to answer pings: a
//!   task owns the connection, takes what was sent, and reports it after flushing. At most 1,024 reports are awaited at a time, as by the
//!   sender.
//! - `Receiver`: `next`, the event, `accept`.
//! - `next`: messages without looking at them; `next, decode` also decodes them with this crate's `decode`.
//! - `next, hand over, decode`: what a program adds to `next, decode` in order to answer pings while it handles an event: a task owns the
//!   connection, and hands the messages over. At most 1,024 are on their way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event};
use cloudevents_testkit::speed::{
    Comparison, Cost, CountingAll, Elsewhere, PAYLOAD, Run, event, is_elsewhere,
};
use cloudevents_websockets::{
    Subprotocol,
    tungstenite029::{decode, encode, receiver, sender},
};
use futures_util::{SinkExt, StreamExt};
use std::{collections::VecDeque, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async, client_async,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        handshake::server::{Request, Response},
    },
};

#[global_allocator]
static HEAP: CountingAll = CountingAll;

const PATIENCE: Duration = Duration::from_secs(60);
const SEND: [&str; 5] = ["Sender::send_all", "encode, feed", "encode, send", "encode, report", "feed"];
const RECEIVE: [&str; 4] = ["Receiver", "next, decode", "next, hand over, decode", "next"];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if is_elsewhere(|| runtime.block_on(serve()).map(|url| (url, ()))).unwrap() {
        return;
    }
    runtime.block_on(compare());
}

async fn compare() {
    let server = Elsewhere::start().unwrap();
    let url = server.url();
    let comparison = Comparison::from_arguments();
    let events: Vec<Event> = (0..comparison.count).map(event).collect();
    comparison
        .of(&SEND, SEND[1], async |name, _| match name {
            "Sender::send_all" => send_ours(url, &events).await,
            "encode, send" => {
                let mut client = open(url, 0).await;
                let run = Run::start();
                for event in &events {
                    client.send(message(event)).await.unwrap();
                }
                close(client).await;
                run.end(events.len())
            }
            "encode, report" => report(url, &events).await,
            "feed" => {
                let messages: Vec<_> = events.iter().map(message).collect();
                feed(url, messages.into_iter(), events.len()).await
            }
            _ => feed(url, events.iter().map(message), events.len()).await,
        })
        .await;
    comparison
        .of(&RECEIVE, RECEIVE[1], async |name, _| match name {
            "Receiver" => receive_ours(url, events.len()).await,
            "next, hand over, decode" => hand_over(url, events.len()).await,
            _ => receive_bare(url, events.len(), name.ends_with("decode")).await,
        })
        .await;
}

/// Serves on a free port: sends as many events as the path has as a number, and reads what comes until the client closes.
async fn serve() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve_one(stream));
        }
    });
    Ok(url)
}

#[allow(clippy::result_large_err)] // the type is that of the callback
async fn serve_one(stream: TcpStream) {
    let mut count = 0;
    let respond = |request: &Request, mut response: Response| {
        count = request.uri().path().trim_start_matches('/').parse().unwrap();
        let subprotocol = Subprotocol::Json.name().parse().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", subprotocol);
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, respond).await.unwrap();
    let document = message(&event(0));
    for _ in 0..count {
        if socket.feed(document.clone()).await.is_err() {
            return;
        }
    }
    let _ = socket.flush().await;
    while let Some(Ok(_)) = socket.next().await {}
}

fn message(event: &Event) -> Message {
    encode(event, Subprotocol::Json, &DecodeOptions::strict()).unwrap().0
}

async fn send_ours(url: &str, events: &[Event]) -> Cost {
    let sender = sender(&format!("{url}/0"), Default::default()).await.unwrap();
    let owned = events.to_vec(); // a copy is not the work of the sender
    let run = Run::start();
    sender.send_all(owned).await.unwrap();
    sender.close().await.unwrap();
    run.end(events.len())
}

/// Connects, and wants this many messages.
async fn open(url: &str, count: usize) -> WebSocketStream<TcpStream> {
    let mut request = format!("{url}/{count}").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", Subprotocol::Json.name().parse().unwrap());
    let stream = TcpStream::connect(url.trim_start_matches("ws://")).await.unwrap();
    stream.set_nodelay(true).unwrap(); // as the sender and the receiver set it
    client_async(request, stream).await.unwrap().0
}

async fn feed(url: &str, messages: impl Iterator<Item = Message>, count: usize) -> Cost {
    let mut client = open(url, 0).await;
    let run = Run::start();
    for message in messages {
        client.feed(message).await.unwrap();
    }
    close(client).await;
    run.end(count)
}

/// At most this many messages are on their way to the task, or not reported.
const WINDOW: usize = 1024;

async fn report(url: &str, events: &[Event]) -> Cost {
    let mut client = open(url, 0).await;
    let (sender, mut messages) = mpsc::channel::<(Message, oneshot::Sender<()>)>(WINDOW);
    let run = Run::start();
    let task = tokio::spawn(async move {
        let (mut taken, mut reports) = (Vec::new(), Vec::new());
        loop {
            let count = tokio::select! {
                count = messages.recv_many(&mut taken, WINDOW) => count,
                // The client library answers pings while it reads.
                _ = client.next() => continue,
            };
            if count == 0 {
                return close(client).await;
            }
            for (message, report) in taken.drain(..) {
                client.feed(message).await.unwrap();
                reports.push(report);
            }
            client.flush().await.unwrap();
            reports.drain(..).for_each(|report| report.send(()).unwrap());
        }
    });
    let mut open = VecDeque::<oneshot::Receiver<()>>::new();
    for event in events {
        if open.len() >= WINDOW
            && let Some(reported) = open.pop_front()
        {
            reported.await.unwrap();
        }
        let (report, reported) = oneshot::channel();
        sender.send((message(event), report)).await.unwrap();
        open.push_back(reported);
    }
    for reported in open {
        reported.await.unwrap();
    }
    drop(sender);
    task.await.unwrap();
    run.end(events.len())
}

async fn close(mut client: WebSocketStream<TcpStream>) {
    client.close(None).await.unwrap();
    while let Some(Ok(_)) = client.next().await {}
}

async fn receive_ours(url: &str, count: usize) -> Cost {
    let url = format!("{url}/{count}?reject=drop");
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let mut run = None;
    for _ in 0..count {
        let delivery = receiver.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(delivery.event().unwrap().data_bytes().map(Bytes::len), Some(PAYLOAD));
        drop(delivery.accept());
    }
    let cost = run.unwrap().end(count);
    receiver.drain(PATIENCE).await.unwrap();
    cost
}

async fn hand_over(url: &str, count: usize) -> Cost {
    let mut client = open(url, count).await;
    let (sender, mut messages) = mpsc::channel(WINDOW);
    let task = tokio::spawn(async move {
        for _ in 0..count {
            sender.send(client.next().await.unwrap().unwrap()).await.unwrap();
        }
        close(client).await;
    });
    let mut run = None;
    for _ in 0..count {
        let message = messages.recv().await.unwrap();
        run.get_or_insert_with(Run::start);
        check(message);
    }
    let cost = run.unwrap().end(count);
    task.await.unwrap();
    cost
}

async fn receive_bare(url: &str, count: usize, decoded: bool) -> Cost {
    let mut client = open(url, count).await;
    let mut run = None;
    for _ in 0..count {
        let message = client.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        if decoded {
            check(message);
        } else {
            assert!(message.len() > PAYLOAD);
        }
    }
    let cost = run.unwrap().end(count);
    close(client).await;
    cost
}

fn check(message: Message) {
    let event = decode(message, Subprotocol::Json, &DecodeOptions::strict()).unwrap().unwrap().value;
    assert_eq!(event.data_bytes().map(|data| data.len()), Some(PAYLOAD));
}
