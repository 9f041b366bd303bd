//! The service behind `ce webhook serve --to`: requests to it, and the meaning of its responses for the sender.

use super::passed_headers::passed_on;
use crate::{
    commands::webhook::{
        probe::why,
        service_url::{ServiceUrl, without_password},
    },
    connect::Certificates,
    failure::{Failure, Status},
};
use bytes::Bytes;
use cloudevents_kit::{
    http::retry_after,
    webhook::{DeliveryKey, handshake::Origin, signature::Verified},
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE, request::Parts};
use reqwest::{Client, Response, redirect::Policy};
use std::{
    path,
    time::{Duration, SystemTime},
};
use tokio::net::{TcpStream, lookup_host};

/// The header that names the checks. Not `ce-...`, which would be an attribute of an event in binary mode.
pub(super) const VERIFIED: &str = "webhook-verified";

/// The largest reply that is passed back to the sender. Of a larger one, the status alone counts.
const LARGEST_REPLY: usize = 64 << 10;

/// The checks of each delivery, by the options.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    /// The name of the provider or the scheme.
    pub(crate) sender: &'static str,
    /// The status after which the sender gives up.
    pub(crate) gives_up: StatusCode,
    /// The scheme of signatures, and the variable with their keys.
    pub(crate) signature: Option<(&'static str, String)>,
    /// The variable with the token.
    pub(crate) token: Option<String>,
    /// The settings of the scheme, which make its deliveries others than those of another gate.
    pub(crate) settings: String,
    /// Whether a delivery that comes again is recognised.
    pub(crate) recognizes: bool,
}

impl Checks {
    /// The identity that was found, as a dictionary of structured fields (RFC 9651); `None` where nothing proves the sender.
    fn found(&self, request: &Parts) -> Option<HeaderValue> {
        let mut found = Vec::new();
        let verified = request.extensions.get::<Verified>();
        if let (Some((scheme, variable)), Some(verified)) = (&self.signature, verified) {
            let number = verified.key.map_or(1, |key| key.saturating_add(1));
            found.push(format!("signature={scheme};key={};number={number}", quoted(variable)));
        }
        if let Some(variable) = &self.token {
            found.push(format!("token={}", quoted(variable)));
        }
        // The sender claims its origin: without a proof, it is nothing but a claim.
        if found.is_empty() {
            return None;
        }
        if let Some(origin) = request.extensions.get::<Origin>() {
            found.push(format!("origin={}", quoted(origin.as_str())));
        }
        HeaderValue::from_str(&found.join(", ")).ok()
    }
}

/// A variable, or a file with its folder: `@key` and `@./key` are the same file, and may be two in two folders.
///
/// A symbolic link stays: after a deployment, it may lead to another folder, which has the same secret.
fn absolute(place: &str) -> String {
    let file = place.strip_prefix('@').and_then(|file| path::absolute(file).ok());
    file.map_or_else(|| place.to_owned(), |file| format!("@{}", file.display()))
}

/// A string of a structured field.
fn quoted(text: &str) -> String {
    let is_plain = |character: &char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    format!("\"{}\"", text.chars().filter(is_plain).collect::<String>())
}

/// A service, and how it is reached.
#[derive(Debug)]
pub(super) struct Service {
    client: Client,
    url: ServiceUrl,
    checks: Checks,
    timeout: Duration,
    /// Whether a trusted proxy sets the headers about the client.
    behind_proxy: bool,
}

/// The body of a response with its media type, if there is one.
pub(super) type Replied = Option<(Option<HeaderValue>, Bytes)>;

/// The response of a service to a delivery.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It took the delivery, and had this to say.
    Accepted(Replied),
    /// It wants no delivery of this kind.
    Refused(StatusCode),
    /// It may take it later, after this long where it said so.
    Later(String, Option<Duration>),
}

