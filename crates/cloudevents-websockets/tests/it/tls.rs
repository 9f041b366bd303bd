//! `wss`, with a proxy that terminates TLS before the server.

use crate::{server::listen, tools::event};
use cloudevents_core::ErrorKind;
use cloudevents_transport::ReceiverOptions;
use cloudevents_websockets::{WsSenderOptions, sender, tungstenite029::Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Terminates TLS before the server. Returns the port.
async fn front(authority: &CertifiedIssuer<'static, KeyPair>, server: SocketAddr) -> u16 {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap().pem();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(stream).await else { return };
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut tls, &mut server).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn events_arrive_over_tls_and_strangers_are_refused() {
    let (trusted, other) = (authority(), authority());
    let server = listen(ReceiverOptions::default()).await;
    let port = front(&trusted, server.local_addr()).await;
    let mut deliveries = server.into_receiver();
    let with = |authority: &CertifiedIssuer<'static, KeyPair>| {
        let mut options = WsSenderOptions::default();
        options.connection.tls = Tls::default().with_authorities(authority.pem());
        options
    };
    let url = format!("wss://127.0.0.1:{port}/events");
    sender(&url, with(&trusted)).await.unwrap().send(&event("1")).await.unwrap();
    let delivery = deliveries.next().await.unwrap().unwrap();
    assert_eq!(delivery.event().unwrap(), event("1"));
    delivery.accept().await.unwrap();
    assert_eq!(sender(&url, with(&other)).await.unwrap_err().kind(), ErrorKind::Disconnected);
    let elsewhere = format!("wss://localhost:{port}/events");
    assert_eq!(sender(&elsewhere, with(&trusted)).await.unwrap_err().kind(), ErrorKind::Disconnected);
}
