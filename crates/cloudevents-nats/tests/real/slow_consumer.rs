//! A client that is slower than its server: the reports of dropped messages must not hide that the connection is lost.

use cloudevents_core::{DecodeOptions, ErrorKind};
use cloudevents_nats::async_nats051::receiver;
use cloudevents_testkit::{heap, patience};
use cloudevents_transport::ConnectionState;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    time::timeout,
};

/// A server of two connections: on the first one, it sends more messages than the client has room for, and is gone.
async fn floods(listener: TcpListener) {
    for round in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        let subscription = greets(stream).await;
        let Some((mut stream, number)) = subscription else { continue };
        if round > 0 {
            let _ = stream.write_all(format!("MSG orders {number} 1\r\nx\r\n").as_bytes()).await;
            std::future::pending::<()>().await;
        }
        // All of it is there before the client reads: more reports than its queue of reports has places.
        let flood = format!("MSG orders {number} 1\r\nx\r\n").repeat(1000);
        stream.write_all(flood.as_bytes()).await.unwrap();
    }
}

/// Speaks the protocol until the client has subscribed and its round trip is answered. `None` for a connection that ends before.
async fn greets(stream: TcpStream) -> Option<(TcpStream, String)> {
    let mut stream = BufReader::new(stream);
    let info = r#"INFO {"server_id":"x","server_name":"x","version":"2.10.0","go":"go1","host":"127.0.0.1","port":4222,"headers":true,"max_payload":1048576,"proto":1,"client_id":1}"#;
    stream.write_all(format!("{info}\r\n").as_bytes()).await.unwrap();
    let (mut of_orders, mut of_inbox) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["PING"] => stream.write_all(b"PONG\r\n").await.unwrap(),
            ["SUB", "orders", number] => of_orders = number.to_owned(),
            ["SUB", _, number] => of_inbox = number.to_owned(),
            ["PUB", inbox, length] => {
                stream.read_line(&mut String::new()).await.unwrap();
                let echo = format!("MSG {inbox} {of_inbox} {length}\r\n\r\n");
                stream.write_all(echo.as_bytes()).await.unwrap();
                return Some((stream.into_inner(), of_orders));
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_loss_behind_a_flood_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}/orders?reject=drop&prefetch=1", listener.local_addr().unwrap());
    let server = tokio::spawn(floods(listener));
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let mut seen = 0;
    // There is room for one message of the first connection; the other one comes over the second.
    let again = async {
        while seen < 2 {
            if let Ok(Some(delivery)) = receiver.next().await {
                assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::NotACloudEvent);
                seen += 1;
                delivery.accept().await.unwrap();
            }
        }
    };
    let noticed = timeout(patience(), again).await;
    let state = receiver.connectivity().state();
    assert!(noticed.is_ok(), "{state:?} after {seen} messages");
    assert!(matches!(state, ConnectionState::Connected { .. }), "{state:?}");
    server.abort();
}

/// The client reads into one buffer, which any part of it keeps.
#[test]
fn a_small_message_does_not_keep_the_buffer_of_a_large_one() {
    const COUNT: usize = 16;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}/orders?reject=drop", listener.local_addr().unwrap());
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let server = std::thread::spawn(move || {
        runtime().block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let (mut stream, number) = greets(stream).await.unwrap();
            let large = "x".repeat(1 << 20);
            let pair =
                format!("MSG orders {number} {}\r\n{large}\r\nMSG orders {number} 1\r\nx\r\n", large.len());
            for _ in 0..COUNT {
                stream.write_all(pair.as_bytes()).await.unwrap();
            }
            let _ = stream.read_to_end(&mut Vec::new()).await; // until the client is gone
        });
    });
    let runtime = runtime();
    let heap = heap::of(|| {
        runtime.block_on(async {
            let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
            let mut held = Vec::new();
            for _ in 0..COUNT {
                receiver.next().await.unwrap().unwrap().accept().await.unwrap();
                held.push(receiver.next().await.unwrap().unwrap());
            }
            (receiver, held)
        })
    });
    assert!(heap.held < 8 << 20, "{}", heap.held);
    drop(runtime);
    server.join().unwrap();
}
