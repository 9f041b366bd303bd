//! Secrets of a running target and of the service behind it, which are read again after SIGHUP.

use super::{keys::checked_tokens, scheme::SchemeOptions, service_url::ServiceUrl};
use crate::{commands::hangup::Hangup, console::Console, failure::Failure, report::Report};
use cloudevents_kit::{
    Error,
    webhook::{
        AccessToken,
        receiver::{VerifyToken, WebhookOptions},
        signature::{SignatureError, Verified, Verify},
    },
};
use http::request::Parts;
use reqwest::Url;
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};
use tokio::{task::spawn_blocking, time::timeout};

/// How long reading the secrets again may take: a file may be a pipe, or on a network that is away.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Where the secrets of a target are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// A variable or `@FILE`.
    pub(super) secret: Option<String>,
    /// A variable or `@FILE`.
    pub(super) token: Option<String>,
    pub(super) scheme: SchemeOptions,
    pub(super) service: Option<ServiceUrl>,
}

impl Places {
    /// Whether there is a file to read again. A variable stays as it was when the program began.
    fn has_file(&self) -> bool {
        [&self.secret, &self.token].into_iter().flatten().any(|place| place.starts_with('@'))
            || self.service.as_ref().is_some_and(ServiceUrl::is_in_a_file)
    }

    /// Reads all of them once more.
    fn again(&self, console: &Console) -> Result<Again, Failure> {
        let service = self.service.as_ref().map(ServiceUrl::again).transpose()?;
        Ok(Again { secrets: self.read(console)?, service })
    }

    fn read(&self, console: &Console) -> Result<Secrets, Failure> {
        let verifier = self.secret.as_ref().map(|place| self.scheme.verifier(place, console));
        let tokens = self.token.as_ref().map(|place| checked_tokens(place, console));
        Ok(Secrets { verifier: verifier.transpose()?, tokens: tokens.transpose()?.unwrap_or_default() })
    }
}

struct Secrets {
    verifier: Option<Arc<dyn Verify>>,
    tokens: Vec<String>,
}

/// Secrets that were read again, and hold from now on.
struct Again {
    secrets: Secrets,
    service: Option<Url>,
}

/// The secrets that hold now. Clones are the same ones.
#[derive(Clone)]
pub(super) struct Held(Arc<RwLock<Secrets>>);

impl Held {
    /// Reads the secrets, and adds their checks to the options.
    pub(super) fn read(
        places: &Places,
        mut options: WebhookOptions,
        console: &Console,
    ) -> Result<(Self, WebhookOptions), Failure> {
        let held = Self(Arc::new(RwLock::new(places.read(console)?)));
        if places.token.is_some() {
            options = options.verify_token(held.clone());
        }
        if places.secret.is_some() {
            options = options.signature(held.clone());
        }
        Ok((held, options))
    }

    /// From now on, SIGHUP makes the program read its secrets again, if a file has some. Otherwise SIGHUP ends it as usual.
    pub(super) fn watch(self, places: Places, console: &Console) {
        if !places.has_file() {
            return;
        }
        let Some(mut hangup) = Hangup::watch() else { return };
        let console = console.clone();
        tokio::spawn(async move {
            loop {
                hangup.next().await;
                let (again, aside) = (places.clone(), console.clone());
                // Deliveries are checked meanwhile. What a file that blocks has later is of no use: there may be another one by then.
                let reading =
                    spawn_blocking(move || again.again(&aside).map_err(|failure| failure.message()));
                match timeout(READ_WITHIN, reading).await {
                    Ok(Ok(read)) => self.replace(read, &places, &console),
                    Ok(Err(_)) => refused("a secret cannot be read", &console),
                    Err(_) => {
                        let why = format!("a file was not read within {} seconds", READ_WITHIN.as_secs());
                        refused(&why, &console);
                    }
                }
            }
        });
    }

    /// All of them, or none.
    fn replace(&self, read: Result<Again, String>, places: &Places, console: &Console) {
        match read {
            Ok(Again { secrets, service }) => {
                if let (Some(places), Some(next)) = (&places.service, service) {
                    places.replace(next);
                }
                *self.0.write().unwrap_or_else(PoisonError::into_inner) = secrets;
                console.notes().say("the secrets were read again");
            }
            Err(why) => refused(&why, console),
        }
    }
}

fn refused(why: &str, console: &Console) {
    let report = Report::warning("the secrets were not read again: the old ones stay");
    console.report(&report.kind("secrets").detail(why));
}

impl Verify for Held {
    fn verify(&self, request: &Parts, body: &[u8], now: SystemTime) -> Result<Verified, SignatureError> {
        // No lock while a signature is checked.
        let verifier = self.0.read().unwrap_or_else(PoisonError::into_inner).verifier.clone();
        verifier.ok_or(SignatureError::Mismatch)?.verify(request, body, now)
    }
}

impl VerifyToken for Held {
    async fn verify(&self, token: &AccessToken<'_>, _: &Parts) -> Result<bool, Error> {
        let secrets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // Every token is compared, so that the time does not say which one is close.
        Ok(secrets.tokens.iter().fold(false, |known, expected| known | token.is_bearer(expected)))
    }
}
