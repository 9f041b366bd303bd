//! The API over HTTP, with the client and with plain requests.

use cloudevents_subscriptions::reqwest013::{ClientError, Subscriptions};
use cloudevents_subscriptions::{
    InMemory, Protocol, Store, StoreError, Subscription, SubscriptionRequest, axum08::Api,
};
use reqwest::{Client, Method, StatusCode, header};
use serde_json::{Value, json};

/// Serves the API, and returns its URL.
async fn serve(api: Api<impl Store>) -> String {
    let app = axum::Router::new().nest("/v0.1", api.into_router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v0.1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

fn request() -> SubscriptionRequest {
    SubscriptionRequest::parse(
        r#"{"sink": "https://example.com/hook", "protocol": "HTTP", "filters": [{"exact": {"type": "t"}}],
            "sinkcredential": {"credentialtype": "PLAIN", "identifier": "who", "secret": "s3cret"}}"#,
    )
    .unwrap()
}

#[tokio::test]
async fn create_retrieve_query_update_delete() {
    let url = serve(Api::new(InMemory::new(10))).await;
    let manager = Subscriptions::new(Client::new(), &url);
    assert_eq!(manager.query().await.unwrap(), []);
    let created = manager.create(&request()).await.unwrap();
    assert_eq!(created.request().filters(), request().filters());
    assert_eq!(created.request().sinkcredential(), None);
    assert_eq!(manager.retrieve(created.id()).await.unwrap().as_ref(), Some(&created));
    assert_eq!(manager.query().await.unwrap(), std::slice::from_ref(&created));
    let changed =
        SubscriptionRequest::parse(r#"{"sink": "https://example.com/other", "protocol": "HTTP"}"#).unwrap();
    let updated = manager.update(created.id(), &changed).await.unwrap().unwrap();
    assert_eq!((updated.id(), updated.request()), (created.id(), &changed));
    assert!(manager.delete(created.id()).await.unwrap());
    assert!(!manager.delete(created.id()).await.unwrap());
    assert_eq!(manager.retrieve(created.id()).await.unwrap(), None);
    assert_eq!(manager.update(created.id(), &changed).await.unwrap(), None);
    assert_eq!(manager.retrieve("a/b ü?#%2f").await.unwrap(), None);
}

#[tokio::test]
async fn a_client_tells_why_it_was_refused() {
    let url = serve(Api::new(InMemory::new(1)).protocols([Protocol::Http])).await;
    let manager = Subscriptions::new(Client::new(), &url);
    let nats = r#"{"sink": "nats://broker/", "protocol": "NATS", "protocolsettings": {"subject": "s"}}"#;
    let refused = manager.create(&SubscriptionRequest::parse(nats).unwrap()).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::Refused(400, ref reason) if reason.contains("over HTTP here")),
        "{refused}"
    );
    manager.create(&request()).await.unwrap();
    let full = manager.create(&request()).await.unwrap_err();
    assert!(
        matches!(full, ClientError::Refused(400, ref reason) if reason.contains("1 subscriptions already")),
        "{full}"
    );
    let absent = Subscriptions::new(Client::new(), "http://127.0.0.1:1/pXc8Zb3nTqWmEXAMPLE0");
    let unreached = absent.query().await.unwrap_err();
    assert!(matches!(unreached, ClientError::Transport(_)));
    // The URL may be one that only those know who were given it.
    assert!(!format!("{unreached} {unreached:?}").contains("pXc8Zb"), "{unreached}");
}

/// Validators repeat what they refuse. And ids that leave the collection are no subscriptions.
#[tokio::test]
async fn secrets_that_a_manager_repeats_are_not_in_errors() {
    async fn repeats(body: String) -> (StatusCode, String) {
        let escaped = body.replace("s3cret", "s3cr\\/et"); // as some escape it
        (StatusCode::UNPROCESSABLE_ENTITY, format!("{} {escaped}", "x".repeat(900)))
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(repeats);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let manager = Subscriptions::new(Client::new(), &url);
    let created = manager.create(&request()).await.unwrap_err();
    let updated = manager.update("x", &request()).await.unwrap_err();
    for error in [created, updated] {
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("422") && !shown.contains("s3cr"), "{shown}");
    }
    for id in ["", ".", ".."] {
        assert!(!manager.delete(id).await.unwrap());
        assert_eq!(manager.retrieve(id).await.unwrap(), None);
        assert_eq!(manager.update(id, &request()).await.unwrap(), None);
    }
}

