//! Certificates.

use super::failure::{disconnected, transport};
use cloudevents_core::{Error, ErrorKind};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{fmt, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Whom to trust, and who to be, on a TLS connection.
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::{AmqpConnection, Tls};
///
/// # fn connection(authority: Vec<u8>, certificate: Vec<u8>, key: Vec<u8>) {
/// let mut connection = AmqpConnection::default();
/// connection.tls = Tls::default().with_authorities(authority).with_identity(certificate, key);
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    authorities: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    /// The same, trusting these authorities only: certificates in PEM.
    pub fn with_authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// The same as whom these certificates say, the first one's own before those that issued it, and its key: both in PEM.
    pub fn with_identity(mut self, certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((certificates.into(), key.into()));
        self
    }

    /// A connection to the host of this name, which its certificate has to have.
    pub(super) async fn connect(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        let no_name = |_| Error::new(ErrorKind::InvalidUrl).with_detail("the host is no name for TLS");
        let name = ServerName::try_from(host.to_owned()).map_err(no_name)?;
        let connected = self.connector()?.connect(name, stream).await;
        connected.map_err(|error| disconnected(format!("no TLS with {host}: {error}")).with_source(error))
    }

    fn connector(&self) -> Result<TlsConnector, Error> {
        // Named, so that nothing depends on a default that a program may or may not have installed, and that panics if there is none.
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
            .map_err(transport)?
            .with_root_certificates(roots);
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable("the key", error))?;
                config
                    .with_client_auth_cert(certificates(chain)?, key)
                    .map_err(|error| unusable("the identity", error))?
            }
        };
        Ok(TlsConnector::from(Arc::new(config)))
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
