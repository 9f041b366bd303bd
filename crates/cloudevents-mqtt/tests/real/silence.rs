//! Silence of either side, with a peer that is no ideal broker.

use crate::tools::{lost, next, strict, within};
use cloudevents_mqtt::rumqttc_next034::receiver;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const CONNACK: &[u8] = b"\x20\x03\0\0\0";

/// Accepts a client, confirms its subscription, and says this behind that.
async fn accepted(listener: &TcpListener, connack: &[u8], then: &[u8]) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = [0; 1024];
    for said in [connack, &[b"\x90\x04\xff\xff\0\x01", then].concat()] {
        assert!(stream.read(&mut bytes).await.unwrap() > 0);
        stream.write_all(said).await.unwrap();
    }
    stream
}

/// The broker ends the connection of a client that is silent for one and a half of the Server Keep Alive (MQTT 5.0, section 3.2.2.3.14).
#[tokio::test]
async fn a_client_speaks_as_often_as_the_broker_requires() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Its own Keep Alive is longer than the test may take.
    let url = format!("mqtt://{}/t?client=c&keep-alive=10h", listener.local_addr().unwrap());
    let speaking = tokio::spawn(async move {
        let mut stream = accepted(&listener, b"\x20\x06\0\0\x03\x13\0\x01", b"").await;
        for _ in 0..2 {
            let mut bytes = [0; 2];
            within(stream.read_exact(&mut bytes)).await.unwrap();
            assert_eq!(&bytes, b"\xc0\0", "PINGREQ");
            stream.write_all(b"\xd0\0").await.unwrap();
        }
    });
    let _receiver = within(receiver(&url, strict())).await.unwrap();
    speaking.await.unwrap();
}

/// While there is no room, nothing is read, and the silence is the client's. When there is room again, it is the broker's.
#[tokio::test]
async fn a_broker_that_is_silent_is_lost_behind_a_wait_for_room_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}/t?client=c&keep-alive=1s&prefetch=1", listener.local_addr().unwrap());
    let messages = b"\x32\x07\0\x01t\0\x01\0x\x32\x07\0\x01t\0\x02\0x\x32\x07\0\x01t\0\x03\0x";
    let accepting = tokio::spawn(async move { accepted(&listener, CONNACK, messages).await });
    let mut receiver = within(receiver(&url, strict())).await.unwrap();
    let mut stream = within(accepting).await.unwrap();
    for _ in 0..3 {
        within(next(&mut receiver).await.reject("no event")).await.unwrap();
    }
    tokio::spawn(async move {
        let mut bytes = [0; 1024];
        while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    });
    lost(&receiver).await;
}
