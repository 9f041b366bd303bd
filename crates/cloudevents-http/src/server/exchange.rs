//! One request and its response.

use super::{
    answer::{Answer, Settling, busy},
    options::HttpReceiverOptions,
};
use crate::{Problem, Reading, body::collect, decode_message};
use bytes::{Bytes, BytesMut};
use cloudevents_core::{Decoding, Error, ErrorKind};
use cloudevents_transport::{InFlight, Incoming, Permit, Raw, Token};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONNECTION},
};
use http_body::Body;
use std::{borrow::Cow, pin::pin, sync::Arc};
use tokio::sync::{mpsc, oneshot, watch};

/// How far draining is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// No more connections and no more requests.
    Draining,
    /// No more waiting for settlements.
    Over,
}

/// Waits until draining is as far as this, or until the receiver is gone.
pub(super) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}

/// What all requests share.
pub(super) struct Shared {
    pub(super) path: Arc<str>,
    pub(super) options: HttpReceiverOptions,
    pub(super) in_flight: InFlight,
    /// Bounded by what may be in flight.
    pub(super) queue: mpsc::UnboundedSender<Incoming>,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Shared {
    /// Answers when the message is settled.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Bytes>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let mut phase = self.phase.clone();
        let retry_after = self.options.retry_after;
        let mut response = match self.take(request).await {
            Ok(settled) => tokio::select! {
                biased;
                settled = settled => settled
                    .unwrap_or(Answer::Later(None))
                    .into_response(self.options.accepted, retry_after),
                () = reached(&mut phase, Phase::Over) => busy(Error::new(ErrorKind::Closed).with_detail("the receiver stops"), retry_after),
            },
            Err(response) => response,
        };
        if *self.phase.borrow() > Phase::Open {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Reads the message and hands it over. What comes of it is still to be heard.
    async fn take<B>(&self, request: Request<B>) -> Result<oneshot::Receiver<Answer>, Response<Bytes>>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        if request.uri().path() != &*self.path {
            let error = Error::new(ErrorKind::Unsupported).with_detail("there is nothing at this path");
            return Err(Problem::from(error).with_status(StatusCode::NOT_FOUND).into_http());
        }
        if request.method() != Method::POST {
            let error = Error::new(ErrorKind::Unsupported).with_detail("events are posted");
            let mut response = Problem::from(error).with_status(StatusCode::METHOD_NOT_ALLOWED).into_http();
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return Err(response);
        }
        let full = || busy(too_many(), self.options.retry_after);
        let Some(mut permit) = self.in_flight.try_room() else { return Err(full()) };
        let decoding = &self.options.receiver.decoding;
        let (parts, body) = request.into_parts();
        let headers = parts.headers;
        let body = match self.read(&headers, body, decoding, &mut permit).await {
            Ok(body) => body,
            Err(error) if error.kind() == ErrorKind::TooMany => return Err(full()),
            Err(error) => {
                tracing::debug!(%error, "a request could not be read");
                return Err(Problem::of_request(error, &headers, decoding, true).into_http());
            }
        };
        let message = decode_message(&headers, body.clone(), decoding);
        let fault =
            message.as_ref().err().map(|error| Problem::of_request(error.clone(), &headers, decoding, true));
        let (answer, settled) = oneshot::channel();
        let token = Token::new(Settling { answer, fault, permit });
        // A queue that nobody reads any more gives the token back, which answers.
        let _ = self.queue.send(Incoming::new(message, self.raw(&headers, body), token));
        Ok(settled)
    }

    /// The body, as far as there is room. A declared length counts at once, so that bodies that are on their way cannot add up to more.
    async fn read<B>(
        &self,
        headers: &HeaderMap,
        body: B,
        decoding: &Decoding,
        permit: &mut Permit,
    ) -> Result<Bytes, Error>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let with = Reading::from(decoding).within(self.options.body_deadline);
        let declared = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let mut counted = declared.filter(|length| *length <= decoding.limits.bytes).unwrap_or_default();
        permit.charge(counted);
        let mut came = 0_usize;
        collect(headers, pin!(body), with, |length| {
            came = came.saturating_add(length);
            if came > counted {
                permit.charge(came.saturating_sub(counted));
                counted = came;
                let used = self.in_flight.used();
                if used.messages > 1 && used.bytes > self.in_flight.bounds().bytes {
                    return Err(too_many());
                }
            }
            Ok(())
        })
        .await
    }

    fn raw(&self, headers: &HeaderMap, body: Bytes) -> Raw {
        let length = headers.values().map(HeaderValue::len).fold(0, usize::saturating_add);
        let mut values = BytesMut::with_capacity(length);
        let mut raw = Raw::default();
        raw.headers.reserve_exact(headers.len());
        for (name, value) in headers {
            values.extend_from_slice(value.as_bytes());
            let value = values.split().freeze();
            raw.headers.push((Cow::Owned(name.as_str().to_owned()), Some(value)));
        }
        raw.topic = Some(Arc::clone(&self.path));
        raw.body = Some(body);
        raw
    }
}

#[cold]
fn too_many() -> Error {
    Error::new(ErrorKind::TooMany).with_detail("messages wait to be dealt with")
}
