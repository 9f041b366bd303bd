//! TLS of connections that a binding opens itself, by rustls 0.23.

use super::CertificateFiles;
use crate::{
    Endpoint,
    endpoint::certificates::{VARIABLES, certificates, check_authorities, in_url, nowhere},
};
use cloudevents_core::{Error, ErrorKind};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{env, fmt, io, path::Path, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The trusted authorities and the client certificate of a TLS connection.
///
/// The default has no client certificate, and trusts the authorities of the file and of the folders that the variables `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` name. Without these variables, it trusts the authorities of the system. If the system has none, it trusts the authorities
/// that Mozilla trusts (the crate `webpki-roots`). Cryptography is that of the provider that the program has installed as the default of
/// its process, or else ring.
///
/// Files are read before each connection, so that a certificate that is renewed is used from the next connection on.
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
    /// They take precedence.
    files: CertificateFiles,
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

    /// Returns a copy with the files that this URL names, which take precedence: see [`CertificateFiles`].
    ///
    /// For bindings. `with_tls` is the scheme of URLs with TLS.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl): as of [`CertificateFiles::from_url`], for certificates that cannot be
    /// used, and for a key that is not of the certificate. They are of kind [`Unsupported`](ErrorKind::Unsupported) for a variable that
    /// names no certificates.
    pub fn with_url(self, endpoint: &Endpoint, with_tls: &str) -> Result<Self, Error> {
        let help = format!("the scheme with TLS is `{with_tls}`");
        self.with_files(endpoint, endpoint.scheme() == with_tls, &help)
    }

    /// As [`with_url`](Self::with_url), if an option of the URL decides whether there is TLS (`has_tls`), and not its scheme.
    ///
    /// `help` says how to have it.
    pub fn with_files(mut self, endpoint: &Endpoint, has_tls: bool, help: &str) -> Result<Self, Error> {
        let files = CertificateFiles::from_url(endpoint, has_tls, help)?;
        let names_some = files != CertificateFiles::default();
        self.files.authorities = files.authorities.or(self.files.authorities);
        self.files.identity = files.identity.or(self.files.identity);
        if has_tls && self.authorities.is_none() && self.files.authorities.is_none() {
            check_authorities()?;
            let unsupported =
                |error: Error| Error::new(ErrorKind::Unsupported).with_detail(error.detail().to_owned());
            of_system().map_err(unsupported)?;
        }
        if names_some {
            self.client_config().map_err(|error| in_url(endpoint, &error))?;
        }
        Ok(self)
    }

    /// Connects over TLS to the host of this name, which its certificate must contain. For bindings.
    ///
    /// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl) for a host that no certificate can name, [`Disconnected`](ErrorKind::Disconnected)
    /// when the handshake fails; see [`client_config`](Self::client_config) for others.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        let no_name = |_| Error::new(ErrorKind::InvalidUrl).with_detail("the host is not a valid TLS name");
        let name = ServerName::try_from(host.to_owned()).map_err(no_name)?;
        let connector = TlsConnector::from(Arc::new(self.client_config()?));
        connector.connect(name, stream).await.map_err(|error| {
            advised(
                Error::new(ErrorKind::Disconnected).with_detail(format!("no TLS with {host}: {error}")),
                error,
            )
        })
    }

    /// Returns the configuration for a client that connects itself. For bindings.
    ///
    /// Errors: [`Transport`](ErrorKind::Transport) for certificates and keys that cannot be used, and
    /// [`Disconnected`](ErrorKind::Disconnected) for certificates and keys of files, which may be replaced at this moment.
    pub fn client_config(&self) -> Result<ClientConfig, Error> {
        // Named explicitly: the process-wide default may be missing, and using it would then panic.
        let provider = CryptoProvider::get_default().cloned();
        let provider = provider.unwrap_or_else(|| Arc::new(ring::default_provider()));
        let (authorities, identity) = self.files.read()?;
        let roots = match (authorities, &self.authorities) {
            (Some(pem), _) => {
                roots(&pem).map_err(|error| of_file(&error, self.files.authorities.as_deref()))?
            }
            (None, Some(pem)) => roots(pem)?,
            (None, None) => of_system()?,
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("TLS", error))?
            .with_root_certificates(roots);
        let Some((chain, key)) = identity.as_ref().or(self.identity.as_ref()) else {
            return Ok(config.with_no_client_auth());
        };
        let with_identity = || {
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable("the key", error))?;
            config.with_client_auth_cert(parsed(chain)?, key).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => unusable("the key", "it is not of the certificate"),
                error => unusable("the identity", error),
            })
        };
        with_identity().map_err(|error| match &self.files.identity {
            Some((cert, key)) => {
                let (cert, key) = (cert.display(), key.display());
                Error::new(ErrorKind::Disconnected).with_detail(format!(
                    "the certificate of `{cert}` with the key of `{key}`: {}",
                    error.detail()
                ))
            }
            None => error,
        })
    }
}

