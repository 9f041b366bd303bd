//! A request as it was received.

use crate::{decode_message, extras::is_of_exchange};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use cloudevents_transport::Origin;
use http::{HeaderName, HeaderValue, request::Parts};
use std::{any::Any, borrow::Cow, net::SocketAddr};

/// A request as an origin. Its native form is [`Parts`].
pub(super) struct ReceivedRequest {
    parts: Parts,
    body: Bytes,
    peer: Option<SocketAddr>,
    size: usize,
}

impl ReceivedRequest {
    #[inline]
    pub(super) fn new(parts: Parts, body: Bytes, peer: Option<SocketAddr>) -> Self {
        let header =
            |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len().saturating_add(value.len());
        let size = parts.headers.iter().map(header).fold(body.len(), usize::saturating_add);
        Self { parts, body, peer, size }
    }
}

impl Origin for ReceivedRequest {
    fn native(&self) -> &dyn Any {
        &self.parts
    }

    fn size(&self) -> usize {
        self.size
    }

    fn body(&self) -> Option<Bytes> {
        Some(self.body.clone())
    }

    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        Some(decode_message(&self.parts.headers, self.body.clone(), with))
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        for (name, value) in &self.parts.headers {
            each(name.as_str(), Some(Cow::Borrowed(value.as_bytes())));
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        !name.starts_with("ce-") && !is_of_exchange(&self.parts.headers, name)
    }

    fn has_forwarded_headers(&self) -> bool {
        self.parts.headers.keys().any(|name| self.is_forwarded(name.as_str()))
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.parts.headers.get(name).map(|value| Cow::Borrowed(value.as_bytes()))
    }

    fn topic(&self) -> Option<&str> {
        Some(self.parts.uri.path())
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }
}
