//! `ce webhook serve`.

use super::{
    fault::Fault,
    keys::{secret, verifier},
    target,
};
use crate::{
    commands::{refusals, systems::SystemOptions},
    connect::{self, Opened},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    interrupt::Interrupt,
    plain::count,
    report::Report,
    show,
};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use cloudevents_kit::{
    Error, ErrorKind, Event, Peer,
    adapters::recognize,
    webhook::{
        deliver::Practice,
        handshake::{AllowedOrigins, Rate},
        receiver::{MemoryStore, WebhookOptions, github_event, stripe_event},
        signature::{GitHub, InvalidKey, Stripe},
    },
};
use http::request::Parts;
use serde_json::json;
use std::time::Duration;

/// Receive deliveries and print their events: a target to develop senders against.
///
/// Checks origins, a token and a signature, as far as options give them. What is refused is reported on standard error. Can respond with
/// faults, to test senders and `ce webhook check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce webhook serve http://127.0.0.1:8080/hook --unauthenticated
  HOOK_TOKEN=... ce webhook serve http://127.0.0.1:8080/hook \\
      --origin '*.partner.example' --token-env HOOK_TOKEN
  ce webhook serve http://127.0.0.1:8080/ --unauthenticated --misbehave 204=503
  HOOK_SECRET=... ce webhook serve http://127.0.0.1:8080/hook \\
      --provider github --secret-env HOOK_SECRET
  ce webhook serve http://127.0.0.1:8080/hook --unauthenticated --from aws-sns

Faults:
  204=503               respond with 503 to deliveries where 204 is right; with any two statuses
  origin=, origin=NAME  leave WebHook-Allowed-Origin out of the handshake, or set it; the same with rate and allow
  agrees-to-all         agree to origins that are not allowed
  no-handshake          respond to the handshake with 404
  redirects-handshake   redirect the handshake
  untyped-payload       accept with a payload without a content type
  bare-headers          leave out Cache-Control and Retry-After

Exit status: 0 done, 1 a delivery was not an event, 2 wrong usage, 3 the network failed.")]
pub(crate) struct Serve {
    /// Listen at this URL: http://ADDRESS:PORT/PATH.
    url: String,
    /// Agree to this sender: a DNS name, or `*.` and a name. May be repeated. Without it, there is no handshake.
    #[arg(long = "origin", value_name = "NAME")]
    origins: Vec<String>,
    /// Maximum deliveries per minute to grant.
    #[arg(long, value_name = "NUMBER")]
    rate: Option<u32>,
    /// The environment variable with the access token of deliveries.
    #[arg(long, value_name = "VARIABLE")]
    token_env: Option<String>,
    /// The environment variable with the key of signatures: of Standard Webhooks, or the provider's. Several, separated by spaces, are
    /// valid.
    #[arg(long, value_name = "VARIABLE")]
    secret_env: Option<String>,
    /// Receive deliveries of this provider, and print them as events.
    #[arg(long)]
    provider: Option<Provider>,
    #[command(flatten)]
    systems: SystemOptions,
    /// Accept deliveries from anyone.
    #[arg(long)]
    unauthenticated: bool,
    /// Respond with this fault; see below. May be repeated.
    #[arg(long, value_name = "FAULT")]
    misbehave: Vec<Fault>,
    /// Maximum seconds in which a body has to arrive.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    body_deadline: u64,
    /// Exit after this number of events.
    #[arg(long, short = 'n', value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Whose deliveries are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Provider {
    /// GitHub: its signatures, and events by the adapter of the specification.
    Github,
    /// Stripe: its signatures, and its events as CloudEvents.
    Stripe,
    /// Azure Event Grid with the CloudEvents schema: its origin in the handshake, and statuses that it does not try again.
    EventGrid,
}

pub(super) fn run(command: &Serve, console: &Console) -> Result<Status, Failure> {
    connect::runtime()?.block_on(receive(command, console))
}

async fn receive(command: &Serve, console: &Console) -> Result<Status, Failure> {
    let mut options = options(command)?;
    let (on_refusal, mut refusals) = refusals::channel();
    options.http.on_refusal = Some(on_refusal);
    let (Opened { mut receiver, url, .. }, server) =
        target::open(&command.url, options, command.misbehave.clone()).await?;
    console.write_aside();
    let interrupt = Interrupt::watch(console);
    console.announce(&format!("listening at {url}"), json!({"url": url}));
    let mut emit = Emit::new(console);
    let mut events = 0_u64;
    while command.count.is_none_or(|count| events < count) {
        let delivery = tokio::select! {
            biased;
            () = interrupt.asked() => break,
            next = refusals::next(&mut receiver, &mut refusals, console) => match next {
                Ok(Some(delivery)) => delivery,
                Ok(None) => break,
                Err(error) => {
                    console.error(Status::Network, &Report::of(&error));
                    break;
                }
            },
        };
        interrupt.in_flight(1);
        let settled = match delivery.events() {
            Ok(found) => {
                for event in &found {
                    interrupt.writing(|| emit.event(&show::readable(event)))?;
                    events = events.saturating_add(1);
                }
                interrupt.writing(|| emit.flush())?;
                delivery.accept()
            }
            Err(error) => {
                console.error(Status::No, &Report::of(&error));
                delivery.reject(&error)
            }
        };
        if settled.await.is_err() {
            console.report(&Report::warning("the sender disconnected before the response"));
        }
        interrupt.in_flight(0);
    }
    emit.flush()?;
    server.stop();
    if let Err(error) = receiver.drain(Duration::from_secs(5)).await {
        console.error(Status::Network, &Report::of(&error));
    }
    server.close().await;
    refusals.tell_rest(console);
    console.say(&format!("{} received", count(usize::try_from(events).unwrap_or(usize::MAX), "event")));
    Ok(Status::Done)
}

