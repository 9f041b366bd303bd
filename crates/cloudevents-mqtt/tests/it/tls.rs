//! TLS, with a proxy that terminates TLS before the broker.

use crate::tools::{event, id, next, strict, within};
use cloudevents_core::ErrorKind;
use cloudevents_mqtt::rumqttc_next034::{MqttSenderOptions, Tls, receiver, sender};
use cloudevents_testkit::mqtt::Broker;
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

fn with(tls: Tls) -> MqttSenderOptions {
    let mut options = MqttSenderOptions::default();
    options.connection.tls = tls;
    options
}

#[tokio::test]
async fn events_go_over_tls() {
    let (authority, broker) = (Authority::new(), Broker::start().unwrap());
    let url = format!("mqtts://127.0.0.1:{}/orders", front(&authority, &broker, false).await);
    let mut options = strict();
    options.connection.tls = authority.tls();
    let mut receiver = receiver(&url, options).await.unwrap();
    let sender = sender(&url, with(authority.tls())).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
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
        let url = format!("mqtts://127.0.0.1:{port}/orders");
        let error = within(sender(&url, with(tls))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    }
    // The certificate has another name.
    let url = format!("mqtts://localhost:{port}/orders");
    within(sender(&url, with(authority.tls()))).await.unwrap_err();
    for tls in [Tls::default().with_authorities("none"), authority.tls().with_identity("none", "none")] {
        let error = within(sender(&url, with(tls))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let (authority, broker) = (Authority::new(), Broker::start().unwrap());
    let url = format!("mqtts://127.0.0.1:{}/orders", front(&authority, &broker, true).await);
    within(sender(&url, with(authority.tls()))).await.unwrap_err();
    let (certificate, key) = authority.issue("sensor");
    let tls = authority.tls().with_identity(certificate, key.clone());
    assert!(!format!("{tls:?}").contains(&key));
    let sender = sender(&url, with(tls)).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
}
