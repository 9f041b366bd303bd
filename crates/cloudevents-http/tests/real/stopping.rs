//! Clients that have just connected when the server stops, and clients that end their side.

use crate::tools::{GOOD, Wire, soon};
use cloudevents_http::{ClientSide, HttpReceiverOptions, serve};
use http::Response;
use std::net::SocketAddr;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// A server that hands over the client's side of each request, and responds at a command.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    requests: mpsc::UnboundedReceiver<(ClientSide, oneshot::Sender<()>)>,
}

async fn server(half_close: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (seen, requests) = mpsc::unbounded_channel();
    let mut options = HttpReceiverOptions::default();
    options.half_close = half_close;
    let serving = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        let respond = move |request: http::Request<_>, _| {
            let client = request.extensions().get::<ClientSide>().unwrap().clone();
            let (respond, responds) = oneshot::channel();
            seen.send((client, respond)).unwrap();
            async move {
                let _ = responds.await;
                Response::new("taken".into())
            }
        };
        serve(listener, &options, stopped, respond).await;
    });
    Server { address, stop, serving, requests }
}

#[tokio::test]
async fn the_first_byte_of_a_connection_may_come_after_the_stop() {
    let mut server = server(false).await;
    let mut first = Wire::connect(server.address).await;
    let silent = Wire::connect(server.address).await;
    // Connections are accepted in their order.
    let mut other = Wire::connect(server.address).await;
    other.write(GOOD).await;
    let (_, respond) = soon(server.requests.recv()).await.unwrap();
    server.stop.send(()).unwrap();
    respond.send(()).unwrap();
    soon(other.answer()).await.unwrap();
    assert!(other.answer().await.is_none(), "the server has stopped");
    first.write(GOOD).await;
    let (_, respond) = soon(server.requests.recv()).await.unwrap();
    respond.send(()).unwrap();
    let answer = soon(first.answer()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body), (200, "taken".into()));
    // The silent one does not keep the server.
    soon(server.serving).await.unwrap();
    drop(silent);
}

#[tokio::test]
async fn a_client_that_ends_its_side_is_seen_and_still_gets_its_response() {
    let mut server = server(true).await;
    let mut wire = Wire::connect(server.address).await;
    wire.write(GOOD).await;
    let (client, respond) = soon(server.requests.recv()).await.unwrap();
    let ended = tokio::spawn(async move { client.ended().await });
    tokio::task::yield_now().await;
    assert!(!ended.is_finished());
    wire.finish().await;
    soon(ended).await.unwrap();
    respond.send(()).unwrap();
    assert_eq!(soon(wire.answer()).await.unwrap().status.as_u16(), 200);
}

#[tokio::test]
async fn a_client_that_is_gone_is_seen() {
    let mut server = server(true).await;
    for sends_more in [false, true] {
        let mut wire = Wire::connect(server.address).await;
        wire.write(GOOD).await;
        let (client, _respond) = soon(server.requests.recv()).await.unwrap();
        if sends_more {
            // Bytes of a next request do not hide the end.
            wire.write("POST /").await;
        }
        drop(wire);
        soon(client.ended()).await;
    }
}
