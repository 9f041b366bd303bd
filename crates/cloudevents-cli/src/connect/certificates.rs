//! Flags for certificates, of every connection with TLS.

use crate::failure::Failure;
use clap::Args;
use cloudevents_kit::{
    Error, bindings,
    transport::{Binding, Endpoint, binding::CertificateFiles},
};
use std::path::PathBuf;

/// The certificates that are trusted and shown, unless the URL names others.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub(crate) struct Certificates {
    /// Trust the authorities of this PEM file, and not the authorities of the system or of SSL_CERT_FILE. Options of a URL take precedence
    /// over these flags: `ca`, `cert` and `cert-key`.
    #[arg(long, value_name = "FILE")]
    cacert: Vec<PathBuf>,
    /// Client certificate, a PEM file, which may also hold the private key.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Private key of the client certificate, a PEM file.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl Certificates {
    /// Returns the name of a flag that is given, if there is one.
    pub(super) fn given(&self) -> Option<&'static str> {
        [("--cacert", !self.cacert.is_empty()), ("--cert", self.cert.is_some())]
            .into_iter()
            .find_map(|(name, given)| given.then_some(name))
    }

    /// Checks the files, and that a connection to one of these URLs has TLS.
    pub(crate) fn check<'u>(&self, urls: impl IntoIterator<Item = &'u String>) -> Result<(), Failure> {
        let Some(name) = self.given() else { return Ok(()) };
        for url in urls {
            if super::endpoint(url)?.is_some_and(|endpoint| has_tls(&endpoint)) {
                return self.read().map(drop);
            }
        }
        let words = format!("{name} is only for connections with TLS");
        Err(Failure::usage(words).help(with_tls()))
    }

    /// Adds the values of the flags to a URL with TLS. Options of the URL take precedence. An `https` URL has no such options.
    pub(super) fn in_url(&self, endpoint: Endpoint) -> Result<Endpoint, Failure> {
        if self.given().is_none() || endpoint.scheme() == "https" || !has_tls(&endpoint) {
            return Ok(endpoint);
        }
        let is_free = |name: &str| endpoint.option(name).is_none();
        let mut options: Vec<(&str, &PathBuf)> = Vec::new();
        if is_free("ca") {
            if self.cacert.len() > 1 {
                return Err(Failure::usage("more than one --cacert is only for `https` URLs")
                    .help("write the certificates into one file"));
            }
            options.extend(self.cacert.first().map(|file| ("ca", file)));
        }
        if is_free("cert") && is_free("cert-key") {
            options.extend(self.cert.as_ref().map(|file| ("cert", file)));
            options.extend(self.key.as_ref().map(|file| ("cert-key", file)));
        }
        options.into_iter().try_fold(endpoint.clone(), |endpoint, (name, file)| match file.to_str() {
            Some(text) => Ok(endpoint.or_option(name, text)),
            None => Err(Failure::usage(format!("the name `{}` is not text", file.display()))),
        })
    }

    /// The same for a client of HTTP.
    #[cfg(feature = "tls")]
    pub(crate) fn in_client(
        &self,
        mut builder: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, Failure> {
        use reqwest::{Certificate, Identity};
        let unusable = |flag: &str, path: &PathBuf, error: reqwest::Error| {
            let error =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Failure::usage(format!("{flag} names `{}`, which is not usable: {error}", path.display()))
        };
        let (authorities, identity) = self.read()?;
        if self.cacert.is_empty() {
            super::authorities()?;
        } else {
            let mut trusted = Vec::new();
            for (path, pem) in self.cacert.iter().zip(&authorities) {
                let certificates = Certificate::from_pem_bundle(pem);
                trusted.extend(certificates.map_err(|error| unusable("--cacert", path, error))?);
            }
            builder = builder.tls_certs_only(trusted);
        }
        if let (Some(path), Some((certificate, key))) = (&self.cert, identity) {
            let pem = [certificate, key].join(&b'\n');
            let identity = Identity::from_pem(&pem).map_err(|error| unusable("--cert", path, error))?;
            builder = builder.identity(identity);
        }
        Ok(builder)
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) fn in_client(
        &self,
        builder: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, Failure> {
        Ok(builder)
    }

    /// The files, in PEM: authorities, and the client certificate with its key.
    fn read(&self) -> Result<PemFiles, Failure> {
        let mut authorities = Vec::new();
        for path in &self.cacert {
            let mut files = CertificateFiles::default();
            files.authorities = Some(path.clone());
            authorities.extend(files.read().map_err(|error| of_flag(&error))?.0);
        }
        let mut files = CertificateFiles::default();
        files.identity = self.cert.clone().map(|cert| (cert.clone(), self.key.clone().unwrap_or(cert)));
        Ok((authorities, files.read().map_err(|error| of_flag(&error))?.1))
    }
}

/// Authorities, and a certificate with its key, in PEM.
type PemFiles = (Vec<Vec<u8>>, Option<(Vec<u8>, Vec<u8>)>);

/// Whether a connection to this URL has TLS.
pub(super) fn has_tls(endpoint: &Endpoint) -> bool {
    super::binding(endpoint).is_some_and(|binding| binding.urls.has_tls(endpoint))
}

/// The URLs whose connections have TLS, for people.
fn with_tls() -> String {
    let of_scheme = |binding: &&'static Binding| binding.urls.schemes().filter(|scheme| scheme.tls);
    let names: Vec<_> =
        bindings().iter().flat_map(of_scheme).map(|scheme| format!("`{}`", scheme.name)).collect();
    let is_option = |binding: &&&'static Binding| {
        binding.urls.families.iter().flat_map(|family| family.options).any(|option| option.name == "tls")
    };
    let others: Vec<_> = bindings()
        .iter()
        .filter(is_option)
        .map(|binding| format!(", and `{}` with the option `tls`", binding.urls.name))
        .collect();
    format!("these have {} URLs{}", names.join(", "), others.concat())
}

/// The error of a file that an option of a URL names, in terms of the flag.
fn of_flag(error: &Error) -> Failure {
    let in_flags = |text: &str| {
        [("cert-key", "--key"), ("cert", "--cert"), ("ca", "--cacert")].iter().fold(
            text.to_owned(),
            |text, (option, flag)| {
                text.replace(&format!("in the option `{option}`"), &format!("with {flag}"))
                    .replace(&format!("the option `{option}`"), flag)
            },
        )
    };
    let failure = Failure::usage(in_flags(error.detail()));
    match error.help() {
        Some(help) => failure.help(in_flags(help)),
        None => failure,
    }
}
