//! The access token of a delivery (webhook specification, section 3).

use cloudevents_core::{Error, ErrorKind};
use http::{Request, header, request::Parts};
use std::{borrow::Cow, fmt};
use subtle::ConstantTimeEq;
use url::form_urlencoded;

const PARAMETER: &str = "access_token";

/// How a delivery brought its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenPlace {
    /// In the header `Authorization`.
    Header,
    /// In the query parameter `access_token`. A successful response then has `Cache-Control: private` (WEBHOOK-3.2-e).
    Query,
}

/// The token of a delivery. `Debug` does not show it.
#[derive(Clone)]
pub struct AccessToken<'a> {
    place: TokenPlace,
    scheme: Option<&'a str>,
    token: Cow<'a, str>,
}

impl<'a> AccessToken<'a> {
    /// Reads the token of a request: `None` if it has none.
    ///
    /// It is an error if the request has more than one token, by header and by query or in either twice (RFC 6750, section 2), or a token
    /// that cannot be read. Respond with 400.
    pub fn from_request(request: &'a Parts) -> Result<Option<Self>, Error> {
        let several = || invalid("the request has more than one access token");
        let mut headers = request.headers.get_all(header::AUTHORIZATION).iter();
        let by_header = headers.next();
        if headers.next().is_some() {
            return Err(several());
        }
        let by_query = match request.uri.query() {
            Some(query) => {
                let mut parameters = form_urlencoded::parse(query.as_bytes())
                    .filter(|(name, _)| *name == PARAMETER)
                    .map(|(_, token)| token);
                let first = parameters.next();
                if parameters.next().is_some() || (by_header.is_some() && first.is_some()) {
                    return Err(several());
                }
                first
            }
            None => None,
        };
        if let Some(value) = by_header {
            let value = value.to_str().map_err(|_| invalid("`Authorization` is not ASCII"))?;
            let space = value.bytes().position(|byte| byte == b' ');
            let (scheme, token) = space
                .and_then(|at| value.split_at_checked(at))
                .ok_or_else(|| invalid("`Authorization` needs a scheme and a token, such as `Bearer abc`"))?;
            let token = Cow::Borrowed(token.trim_matches(' '));
            return Ok(Some(Self { place: TokenPlace::Header, scheme: Some(scheme), token }));
        }
        let Some(token) = by_query else { return Ok(None) };
        Ok(Some(Self { place: TokenPlace::Query, scheme: None, token }))
    }

    /// Whether it is this bearer token, compared in constant time. A token in the header has to be of the scheme `Bearer`.
    pub fn is_bearer(&self, expected: &str) -> bool {
        let bearer = self.scheme.is_none_or(|scheme| scheme.eq_ignore_ascii_case("bearer"));
        bearer && !expected.is_empty() && bool::from(self.token.as_bytes().ct_eq(expected.as_bytes()))
    }

    /// How the delivery brought it.
    pub fn place(&self) -> TokenPlace {
        self.place
    }

    /// The scheme of the header, such as `Bearer`.
    pub fn scheme(&self) -> Option<&str> {
        self.scheme
    }

    /// The token, which is secret.
    pub fn expose(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for AccessToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({:?})", self.place)
    }
}

/// Puts a bearer token into the header of a delivery, marked as not to be shown.
///
/// The error, of kind [`Refused`](ErrorKind::Refused), says that the token cannot be a header value.
pub fn authorize<T>(request: &mut Request<T>, token: &str) -> Result<(), Error> {
    let mut value: header::HeaderValue =
        format!("Bearer {token}").parse().map_err(|_| invalid("the token cannot be a header value"))?;
    value.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(())
}

/// Whether a request has a token in its query.
#[cfg(feature = "receiver")]
pub(crate) fn has_parameter(request: &Parts) -> bool {
    let query = request.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == PARAMETER)
}

/// Removes the token from a request that was checked, so that no handler sees or logs it.
#[cfg(feature = "receiver")]
pub(crate) fn without_token(request: &mut Parts) {
    request.headers.remove(header::AUTHORIZATION);
    let Some(query) = request.uri.query() else { return };
    let is_token = |pair: &&str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name == PARAMETER);
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_token(pair)).collect();
    let path = request.uri.path();
    let cleaned = match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    };
    let mut uri = std::mem::take(&mut request.uri).into_parts();
    // What was a path and a query stays one without a pair of the query.
    uri.path_and_query = cleaned.parse().ok();
    request.uri = http::Uri::from_parts(uri).unwrap_or_default();
}

fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorKind::Refused).with_detail(detail)
}
