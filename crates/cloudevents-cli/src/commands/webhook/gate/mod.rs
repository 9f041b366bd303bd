//! `ce webhook serve --to`: in front of a service.

use super::{
    service::{Checks, Replied, Service, Verdict},
    target::{self, Server},
};
use crate::{
    commands::refusals,
    connect::{self, Opened},
    console::Console,
    failure::{Failure, Status},
    interrupt::Interrupt,
    report::Report,
};
use bytes::Bytes;
use clap::Args;
use cloudevents_kit::{
    Delivery, Error,
    http::RequestBody,
    transport::Outcome,
    webhook::receiver::{MemoryStore, Webhook, WebhookOptions},
};
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use serde_json::json;
use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinSet;

/// Deliveries that are remembered in memory: some 100 bytes each.
const REMEMBERED: usize = 100_000;

/// How much longer than the service a response may take: to check the delivery, and to remember it.
const BESIDE: Duration = Duration::from_secs(5);

/// Descriptors that are neither connections of senders nor of the service: standard streams, the store, lookups of names.
const DESCRIPTORS: usize = 64;

/// Options of the service behind the target.
#[derive(Args, Debug)]
#[command(next_help_heading = "In front of a service")]
pub(super) struct GateOptions {
    /// Hand each genuine delivery to the service at this URL, and respond as it does, in place of printing events. See below.
    #[arg(long, value_name = "URL", conflicts_with = "misbehave")]
    pub(super) to: Option<String>,
    /// Maximum seconds in which the service has to respond.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "to")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    to_timeout: u64,
    /// Maximum deliveries that the service has at once. Others get 503.
    #[arg(long, value_name = "NUMBER", default_value = "64", requires = "to")]
    in_flight: NonZeroUsize,
    /// Remember accepted deliveries across restarts, in a file of SQLite or a database of Postgres: `sqlite:FILE`, or a URL
    /// `postgres://USER@HOST/DATABASE`, without TLS. Without it, in memory.
    #[cfg(feature = "outbox")]
    #[arg(long, value_name = "STORE", requires = "to")]
    remember: Option<String>,
}

/// The reply of a service, for the response to the sender. It is in the extensions of the request.
#[derive(Clone, Debug, Default)]
struct Reply(Arc<Mutex<Replied>>);

/// The end of a delivery.
enum Done {
    Accepted,
    /// With the reason.
    Refused(Box<Report>),
    /// It is no event.
    Malformed(Error),
    /// The sender did not wait.
    Late(Box<Done>),
}

impl GateOptions {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.to_timeout)
    }

    /// Adds the store of accepted deliveries.
    async fn remembering(&self, options: WebhookOptions, _target: &str) -> Result<WebhookOptions, Failure> {
        #[cfg(feature = "outbox")]
        if let Some(to) = &self.remember {
            // Twice as long as handling takes at most.
            let lease = self.timeout().saturating_add(BESIDE).saturating_mul(2);
            return super::remember::remembering(options, to, _target, lease).await;
        }
        Ok(options.idempotency(MemoryStore::new(REMEMBERED)))
    }
}

/// Hands deliveries to the service at `to`, until `count` of them were accepted.
pub(super) async fn run(
    (url, to, gate): (&str, &str, &GateOptions),
    checks: Checks,
    count: Option<u64>,
    options: WebhookOptions,
    console: &Console,
) -> Result<Status, Failure> {
    // Paths, services and keys keep the deliveries of targets apart that share a file.
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let service = Service::new(to, gate.timeout(), checks)?;
    let target = format!("{path} {}", service.name());
    let service = Arc::new(service);
    let options = gate.remembering(options, &target).await?;
    let mut options = options.respond_within(gate.timeout().saturating_add(BESIDE));
    // Each delivery has a connection to the service. Without one, the sender of a genuine delivery would get 503.
    options.http.spare_descriptors = gate.in_flight.get().saturating_add(DESCRIPTORS);
    let (on_refusal, mut refusals) = refusals::channel();
    options.http.on_refusal = Some(on_refusal);
    let (Opened { mut receiver, url, .. }, server) = open(url, options).await?;
    console.write_aside();
    let interrupt = Interrupt::watch(console);
    console.announce(&format!("listening at {url}"), json!({"url": url}));
    let mut under_way = JoinSet::new();
    let mut accepted = 0_u64;
    while count.is_none_or(|count| accepted < count) {
        interrupt.in_flight(under_way.len());
        tokio::select! {
            biased;
            () = interrupt.asked() => break,
            Some(done) = under_way.join_next() => told(done, &mut accepted, console),
            next = refusals::next(&mut receiver, &mut refusals, console) => match next {
                Ok(Some(delivery)) if under_way.len() >= gate.in_flight.get() => {
                    // Settled at once. Its sender gets 503 with `Retry-After`.
                    drop(delivery.release());
                    let words = "the service has as many deliveries as it may: the sender of another one gets 503";
                    console.report(&Report::warning(words));
                }
                Ok(Some(delivery)) => {
                    under_way.spawn(hand_on(Arc::clone(&service), delivery));
                }
                Ok(None) => break,
                Err(error) => {
                    console.error(Status::Network, &Report::of(&error));
                    break;
                }
            },
        }
    }
    server.stop();
    // Each of them has its deadline.
    while let Some(done) = under_way.join_next().await {
        told(done, &mut accepted, console);
        interrupt.in_flight(under_way.len());
    }
    if let Err(error) = receiver.drain(Duration::from_secs(5)).await {
        console.error(Status::Network, &Report::of(&error));
    }
    server.close().await;
    refusals.tell_rest(console);
    console.say(&match accepted {
        1 => "1 delivery accepted by the service".to_owned(),
        number => format!("{number} deliveries accepted by the service"),
    });
    Ok(Status::Done)
}

