//! TLS before the server of a test: an authority, its certificates, and a proxy that terminates TLS.
//!
//! ```
//! use cloudevents_testkit::tls::Authority;
//!
//! # async fn test(broker: std::net::SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
//! let authority = Authority::new()?;
//! let port = authority.terminate(broker.port(), false).await?;
//! println!("connect to port {port}, and trust {}", authority.pem());
//! # Ok(()) }
//! ```

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{error::Error, fmt, net::Ipv4Addr, sync::Arc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// A certificate authority, which no other test knows.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// Creates an authority with a new key.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// The authority's own certificate, in PEM, for clients to trust.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this name or address, and its key, in PEM.
    pub fn issue(&self, name: &str) -> Result<(String, String), Box<dyn Error>> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        // OpenSSL takes a certificate with the name of its authority for a self-signed one.
        params.distinguished_name.push(DnType::CommonName, name);
        Ok((params.signed_by(&key, &self.0)?.pem(), key.serialize_pem()))
    }

    /// Terminates TLS before a server on a port of 127.0.0.1, with a certificate for `127.0.0.1`. Returns the port to connect to.
    ///
    /// With `client_certificates`, clients have to show a certificate of this authority. The proxy ends with the runtime.
    pub async fn terminate(&self, server: u16, client_certificates: bool) -> Result<u16, Box<dyn Error>> {
        self.terminate_as("127.0.0.1", server, client_certificates).await
    }

    /// As [`terminate`](Self::terminate), with a certificate for this name or address.
    pub async fn terminate_as(
        &self,
        name: &str,
        server: u16,
        client_certificates: bool,
    ) -> Result<u16, Box<dyn Error>> {
        self.proxy(name, server, client_certificates, false).await
    }

    /// As [`terminate_as`](Self::terminate_as), before a server whose first line goes without TLS: NATS.
    pub async fn terminate_greeting(
        &self,
        name: &str,
        server: u16,
        client_certificates: bool,
    ) -> Result<u16, Box<dyn Error>> {
        self.proxy(name, server, client_certificates, true).await
    }

    async fn proxy(
        &self,
        name: &str,
        server: u16,
        client_certificates: bool,
        greets: bool,
    ) -> Result<u16, Box<dyn Error>> {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let config = if client_certificates {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone())?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build()?)
        } else {
            config.with_no_client_auth()
        };
        let (certificate, key) = self.issue(name)?;
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key)?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(relay(acceptor.clone(), stream, server, greets));
            }
        });
        Ok(port)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

async fn relay(acceptor: TlsAcceptor, mut stream: TcpStream, server: u16, greets: bool) -> Option<()> {
    let connect = TcpStream::connect((Ipv4Addr::LOCALHOST, server));
    let mut tls;
    let mut server;
    if greets {
        server = connect.await.ok()?;
        let mut byte = 0;
        while byte != b'\n' {
            byte = server.read_u8().await.ok()?;
            stream.write_u8(byte).await.ok()?;
        }
        tls = acceptor.accept(stream).await.ok()?;
    } else {
        tls = acceptor.accept(stream).await.ok()?;
        server = connect.await.ok()?;
    }
    copy_bidirectional(&mut tls, &mut server).await.ok().map(drop)
}