impl Service {
    pub(super) fn new(
        url: ServiceUrl,
        timeout: Duration,
        checks: Checks,
        behind_proxy: bool,
    ) -> Result<Self, Failure> {
        // A connection for each delivery: a service may close an idle one while a delivery is on its way, and some senders never
        // send again. Nor is there a proxy on the way to the service.
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connect_timeout(timeout);
        if url.now().scheme() == "https" {
            builder = Certificates::default().in_client(builder)?;
        }
        let client = builder
            .build()
            .map_err(|error| Failure::new(Status::Network, format!("no client can be created: {error}")))?;
        Ok(Self { client, url, checks, timeout, behind_proxy })
    }

    /// Its address, the checks of its deliveries, and a digest of all that makes two gates differ: a URL may hold a secret.
    ///
    /// A service may have the jobs of several users, and each of these has its deliveries. A password proves a user, and a new one makes no
    /// other deliveries. So the user counts, and the password does not.
    pub(super) fn name(&self) -> String {
        let Checks { sender, signature, token, settings, .. } = &self.checks;
        let keys = signature.as_ref().map(|(_, place)| absolute(place)).unwrap_or_default();
        let token = token.as_deref().map(absolute).unwrap_or_default();
        let url = without_password(&self.url.now());
        let all = format!("{:?}", [url.as_str(), *sender, &keys, &token, settings.as_str()]);
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        format!("{host}:{port}{} {sender} {}", url.path(), DeliveryKey::of_body(all.as_bytes()))
    }

    /// The request for the service: the delivery as it came, with the identity that was found.
    pub(super) fn request(&self, delivery: &Parts, body: Bytes) -> reqwest::RequestBuilder {
        let mut url = self.url.now();
        // One that the operator has written is not to be overridden from outside.
        if url.query().is_none() {
            url.set_query(delivery.uri.query());
        }
        let mut headers = passed_on(&delivery.headers, self.behind_proxy);
        if let Some(found) = self.checks.found(delivery) {
            headers.insert(VERIFIED, found);
        }
        self.client.request(Method::POST, url).headers(headers).body(body).timeout(self.timeout)
    }

    /// Whether the service takes a connection, at any of its addresses: a delivery also tries another one if the first is dead.
    pub(super) async fn is_reachable(&self) -> bool {
        let url = self.url.now();
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return false;
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(addresses) = lookup_host((host, port)).await else { return false };
        let mut connecting: FuturesUnordered<_> = addresses.map(TcpStream::connect).collect();
        while let Some(connected) = connecting.next().await {
            if connected.is_ok() {
                return true;
            }
        }
        false
    }

    /// Sends a request, and returns the response of the service.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Verdict {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => {
                let words = format!("the service did not respond within {:?}", self.timeout);
                return Verdict::Later(words, None);
            }
            Err(error) => return Verdict::Later(why(error), None),
        };
        let status = response.status();
        match status.as_u16() {
            200..300 => Verdict::Accepted(reply(response).await),
            408 | 425 | 429 | 0..400 | 500.. => {
                let after = retry_after(response.headers(), SystemTime::now());
                Verdict::Later(format!("the service responded {status}"), after)
            }
            _ => Verdict::Refused(status),
        }
    }
}

