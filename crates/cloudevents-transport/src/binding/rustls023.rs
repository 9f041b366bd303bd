//! TLS of connections that a binding opens itself, by rustls 0.23.

use cloudevents_core::{Error, ErrorKind};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{fmt, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The trusted authorities and the client certificate of a TLS connection.
///
/// The default trusts the authorities that Mozilla trusts (the crate `webpki-roots`), and has no client certificate. Cryptography is that
/// of the provider that the program has installed as the default of its process, or else ring.
///
/// ```
/// use cloudevents_transport::binding::rustls023::Tls;
///
/// # fn tls(authority: Vec<u8>, certificate: Vec<u8>, key: Vec<u8>) -> Tls {
/// Tls::default().with_authorities(authority).with_identity(certificate, key)
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    authorities: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    /// Returns a copy that trusts only these authorities: certificates in PEM.
    pub fn with_authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Returns a copy with this client certificate, followed by its issuers, and its key, both in PEM.
    pub fn with_identity(mut self, certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((certificates.into(), key.into()));
        self
    }

    /// Connects over TLS to the host of this name, which its certificate must contain. For bindings.
    ///
    /// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl) for a host that no certificate can name, [`Transport`](ErrorKind::Transport) for
    /// certificates and keys that cannot be used, [`Disconnected`](ErrorKind::Disconnected) when the handshake fails.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        let no_name = |_| Error::new(ErrorKind::InvalidUrl).with_detail("the host is not a valid TLS name");
        let name = ServerName::try_from(host.to_owned()).map_err(no_name)?;
        let connector = TlsConnector::from(Arc::new(self.client_config()?));
        connector.connect(name, stream).await.map_err(|error| {
            Error::new(ErrorKind::Disconnected)
                .with_detail(format!("no TLS with {host}: {error}"))
                .with_source(error)
        })
    }

    /// Returns the configuration for a client that connects itself. For bindings. Errors as with [`connect`](Self::connect).
    pub fn client_config(&self) -> Result<ClientConfig, Error> {
        // Named explicitly: the process-wide default may be missing, and using it would then panic.
        let provider = CryptoProvider::get_default().cloned();
        let provider = provider.unwrap_or_else(|| Arc::new(ring::default_provider()));
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(pem) => {
                for certificate in certificates(pem)? {
                    roots.add(certificate).map_err(|error| unusable("an authority", error))?;
                }
            }
        }
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("TLS", error))?
            .with_root_certificates(roots);
        match &self.identity {
            None => Ok(config.with_no_client_auth()),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable("the key", error))?;
                config
                    .with_client_auth_cert(certificates(chain)?, key)
                    .map_err(|error| unusable("the identity", error))
            }
        }
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| unusable("a certificate", error))?;
    if read.is_empty() { Err(unusable("a certificate", "there is none in the PEM")) } else { Ok(read) }
}

#[cold]
fn unusable(what: &str, why: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Transport).with_detail(format!("{what} cannot be used: {why}"))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("authorities", &self.authorities.is_some())
            .field("identity", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}
