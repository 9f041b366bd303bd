//! A receiver over a connection of its own, whose program does not take what the server sends.

use crate::tools::event;
use cloudevents_core::DecodeOptions;
use cloudevents_testkit::patience;
use cloudevents_transport::{Bounds, Receiver, ReceiverOptions};
use cloudevents_websockets::{
    Subprotocol,
    tungstenite029::{encode, receiver},
};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// A bare server, which a test drives.
pub(crate) struct Server(TcpListener);

impl Server {
    pub(crate) async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/?reject=drop", listener.local_addr().unwrap());
        (Self(listener), url)
    }

    pub(crate) async fn accept(&self) -> WebSocketStream<TcpStream> {
        let (stream, _) = timeout(patience(), self.0.accept()).await.unwrap().unwrap();
        #[allow(clippy::result_large_err)] // the type is that of the callback
        let respond = |_: &Request, mut response: Response| {
            let name = Subprotocol::Json.name().parse().unwrap();
            response.headers_mut().insert("sec-websocket-protocol", name);
            Ok(response)
        };
        accept_hdr_async(stream, respond).await.unwrap()
    }

    /// A receiver with room for this many messages, and the connection to it.
    async fn receiver(&self, url: &str, messages: usize) -> (Receiver, WebSocketStream<TcpStream>) {
        let mut options = ReceiverOptions::default();
        options.in_flight = Bounds { messages, bytes: 1 << 20 };
        options.decoding.limits.bytes = 128 << 10;
        let (receiver, peer) = tokio::join!(receiver(url, options.into()), self.accept());
        (receiver.unwrap(), peer)
    }
}

fn message(id: usize) -> Message {
    encode(&event(&id.to_string()), Subprotocol::Json, &DecodeOptions::strict()).unwrap().0
}

async fn id(deliveries: &mut Receiver) -> String {
    let delivery = timeout(patience(), deliveries.next()).await.expect("nothing came").unwrap().unwrap();
    let id = delivery.event().unwrap().id().to_owned();
    delivery.accept().await.unwrap();
    id
}

pub(crate) async fn is_answered(peer: &mut WebSocketStream<TcpStream>) {
    peer.send(Message::Ping("here?".into())).await.unwrap();
    let answer = timeout(patience(), peer.next()).await.expect("the ping was not answered");
    assert_eq!(answer.unwrap().unwrap(), Message::Pong("here?".into()));
}

#[tokio::test]
async fn pings_are_answered_whatever_the_program_does() {
    let (server, url) = Server::start().await;
    let (mut deliveries, mut peer) = server.receiver(&url, 1).await;
    is_answered(&mut peer).await; // it is not waiting
    peer.send(message(0)).await.unwrap();
    let held = timeout(patience(), deliveries.next()).await.unwrap().unwrap().unwrap();
    is_answered(&mut peer).await; // there is no room
    for number in 1..=30 {
        peer.send(message(number)).await.unwrap();
    }
    is_answered(&mut peer).await; // behind messages
    let draining = async {
        is_answered(&mut peer).await;
        held.accept().await.unwrap();
        let closed = timeout(patience(), peer.next()).await.unwrap().unwrap().unwrap();
        assert!(matches!(closed, Message::Close(Some(CloseFrame { code: CloseCode::Normal, .. }))));
        while let Some(Ok(_)) = peer.next().await {}
    };
    let (drained, ()) = tokio::join!(deliveries.drain(patience()), draining);
    drained.unwrap();
}

#[tokio::test]
async fn what_comes_before_a_close_frame_arrives_in_order_and_then_another_connection_is_made() {
    const MESSAGES: usize = 3000;
    let (server, url) = Server::start().await;
    for room in [1, 4, 1000] {
        let (mut deliveries, mut peer) = server.receiver(&url, room).await;
        let sending = async {
            for number in 0..MESSAGES {
                peer.feed(message(number)).await.unwrap();
            }
            peer.close(None).await.unwrap();
            while let Some(Ok(_)) = peer.next().await {}
            let mut peer = server.accept().await;
            peer.send(message(MESSAGES)).await.unwrap();
            peer
        };
        let receiving = async {
            let held = timeout(patience(), deliveries.next()).await.unwrap().unwrap().unwrap();
            assert_eq!(held.event().unwrap().id(), "0");
            tokio::task::yield_now().await;
            held.accept().await.unwrap();
            for number in 1..=MESSAGES {
                assert_eq!(id(&mut deliveries).await, number.to_string());
            }
            deliveries
        };
        drop(tokio::join!(sending, receiving));
    }
}

/// The server sees a slow client.
#[tokio::test]
async fn no_more_is_read_than_the_bounds_allow() {
    let (server, url) = Server::start().await;
    let (mut deliveries, mut peer) = server.receiver(&url, 4).await;
    let large = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/tests","type":"test","data":"{}"}}"#,
        "x".repeat(60_000)
    );
    let mut sent = 0_usize;
    while let Ok(Ok(())) = timeout(Duration::from_millis(300), peer.send(Message::text(large.clone()))).await
    {
        sent += large.len();
        assert!(sent < 64 << 20, "the client reads without end");
    }
    for _ in 0..10 {
        assert_eq!(id(&mut deliveries).await, "1");
    }
}

/// Dropped or drained, it closes the connection and does not wait for the end of what arrives.
#[tokio::test]
async fn a_receiver_that_leaves_unread_messages_closes_its_connection() {
    for drains in [false, true] {
        let (server, url) = Server::start().await;
        let (mut deliveries, peer) = server.receiver(&url, 4).await;
        let (mut writing, mut reading) = peer.split();
        let flooding = tokio::spawn(async move { while writing.send(message(1)).await.is_ok() {} });
        assert_eq!(id(&mut deliveries).await, "1");
        if drains {
            timeout(patience(), deliveries.drain(patience())).await.unwrap().unwrap();
        }
        drop(deliveries);
        let closed = timeout(patience(), reading.next()).await.unwrap().unwrap().unwrap();
        let normal = matches!(closed, Message::Close(Some(CloseFrame { code: CloseCode::Normal, .. })));
        assert!(normal, "{closed:?}");
        flooding.abort();
    }
}
