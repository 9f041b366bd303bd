//! A server that is no Postgres, and one whose TLS is terminated before it.

use crate::tools::{Place, event, strict, take, within};
use cloudevents_core::ErrorKind;
use cloudevents_pgmq::tokio_postgres07::{PgmqSenderOptions, Tls, receiver, sender};
use cloudevents_testkit::{service::no_service, tls::Authority};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// The URL of a server that answers every connection with these bytes, and ends it.
async fn server(answer: &'static [u8]) -> String {
    format!("postgres://ci:s3cret@{}/shop?queue=q", no_service(answer, false).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_postgres_is_not_connected_to() {
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"220 mail.example.com ESMTP\r\n",
        b"R\0\0\0\x08\0\0\0\x63",
        b"E\xff\xff\xff\xff",
        b"E\x7f\xff\xff\xff",
        b"",
    ] {
        let url = server(answer).await;
        let error = within(sender(&url, PgmqSenderOptions::default())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
        let error = within(receiver(&url, strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
    }
}

/// A server that repeats the password in its error: `E`, with its severity, a code and a message.
#[tokio::test]
async fn a_password_is_not_shown() {
    let url = server(b"E\0\0\0\x29SFATAL\0C28P01\0Mno s3cret for anyone\0\0").await;
    let error = within(sender(&url, PgmqSenderOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!format!("{error}{error:?}").contains("s3cret"), "{error:?}");
}

/// A server that answers nothing.
#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://ci@{}/shop?queue=q&connect-timeout=200ms", listener.local_addr().unwrap());
    let error = within(sender(&url, PgmqSenderOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

/// Answers the request for TLS, and leaves the rest to the port that terminates it.
pub(crate) async fn secured(inner: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 8];
                stream.read_exact(&mut request).await.unwrap();
                assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "the request for TLS");
                stream.write_all(b"S").await.unwrap();
                let mut inner = TcpStream::connect(("127.0.0.1", inner)).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut inner).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls() {
    let Some(mut place) = Place::new("tls").await else { return };
    let url = place.database.clone();
    let address = url.rsplit_once('@').unwrap().1.split('/').next().unwrap();
    let server: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let authority = Authority::new().unwrap();
    let port = secured(authority.terminate(server, false).await.unwrap()).await;
    place.database = url.replace(address, &format!("127.0.0.1:{port}"));
    let url = place.url("sslmode=verify-full");
    let error = within(sender(&url, PgmqSenderOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(error.help().unwrap().contains("authority"), "{error}");
    let mut options = PgmqSenderOptions::default();
    options.connection.tls = Tls::default().with_authorities(authority.pem());
    let tls = options.connection.tls.clone();
    within(within(sender(&url, options)).await.unwrap().send(&event(1))).await.unwrap();
    let mut options = strict();
    options.connection.tls = tls;
    assert_eq!(take(&mut within(receiver(&url, options)).await.unwrap()).await, "1");
}
