//! Messages to requests.

use super::{
    Target,
    delivery::{Failure, Shared},
};
use crate::{
    DeliveryKey, TokenPlace, authorize,
    handshake::{Origin, REQUEST_ORIGIN},
    signature::Coverage,
};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event, Message};
use cloudevents_http::encode_message;
use cloudevents_json::Json;
use cloudevents_transport::{Content, Outgoing, binding::Writing};
use http::{HeaderMap, HeaderName, HeaderValue, Request, header, request::Parts};
use std::{sync::Arc, time::SystemTime};

/// The parts that all attempts at a delivery have in common.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) id: Box<str>,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

/// One attempt.
pub(super) struct Ready {
    pub(super) parts: Parts,
    pub(super) url: String,
    /// The token that is among the headers or in the URL.
    pub(super) token: Option<Box<str>>,
}

impl Prepared {
    pub(super) fn new(
        outgoing: &Outgoing,
        target: &Target,
        Shared { options, message_headers, .. }: &Shared,
    ) -> Result<Self, Error> {
        let Content::Message(message) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported));
        };
        let decoding = &options.sender.decoding;
        let id = match message {
            Message::Batched(document) => DeliveryKey::of_body(document.body()),
            message => {
                let event = message.event(decoding)?.value;
                DeliveryKey::of_event(event.source().as_str(), event.id())
            }
        };
        let format = match message {
            Message::Binary(event) if !may_be_binary(event, target) => Some(match &target.format {
                Some(format) => Arc::clone(format),
                None => Arc::new(Json::new()),
            }),
            _ => None,
        };
        let mut headers = HeaderMap::new();
        message_headers.add(&mut headers, outgoing)?;
        let message = Writing::given(format, options.sender.losses).message(message)?.into_owned();
        let body = encode_message(&message, &mut headers)?;
        Ok(Self { id: id.to_string().into(), headers, body })
    }

    /// One attempt with this token, signed.
    pub(super) fn attempt(
        &self,
        target: &Target,
        token: Option<Box<str>>,
        origin: &Origin,
        now: SystemTime,
    ) -> Result<Ready, Failure> {
        let mut url = target.url.to_string();
        let mut request = Request::new(());
        *request.method_mut() = http::Method::POST;
        *request.headers_mut() = self.headers.clone();
        if let Ok(origin) = HeaderValue::from_str(origin.as_str()) {
            request.headers_mut().insert(REQUEST_ORIGIN, origin);
        }
        match (&token, target.place) {
            (None, _) => {}
            (Some(token), TokenPlace::Header) => {
                authorize(&mut request, token).map_err(Failure::without_token)?;
            }
            (Some(token), TokenPlace::Query) => {
                url = with_query(&url, token).map_err(Failure::of_error)?;
                let no_store = HeaderValue::from_static("no-store");
                request.headers_mut().insert(header::CACHE_CONTROL, no_store);
            }
        }
        *request.uri_mut() = url.parse().map_err(|_| Failure::of_error(invalid_url()))?;
        let (mut parts, ()) = request.into_parts();
        if let Some(signer) = &target.signer {
            let signed = signer.sign(&mut parts, &self.body, &self.id, now);
            signed.map_err(|error| Failure::of_error(error.into()))?;
        }
        drop_doubles(&mut parts.headers, &self.headers);
        Ok(Ready { parts, url, token })
    }
}

/// Removes headers of the message that servers may take for headers of the sender. Servers that pass headers as variables make no
/// difference between `-` and `_` (RFC 3875, section 4.1.18).
fn drop_doubles(headers: &mut HeaderMap, of_message: &HeaderMap) {
    let plain = |name: &HeaderName| name.as_str().replace('_', "-");
    let is_own = |name: &&HeaderName| headers.get(*name) != of_message.get(*name);
    let own: Vec<(HeaderName, String)> =
        headers.keys().filter(is_own).map(|name| (name.clone(), plain(name))).collect();
    for name in of_message.keys() {
        if own.iter().any(|(own, spelled)| own != name && *spelled == plain(name)) {
            headers.remove(name);
        }
    }
}

/// Whether the attributes may travel in headers: they are signed there, or not signed at all, and the request has a payload with a
/// content type.
fn may_be_binary(event: &Event, target: &Target) -> bool {
    let signed = target.signer.as_ref().is_none_or(|signer| signer.coverage() == Coverage::Attributes);
    let payload =
        event.data_bytes().is_some_and(|data| !data.is_empty()) && event.datacontenttype().is_some();
    signed && payload && target.format.is_none()
}

fn with_query(url: &str, token: &str) -> Result<String, Error> {
    let mut url = url::Url::parse(url).map_err(|_| invalid_url())?;
    url.query_pairs_mut().append_pair("access_token", token);
    Ok(url.into())
}

#[cold]
fn invalid_url() -> Error {
    Error::new(ErrorKind::InvalidUrl).with_detail("the target cannot be the URI of a request")
}
