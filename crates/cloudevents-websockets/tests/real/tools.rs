//! Tools of the tests.

use axum::{Router, extract::Path, response::Response, routing::any};
use cloudevents_core::{Event, Message};
use cloudevents_testkit::patience;
use cloudevents_transport::{Receiver, Sender};
use cloudevents_websockets::{Subprotocol, axum08::WsUpgrade};
use futures_util::{SinkExt, StreamExt};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, client::IntoClientRequest},
};

pub(crate) fn event(id: &str) -> Event {
    Event::builder().id(id).source("/tests").ty("test").build().unwrap()
}

/// A server that keeps what it receives at `/in/NAME` until a client takes it from `/out/NAME`.
#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<HashMap<String, Arc<Queue>>>>);

#[derive(Default)]
struct Queue {
    messages: Mutex<VecDeque<Message>>,
    more: Notify,
}

impl Hub {
    /// Starts it, and returns the beginning of its URLs.
    pub(crate) async fn start() -> String {
        let hub = Self::default();
        let into = hub.clone();
        let app = Router::new()
            .route(
                "/in/{name}",
                any(async move |Path(name): Path<String>, upgrade: WsUpgrade| into.take(&name, upgrade)),
            )
            .route(
                "/out/{name}",
                any(async move |Path(name): Path<String>, upgrade: WsUpgrade| hub.give(&name, upgrade)),
            );
        serve(app).await
    }

    fn queue(&self, name: &str) -> Arc<Queue> {
        Arc::clone(self.0.lock().unwrap().entry(name.to_owned()).or_default())
    }

    fn take(&self, name: &str, upgrade: WsUpgrade) -> Response {
        let queue = self.queue(name);
        upgrade.on_connected(async move |_: Sender, mut deliveries: Receiver| {
            while let Some(delivery) = deliveries.next().await? {
                queue.messages.lock().unwrap().push_back(delivery.message()?.clone());
                queue.more.notify_one();
                delivery.accept().await?;
            }
            Ok(())
        })
    }

    fn give(&self, name: &str, upgrade: WsUpgrade) -> Response {
        let queue = self.queue(name);
        upgrade.on_connected(async move |sender: Sender, mut deliveries: Receiver| {
            loop {
                tokio::select! {
                    biased;
                    _ = deliveries.next() => break,
                    () = queue.more.notified() => {}
                }
                while let Some(message) = queue.first() {
                    // Written is not received, but this client reads everything before it closes.
                    if sender.send(&message).await.is_err() {
                        queue.messages.lock().unwrap().push_front(message);
                        break;
                    }
                }
            }
            queue.more.notify_one(); // for the next client
            Ok(())
        })
    }
}

impl Queue {
    fn first(&self) -> Option<Message> {
        self.messages.lock().unwrap().pop_front()
    }
}

/// Serves on a free port, and returns the beginning of the URLs.
pub(crate) async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("ws://{address}")
}

/// A bare client, which does what it should not.
pub(crate) struct Peer(pub(crate) WebSocketStream<TcpStream>);

impl Peer {
    pub(crate) async fn connect(url: &str, subprotocol: Subprotocol) -> Self {
        let address = url.into_client_request().unwrap().uri().authority().unwrap().to_string();
        Self::over(TcpStream::connect(address).await.unwrap(), url, subprotocol).await
    }

    /// Upgrades this connection.
    pub(crate) async fn over(stream: TcpStream, url: &str, subprotocol: Subprotocol) -> Self {
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.name().parse().unwrap());
        Self(client_async(request, stream).await.unwrap().0)
    }

    pub(crate) async fn send(&mut self, message: tungstenite::Message) {
        let _ = self.0.send(message).await; // the server may have closed
    }

    /// Sends bytes below the protocol.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes).await
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Option<tungstenite::Message> {
        timeout(patience(), self.0.next()).await.expect("nothing came").and_then(Result::ok)
    }

    /// Waits for the end of the connection, and returns the status with which the server has closed it.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(message) = self.next().await {
            if let tungstenite::Message::Close(frame) = message {
                code = frame.map(|frame| frame.code.into());
            }
        }
        code
    }
}
