//! The requests to a registry, and how its responses are handled.

use super::server::{FakeRegistry, soon};
use cloudevents_core::ErrorKind;
use cloudevents_kafka::registry::{
    Reference, RegistryRefusal, Schema, SchemaKind, SchemaRegistry, is_temporary,
    reqwest013::{Authorization, HttpRegistry, HttpRegistryOptions},
};
use cloudevents_transport::binding::Secrets;
use std::{error::Error as _, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

#[tokio::test]
async fn schemas_have_kinds_and_references() {
    let fake = FakeRegistry::start().await;
    // Avro is not named in the request.
    fake.answers("GET /schemas/ids/1", 200, r#"{"schema": "\"int\""}"#);
    let reference = serde_json::json!({"name": "a.proto", "subject": "a", "version": 3});
    fake.answers(
        "GET /schemas/ids/2",
        200,
        serde_json::json!({"schema": "x", "schemaType": "PROTOBUF", "references": [reference], "more": 1}),
    );
    fake.has(3, "XML", "y");
    let registry = fake.registry();
    assert_eq!(registry.schema(1).await.unwrap(), Schema::avro("\"int\""));
    let expected = Schema::protobuf("x").with_references([Reference {
        name: "a.proto".into(),
        subject: "a".into(),
        version: 3,
    }]);
    assert_eq!(registry.schema(2).await.unwrap(), expected);
    assert_eq!(registry.schema(3).await.unwrap().kind(), &SchemaKind::Other("XML".into()));
    for seen in fake.seen() {
        assert_eq!(seen.headers["accept"], "application/vnd.schemaregistry.v1+json");
        assert!(!seen.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn schemas_are_looked_up_or_registered() {
    let fake = FakeRegistry::start().await;
    fake.answers(
        "POST /subjects/orders-value",
        200,
        r#"{"subject": "orders-value", "id": 4, "version": 1, "schema": ""}"#,
    );
    fake.answers("POST /subjects/orders-value/versions?normalize=true", 200, r#"{"id": 5}"#);
    let reference = Reference { name: "shop.Line".into(), subject: "line".into(), version: 1 };
    let schema = Schema::avro("\"int\"").with_references([reference]);
    assert_eq!(fake.registry().id_of("orders-value", &schema).await.unwrap(), 4);
    let mut options = HttpRegistryOptions::default();
    (options.register, options.normalize) = (true, true);
    assert_eq!(fake.with(options).id_of("orders-value", &schema).await.unwrap(), 5);
    let seen = fake.seen();
    assert_eq!(seen[0].headers["content-type"], "application/vnd.schemaregistry.v1+json");
    let body: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "schema": "\"int\"", "references": [{"name": "shop.Line", "subject": "line", "version": 1}]
        })
    );
    assert_eq!(seen[0].body, seen[1].body);
}

#[tokio::test]
async fn subjects_stay_one_segment() {
    let fake = FakeRegistry::start().await;
    let schema = Schema::avro("\"int\"");
    for subject in ["../config", "a/b?c#d", "100%\t\r\nGröße", ":.ctx:x"] {
        let _ = fake.registry().id_of(subject, &schema).await;
    }
    let lines: Vec<String> = fake.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines,
        [
            "POST /subjects/..%2Fconfig",
            "POST /subjects/a%2Fb%3Fc%23d",
            "POST /subjects/100%25%09%0D%0AGr%C3%B6%C3%9Fe",
            "POST /subjects/%3A.ctx%3Ax",
        ]
    );
    for subject in ["", ".", ".."] {
        assert_eq!(fake.registry().id_of(subject, &schema).await.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn a_path_before_the_api_stays() {
    let fake = FakeRegistry::start().await;
    fake.answers("GET /apis/ccompat/v7/schemas/ids/1", 200, r#"{"schema": "x"}"#);
    for end in ["", "/"] {
        let url = format!("{}/apis/ccompat/v7{end}", fake.url);
        let registry = HttpRegistry::new(&url, HttpRegistryOptions::default()).unwrap();
        assert_eq!(registry.schema(1).await.unwrap().text(), "x");
    }
    for url in ["", "registry:8081", "ftp://registry", "http://"] {
        let error = HttpRegistry::new(url, HttpRegistryOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
    }
}

#[tokio::test]
async fn who_asks_says_who_it_is() {
    let fake = FakeRegistry::start().await;
    let mut options = HttpRegistryOptions::default();
    options.headers.insert("target-sr-cluster", "lsrc-1".parse().unwrap());
    options.authorization = Authorization::Basic { user: "key".into(), password: "secret".into() };
    let registry = fake.with(options.clone());
    let _ = registry.schema(1).await;
    options.authorization = Authorization::Bearer("token".into());
    let _ = fake.with(options).schema(1).await;
    let with_password = fake.url.replace("http://", "http://key:secret@");
    let _ = HttpRegistry::new(&with_password, HttpRegistryOptions::default()).unwrap().schema(1).await;
    let seen = fake.seen();
    // The base64 of `key:secret`.
    assert_eq!(seen[0].headers["authorization"], "Basic a2V5OnNlY3JldA==");
    assert_eq!(seen[0].headers["target-sr-cluster"], "lsrc-1");
    assert_eq!(seen[1].headers["authorization"], "Bearer token");
    assert_eq!(seen[2].headers["authorization"], "Basic a2V5OnNlY3JldA==");
    assert!(!format!("{registry:?}").contains("secret"));
}

/// Gateways repeat what they refuse, and some of it would be another line of a log.
#[tokio::test]
async fn credentials_that_a_registry_repeats_are_not_in_errors() {
    let fake = FakeRegistry::start().await;
    let line = "GET /schemas/ids/1";
    for (says, shown) in [
        ("invalid token eyJ0eXAi.eyJhdWQi", Secrets::NOT_SHOWN),
        ("invalid token eyJ0eXAi%2EeyJhdWQi", Secrets::NOT_SHOWN),
        ("no such user\n2026-01-01 ERROR forged", r"no such user\n2026-01-01 ERROR forged"),
    ] {
        fake.answers(line, 401, serde_json::json!({"error_code": 40101, "message": says}));
        let mut options = HttpRegistryOptions::default();
        options.authorization = Authorization::Bearer("eyJ0eXAi.eyJhdWQi".into());
        let error = fake.with(options).schema(1).await.unwrap_err();
        assert!(error.detail().ends_with(shown), "{error}");
        assert!(!format!("{error:?}").contains("eyJhdWQi"), "{error:?}");
    }
    // With a status of success, and another document.
    fake.answers(line, 200, serde_json::json!("invalid token eyJ0eXAi.eyJhdWQi"));
    let mut options = HttpRegistryOptions::default();
    options.authorization = Authorization::Bearer("eyJ0eXAi.eyJhdWQi".into());
    let error = fake.with(options).schema(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidDocument);
    assert!(!format!("{error:?}").contains("eyJhdWQi"), "{error:?}");
}

#[tokio::test]
async fn answers_that_are_none_say_what_to_do() {
    let fake = FakeRegistry::start().await;
    let registry = fake.registry();
    let coded = |code: u32| format!("{{\"error_code\": {code}, \"message\": \"no\"}}");
    let cases = [
        (404, coded(40403), ErrorKind::InvalidData, false),
        (404, "<html>".to_owned(), ErrorKind::InvalidUrl, false),
        (302, String::new(), ErrorKind::InvalidUrl, false),
        (401, coded(401), ErrorKind::Refused, false),
        (403, String::new(), ErrorKind::Refused, false),
        (409, coded(409), ErrorKind::Refused, false),
        (422, coded(42201), ErrorKind::Refused, false),
        (429, coded(429), ErrorKind::Transport, true),
        (500, coded(50001), ErrorKind::Transport, true),
        (503, String::new(), ErrorKind::Transport, true),
    ];
    for (status, body, kind, temporary) in cases {
        fake.answers("GET /schemas/ids/1", status, &body);
        let error = registry.schema(1).await.unwrap_err();
        assert_eq!((error.kind(), is_temporary(&error)), (kind, temporary), "{status} {body}");
        assert!(error.help().is_some());
        let refusal = error.source().unwrap().downcast_ref::<RegistryRefusal>().unwrap();
        assert_eq!(refusal.status(), status);
        assert_eq!(refusal.code().is_some(), body.starts_with('{'));
    }
    // A value whose schema is not known is not an error of the payload.
    let error = registry.id_of("orders-value", &Schema::avro("\"int\"")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.help().unwrap().contains("register"), "{error:?}");
    for body in ["", "[]", "{\"id\": -1}", "{\"schema\": 1}"] {
        fake.answers("GET /schemas/ids/1", 200, body);
        fake.answers("POST /subjects/a", 200, body);
        assert_eq!(registry.schema(1).await.unwrap_err().kind(), ErrorKind::InvalidDocument, "{body}");
        let error = registry.id_of("a", &Schema::avro("\"int\"")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{body}");
    }
}

#[tokio::test]
async fn a_registry_that_is_down_is_worth_another_attempt() {
    let url = format!("http://127.0.0.1:{}", cloudevents_testkit::ports::free());
    let registry = HttpRegistry::new(&url, HttpRegistryOptions::default()).unwrap();
    let error = registry.schema(1).await.unwrap_err();
    assert_eq!((error.kind(), is_temporary(&error)), (ErrorKind::Disconnected, true), "{error:?}");

    let fake = FakeRegistry::closed().await;
    let mut options = HttpRegistryOptions::default();
    options.timeout = Duration::from_millis(50);
    let error = soon(fake.with(options).schema(1)).await.unwrap_err();
    assert_eq!((error.kind(), is_temporary(&error)), (ErrorKind::Timeout, true), "{error:?}");
}

#[tokio::test]
async fn a_huge_answer_is_refused() {
    let fake = FakeRegistry::start().await;
    let mut options = HttpRegistryOptions::default();
    options.max_bytes = 64;
    let registry = fake.with(options.clone());
    fake.has(1, "AVRO", &"x".repeat(64));
    assert_eq!(registry.schema(1).await.unwrap_err().kind(), ErrorKind::TooLarge);
    // The body of a refusal is not read to its end either.
    fake.answers("GET /schemas/ids/1", 500, "x".repeat(1 << 20));
    assert_eq!(registry.schema(1).await.unwrap_err().kind(), ErrorKind::Transport);
    fake.answers("GET /schemas/ids/1", 200, r#"{"schema": "small"}"#);
    assert_eq!(registry.schema(1).await.unwrap().text(), "small");

    // Without a declared length, and without an end.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 1024]).await.unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"schema\": \"").await.unwrap();
        while socket.write_all(&[b'x'; 1024]).await.is_ok() {}
    });
    let registry = HttpRegistry::new(&url, options).unwrap();
    assert_eq!(soon(registry.schema(1)).await.unwrap_err().kind(), ErrorKind::TooLarge);
}
