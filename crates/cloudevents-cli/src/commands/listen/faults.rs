//! Faults on purpose, for trying out senders.

use crate::{
    commands::http_server::{self, Listening, Server},
    connect::Opened,
    failure::{Failure, Status},
    input::{self, Reading},
};
use clap::Args;
use cloudevents_kit::{
    DecodeOptions, Event,
    http::{Decompression, HttpReceiverOptions},
    transport::OnRefusal,
    webhook::{handshake::AllowedOrigins, receiver::WebhookOptions},
};
use http::StatusCode;
use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    time::Duration,
};

/// How deliveries are answered.
#[derive(Args, Debug)]
#[command(next_help_heading = "Answering")]
pub(super) struct Faults {
    /// Respond with this HTTP status instead of 204. Events are printed in any case.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    respond: Option<StatusCode>,
    /// Refuse this percentage of messages, so that they are sent again: 503 over HTTP. They are not printed.
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    fail_rate: Option<f64>,
    /// Answer each message this number of seconds later. Other messages are received meanwhile.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) delay: Option<Duration>,
    /// Answer each message with the event of this file: over HTTP in the response, and over NATS without JetStream, MQTT 5 and AMQP 1.0 at
    /// the address for replies that the message names. A message without one is accepted, with a note.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["allow_origin", "peek"])]
    reply: Option<PathBuf>,
    /// Agree to this sender in the WebHook handshake, and require it of deliveries: a DNS name, `*.` and a name, or `*`. May be
    /// repeated.
    #[arg(long, value_name = "NAME")]
    allow_origin: Vec<String>,
    /// The state of the generator of random numbers.
    #[arg(skip)]
    random: Cell<u64>,
}

impl Faults {
    /// Opens a server that answers as requested. `None` if every receiver can answer so.
    pub(super) async fn target(
        &self,
        url: &str,
        decoding: &DecodeOptions,
        on_refusal: OnRefusal,
    ) -> Result<Option<(Opened, Server)>, Failure> {
        if self.respond.is_none() && self.allow_origin.is_empty() {
            return Ok(None);
        }
        if !url.starts_with("http:") {
            let name = if self.respond.is_some() { "--respond" } else { "--allow-origin" };
            return Err(Failure::usage(format!("{name} is only for `http` URLs")));
        }
        let mut http = HttpReceiverOptions::from(decoding.clone());
        http.decompression = Decompression::all();
        http.on_refusal = Some(on_refusal);
        let fault = self.respond.map(|status| http_server::respond_with(http.accepted, status));
        let faults = fault.into_iter().collect();
        let origins = match self.allow_origin.as_slice() {
            [] => return Ok(Some(http_server::open_plain(Listening::at(url, None).await?, http, faults))),
            names if names.iter().any(|name| name == "*") => AllowedOrigins::any(),
            names => AllowedOrigins::new(names)
                .map_err(|error| Failure::usage(format!("--allow-origin: {error}")))?,
        };
        let mut options = WebhookOptions::allowing(origins).unauthenticated();
        options.http = http;
        http_server::open(Listening::at(url, None).await?, options, faults).map(Some)
    }

    /// Returns the event of the answers, if there is one.
    pub(super) fn reply(&self) -> Result<Option<Event>, Failure> {
        let Some(path) = &self.reply else { return Ok(None) };
        let mut events = input::open(path, &Reading::default())?;
        let found = (events.next().transpose()?, events.next());
        let (Some(located), None) = found else {
            return Err(Failure::usage(format!("`{}` does not have one event", path.display())));
        };
        match &located.event {
            Ok(decoded) => Ok(Some(decoded.value.clone())),
            Err(error) => Err(Failure::Told(Status::Usage, Box::new(located.report(error)))),
        }
    }

    /// Decides whether to refuse a message on purpose.
    pub(super) fn fails(&self) -> bool {
        let Some(rate) = self.fail_rate else { return false };
        let random = RandomState::new().hash_one(self.random.replace(self.random.get().wrapping_add(1)));
        // 53 bits are exact.
        ((random >> 11) as f64) / ((1_u64 << 53) as f64) * 100.0 < rate
    }
}

fn status(text: &str) -> Result<StatusCode, String> {
    let status: Option<StatusCode> = text.parse().ok();
    let status = status.filter(|status| (200..=599).contains(&status.as_u16()));
    status.ok_or_else(|| "expected a status from 200 to 599".to_owned())
}

fn percentage(text: &str) -> Result<f64, String> {
    let percentage: Option<f64> = text.strip_suffix('%').unwrap_or(text).parse().ok();
    let percentage = percentage.filter(|percentage| (0.0..=100.0).contains(percentage));
    percentage.ok_or_else(|| "expected a percentage from 0 to 100".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok();
    let delay = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    delay
        .filter(|delay| *delay <= Duration::from_secs(3600))
        .ok_or_else(|| "expected a number of seconds, at most 3600".to_owned())
}
