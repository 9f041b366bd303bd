//! What production does to connections, over WebSockets, with a server between that keeps what its clients send until another client takes
//! it.

use crate::tools::Hub;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_testkit::patience;
use cloudevents_testkit::{
    fault_proxy::{End, FaultProxy},
    incidents::{Patience, Proxied, check_all},
    ports,
};
use cloudevents_transport::{
    ConnectionState, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Report, Venue, Verdict},
};
use cloudevents_websockets::{
    WsServerOptions, listen,
    tungstenite029::{WsConnection, WsReceiverOptions, WsSenderOptions, receiver, sender},
};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

struct Path {
    proxy: FaultProxy,
    name: String,
    patience: Patience,
}

impl Path {
    fn new(hub: &str, patience: Patience) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let proxy = FaultProxy::start(hub.trim_start_matches("ws://").parse().unwrap()).unwrap();
        Self { proxy, name: NUMBER.fetch_add(1, Ordering::Relaxed).to_string(), patience }
    }

    /// A connection that is silent for two Keep Alives is lost.
    fn connection(&self) -> WsConnection {
        let mut connection = WsConnection::default();
        connection.keep_alive = self.patience.silence / 2;
        connection
    }
}

impl Venue for Path {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.persistent = false; // what was written is forgotten
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = WsSenderOptions::default();
        options.connection = self.connection();
        options.sender.enqueue_timeout = self.patience.send;
        sender(&format!("ws://{}/in/{}", self.proxy.address(), self.name), options).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = WsReceiverOptions::from(options);
        options.connection = self.connection();
        receiver(&format!("ws://{}/out/{}?reject=drop", self.proxy.address(), self.name), options).await
    }
}

impl Proxied for Path {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }

    fn limits_sends(&self) -> bool {
        false
    }
}

/// A receiver that is a server.
struct Listening {
    path: Path,
    port: u16,
}

impl Venue for Listening {
    fn claims(&self) -> Claims {
        self.path.claims()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        self.path.sender().await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let url = format!("ws://127.0.0.1:{}/in/{}?reject=drop", self.port, self.path.name);
        let mut options = WsServerOptions::from(options);
        options.keep_alive = self.path.patience.silence / 2;
        listen(&url, options).await
    }
}

impl Proxied for Listening {
    fn proxy(&self) -> &FaultProxy {
        &self.path.proxy
    }

    fn limits_sends(&self) -> bool {
        false
    }

    fn receiver_listens(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_websockets() {
    let hub = Hub::start().await;
    check(&check_all(async |patience| Ok(Path::new(&hub, patience))).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_a_server_of_websockets() {
    let report = check_all(async |patience| {
        let port = ports::free();
        Ok(Listening { path: Path::new(&format!("ws://127.0.0.1:{port}"), patience), port })
    });
    check(&report.await);
}

fn check(report: &Report) {
    println!("{report}");
    for (check, verdict) in report.iter() {
        let expected = match check {
            "confirmations_that_do_not_come" => Verdict::NotClaimed, // nothing is confirmed
            "a_stall_past_the_sends" | "a_line_that_is_slow" => Verdict::NotClaimed, // only the connection has a limit
            _ => Verdict::Holds,
        };
        assert!(verdict.as_ref().is_ok_and(|verdict| *verdict == expected), "{check}\n{report}");
    }
}

/// Something before the server refuses the handshake for a while, as when a token is not known yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_is_refused_for_a_while_is_tried_again() {
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (hub, gate) = (Hub::start().await, refusing.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = refusing.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let path = Path::new(&hub, Patience::LONG);
    let receiver = path.receiver(ReceiverOptions::default()).await.unwrap();
    path.proxy.forward_to(gate);
    path.proxy.end(End::Cut);
    let mut connectivity = receiver.connectivity();
    let refused = async {
        loop {
            if let ConnectionState::Connecting { failed: 2.., error: Some(error) } = connectivity.state() {
                return error;
            }
            connectivity.changed().await;
        }
    };
    let error = tokio::time::timeout(patience(), refused).await.unwrap();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    path.proxy.forward_to(hub.trim_start_matches("ws://").parse().unwrap());
    let again = async {
        while !connectivity.state().is_connected() {
            connectivity.changed().await;
        }
    };
    tokio::time::timeout(patience(), again).await.unwrap();
}
