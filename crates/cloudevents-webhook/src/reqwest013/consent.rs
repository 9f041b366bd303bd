//! Asking targets for consent, and their callbacks.

use super::{
    Target, WebhookSenderOptions, WithoutConsent, clock,
    delivery::{Failure, Shared},
    guarded::failed,
    targets::{CENTURY, Entry},
};
use crate::{
    DeliveryKey,
    deliver::{Conclusion, Practice, Reason},
    handshake::{Grant, Registration},
};
use cloudevents_core::{Error, ErrorKind};
use data_encoding::BASE64URL_NOPAD;
use http::{Method, Response, StatusCode, header, request::Parts};
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant, SystemTime},
};

/// How a target responded to the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registered {
    /// It agreed. Deliveries keep to the rate of the grant.
    Granted(Grant),
    /// It may agree later, by callback. Deliveries wait until then, or until the callback expires.
    Pending,
}

/// Callbacks that targets were offered.
#[derive(Debug, Default)]
pub(super) struct Callbacks(Mutex<HashMap<DeliveryKey, Offer>>);

struct Offer {
    entry: Weak<Entry>,
    /// The target as it was then.
    target: Arc<Target>,
    registration: Registration,
    /// The key that the target was offered, to be offered again.
    key: String,
    expires: Instant,
}

/// Does not show the key, which is secret.
impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").finish_non_exhaustive()
    }
}

impl Callbacks {
    /// A URL with a key. If the target was offered a key before at its URL, this is the same key, because somebody may have it. Otherwise
    /// it is a fresh key.
    fn offer(
        &self,
        base: &str,
        (entry, target): (&Arc<Entry>, &Arc<Target>),
        registration: Registration,
        lifetime: Duration,
    ) -> Result<Registration, Error> {
        let now = clock::now();
        let expires = now.checked_add(lifetime.min(CENTURY)).unwrap_or(now);
        let mut offers = self.offers();
        let mut before = None;
        offers.retain(|_, offer| match offer.entry.upgrade().filter(|_| offer.expires > now) {
            Some(other) if Arc::ptr_eq(&other, entry) => {
                if offer.target.url == target.url {
                    before = Some(std::mem::take(&mut offer.key));
                }
                false
            }
            other => other.is_some(),
        });
        let key = match before {
            Some(key) => key,
            None => fresh_key()?,
        };
        let (url, start) = (format!("{base}?"), base.len().saturating_add(1));
        let url = url::form_urlencoded::Serializer::for_suffix(url, start)
            .append_pair("id", target.name())
            .append_pair("key", &key)
            .finish();
        // The digest, so that looking it up takes no time that depends on the key.
        let digest = DeliveryKey::of_id(&key);
        let (entry, target) = (Arc::downgrade(entry), Arc::clone(target));
        offers.insert(digest, Offer { entry, target, registration: registration.clone(), key, expires });
        Ok(registration.with_callback(url))
    }

    /// Nothing that this target was offered holds.
    pub(super) fn withdraw(&self, entry: &Arc<Entry>) {
        self.offers()
            .retain(|_, offer| offer.entry.upgrade().is_some_and(|other| !Arc::ptr_eq(&other, entry)));
    }

    /// Responds to a call: 200 if it is consent, which it can be once.
    pub(super) fn respond(&self, request: &Parts, options: &WebhookSenderOptions) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = match request.method {
            Method::GET | Method::POST => self.agree(request, options),
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
        if request.method != Method::GET && request.method != Method::POST {
            headers.insert(header::ALLOW, http::HeaderValue::from_static("GET, POST"));
        }
        response
    }

    fn agree(&self, request: &Parts, options: &WebhookSenderOptions) -> StatusCode {
        let pairs = url::form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes());
        let (mut id, mut key) = (None, None);
        for (name, value) in pairs {
            match &*name {
                "id" => id = Some(value),
                "key" => key = Some(DeliveryKey::of_id(&value)),
                _ => {}
            }
        }
        let (Some(id), Some(key)) = (id, key) else { return StatusCode::NOT_FOUND };
        let mut offers = self.offers();
        // Unknown, used and expired keys look the same.
        let Some(offer) = offers.get(&key).filter(|offer| offer.expires > clock::now()) else {
            return StatusCode::NOT_FOUND;
        };
        let Some(entry) = offer.entry.upgrade().filter(|entry| *entry.name == *id) else {
            return StatusCode::NOT_FOUND;
        };
        let Ok(grant) = Grant::from_callback(&request.headers, &offer.registration) else {
            // The key stays good: nothing was granted.
            return StatusCode::BAD_REQUEST;
        };
        let target = Arc::clone(&offer.target);
        offers.remove(&key);
        drop(offers);
        entry.agree(&target, grant, options.grant_lifetime);
        StatusCode::OK
    }

    fn offers(&self) -> MutexGuard<'_, HashMap<DeliveryKey, Offer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh_key() -> Result<String, Error> {
    let mut key = [0; 32];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| Error::new(ErrorKind::Transport).with_detail("there is no randomness"))?;
    Ok(BASE64URL_NOPAD.encode(&key))
}

