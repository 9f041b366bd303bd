//! The receiver as a service of tower 0.5.

use super::Webhook;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tower::Service;

/// A service for any server of tower. With axum 0.8, it is a route:
///
/// ```
/// use axum::Router;
/// use cloudevents_webhook::receiver::{Webhook, WebhookOptions};
///
/// let (webhook, receiver) = Webhook::open(WebhookOptions::without_handshake().token("a long random token"))?;
/// let app: Router = Router::new().route_service("/hook", webhook);
/// # drop((app, receiver));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
impl<B> Service<Request<B>> for Webhook
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.clone().0.respond(request, None, |response| Ok(response.map(Full::new))))
    }
}
