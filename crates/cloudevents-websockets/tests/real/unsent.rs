//! What a sender has, and the connection has not written yet.

use crate::{
    client::sender_url,
    tools::event,
    unread::{Server, is_answered},
};
use cloudevents_core::Event;
use cloudevents_testkit::patience;
use cloudevents_websockets::tungstenite029::sender;
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

async fn next(peer: &mut WebSocketStream<TcpStream>) -> Message {
    timeout(patience(), peer.next()).await.expect("nothing came").unwrap().unwrap()
}

fn has_id(message: &Message, id: usize) -> bool {
    message.to_text().unwrap().contains(&format!(r#""id":"{id}""#))
}

/// Messages may wait for others, and not for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_task_waits_for_is_written() {
    let (server, url) = Server::start().await;
    let (sender, mut peer) = tokio::join!(sender(sender_url(&url), Default::default()), server.accept());
    let sender = sender.unwrap();
    let mut number = 0;
    for together in [1, 2, 5, 1, 1, 100, 3] {
        for id in number..number + together {
            drop(sender.enqueue(&event(&id.to_string())).await.unwrap());
        }
        for id in number..number + together {
            let message = next(&mut peer).await;
            assert!(has_id(&message, id), "{message}");
        }
        number += together;
    }
    is_answered(&mut peer).await;
    let last = event("1000");
    let (sent, message) = tokio::join!(sender.send(&last), next(&mut peer));
    assert!(sent.is_ok() && has_id(&message, 1000));
}

/// A server that pings and reads nothing for a while: its answer comes between frames, and the close frame comes last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_sender_writes_what_a_slow_server_has_not_read() {
    const MESSAGES: usize = 200;
    let large = |id: usize| -> Event {
        let builder = Event::builder().id(id.to_string()).source("/tests").ty("test");
        builder.text("x".repeat(50_000 + id)).build().unwrap()
    };
    let (server, url) = Server::start().await;
    let (sender, mut peer) = tokio::join!(sender(sender_url(&url), Default::default()), server.accept());
    let sender = sender.unwrap();
    for id in 0..MESSAGES {
        drop(sender.enqueue(&large(id)).await.unwrap());
    }
    peer.send(Message::Ping("here?".into())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await; // gives it the chance to answer too early
    drop(sender);
    let (mut id, mut answers) = (0, 0);
    let code = loop {
        match next(&mut peer).await {
            Message::Close(frame) => break frame.map(|CloseFrame { code, .. }| code),
            Message::Pong(answer) => {
                assert_eq!(answer, "here?");
                answers += 1;
            }
            message => {
                assert!(has_id(&message, id) && message.len() > 50_000 + id);
                id += 1;
            }
        }
    };
    assert_eq!((id, answers, code), (MESSAGES, 1, Some(CloseCode::Normal)));
}