/// A token among the settings, the password of the sink, and the sink itself, which only those know who were given it.
#[tokio::test]
async fn what_a_manager_repeats_of_settings_and_sink_is_not_in_errors() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(async |body: String| (StatusCode::BAD_REQUEST, body));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let manager = Subscriptions::new(Client::new(), &url);
    for (sink, members) in [
        (
            "https://example.com/hook",
            r#""protocolsettings": {"headers": {"Authorization": "Bearer s3cr3tT0ken"}}"#,
        ),
        ("https://example.com/hook", r#""config": {"upstream": [{"password": "s3cr3tT0ken"}]}"#),
        (
            "https://example.com/hook",
            r#""config": {"headers": [{"name": "Authorization", "value": "Bearer s3cr3tT0ken"}]}"#,
        ),
        ("https://example.com/hook", r#""config": {"password": {"value": "s3cr3tT0ken"}}"#),
        ("https://me:s3cr3tT0ken@example.com/hook", r#""types": ["t"]"#),
        ("https://example.com/s3cr3tT0ken", r#""types": ["t"]"#),
    ] {
        let request = format!(r#"{{"sink": "{sink}", "protocol": "HTTP", {members}}}"#);
        let request = SubscriptionRequest::parse(&request).unwrap();
        let error = manager.create(&request).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("400") && !shown.contains("s3cr3t"), "{shown}");
    }
    let request = r#"{"sink": "https://example.com/hook", "protocol": "HTTP",
        "protocolsettings": {"headers": {"X-Shop": "5hop-number-1"}}}"#;
    let error = manager.create(&SubscriptionRequest::parse(request).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("5hop-number-1"), "{error}");
}

/// A part of what names an account is no secret.
#[tokio::test]
async fn a_manager_that_repeats_nothing_is_heard() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let says = (StatusCode::BAD_REQUEST, "protocol MQTT5 is not offered by this service");
    let app = axum::Router::new().fallback(async move || says);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let request = SubscriptionRequest::parse(
        r#"{"sink": "https://example.com/hook", "protocol": "HTTP",
            "sinkcredential": {"credentialtype": "PLAIN", "identifier": "billing-service", "secret": "s3cret"}}"#,
    );
    let refused = Subscriptions::new(Client::new(), &url).create(&request.unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("MQTT5"), "{refused}");
}

/// The password in the manager's URL, which reqwest makes a header of; and a text that would be another line of a log.
#[tokio::test]
async fn what_a_manager_repeats_of_its_own_credentials_is_not_in_errors() {
    async fn repeats(headers: header::HeaderMap) -> (StatusCode, String) {
        (StatusCode::FORBIDDEN, format!("no\n{headers:?}"))
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(repeats);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let open = Subscriptions::new(Client::new(), &format!("http://{address}"));
    let shown = open.query().await.unwrap_err().to_string();
    assert!(shown.contains(r"403: no\n{"), "{shown}");
    let manager = Subscriptions::new(Client::new(), &format!("http://me:p4ssw0rd@{address}"));
    for error in [
        manager.create(&request()).await.unwrap_err(),
        manager.retrieve("x").await.unwrap_err(),
        manager.query().await.unwrap_err(),
        manager.update("x", &request()).await.unwrap_err(),
        manager.delete("x").await.unwrap_err(),
    ] {
        let shown = format!("{error} {error:?}");
        // The base64 of `me:p4ssw0rd`.
        assert!(shown.contains("403") && !shown.contains("bWU6cDRzc3cwcmQ="), "{shown}");
    }
}

/// A manager that answers without an end.
#[tokio::test]
async fn a_client_reads_no_answer_without_end() {
    async fn endless(request: axum::extract::Request) -> axum::response::Response {
        let piece = bytes::Bytes::from(" ".repeat(1 << 16));
        let status = if request.method() == Method::DELETE { 500 } else { 200 };
        let body = axum::body::Body::from_stream(futures_util::stream::repeat_with(move || {
            Ok::<_, std::convert::Infallible>(piece.clone())
        }));
        axum::response::Response::builder().status(status).body(body).unwrap()
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(endless);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let manager = Subscriptions::new(Client::new(), &url).limit(1 << 20);
    assert!(matches!(manager.query().await.unwrap_err(), ClientError::TooLarge(0x10_0000)));
    assert!(matches!(manager.retrieve("x").await.unwrap_err(), ClientError::TooLarge(0x10_0000)));
    let refused = manager.delete("x").await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused(500, reason) if reason.len() == 1000));
}