/// How long a refusal counts before a delivery asks again.
const REFUSED: Duration = Duration::from_secs(60);

/// Asks a target for consent, unless another delivery just did. The result of the other delivery counts for this one, too.
pub(super) async fn consent(
    entry: &Arc<Entry>,
    target: &Arc<Target>,
    shared: &Shared,
) -> Result<Registered, Failure> {
    let _asking = entry.asking.lock().await;
    if let Some(grant) = entry.grant() {
        return Ok(Registered::Granted(grant));
    }
    if let Some(error) = entry.refused() {
        return Err(Failure { is_local: true, ..Failure::new(Conclusion::Denied, error, None) });
    }
    let asked = ask(entry, target, shared).await;
    if let Err(Failure { conclusion: Conclusion::Denied, error, .. }) = &asked {
        entry.refuse(target, error.clone(), REFUSED);
    }
    asked
}

async fn ask(
    entry: &Arc<Entry>,
    target: &Arc<Target>,
    Shared { client, options, callbacks, .. }: &Shared,
) -> Result<Registered, Failure> {
    let client = target.client.as_ref().unwrap_or(client);
    let granted = |grant: Grant| {
        entry.agree(target, grant.clone(), options.grant_lifetime);
        Registered::Granted(grant)
    };
    let mut registration = Registration::new(options.origin.clone());
    if let Some(rate) = target.rate {
        registration = registration.with_rate(rate);
    }
    if let Some(rate) = target.agreed {
        return Ok(granted(Grant::assumed(options.origin.clone(), rate)));
    }
    if let Some(base) = &options.callback {
        registration = callbacks
            .offer(base, (entry, target), registration, options.callback_lifetime)
            .map_err(Failure::temporary)?;
    }
    let url = &target.url;
    let (parts, ()) = registration.request(url).map_err(Failure::permanent)?.into_parts();
    let response = client
        .request(Method::OPTIONS, url)
        .map_err(Failure::refused_by_guard)?
        .headers(parts.headers)
        .timeout(options.timeout)
        .send()
        .await
        .map_err(|error| Failure::of_error(failed(error)))?;
    // Its body is not read.
    let response = http::Response::<reqwest::Body>::from(response);
    let status = response.status();
    let refused = |detail: String| {
        let error = Error::new(ErrorKind::Refused).with_detail(detail).with_clause("WEBHOOK-4.2-a");
        Failure::new(Conclusion::Denied, error, None)
    };
    match Grant::from_response(&response, &registration) {
        Ok(Some(grant)) => {
            callbacks.withdraw(entry);
            return Ok(granted(grant));
        }
        Ok(None) => {}
        Err(invalid) => return Err(refused(format!("the target's consent does not count: {invalid}"))),
    }
    // The handshake is the one of CloudEvents, with any practice for the deliveries after it.
    let conclusion = Practice::CloudEvents.conclude_status(status, response.headers(), SystemTime::now());
    if matches!(conclusion, Conclusion::Gone | Conclusion::Retry { .. }) {
        let error = Error::new(ErrorKind::Refused).with_detail(format!("the handshake got {status}"));
        return Err(Failure::new(conclusion, error, Some(status)));
    }
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(refused(format!("the target refuses this sender: {status}")));
    }
    // With a callback, success without consent means later (section 4.2).
    if options.callback.is_some() && status.is_success() {
        let until = clock::now().checked_add(options.callback_lifetime.min(CENTURY));
        let mut agreed = None;
        entry.update_of(target, |live| {
            // The target may have agreed while this request was under way.
            agreed = live.grant();
            if agreed.is_none() {
                live.health.pause(until, Reason::AwaitingConsent);
            }
        });
        return Ok(agreed.map_or(Registered::Pending, Registered::Granted));
    }
    match options.without_consent {
        WithoutConsent::Slow(rate) => Ok(granted(Grant::assumed(options.origin.clone(), rate))),
        WithoutConsent::Refuse => {
            Err(refused(format!("the target has not agreed to deliveries: the handshake got {status}")))
        }
    }
}