/// Signatures and conversions of the provider.
fn provided(options: WebhookOptions, command: &Serve) -> Result<WebhookOptions, Failure> {
    let secrets = command.secret_env.as_deref().map(secret).transpose()?;
    let mut secrets = secrets.as_deref().unwrap_or_default().split_whitespace();
    let refused = |error: InvalidKey| Failure::usage(format!("--secret-env: {error}"));
    let first = secrets.next();
    Ok(match (command.provider, first, &command.secret_env) {
        (Some(Provider::Github), Some(first), _) => {
            let verifier = secrets.try_fold(GitHub::new(first).map_err(refused)?, |all, next| all.or(next));
            options.signature(verifier.map_err(refused)?).convert(github_event)
        }
        (Some(Provider::Github), None, _) => options.convert(github_event),
        (Some(Provider::Stripe), Some(first), _) => {
            let verifier = secrets.try_fold(Stripe::new(first).map_err(refused)?, |all, next| all.or(next));
            options.signature(verifier.map_err(refused)?).convert(stripe_event)
        }
        (Some(Provider::Stripe), None, _) => options.convert(stripe_event),
        (Some(Provider::EventGrid), _, None) => options.senders(Practice::EventGrid),
        (Some(Provider::EventGrid), _, Some(_)) => {
            return Err(Failure::usage("Event Grid does not sign: --secret-env has no effect")
                .help("give its subscription a token in the query of the URL, and set --token-env"));
        }
        (None, _, Some(variable)) => options.signature(verifier(variable)?),
        (None, _, None) => options,
    })
}

/// The refusal of what is no event. It names the system of its document.
fn named(_: &Parts, body: &Bytes) -> Result<Event, Error> {
    let known = recognize(body)
        .map(|adapter| adapter.unread(body, &format!("`--from {}` makes events of it", adapter.name())));
    let unknown = || {
        Error::new(ErrorKind::NotACloudEvent)
            .with_detail("there is neither a `ce-` header nor a media type under application/cloudevents")
    };
    Err(known.unwrap_or_else(unknown).with_clause("WEBHOOK-2.2-m"))
}

fn options(command: &Serve) -> Result<WebhookOptions, Failure> {
    let allowing = |origins: &[&str]| {
        let origins = AllowedOrigins::new(origins.iter().copied());
        origins.map(WebhookOptions::allowing).map_err(|error| Failure::usage(format!("--origin: {error}")))
    };
    let origins: Vec<&str> = command.origins.iter().map(String::as_str).collect();
    let mut options = match (origins.as_slice(), command.provider) {
        ([], Some(Provider::EventGrid)) => allowing(&["eventgrid.azure.net"])?,
        ([], _) => WebhookOptions::without_handshake(),
        (origins, _) => allowing(origins)?,
    };
    if let Some(rate) = command.rate {
        let rate = Rate::per_minute(rate).map_err(|error| Failure::usage(format!("--rate: {error}")))?;
        options = options.highest_rate(rate);
    }
    if let Some(variable) = &command.token_env {
        options = options.token(secret(variable)?);
    }
    options = provided(options, command)?;
    options = match (command.systems.systems()?, command.provider) {
        (None, None) => options.convert(named),
        (None, Some(_)) => options,
        (Some(systems), None) => options.adapters(systems.adapters()),
        (Some(_), Some(_)) => {
            return Err(Failure::usage(
                "--provider says of which system deliveries are, and so do --from and --map",
            ));
        }
    };
    if command.unauthenticated {
        options = options.unauthenticated();
    } else if command.token_env.is_none() && command.secret_env.is_none() && command.provider.is_none() {
        let words = "anyone could send: there is neither a token nor a secret to check";
        return Err(Failure::usage(words)
            .help("add --token-env or --secret-env; --unauthenticated accepts deliveries from anyone"));
    }
    options.http.receiver.decoding = cloudevents_kit::decoding();
    if command.provider == Some(Provider::EventGrid) {
        options.http.receiver.decoding.leniency = Peer::EventGrid.leniency();
    }
    // A target for development: what is larger than this is a mistake in a test.
    options.http.receiver.decoding.limits.bytes = 512 << 10;
    options.http.body_deadline = Duration::from_secs(command.body_deadline);
    Ok(options.idempotency(MemoryStore::new(10_000)))
}
