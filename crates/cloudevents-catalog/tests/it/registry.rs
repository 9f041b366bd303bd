//! Catalogs from registries.

use cloudevents_catalog::{LoadOptions, reqwest013::fetch};
use cloudevents_core::ErrorKind;
use cloudevents_webhook::guard::{SystemResolver, UrlGuard};
use cloudevents_webhook::reqwest013::GuardedClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const DOCUMENT: &str = r#"{"messagegroups": {"g": {"messages": {"t": {"envelope": "CloudEvents/1.0"}}}}}"#;

/// Answers one request with this, and returns the URL of the server and the beginning of the request.
async fn registry(answer: String) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = connection.read(&mut request).await.unwrap();
        // A client that has enough hangs up.
        let _ = connection.write_all(answer.as_bytes()).await;
        String::from_utf8(request[..length].to_vec()).unwrap()
    });
    (url, served)
}

fn answer(status: &str, document: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{document}", document.len())
}

fn client(guard: UrlGuard) -> GuardedClient {
    GuardedClient::new(guard, SystemResolver::new(), reqwest::Client::builder()).unwrap()
}

fn local() -> GuardedClient {
    client(UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse().unwrap()))
}

#[tokio::test]
async fn all_of_it_is_requested() {
    let (url, served) = registry(answer("200 OK", DOCUMENT)).await;
    let report = fetch(&local(), &url, &LoadOptions::strict()).await.unwrap();
    assert_eq!(report.catalog.messages().count(), 1);
    let request = served.await.unwrap();
    assert!(request.starts_with("GET /?doc&inline=* HTTP/1.1\r\n"), "{request}");
    // A URL of a document stays as it is.
    let (url, served) = registry(answer("200 OK", DOCUMENT)).await;
    fetch(&local(), &format!("{url}export"), &LoadOptions::strict()).await.unwrap();
    assert!(served.await.unwrap().starts_with("GET /export HTTP/1.1\r\n"));
}

#[tokio::test]
async fn what_is_no_catalog_is_an_error() {
    for (answer, kind) in [
        (answer("404 Not Found", "{}"), ErrorKind::Refused),
        (answer("302 Found\r\nLocation: http://127.0.0.1:9/", ""), ErrorKind::Refused),
        (answer("200 OK", "[]"), ErrorKind::InvalidDocument),
        (answer("200 OK", "{"), ErrorKind::InvalidDocument),
        (answer("200 OK", &" ".repeat(1001)), ErrorKind::InvalidDocument),
        // Without an end.
        (
            format!("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n{}", " ".repeat(1001)),
            ErrorKind::InvalidDocument,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_owned(), ErrorKind::Transport),
    ] {
        let (url, _served) = registry(answer.clone()).await;
        let mut options = LoadOptions::strict();
        options.limits.bytes = 1000;
        let error = fetch(&local(), &url, &options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{answer}: {error}");
    }
}

/// Nothing is requested that the guard does not allow.
#[tokio::test]
async fn the_guard_decides() {
    let (url, served) = registry(answer("200 OK", DOCUMENT)).await;
    for guard in [UrlGuard::new(), UrlGuard::new().allow_http().allow_any_port()] {
        let error = fetch(&client(guard), &url, &LoadOptions::strict()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
    assert!(!served.is_finished());
}
