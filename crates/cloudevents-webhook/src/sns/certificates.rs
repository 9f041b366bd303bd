//! Certificates that were fetched.

use super::certificate::Certificate;
use crate::reqwest013::{GuardedClient, failed};
use cloudevents_core::{Error, ErrorKind};
use http::Method;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// The most certificates. SNS has one for each region, and changes it rarely.
const MOST: usize = 64;

/// The largest certificate, in bytes.
const LARGEST: usize = 16 << 10;

/// How long one is kept: it may be withdrawn.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long fetching one may take, and the pause after a failure.
const PATIENCE: Duration = Duration::from_secs(5);

/// Certificates by their URLs. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Certificates(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    known: Mutex<HashMap<Box<str>, Kept>>,
    /// Held while a certificate is fetched, with the time of the last failure.
    fetching: tokio::sync::Mutex<Option<SystemTime>>,
}

#[derive(Clone, Debug)]
struct Kept {
    certificate: Arc<Certificate>,
    /// `None` for a certificate of the program, which is kept for ever.
    fetched: Option<SystemTime>,
}

impl Certificates {
    /// Adds a certificate of the program.
    pub(super) fn pin(&self, url: &str, certificate: Certificate) {
        self.known().insert(url.into(), Kept { certificate: Arc::new(certificate), fetched: None });
    }

    /// Returns a certificate that is known.
    pub(super) fn get(&self, url: &str, now: SystemTime) -> Option<Arc<Certificate>> {
        let known = self.known();
        let kept = known.get(url)?;
        kept.is_fresh(now).then(|| Arc::clone(&kept.certificate))
    }

    /// Fetches a certificate, unless another task has done it meanwhile. One is fetched at a time.
    pub(super) async fn fetch(
        &self,
        client: &GuardedClient,
        url: &str,
        now: SystemTime,
    ) -> Result<(), Error> {
        let mut failed_at = self.0.fetching.lock().await;
        if self.get(url, now).is_some() {
            return Ok(());
        }
        let is_soon = |at: SystemTime| now.duration_since(at).is_ok_and(|since| since < PATIENCE);
        if failed_at.is_some_and(is_soon) {
            return Err(Error::new(ErrorKind::Unreachable)
                .with_detail("a certificate of SNS could not be fetched a moment ago"));
        }
        match read(client, url).await {
            Ok(certificate) => {
                self.add(url, certificate, now);
                Ok(())
            }
            Err(error) => {
                *failed_at = Some(now);
                Err(error)
            }
        }
    }

    fn add(&self, url: &str, certificate: Certificate, now: SystemTime) {
        let mut known = self.known();
        known.retain(|_, kept| kept.is_fresh(now));
        if known.len() >= MOST {
            known.retain(|_, kept| kept.fetched.is_none());
        }
        known.insert(url.into(), Kept { certificate: Arc::new(certificate), fetched: Some(now) });
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Box<str>, Kept>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_fresh(&self, now: SystemTime) -> bool {
        self.fetched.is_none_or(|at| now.duration_since(at).is_ok_and(|since| since < KEPT))
    }
}

async fn read(client: &GuardedClient, url: &str) -> Result<Certificate, Error> {
    let wrong = |detail: String| Error::new(ErrorKind::InvalidData).with_detail(detail);
    let mut response = client.request(Method::GET, url)?.timeout(PATIENCE).send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(wrong(format!("the host of the certificate responded {}", response.status())));
    }
    let mut pem = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if pem.len().saturating_add(chunk.len()) > LARGEST {
            return Err(wrong(format!("the certificate has more than {LARGEST} bytes")));
        }
        pem.extend_from_slice(&chunk);
    }
    Certificate::parse(&pem).ok_or_else(|| wrong("this is no certificate in PEM with an RSA key".to_owned()))
}