/// Opens the target, whose responses have the replies of the service.
async fn open(url: &str, options: WebhookOptions) -> Result<(Opened, Server), Failure> {
    let http = options.http.clone();
    let (webhook, receiver) = Webhook::open(options)
        .map_err(|error| Failure::Told(Status::Usage, Box::new(connect::report(&error))))?;
    target::serving(url, http, receiver, Vec::new(), move |request, peer| {
        respond(webhook.clone(), request, peer)
    })
    .await
}

async fn respond(webhook: Webhook, mut request: Request<RequestBody>, peer: SocketAddr) -> Response<Bytes> {
    let Reply(reply) = request.extensions_mut().get_or_insert_default::<Reply>().clone();
    let mut response = webhook.respond(request, Some(peer)).await;
    let replied = reply.lock().unwrap_or_else(PoisonError::into_inner).take();
    if response.status().is_success()
        && response.body().is_empty()
        && let Some((content_type, body)) = replied
    {
        // The type of a payload that has none (RFC 9110, section 8.3).
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        *response.body_mut() = body;
    }
    response
}

/// Hands a delivery to the service, and settles it as the service responds.
async fn hand_on(service: Arc<Service>, delivery: Delivery) -> Done {
    if let Err(error) = delivery.events() {
        return settled(delivery.reject(&error), Done::Malformed(error)).await;
    }
    let received = delivery.received();
    let Some(parts) = received.native::<Parts>() else {
        return settled(delivery.release(), Done::Refused(Box::new(Report::warning("there is no request"))))
            .await;
    };
    let request = service.request(parts, received.body().unwrap_or_default());
    let reply = parts.extensions.get::<Reply>().cloned().unwrap_or_default();
    match service.send(request).await {
        Verdict::Accepted(replied) => {
            *reply.0.lock().unwrap_or_else(PoisonError::into_inner) = replied;
            settled(delivery.accept(), Done::Accepted).await
        }
        Verdict::Refused(status) => {
            let words = format!("the service responded {status}");
            let report = Report::warning("the service refused a delivery").detail(words.as_str());
            settled(delivery.reject(words), Done::Refused(Box::new(report))).await
        }
        Verdict::Later(words, after) => {
            let report = Report::warning("a delivery was not handed on: its sender gets 503").detail(words);
            let outcome = match after {
                Some(after) => delivery.retry(after),
                None => delivery.release(),
            };
            settled(outcome, Done::Refused(Box::new(report))).await
        }
    }
}

async fn settled(outcome: Outcome, done: Done) -> Done {
    match outcome.await {
        Ok(()) => done,
        Err(_) => Done::Late(Box::new(done)),
    }
}

/// Reports the end of a delivery.
fn told(done: Result<Done, tokio::task::JoinError>, accepted: &mut u64, console: &Console) {
    let done = match done {
        Ok(Done::Late(done)) => {
            console.report(&Report::warning("the sender disconnected before the response"));
            *done
        }
        Ok(done) => done,
        Err(error) => {
            return console
                .error(Status::No, &Report::new("a delivery was not handed on").detail(error.to_string()));
        }
    };
    match done {
        Done::Accepted => *accepted = accepted.saturating_add(1),
        Done::Refused(report) => console.report(&report.bounded()),
        Done::Malformed(error) => console.error(Status::No, &Report::of(&error).bounded()),
        Done::Late(_) => {}
    }
}