/// The authorities that the variables name, or the authorities of the system, or the authorities that Mozilla trusts.
fn of_system() -> Result<RootCertStore, Error> {
    if let Some(file) = env::var_os(VARIABLES[0]) {
        certificates(&format!("the variable {}", VARIABLES[0]), Path::new(&file))?;
    }
    let mut roots = RootCertStore::empty();
    // As others do, without those that are expired or damaged in their own way.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    for name in VARIABLES {
        if let Some(place) = env::var_os(name) {
            return Err(nowhere(name, Path::new(&place)));
        }
    }
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(roots)
}

fn roots(pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in parsed(pem)? {
        roots.add(certificate).map_err(|error| unusable("an authority", error))?;
    }
    Ok(roots)
}

fn parsed(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| unusable("a certificate", error))?;
    if read.is_empty() { Err(unusable("a certificate", "there is none in the PEM")) } else { Ok(read) }
}

#[cold]
fn unusable(what: &str, why: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Transport).with_detail(format!("{what} cannot be used: {why}"))
}

/// The error of an authority, with the file.
#[cold]
fn of_file(error: &Error, file: Option<&Path>) -> Error {
    let file = file.unwrap_or(Path::new("")).display();
    let detail = format!("the option `ca` names `{file}`: {}", error.detail());
    Error::new(ErrorKind::Disconnected).with_detail(detail)
}

/// Adds advice about this error of TLS, and the error itself as the source. For bindings whose client connects itself.
pub fn advised<E: std::error::Error + Send + Sync + 'static>(error: Error, cause: E) -> Error {
    let error = match advice(&cause) {
        Some(help) => error.with_help(help),
        None => error,
    };
    error.with_source(cause)
}

/// The advice about an error that is, or comes from, one of TLS.
fn advice(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use rustls::Error as Tls;
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error.downcast_ref::<Tls>().or_else(|| inner?.downcast_ref::<Tls>());
        match tls {
            // Of an authority that has the name of another one, it is the signature that is wrong.
            Some(Tls::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) => {
                return Some(
                    "name a file with the certificate of the server's authority in the option `ca` of the URL, or in the variable SSL_CERT_FILE",
                );
            }
            Some(Tls::AlertReceived(AlertDescription::CertificateRequired)) => {
                return Some(
                    "the server requires a client certificate: name its file in the option `cert` of the URL, and that of its key in `cert-key`",
                );
            }
            Some(Tls::AlertReceived(AlertDescription::UnknownCA)) => {
                return Some(
                    "the server does not know the authority of the client certificate, which the option `cert` of the URL names",
                );
            }
            Some(Tls::InvalidMessage(_)) => return Some("check whether the port speaks TLS"),
            _ => next = error.source(),
        }
    }
    None
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("authorities", &self.authorities.is_some())
            .field("identity", &self.identity.is_some())
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}
