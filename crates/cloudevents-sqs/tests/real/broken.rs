//! A server that is no SQS.

use crate::tools::{sending, strict, url, within};
use cloudevents_core::ErrorKind;
use cloudevents_sqs::awssdk1::{receiver, sender};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers every connection with these bytes, again and again if it has no end, and returns its URL.
async fn server(answer: &'static [u8], is_endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1 << 14]).await;
                let _ = stream.write_all(answer).await;
                let endless = vec![b'{'; 1 << 16];
                while is_endless && stream.write_all(&endless).await.is_ok() {}
            });
        }
    });
    url
}

/// What has no end is given up before it takes memory, and what is no answer of SQS is no connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_sqs_is_not_connected_to() {
    for (answer, is_endless) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json.", false),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>", false),
        (b"220 mail.example.com ESMTP\r\n", false),
        (b"", false),
    ] {
        let server = server(answer, is_endless).await;
        let error = within(sender(&url(&server, "q", ""), sending())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
        let error = within(receiver(&url(&server, "q", ""), strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
    }
}
