//! The requests of senders: responses, and the log of those that are not handed on.

use super::{
    counts::{Counts, Outcome, Reason},
    course::{self, Course},
};
use crate::{
    commands::{
        http_server::{self, Listening, Server},
        refusals::Lines,
    },
    connect::{self, Opened},
    console::Notes,
    failure::{Failure, Status},
    plain::shortened,
};
use bytes::Bytes;
use cloudevents_kit::{
    Error,
    http::{Problem, RequestBody},
    transport::OnRefusal,
    webhook::receiver::{Webhook, WebhookOptions},
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::time::Instant;

/// The longest path in the log, in characters.
const LONGEST: usize = 100;

/// The side of the senders.
#[derive(Clone)]
pub(super) struct Front {
    /// The name of the provider or the scheme.
    pub(super) sender: &'static str,
    pub(super) behind_proxy: bool,
    pub(super) counts: Arc<Counts>,
    /// Sees each refusal.
    pub(super) see: OnRefusal,
    pub(super) console: Notes,
    /// Whether there is a line for deliveries that were accepted before.
    pub(super) is_informed: bool,
    /// The lines of repeated deliveries in this second, which a captured delivery could make without end.
    pub(super) repeats: Arc<Mutex<Lines>>,
}

impl Front {
    /// Opens the target, whose responses have the replies of the service.
    pub(super) fn open(
        self,
        listening: Listening,
        mut options: WebhookOptions,
    ) -> Result<(Opened, Server, Webhook), Failure> {
        let mut http = options.http.clone();
        let below = self.clone();
        http.on_refusal = Some(Arc::new(move |why: &Error| {
            let (error, reason) = course::unread(below.sender, why);
            below.counts.refused(reason);
            (below.see)(&error);
        }));
        // Refusals of the target are seen here, with their senders.
        options.http.on_refusal = None;
        let (webhook, receiver) = Webhook::open(options)
            .map_err(|error| Failure::Told(Status::Usage, Box::new(connect::report(&error))))?;
        let target = webhook.clone();
        let (opened, server) =
            http_server::serving_paths(listening, http, receiver, move |request, peer, is_at| {
                self.clone().respond(target.clone(), request, peer, is_at)
            });
        Ok((opened, server, webhook))
    }

    async fn respond(
        self,
        webhook: Webhook,
        mut request: Request<RequestBody>,
        peer: SocketAddr,
        is_at: bool,
    ) -> Response<Bytes> {
        let course = Course::new(self.sender, request.headers(), peer, self.behind_proxy);
        let method = request.method().clone();
        let line = format!(" of {method} {}", shortened(request.uri().path(), LONGEST));
        if !is_at {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NOT_FOUND;
            self.refused(&course, &method, &line, &response);
            return response;
        }
        request.extensions_mut().insert(course.clone());
        let mut response = webhook.respond(request, Some(peer)).await;
        let is_success = response.status().is_success();
        if course.is_genuine() {
            if is_success {
                reply(&mut response, &course);
            } else if response.status() == StatusCode::UNPROCESSABLE_ENTITY && course.is_unsupported() {
                let why = "the service does not read this media type";
                response = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_http();
            }
        } else if !is_success {
            self.refused(&course, &method, &line, &response);
        } else if method == Method::POST && response.body().is_empty() {
            // Others are the validation of a subscription.
            self.counts.ended(Outcome::Repeated);
            if self.is_informed && self.has_room() {
                let words = format!("a delivery came again, and was accepted before ({})", course.who());
                self.console.announce(&words, course.who().counted(Outcome::Repeated.label()).members());
            }
        }
        response
    }

    fn has_room(&self) -> bool {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner).have_room(Instant::now())
    }

    fn refused(&self, course: &Course, method: &Method, line: &str, response: &Response<Bytes>) {
        let (error, reason) = course.refusal(response, line);
        self.counts.refused(reason);
        // Browsers and probes are no senders.
        let is_look = matches!(*method, Method::GET | Method::HEAD);
        if !(is_look && matches!(reason, Reason::Path | Reason::Method)) {
            (self.see)(&error);
        }
    }
}

/// Adds the reply of the service to a success.
fn reply(response: &mut Response<Bytes>, course: &Course) {
    if response.body().is_empty()
        && let Some((content_type, body)) = course.reply()
    {
        // The type of a payload that has none (RFC 9110, section 8.3).
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        *response.body_mut() = body;
    }
}
