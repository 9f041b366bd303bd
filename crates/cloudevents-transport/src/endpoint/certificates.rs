//! The files with certificates that a URL names.

use crate::Endpoint;
use cloudevents_core::{Error, ErrorKind};
use std::{
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// The most bytes of a file that are read. The authorities of a system are less than 1 MiB.
const LARGEST: u64 = 16 << 20;

/// The files with certificates of a connection with TLS, in PEM.
///
/// For bindings, which read them before each connection, or when they are opened.
///
/// | option of the URL | |
/// |---|---|
/// | `ca` | [`authorities`](Self::authorities) |
/// | `cert` | the certificate of [`identity`](Self::identity) |
/// | `cert-key` | its key; without this option, the file of `cert` has both |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFiles {
    /// The certificates of the authorities that are trusted. No others are trusted. Default: none is named.
    pub authorities: Option<PathBuf>,
    /// The client certificate, followed by its issuers, and its key, which may be the same file. Default: no client certificate.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl CertificateFiles {
    /// The URL options that [`from_url`](Self::from_url) reads.
    pub const URL_OPTIONS: [&'static str; 3] = ["ca", "cert", "cert-key"];

    /// The files that a URL names. `has_tls` is whether its connection has TLS; if not, `help` says how it gets TLS.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl): for an option without a file, a key without a certificate, options of a
    /// connection without TLS, and files that [`read`](Self::read) does not take.
    pub fn from_url(endpoint: &Endpoint, has_tls: bool, help: &str) -> Result<Self, Error> {
        let given = |name: &'static str| match endpoint.option(name) {
            Some("") => Err(endpoint.invalid(format!("the option `{name}` names no file"))),
            Some(_) if !has_tls => Err(endpoint
                .invalid(format!("the option `{name}` is for connections with TLS"))
                .with_help(help.to_owned())),
            file => Ok(file.map(PathBuf::from)),
        };
        let [ca, cert, key] = Self::URL_OPTIONS.map(given);
        let (authorities, cert, key) = (ca?, cert?, key?);
        let identity = match (cert, key) {
            (None, None) => None,
            (None, Some(_)) => {
                return Err(endpoint.invalid("the option `cert-key` is without the option `cert`"));
            }
            (Some(cert), None) => Some((cert.clone(), cert)),
            (Some(cert), Some(key)) => Some((cert, key)),
        };
        let files = Self { authorities, identity };
        files.read().map_err(|error| in_url(endpoint, &error))?;
        Ok(files)
    }

    /// Reads the files: authorities, and a certificate with its key.
    ///
    /// Errors are for a file that cannot be read, has no certificate or no key in PEM, or has a key that is encrypted. They are of kind
    /// [`Disconnected`](ErrorKind::Disconnected), because a file that is being replaced is there again soon.
    pub fn read(&self) -> Result<PemFiles, Error> {
        let authorities = self.authorities.as_deref().map(|path| certificates("the option `ca`", path));
        let identity = match &self.identity {
            None => None,
            Some((cert, key)) => {
                let of_key = if cert == key { "cert" } else { "cert-key" };
                Some((certificates("the option `cert`", cert)?, private_key(of_key, key)?))
            }
        };
        Ok((authorities.transpose()?, identity))
    }
}

/// Authorities, and a certificate with its key, in PEM.
type PemFiles = (Option<Vec<u8>>, Option<(Vec<u8>, Vec<u8>)>);

/// The same error, about this URL.
pub(crate) fn in_url(endpoint: &Endpoint, error: &Error) -> Error {
    let invalid = endpoint.invalid(error.detail());
    match error.help() {
        Some(help) => invalid.with_help(help.to_owned()),
        None => invalid,
    }
}

/// Reads the certificates of a file in PEM, which `named` names: "the option `ca`".
pub(crate) fn certificates(named: &str, path: &Path) -> Result<Vec<u8>, Error> {
    let pem = read(named, path)?;
    if has(&pem, "-----BEGIN CERTIFICATE-----") {
        return Ok(pem);
    }
    let is_der = pem.starts_with(&[0x30, 0x82]);
    let error = unusable(named, path, "which has no certificate in PEM");
    let help = "write it in PEM: `openssl x509 -inform der -in FILE -out FILE.pem`";
    Err(if is_der { error.with_help(help) } else { error })
}

