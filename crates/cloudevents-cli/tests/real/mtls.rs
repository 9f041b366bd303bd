//! Deliveries to a target that knows its senders by their certificates. Here, because only this program's build has TLS for reqwest.

use cloudevents_kit::{
    Event,
    transport::{Outgoing, Sender},
    webhook::{
        guard::{SystemResolver, UrlGuard},
        reqwest013::{GuardedClient, Target, WebhookSender, WebhookSenderOptions},
    },
};
use cloudevents_testkit::{
    tls::Authority,
    webhook::{Respond, TestTarget},
};
use reqwest::{Certificate, Identity};

/// A client that trusts the authority, perhaps with a certificate of its own.
fn client(authority: &Authority, certified_by: Option<&Authority>) -> GuardedClient {
    let trusted = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let mut builder = reqwest::Client::builder().tls_certs_only([trusted]);
    if let Some(authority) = certified_by {
        let (certificate, key) = authority.issue("sender").unwrap();
        builder = builder.identity(Identity::from_pem((certificate + &key).as_bytes()).unwrap());
    }
    let guard = UrlGuard::new().allow_any_port().allow_network("127.0.0.1".parse().unwrap());
    GuardedClient::new(guard, SystemResolver::new(), builder).unwrap()
}

#[tokio::test]
async fn each_target_has_its_own_client_certificate() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = TestTarget::start(Respond::agree("*"), [Respond::status("204 No Content", "")]).await;
    let port = authority.terminate(server.address().port(), true).await.unwrap();
    let mut options = WebhookSenderOptions::new("eventemitter.example.com".parse().unwrap());
    options.retry = cloudevents_kit::webhook::deliver::RetrySchedule::new([]);
    let webhooks = WebhookSender::new(client(&authority, None), options);
    let target = |name: &'static str| Target::new(format!("https://127.0.0.1:{port}/{name}")).named(name);
    webhooks.add(target("without")).unwrap();
    webhooks.add(target("other").client(client(&authority, Some(&other)))).unwrap();
    webhooks.add(target("with").client(client(&authority, Some(&authority)))).unwrap();
    let sender: Sender = webhooks.into_sender();
    let event = Event::builder().id("1").source("/tests").ty("t").text("payload").build().unwrap();
    for refused in ["without", "other"] {
        sender.send(Outgoing::from(&event).to(refused)).await.unwrap_err();
    }
    sender.send(Outgoing::from(&event).to("with")).await.unwrap();
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/with", "/with"], "the handshake and the delivery");
}