/// The body of a response, if there is one that is not too large. The service has accepted, also if the body breaks off.
async fn reply(mut response: Response) -> Replied {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len().saturating_add(chunk.len()) > LARGEST_REPLY {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    (!body.is_empty()).then(|| (response.headers().get(CONTENT_TYPE).cloned(), body.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::webhook::service_url::Place;
    use http::HeaderName;

    fn service(to: &str, checks: Checks) -> Service {
        // As the program does at its start.
        #[cfg(feature = "tls")]
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = ServiceUrl::read(Place::Argument(to.to_owned())).unwrap();
        Service::new(url, Duration::from_secs(1), checks, false).unwrap()
    }

    fn none() -> Checks {
        let gives_up = StatusCode::UNPROCESSABLE_ENTITY;
        Checks {
            sender: "github",
            gives_up,
            signature: None,
            token: None,
            settings: String::new(),
            recognizes: true,
        }
    }

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::post("/hook?tenant=1").body(()).unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        request.into_parts().0
    }

    #[test]
    fn what_was_checked_is_named_and_an_origin_alone_is_no_proof() {
        let mut delivery = parts(&[("webhook-request-origin", "admin.bank.example")]);
        let found = |checks: &Checks, delivery: &Parts| {
            checks.found(delivery).map(|value| value.to_str().unwrap().to_owned())
        };
        let mut checks = none();
        assert_eq!(found(&checks, &delivery), None);
        checks.token = Some("HOOK_TOKEN".to_owned());
        // An origin that was not checked is none.
        assert_eq!(found(&checks, &delivery).unwrap(), r#"token="HOOK_TOKEN""#);
        delivery.extensions.insert("EU.partner.example".parse::<Origin>().unwrap());
        assert_eq!(found(&checks, &delivery).unwrap(), r#"token="HOOK_TOKEN", origin="eu.partner.example""#);
        checks = Checks { signature: Some(("github", "A\"B".to_owned())), ..none() };
        delivery.extensions.remove::<Origin>();
        // The signature was not checked.
        assert_eq!(found(&checks, &delivery), None);
        let mut verified = Verified::new(cloudevents_kit::webhook::signature::Coverage::Body);
        verified.key = Some(1);
        delivery.extensions.insert(verified);
        assert_eq!(found(&checks, &delivery).unwrap(), r#"signature=github;key="AB";number=2"#);
    }

    #[test]
    fn a_query_of_the_operator_is_not_overridden() {
        let url = |to: &str| {
            service(to, none()).request(&parts(&[]), Bytes::new()).build().unwrap().url().to_string()
        };
        assert_eq!(url("http://127.0.0.1:1/app"), "http://127.0.0.1:1/app?tenant=1");
        assert_eq!(url("http://127.0.0.1:1/app?key=1"), "http://127.0.0.1:1/app?key=1");
    }

    /// Two gates that share a store have the same memory only if they have the same deliveries.
    #[test]
    fn each_setting_that_makes_two_gates_differ_is_in_the_name() {
        let name = |to: &str, checks: Checks| service(to, checks).name();
        let checks = Checks { signature: Some(("svix", "KEY".to_owned())), ..none() };
        let urls = [
            "http://127.0.0.1:1/app",
            "https://127.0.0.1:1/app",
            "http://127.0.0.1:2/app",
            "http://127.0.0.1:1/app/",
            "http://127.0.0.1:1/app?job=secret",
            "http://127.0.0.1:1/app?job=audit",
            "http://deploy:password@127.0.0.1:1/app",
            "http://audit:password@127.0.0.1:1/app",
        ];
        let mut names: Vec<_> = urls.iter().map(|url| name(url, checks.clone())).collect();
        assert!(names.iter().all(|name| name.starts_with("127.0.0.1:")), "{names:?}");
        assert!(!names.concat().contains("secret") && !names.concat().contains("password"), "{names:?}");
        let other = [
            Checks { sender: "stripe", ..checks.clone() },
            Checks { signature: Some(("svix", "OTHER".to_owned())), ..checks.clone() },
            Checks { token: Some("TOKEN".to_owned()), ..checks.clone() },
            Checks { settings: "X-A: {hex}".to_owned(), ..checks.clone() },
        ];
        names.extend(other.map(|checks| name(urls[0], checks)));
        assert_eq!(name(urls[0], checks.clone()), name(urls[0], checks.clone()));
        // A new password is no other service, and another spelling no other file.
        let other = name("http://deploy:other@127.0.0.1:1/app", checks.clone());
        assert_eq!(other, name("http://deploy:password@127.0.0.1:1/app", checks.clone()));
        let folder = std::env::current_dir().unwrap();
        let places = ["@key", "@./key", &format!("@{}/key", folder.display())];
        let same = places.map(|place| {
            let signature = Some(("svix", place.to_owned()));
            name(urls[0], Checks { signature, ..checks.clone() })
        });
        assert!(same.iter().all(|name| *name == same[0]) && !names.contains(&same[0]), "{same:?}");
        let all: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(all.len(), names.len(), "{names:?}");
    }
}