/// The variables that name authorities for all connections of a program.
pub(crate) const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Checks the authorities that the variables `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
///
/// It is for bindings whose client treats a missing file or folder as if no variable named it, and trusts others or none.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported): for a file that cannot be read, or has no certificate in PEM. If no variable
/// names a file, also for folders that are not there.
pub fn check_authorities() -> Result<(), Error> {
    let [file, folders] = VARIABLES;
    let unsupported = |error: Error| {
        let unsupported = Error::new(ErrorKind::Unsupported).with_detail(error.detail().to_owned());
        match error.help() {
            Some(help) => unsupported.with_help(help.to_owned()),
            None => unsupported,
        }
    };
    if let Some(place) = env::var_os(file) {
        return certificates(&format!("the variable {file}"), Path::new(&place))
            .map(drop)
            .map_err(unsupported);
    }
    match env::var_os(folders) {
        Some(places) if !env::split_paths(&places).any(|place| place.is_dir()) => {
            Err(unsupported(nowhere(folders, Path::new(&places))))
        }
        _ => Ok(()),
    }
}

/// No authority is where this variable says.
#[cold]
pub(crate) fn nowhere(variable: &str, place: &Path) -> Error {
    let place = place.display();
    let detail = format!("the variable {variable} names `{place}`, where no certificate is that can be used");
    Error::new(ErrorKind::Disconnected).with_detail(detail)
}

fn private_key(option: &str, path: &Path) -> Result<Vec<u8>, Error> {
    let named = format!("the option `{option}`");
    let pem = read(&named, path)?;
    if has(&pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(&pem, "Proc-Type: 4,ENCRYPTED") {
        return Err(unusable(&named, path, "whose private key is encrypted")
            .with_help("write it without a password: `openssl pkey -in FILE -out FILE.key`"));
    }
    if has(&pem, "PRIVATE KEY-----") {
        return Ok(pem);
    }
    let error = unusable(&named, path, "which has no private key in PEM");
    let help = "name the file of the key in the option `cert-key`";
    Err(if option == "cert" { error.with_help(help) } else { error })
}

fn read(named: &str, path: &Path) -> Result<Vec<u8>, Error> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    read()
        .map_err(|error| unusable(named, path, &format!("which cannot be read: {error}")).with_source(error))
}

fn has(pem: &[u8], label: &str) -> bool {
    pem.windows(label.len()).any(|text| text == label.as_bytes())
}

#[cold]
fn unusable(named: &str, path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Disconnected).with_detail(format!("{named} names `{}`, {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_names() {
        let from = |url: &str| {
            CertificateFiles::from_url(
                &Endpoint::parse(url).unwrap(),
                url.starts_with("x+tls"),
                "use `x+tls`",
            )
        };
        assert_eq!(from("x://h/").unwrap(), CertificateFiles::default());
        for (url, words) in [
            ("x://h/?ca=f", "the option `ca` is for connections with TLS"),
            ("x+tls://h/?ca", "the option `ca` names no file"),
            ("x+tls://h/?cert-key=f", "the option `cert-key` is without the option `cert`"),
            ("x+tls://h/?ca=no-such.pem", "the option `ca` names `no-such.pem`, which cannot be read"),
            (
                "x+tls://h/?ca=Cargo.toml",
                "the option `ca` names `Cargo.toml`, which has no certificate in PEM",
            ),
            ("x+tls://h/?cert=Cargo.toml", "the option `cert` names `Cargo.toml`, which has no certificate"),
        ] {
            let error = from(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
            assert!(error.detail().contains(words), "{url}: {error}");
        }
        assert_eq!(from("x://h/?ca=f").unwrap_err().help(), Some("use `x+tls`"));
    }
}
