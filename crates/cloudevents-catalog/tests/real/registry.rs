//! Catalogs from registries.

use cloudevents_catalog::{Judge, LoadOptions, Outcome, reqwest013::fetch};
use cloudevents_core::{ErrorKind, Event, Payload};
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
    // A fragment is no part of a request.
    for (end, target) in [("#x", "/?doc&inline=*"), ("export#x", "/export"), ("#a?b", "/?doc&inline=*")] {
        let (url, served) = registry(answer("200 OK", DOCUMENT)).await;
        fetch(&local(), &format!("{url}{end}"), &LoadOptions::strict()).await.unwrap();
        let request = served.await.unwrap();
        assert!(request.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{end}: {request}");
    }
}

/// As registries write it (core/spec.md, "Doc Flag"): the attributes of a message are in its version, and a resource may stand for another
/// one.
const DOCUMENT_VIEW: &str = r##"{
  "specversion": "1.0-rc4", "registryid": "r", "self": "#/", "xid": "/",
  "messagegroups": {
    "g": {
      "messagegroupid": "g", "self": "#/messagegroups/g", "xid": "/messagegroups/g", "epoch": 1,
      "envelope": "CloudEvents/1.0",
      "messagesurl": "#/messagegroups/g/messages", "messagescount": 2,
      "messages": {
        "t": {
          "messageid": "t", "self": "#/messagegroups/g/messages/t", "xid": "/messagegroups/g/messages/t",
          "metaurl": "#/messagegroups/g/messages/t/meta",
          "meta": {
            "messageid": "t", "self": "#/messagegroups/g/messages/t/meta", "xid": "/messagegroups/g/messages/t/meta",
            "epoch": 1, "readonly": false, "defaultversionid": "1", "defaultversionurl": "#/messagegroups/g/messages/t/versions/1"
          },
          "versionsurl": "#/messagegroups/g/messages/t/versions", "versionscount": 1,
          "versions": {
            "1": {
              "messageid": "t", "versionid": "1", "self": "#/messagegroups/g/messages/t/versions/1",
              "xid": "/messagegroups/g/messages/t/versions/1", "epoch": 1, "isdefault": true, "ancestorid": "1",
              "envelope": "CloudEvents/1.0", "envelopemetadata": {"source": {"value": "/shops/{shop}"}},
              "dataschemaformat": "JsonSchema/draft-07", "dataschemauri": "/schemagroups/g/schemas/linked"
            }
          }
        },
        "u": {
          "messageid": "u", "self": "#/messagegroups/g/messages/u", "xid": "/messagegroups/g/messages/u",
          "meta": {"messageid": "u", "xid": "/messagegroups/g/messages/u/meta", "xref": "/messagegroups/g/messages/t"}
        }
      }
    }
  },
  "schemagroups": {
    "g": {
      "schemagroupid": "g",
      "schemas": {
        "linked": {
          "schemaid": "linked", "xid": "/schemagroups/g/schemas/linked",
          "meta": {"schemaid": "linked", "xref": "/schemagroups/g/schemas/s"}
        },
        "s": {
          "schemaid": "s", "xid": "/schemagroups/g/schemas/s",
          "meta": {"schemaid": "s", "defaultversionid": "1", "defaultversionsticky": true},
          "versions": {
            "1": {"schemaid": "s", "versionid": "1", "ancestorid": "1", "format": "JsonSchema/draft-07", "schema": {"required": ["number"]}},
            "2": {"schemaid": "s", "versionid": "2", "ancestorid": "1", "format": "JsonSchema/draft-07", "schema": {"required": ["other"]}}
          }
        }
      }
    }
  }
}"##;

#[tokio::test]
async fn events_are_judged_by_what_a_registry_returns() {
    let (url, _served) = registry(answer("200 OK", DOCUMENT_VIEW)).await;
    let report = fetch(&local(), &url, &LoadOptions::strict()).await.unwrap();
    assert_eq!(report.findings, []);
    for (ty, source, payload, wanted) in [
        ("t", "/shops/7", r#"{"number": 1}"#, Outcome::Valid),
        ("t", "/shops/7", r#"{"other": 1}"#, Outcome::Invalid),
        ("t", "/others/7", r#"{"number": 1}"#, Outcome::Invalid),
        ("u", "/shops/7", r#"{"number": 1}"#, Outcome::Valid),
        ("u", "/shops/7", r#"{"other": 1}"#, Outcome::Invalid),
        ("v", "/shops/7", r#"{"number": 1}"#, Outcome::Undefined),
    ] {
        let event = Event::builder().id("1").source(source).ty(ty);
        let event = event.payload("application/json", Payload::body(payload)).build().unwrap();
        let verdict = report.catalog.judge(&event);
        assert_eq!(verdict.outcome(), wanted, "{ty} {source} {payload}: {verdict}");
    }
    // A mistake is at the place that has it.
    let broken = DOCUMENT_VIEW.replace("{\"value\": \"/shops/{shop}\"}", "{\"value\": \"\"}");
    let (url, _served) = registry(answer("200 OK", &broken)).await;
    let report = fetch(&local(), &url, &LoadOptions::strict()).await.unwrap();
    let places: Vec<&str> = report.mistakes().map(|finding| finding.place.as_str()).collect();
    assert_eq!(places, ["/messagegroups/g/messages/t/versions/1/envelopemetadata/source/value"]);
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
