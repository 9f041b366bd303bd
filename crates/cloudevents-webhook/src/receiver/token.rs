//! Who may deliver.

use crate::{AccessToken, TokenPlace, access::has_parameter};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_http::Problem;
use http::{StatusCode, request::Parts};
use std::{fmt, pin::Pin, sync::Arc};

/// Decides whether a token allows deliveries: with the keys of an OAuth issuer, for example. Implement it with `async fn`.
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_webhook::{AccessToken, receiver::VerifyToken};
/// use http::request::Parts;
///
/// struct OfTenants;
/// impl VerifyToken for OfTenants {
///     async fn verify(&self, token: &AccessToken<'_>, request: &Parts) -> Result<bool, Error> {
///         Ok(match request.uri.path() {
///             "/hooks/blue" => token.is_bearer("the secret of blue"),
///             _ => false,
///         })
///     }
/// }
/// ```
pub trait VerifyToken: Send + Sync + 'static {
    /// Whether the token allows this delivery. Compare secrets in constant time, as [`AccessToken::is_bearer`] does.
    ///
    /// An error means that the verifier failed: the response is 503, and the sender tries again. So it is when there is no verdict within
    /// [`respond_within`](super::WebhookOptions::respond_within).
    fn verify(
        &self,
        token: &AccessToken<'_>,
        request: &Parts,
    ) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// The tokens that deliveries need.
#[derive(Clone, Default)]
pub(super) struct Tokens {
    bearers: Vec<Box<str>>,
    verifier: Option<Arc<dyn DynVerify>>,
}

type Verdict<'a> = Pin<Box<dyn Future<Output = Result<bool, Error>> + Send + 'a>>;

trait DynVerify: Send + Sync {
    fn verify<'a>(&'a self, token: &'a AccessToken<'a>, request: &'a Parts) -> Verdict<'a>;
}

impl<T: VerifyToken> DynVerify for T {
    fn verify<'a>(&'a self, token: &'a AccessToken<'a>, request: &'a Parts) -> Verdict<'a> {
        Box::pin(VerifyToken::verify(self, token, request))
    }
}

impl Tokens {
    pub(super) fn add(&mut self, token: Box<str>) {
        self.bearers.push(token);
    }

    pub(super) fn verify_with(&mut self, verifier: impl VerifyToken) {
        self.verifier = Some(Arc::new(verifier));
    }

    /// Whether none is needed.
    pub(super) fn is_empty(&self) -> bool {
        self.bearers.is_empty() && self.verifier.is_none()
    }

    /// An empty token would be no secret.
    pub(super) fn has_empty(&self) -> bool {
        self.bearers.iter().any(|token| token.is_empty())
    }

    /// Where the request has its token, if it has one.
    pub(super) async fn check(&self, request: &Parts) -> Result<Option<TokenPlace>, Problem> {
        let token = AccessToken::from_request(request);
        if self.is_empty() {
            // An `Authorization` of another kind is for somebody else. A token in the query is removed, whatever is beside it.
            let place = token.map(|token| token.map(|token| token.place()));
            return Ok(place.unwrap_or_else(|_| has_parameter(request).then_some(TokenPlace::Query)));
        }
        let Some(token) = token.map_err(Problem::rejection)? else {
            return Err(unauthorized("the delivery has no access token"));
        };
        // Every token is compared, so that the time does not say which one is close.
        let known = self.bearers.iter().fold(false, |known, bearer| known | token.is_bearer(bearer));
        let known = known
            || match &self.verifier {
                Some(verifier) => verifier.verify(&token, request).await.map_err(failed)?,
                None => false,
            };
        if known { Ok(Some(token.place())) } else { Err(unauthorized("the access token is not accepted")) }
    }
}

#[cold]
fn unauthorized(detail: &'static str) -> Problem {
    let error = Error::new(ErrorKind::Refused).with_detail(detail).with_clause("WEBHOOK-3-a");
    Problem::rejection(error).with_status(StatusCode::UNAUTHORIZED)
}

#[cold]
fn failed(error: Error) -> Problem {
    tracing::warn!(%error, "an access token could not be verified");
    Problem::from(error).with_status(StatusCode::SERVICE_UNAVAILABLE)
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({}, verifier: {})", self.bearers.len(), self.verifier.is_some())
    }
}