#[tokio::test]
async fn answers_are_those_of_the_openapi_document() {
    let url = serve(Api::new(InMemory::new(10))).await;
    let client = Client::new();
    let send = |method: Method, path: &str, body: Option<&str>| {
        let mut request = client.request(method, format!("{url}{path}"));
        if let Some(body) = body {
            request =
                request.header(header::CONTENT_TYPE, "application/json; charset=utf-8").body(body.to_owned());
        }
        async move { request.send().await.unwrap() }
    };
    let body = request().to_json_with_secrets().to_string();
    let created = send(Method::POST, "/subscriptions", Some(&body)).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    // The location leads to the subscription, whatever the prefix is.
    let location = created.url().join(created.headers()[header::LOCATION].to_str().unwrap()).unwrap();
    let text = created.text().await.unwrap();
    assert!(!text.contains("s3cret") && !text.contains("who"), "{text}");
    let created: Value = serde_json::from_str(&text).unwrap();
    let found: Value = client.get(location.clone()).send().await.unwrap().json().await.unwrap();
    assert_eq!(found, created);
    let path = format!("/subscriptions/{}", created["id"].as_str().unwrap());

    for (path, allow) in [("/subscriptions", "GET,POST,OPTIONS"), (path.as_str(), "GET,PUT,DELETE,OPTIONS")] {
        let options = send(Method::OPTIONS, path, None).await;
        assert_eq!(
            (options.status(), options.headers()[header::ALLOW].to_str().unwrap()),
            (StatusCode::OK, allow)
        );
    }
    assert_eq!(send(Method::PATCH, &path, Some("{}")).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    for bad in ["", "[", "[]", "{}", "null", r#"{"sink": 1}"#] {
        let refused = send(Method::POST, "/subscriptions", Some(bad)).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{bad}");
        assert!(refused.json::<Value>().await.unwrap()["error"].is_string());
        assert_eq!(send(Method::PUT, &path, Some(bad)).await.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    let filter =
        json!({"sink": "https://example.com/", "protocol": "HTTP", "filters": [{"regex": {"type": ".*"}}]});
    let refused = send(Method::POST, "/subscriptions", Some(&filter.to_string())).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(refused.json::<Value>().await.unwrap()["path"], "/filters/0/regex");
    // An update is for the id of the URL, and states it.
    let mut other = request().to_json_with_secrets();
    assert_eq!(send(Method::PUT, &path, Some(&other.to_string())).await.status(), StatusCode::BAD_REQUEST);
    other["id"] = "another".into();
    assert_eq!(send(Method::PUT, &path, Some(&other.to_string())).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        send(Method::PUT, "/subscriptions/another", Some(&other.to_string())).await.status(),
        StatusCode::NOT_FOUND
    );
    // The id of a request to create is ignored.
    let again: Value =
        send(Method::POST, "/subscriptions", Some(&other.to_string())).await.json().await.unwrap();
    assert_ne!(again["id"], "another");
    assert_ne!(again["id"], created["id"]);
    let plain = client.post(format!("{url}/subscriptions")).body(body.clone()).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_refusal_is_a_json_object_with_the_error() {
    let url = serve(Api::new(InMemory::new(10))).await;
    let client = Client::new();
    let large = " ".repeat(300 << 10);
    for (method, path, body, status, error) in [
        (Method::POST, "/subscriptions", &*large, StatusCode::PAYLOAD_TOO_LARGE, "more than 262144 bytes"),
        (Method::PUT, "/subscriptions/x", &large, StatusCode::PAYLOAD_TOO_LARGE, "more than 262144 bytes"),
        (Method::GET, "/subscription", "", StatusCode::NOT_FOUND, "/subscriptions"),
        (Method::GET, "/subscriptions/", "", StatusCode::NOT_FOUND, "/subscriptions"),
        (Method::GET, "/subscriptions/x/y", "", StatusCode::NOT_FOUND, "/subscriptions"),
        (Method::GET, "/subscriptions/%ff", "", StatusCode::NOT_FOUND, "no such subscription"),
        (Method::GET, "/subscriptions/x", "", StatusCode::NOT_FOUND, "no such subscription"),
        (Method::DELETE, "/subscriptions", "", StatusCode::METHOD_NOT_ALLOWED, "OPTIONS"),
        (Method::PATCH, "/subscriptions/x", "{}", StatusCode::METHOD_NOT_ALLOWED, "OPTIONS"),
    ] {
        let request = client.request(method.clone(), format!("{url}{path}")).body(body.to_owned());
        let refused = request.header(header::CONTENT_TYPE, "application/json").send().await.unwrap();
        assert_eq!(refused.status(), status, "{method} {path}");
        let content_type = refused.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap());
        assert_eq!(content_type, Some("application/json"), "{method} {path}");
        if status == StatusCode::METHOD_NOT_ALLOWED {
            assert!(refused.headers()[header::ALLOW].to_str().unwrap().contains("GET"), "{method} {path}");
        }
        let document: Value = refused.json().await.unwrap();
        assert!(document["error"].as_str().unwrap().contains(error), "{method} {path}: {document}");
    }
}

struct Broken;

impl Store for Broken {
    async fn create(&self, _: SubscriptionRequest) -> Result<Subscription, StoreError> {
        Err(StoreError::Failed("password of the database".into()))
    }

    async fn retrieve(&self, _: &str) -> Result<Option<Subscription>, StoreError> {
        Err(StoreError::Failed("x".into()))
    }

    async fn query(&self) -> Result<Vec<Subscription>, StoreError> {
        Err(StoreError::Failed("x".into()))
    }

    async fn update(&self, _: &str, _: SubscriptionRequest) -> Result<Option<Subscription>, StoreError> {
        Err(StoreError::Failed("x".into()))
    }

    async fn delete(&self, _: &str) -> Result<Option<Subscription>, StoreError> {
        Err(StoreError::Failed("x".into()))
    }
}

#[tokio::test]
async fn a_store_that_fails_is_the_servers_fault() {
    let manager = Subscriptions::new(Client::new(), &serve(Api::new(Broken)).await);
    let error = manager.create(&request()).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Refused(500, ref reason) if !reason.contains("password")),
        "{error}"
    );
}
