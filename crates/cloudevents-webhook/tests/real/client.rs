//! The guard in a client, over sockets.

use cloudevents_core::ErrorKind;
use cloudevents_webhook::{
    guard::{Refusal, Resolve, UrlGuard},
    reqwest013::{GuardedClient, refusal},
};
use reqwest::{Client, Method};
use std::{
    future::ready,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Resolves every name to the addresses, one after the other.
#[derive(Clone)]
struct Names(Arc<Vec<IpAddr>>, Arc<AtomicUsize>);

impl Names {
    fn new(addresses: &[&str]) -> Self {
        Self(Arc::new(addresses.iter().map(|address| address.parse().unwrap()).collect()), Arc::default())
    }
}

impl Resolve for Names {
    fn resolve(&self, _: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send {
        let asked = self.1.fetch_add(1, Ordering::SeqCst);
        ready(Ok(vec![self.0[asked.min(self.0.len() - 1)]]))
    }
}

/// Answers each connection with this response, and counts them.
async fn server(response: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (port, served) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&served);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = connection.read(&mut [0; 4096]).await;
            let _ = connection.write_all(response.as_bytes()).await;
        }
    });
    (port, served)
}

fn guard() -> UrlGuard {
    UrlGuard::new().allow_http().allow_any_port()
}

#[tokio::test]
async fn the_connection_goes_to_the_checked_address() {
    let (port, served) = server("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
    let allowed = guard().allow_network("127.0.0.1".parse().unwrap());
    let client =
        GuardedClient::new(allowed, Names::new(&["127.0.0.1", "127.0.0.2"]), Client::builder()).unwrap();
    let url = format!("http://partner.example:{port}/hook");
    assert_eq!(client.request(Method::POST, &url).unwrap().send().await.unwrap().status(), 204);
    assert_eq!(served.load(Ordering::SeqCst), 1);
    // The name was bound anew: the next connection is refused, and nothing is sent.
    let error = client.request(Method::POST, &url).unwrap().send().await.unwrap_err();
    assert!(matches!(refusal(&error), Some(Refusal::Address { .. })), "{error:?}");
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (port, served) = server(
        "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    )
    .await;
    let allowed = guard().allow_network("127.0.0.1".parse().unwrap());
    let client = GuardedClient::new(allowed, Names::new(&["127.0.0.1"]), Client::builder()).unwrap();
    let response = client
        .request(Method::POST, &format!("http://partner.example:{port}/"))
        .unwrap()
        .send()
        .await
        .unwrap();
    assert_eq!((response.status().as_u16(), served.load(Ordering::SeqCst)), (302, 1));
}

/// Another process, which has a proxy in its environment.
#[tokio::test]
async fn child() {
    let Ok(url) = std::env::var("CE_TEST_PROXIED") else { return };
    let allowed = guard().allow_network("127.0.0.1".parse().unwrap());
    let client = GuardedClient::new(allowed, Names::new(&["127.0.0.1"]), Client::builder()).unwrap();
    assert_eq!(client.request(Method::POST, &url).unwrap().send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn no_proxy_of_the_environment_is_used() {
    let (port, served) = server("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
    let (proxy, proxied) = server("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "client::child"]).env_clear();
    child.env("CE_TEST_PROXIED", format!("http://partner.example:{port}/"));
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, format!("http://127.0.0.1:{proxy}"));
    }
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((served.load(Ordering::SeqCst), proxied.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn private_names_and_addresses_are_not_connected_to() {
    let (port, served) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let client = GuardedClient::new(guard(), Names::new(&["127.0.0.1"]), Client::builder()).unwrap();
    assert!(client.request(Method::GET, &format!("http://127.0.0.1:{port}/")).is_err());
    let error = client
        .request(Method::GET, &format!("http://partner.example:{port}/"))
        .unwrap()
        .send()
        .await
        .unwrap_err();
    assert!(matches!(refusal(&error), Some(Refusal::Address { .. })), "{error:?}");
    assert_eq!(served.load(Ordering::SeqCst), 0);
}

/// The proxy gets the whole URL, and resolves the name. What the guard can see in a URL stays refused.
#[tokio::test]
async fn an_egress_proxy_gets_every_request_that_the_guard_allows() {
    let (port, proxied) = server("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
    let proxy = format!("http://127.0.0.1:{port}");
    let client = GuardedClient::through_proxy(&proxy, guard(), Client::builder()).unwrap();
    let request = client.request(Method::POST, "http://no-such-name.invalid:81/hook").unwrap();
    assert_eq!(request.send().await.unwrap().status(), 204);
    assert_eq!(proxied.load(Ordering::SeqCst), 1);
    for refused in ["http://127.0.0.1:81/", "http://user@partner.example/", "ftp://partner.example/"] {
        assert!(client.request(Method::POST, refused).is_err(), "{refused}");
    }
    let error =
        GuardedClient::through_proxy("http://user:secret@:x", guard(), Client::builder()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

/// The HTTP client takes such a proxy without an error, and sends requests directly, past the rules of the proxy and without a look at
/// addresses.
#[test]
fn a_proxy_that_the_client_would_pass_by_is_refused() {
    for proxy in [
        "socks://127.0.0.1:1080",
        "socks4://127.0.0.1:1080",
        "socks5h://127.0.0.1:1080",
        "tcp://127.0.0.1:3128",
        "htpp://127.0.0.1:3128",
        "ftp://127.0.0.1:21",
        "egress.example:3128",
        "egress.example",
        "//egress.example:3128",
        "data:,egress.example",
        "unix:///run/proxy.sock",
        "",
    ] {
        let refused = GuardedClient::through_proxy(proxy, guard(), Client::builder());
        assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::InvalidUrl), "{proxy}");
    }
    for proxy in ["https://egress.example", "HTTP://user:secret@egress.example:3128/"] {
        GuardedClient::through_proxy(proxy, guard(), Client::builder()).expect(proxy);
    }
}

#[test]
fn debug_of_a_client_does_not_show_its_headers() {
    let headers = [("authorization", "Bearer abc123")].map(|(name, value)| {
        (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
    });
    let builder = Client::builder().default_headers(headers.into_iter().collect());
    let client = GuardedClient::new(guard(), Names::new(&["127.0.0.1"]), builder).unwrap();
    let shown = format!("{client:?}");
    assert!(shown.contains("GuardedClient") && !shown.contains("abc123"), "{shown}");
}
