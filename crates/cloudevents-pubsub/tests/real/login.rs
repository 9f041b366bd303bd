//! Access tokens: where they come from, and that they go over TLS alone.

use crate::tools::{JSON, event, provider, refusal, sending, strict, url, within};
use cloudevents_core::ErrorKind;
use cloudevents_pubsub::reqwest013::{Login, PubsubConnection, receiver, sender};
use cloudevents_testkit::{
    service::{Answer, Request, Service},
    tls::Authority,
};
use serde_json::json;

/// The answers of Pub/Sub to a sender.
fn pubsub(request: &Request) -> Answer {
    let stored = request.line.ends_with(":publish");
    Some((200, if stored { r#"{"messageIds":["1"]}"# } else { "{}" }.to_owned()))
}

/// A server behind TLS, and the options for it.
async fn behind_tls(authority: &Authority, server: &Service, login: Login) -> (String, PubsubConnection) {
    provider();
    let port = authority.terminate(server.port(), false).await.unwrap();
    let certificate = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let mut connection = PubsubConnection::default();
    connection.client =
        Some(reqwest::Client::builder().no_proxy().tls_certs_only([certificate]).build().unwrap());
    connection.login = Some(login);
    (url(&format!("https://127.0.0.1:{port}"), "orders", ""), connection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_goes_with_each_request() {
    let server = Service::start(JSON, |request, _| pubsub(request)).await;
    let authority = Authority::new().unwrap();
    let mut options = sending();
    let url;
    (url, options.connection) = behind_tls(&authority, &server, Login::token("t0ken")).await;
    let sender = within(sender(&url, options)).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    let requests = server.requests("/v1/projects/tests/topics/orders");
    assert_eq!(requests.len(), 2, "a look at the topic, and a message");
    for request in requests {
        assert_eq!(request.header("authorization"), Some("Bearer t0ken"), "{request:?}");
    }
    assert!(!format!("{sender:?}").contains("t0ken"));
}

/// The answer of a token server is RFC 6749, section 5.1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_exchanges_a_refresh_token_and_a_refused_token_is_dropped() {
    let server = Service::start(JSON, |request, before| match request.line.as_str() {
        "POST /token" => {
            Some((200, format!(r#"{{"access_token":"a{before}","expires_in":3600,"token_type":"Bearer"}}"#)))
        }
        line if line.ends_with(":publish") && before == 0 => refusal(401, "UNAUTHENTICATED", "It has ended"),
        _ => pubsub(request),
    })
    .await;
    let authority = Authority::new().unwrap();
    let port = authority.terminate(server.port(), false).await.unwrap();
    let user = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s3cret", "refresh_token": "r",
        "quota_project_id": "payer", "token_uri": format!("https://127.0.0.1:{port}/token")});
    let mut options = sending();
    let url;
    let login = Login::from_json(&user.to_string()).unwrap();
    (url, options.connection) = behind_tls(&authority, &server, login).await;
    let sender = within(sender(&url, options)).await.unwrap();
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(!sender.refuses_message(&error));
    within(sender.send(&event(1))).await.unwrap();
    let asked = server.requests("POST /token");
    assert_eq!(asked.len(), 2, "one when it was opened, and one after the refusal");
    assert_eq!(asked[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked[0].body, "grant_type=refresh_token&client_id=c&client_secret=s3cret&refresh_token=r");
    let sent = server.requests(":publish");
    let tokens: Vec<_> = sent.iter().map(|request| request.header("authorization").unwrap()).collect();
    assert_eq!(tokens, ["Bearer a0", "Bearer a1"]);
    assert!(sent.iter().all(|request| request.header("x-goog-user-project") == Some("payer")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_has_a_metadata_server() {
    let server = Service::start(JSON, |request, _| match request.line.contains("computeMetadata") {
        true => Some((200, r#"{"access_token":"m1","expires_in":3599,"token_type":"Bearer"}"#.to_owned())),
        false => pubsub(request),
    })
    .await;
    let authority = Authority::new().unwrap();
    let login = Login::of_metadata(&format!("127.0.0.1:{}", server.port()));
    let mut options = sending();
    let url;
    (url, options.connection) = behind_tls(&authority, &server, login).await;
    within(within(sender(&url, options)).await.unwrap().send(&event(1))).await.unwrap();
    let asked = server.requests("computeMetadata");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "GET /computeMetadata/v1/instance/service-accounts/default/token");
    assert_eq!(asked[0].header("metadata-flavor"), Some("Google"));
    assert_eq!(server.requests(":publish")[0].header("authorization"), Some("Bearer m1"));
}

/// Errors name what to do, and no token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_that_refuse() {
    let server = Service::start(JSON, |request, _| match request.line.contains("computeMetadata") {
        true => Some((404, "no s3cret account".to_owned())),
        false => refusal(403, "PERMISSION_DENIED", "User not authorized"),
    })
    .await;
    let authority = Authority::new().unwrap();
    let mut options = strict();
    let url;
    let login = Login::of_metadata(&format!("127.0.0.1:{}", server.port()));
    (url, options.connection) = behind_tls(&authority, &server, login).await;
    let error = within(receiver(&url, options.clone())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    options.connection.login = Some(Login::of_metadata("127.0.0.1:1"));
    let error = within(receiver(&url, options.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.help().unwrap().contains("GOOGLE_APPLICATION_CREDENTIALS"), "{error}");
    // An account that may not look at a subscription may have no right to receive, too.
    options.connection.login = Some(Login::token("t0ken"));
    let error = within(receiver(&url, options)).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert!(error.help().unwrap().contains("roles/pubsub.subscriber"), "{error}");
    assert!(!format!("{error:?}").contains("t0ken"), "{error:?}");
}
