//! TLS and SASL EXTERNAL, with a proxy that terminates TLS before the broker.

use crate::tools::{event, id, next, strict, within};
use cloudevents_core::ErrorKind;
use cloudevents_rabbitmq::lapin4::{RabbitConnection, RabbitSenderOptions, Tls, receiver, sender};
use cloudevents_testkit::rabbitmq::{Broker, BrokerOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::sync::Arc;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// An authority and its certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key, in PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn tls(&self) -> Tls {
        Tls::default().with_authorities(self.0.pem())
    }
}

/// Terminates TLS before the broker, and requires client certificates if requested. Returns the port.
async fn front(authority: &Authority, broker: &Broker, certificates: bool) -> u16 {
    let provider = Arc::new(ring::default_provider());
    let (certificate, key) = authority.issue("127.0.0.1");
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = if certificates {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        config.with_client_cert_verifier(verifier.unwrap())
    } else {
        config.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), broker.port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(stream).await else { return };
                let mut broker = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                let _ = copy_bidirectional(&mut tls, &mut broker).await;
            });
        }
    });
    port
}

fn with(tls: Tls) -> RabbitSenderOptions {
    let mut options = RabbitSenderOptions::default();
    options.connection.tls = tls;
    options
}

#[tokio::test]
async fn events_go_over_tls() {
    let (authority, broker) = (Authority::new(), Broker::start().unwrap());
    let url = format!(
        "rabbitmqs://127.0.0.1:{}/?queue=orders&declare=classic",
        front(&authority, &broker, false).await
    );
    let sender = sender(&url, with(authority.tls())).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    let mut options = strict();
    options.connection.tls = authority.tls();
    let mut receiver = receiver(&url, options).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(id(&delivery), "1");
    within(delivery.accept()).await.unwrap();
    within(sender.close()).await.unwrap();
}

#[tokio::test]
async fn unknown_authorities_are_not_trusted() {
    let (authority, broker) = (Authority::new(), Broker::start().unwrap());
    let port = front(&authority, &broker, false).await;
    for tls in [Tls::default(), Authority::new().tls()] {
        let url = format!("rabbitmqs://127.0.0.1:{port}/?queue=orders&declare=classic");
        let error = within(sender(&url, with(tls))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    }
    // The certificate has another name.
    let url = format!("rabbitmqs://localhost:{port}/?queue=orders&declare=classic");
    within(sender(&url, with(authority.tls()))).await.unwrap_err();
    for tls in [Tls::default().with_authorities("none"), authority.tls().with_identity("none", "none")] {
        let error = within(sender(&url, with(tls))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
    }
}

#[tokio::test]
async fn external_is_whom_the_certificate_says() {
    let authority = Authority::new();
    let mut options = BrokerOptions::default();
    options.users.push(("another".into(), "user".into()));
    options.external = true;
    let broker = Broker::with_options(options).unwrap();
    let url = format!(
        "rabbitmqs://127.0.0.1:{}/?queue=orders&declare=classic&sasl=external",
        front(&authority, &broker, true).await
    );
    let (certificate, key) = authority.issue("client");
    let known = authority.tls().with_identity(certificate, key);
    within(sender(&url, with(known)).await.unwrap().send(&event(1))).await.unwrap();
    within(sender(&url, with(authority.tls()))).await.unwrap_err();
}

/// Debug output only shows that certificates and keys are set.
#[test]
fn keys_are_seen_nowhere() {
    let mut connection = RabbitConnection::default();
    connection.tls = Tls::default().with_identity("hunter1", "hunter2");
    assert!(!format!("{connection:?}").contains("hunter"));
}
