//! `ce webhook serve`.

use super::{
    gate::{self, Checks, GateOptions},
    grid::subscribed,
    inherited,
    provided::provided,
    rotation::{Held, Places},
    scheme::{Provider, SchemeOptions},
    sns,
};
use crate::{
    commands::{
        handshakes,
        http_server::{self, Fault, Listening},
        refusals,
        systems::SystemOptions,
    },
    connect::{self, Opened},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    interrupt::Interrupt,
    plain::count,
    report::Report,
    show,
};
use clap::Args;
use cloudevents_kit::webhook::{
    handshake::{AllowedOrigins, Rate},
    receiver::{MemoryStore, WebhookOptions},
};
use http::StatusCode;
use serde_json::json;
use std::{net::TcpListener, num::NonZeroUsize, time::Duration};

/// Bodies of the largest size that have places at once.
const BODIES: usize = 4;

/// Receive deliveries and print their events, or hand them to a service: a target to develop senders against, or in front of a program.
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
  HOOK_SECRET=... ce webhook serve http://127.0.0.1:8080/hook --scheme hmac \\
      --secret HOOK_SECRET --hmac 'X-Partner-Signature: sha256={hex}'
  ce webhook serve http://127.0.0.1:8080/hook --from aws-sns \\
      --sns-topic arn:aws:sns:eu-central-1:123456789012:orders
  ce webhook serve http://127.0.0.1:8080/hook \\
      --provider github --secret @github.key --to-env @service.url

In front of a service (--to):
  The service gets each delivery as a POST with the body, the content type and the other headers as
  they came: CloudEvents in their mode, those of providers as their libraries expect them. Its Host is
  the one of --to. Not passed on: Authorization and the query parameter access_token, headers of the
  connection, headers that name another method, path or user, and headers whose names have other
  characters than letters, digits and hyphens. Headers about the client are not passed on. With
  --behind-proxy, three of them are: X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto.
  docs/webhooks-with-ce.md has all names.
  The query of the delivery follows, unless the URL has its own.

  The header Webhook-Verified says what was checked, as far as each applies:
      signature=github;key=\"HOOK_SECRET\";number=1, token=\"HOOK_TOKEN\", origin=\"partner.example\"
  Without it, nothing was checked. Senders cannot set it.

  The sender gets its response when the service has responded: success for 2xx, with a reply of up
  to 64 KiB; 415 for 415 and 422 (or 400) for other 4xx, so that it gives up; 503 for 408, 425, 429, 3xx, 5xx, and where
  the service is away or too slow, so that it tries again, with the Retry-After of the service.

  A delivery that the service accepted and that comes again gets success, and is not handed on: by
  its signed id (Standard Webhooks, Svix, message signatures), the id of its event (Stripe, Slack,
  CloudEvents with a token alone), or its body (GitHub, whose X-GitHub-Delivery is not signed, forms
  of Slack, an HMAC), with the time if one is signed. Deliveries of these with equal bodies are one
  delivery: with --recognize-by nothing, the service gets each one, and each that is replayed. A
  message signature that does not cover webhook-id does not count: see --recognize-by. What is not a
  CloudEvent and has only a token is always handed on. Accepted deliveries are remembered in memory,
  for a day, up to 100,000; with --remember for a week, in a file or a database. While such a file
  is deleted or replaced, or the database is away, senders get 503.

  Signatures cover the body (GitHub, an HMAC), the time and the body (Stripe, Slack, an HMAC of a
  time), or the id, the time and the body (Svix, Standard Webhooks). None of these covers the query,
  the path, the content type or an event name in a header. If the service decides by such a part, a
  stranger may have a captured delivery accepted with another one, and the genuine delivery is lost.
  So let the service decide by the body, and respond 422 to an event name that does not fit the body.
  A query belongs into the URL of --to. docs/webhooks-with-ce.md has the case.

  service.url has the URL of the service with a password that only the gate and the service know:
  http://gate:PASSWORD@127.0.0.1:3000/hook. The service gets it as Basic authorization.

  After SIGHUP, secrets and tokens in files (@FILE) are read again, and the URL of --to-env @FILE and
  --to @NAME, of which the password may change. Deliveries go on meanwhile. If one of them cannot be
  read, the old ones stay in use, and there is a warning.

  A supervisor such as systemd may hold the socket (LISTEN_FDS): then a restart refuses no connection.
  After SIGTERM, the deliveries of the connections that are there are still handed on.

  Each refused delivery has a warning with the provider, the reason, the id, and the peer: ten of a
  second, and then the number of the others. With `--log info`, accepted deliveries have a line, too.
  `--error-format json` adds the time, and has peer and id as members.

Limits: bodies of --max-body bytes, and 64 MiB of all bodies that are there at once, or four times --max-body
if that is more; 1,024 deliveries and 1,024 connections at once. A body that has taken a second may get
408 if others wait for its place: others may be strangers, because a signature is checked after its body.

Faults:
  204=503               respond with 503 to deliveries where 204 is right; with any two statuses
  origin=, origin=NAME  leave WebHook-Allowed-Origin out of the handshake, or set it; the same with rate and allow
  agrees-to-all         agree to origins that are not allowed
  no-handshake          respond to the handshake with 404
  redirects-handshake   redirect the handshake
  untyped-payload       accept with a payload without a content type
  bare-headers          leave out Cache-Control and Retry-After

Exit status: 0 done, 1 a delivery was not an event (without --to), 2 wrong usage, 3 the network failed.")]
pub(crate) struct Serve {
    /// Listen at this URL: http://ADDRESS:PORT/PATH.
    url: String,
    /// Agree to this sender: a DNS name, or `*.` and a name. May be repeated. Without it, there is no handshake.
    #[arg(long = "origin", value_name = "NAME")]
    origins: Vec<String>,
    /// Maximum deliveries per minute: of each origin, or without --origin of all senders together. As many may come at once, so that the
    /// first minute may have twice this number. Others get 429, after which GitHub gives up. Where there is a secret, only deliveries with
    /// a valid signature count.
    #[arg(long, value_name = "NUMBER")]
    rate: Option<u32>,
    /// The environment variable with the access token of deliveries, or `@FILE`. Several, each on its line, are valid; then each has 8
    /// characters at least.
    #[arg(long, visible_alias = "token", value_name = "VARIABLE")]
    token_env: Option<String>,
    /// The environment variable with the secret of signatures, or `@FILE`. Several, each on its line, are valid; keys of Standard Webhooks
    /// may also have spaces between them. A secret of another scheme has 8 characters at least.
    #[arg(long, visible_alias = "secret", value_name = "VARIABLE")]
    secret_env: Option<String>,
    #[command(flatten)]
    scheme: SchemeOptions,
    /// With --provider event-grid: also take Event Grid's own schema from the subscription of this name, and answer its validation. May be
    /// repeated.
    #[arg(long = "subscription", value_name = "NAME")]
    subscriptions: Vec<String>,
    /// With --from aws-sns: check the signatures of messages of the topic with this ARN, and confirm its subscription. Messages of other
    /// topics get 403. Certificates are fetched from SNS in the region of the topic. May be repeated.
    #[arg(long = "sns-topic", value_name = "ARN", conflicts_with_all = ["secret_env", "to"])]
    sns_topics: Vec<String>,
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
    /// Maximum bytes of a body. Larger ones get 413.
    #[arg(long, value_name = "BYTES", default_value = "524288")]
    max_body: NonZeroUsize,
    #[command(flatten)]
    gate: GateOptions,
}

pub(super) fn run(command: &Serve, console: &Console) -> Result<Status, Failure> {
    let held = inherited::listener()?;
    connect::runtime()?.block_on(receive(command, held, console))
}

async fn receive(command: &Serve, socket: Option<TcpListener>, console: &Console) -> Result<Status, Failure> {
    let mut options = options(command)?;
    let service = command.gate.service()?;
    let places = Places {
        secret: command.secret_env.clone(),
        token: command.token_env.clone(),
        scheme: command.scheme.clone(),
        service: service.clone(),
    };
    let (held, with_secrets) = Held::read(&places, options, console)?;
    let (with_topics, topics) =
        sns::signed(with_secrets, &command.sns_topics, command.systems.adapter.as_deref())?;
    options = with_topics;
    held.watch(places, console);
    if let Some(to) = service {
        let (at, to) = ((command.url.as_str(), socket), (to, &command.gate));
        return gate::run(at, to, checks(command), command.count, options, console).await;
    }
    let (on_refusal, refusals) = refusals::channel();
    let mut refusals = refusals.with_few_lines().with_handshake(handshakes::SERVE);
    options.http.on_refusal = Some(on_refusal);
    let listening = Listening::at(&command.url, socket).await?;
    let (Opened { mut receiver, url, .. }, server) =
        http_server::open(listening, options, command.misbehave.clone())?;
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
                let mut is_done = true;
                for event in &found {
                    is_done &= sns::confirmed(topics.as_ref(), event, console).await;
                }
                if is_done { delivery.accept() } else { delivery.retry(Duration::from_secs(1)) }
            }
            Err(error) => {
                console.error(Status::No, &Report::of(&error).bounded());
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

/// The checks of deliveries, for the header that a service gets.
fn checks(command: &Serve) -> Checks {
    let signature = command.secret_env.clone().map(|place| (command.scheme.name(), place));
    let sender = match command.scheme.provider {
        Some(Provider::EventGrid) => "event-grid",
        None if command.secret_env.is_none() => "any sender",
        _ => command.scheme.name(),
    };
    // Event Grid repeats deliveries after other statuses.
    let gives_up = match command.scheme.provider {
        Some(Provider::EventGrid) => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let settings = command.scheme.settings();
    let recognizes = !command.scheme.recognizes_nothing();
    Checks { sender, gives_up, signature, token: command.token_env.clone(), settings, recognizes }
}

fn options(command: &Serve) -> Result<WebhookOptions, Failure> {
    let allowing = |origins: &[&str]| {
        let origins = AllowedOrigins::new(origins.iter().copied());
        origins.map(WebhookOptions::allowing).map_err(|error| Failure::usage(format!("--origin: {error}")))
    };
    let (scheme, provider) = (&command.scheme, command.scheme.provider);
    scheme.check()?;
    let origins: Vec<&str> = command.origins.iter().map(String::as_str).collect();
    let mut options = match (origins.as_slice(), provider) {
        ([], Some(Provider::EventGrid)) => allowing(&["eventgrid.azure.net"])?,
        ([], Some(Provider::WebPubsub)) => allowing(&["*.webpubsub.azure.com"])?,
        ([], _) => WebhookOptions::without_handshake(),
        (origins, _) => allowing(origins)?,
    };
    if let Some(rate) = command.rate {
        let rate = Rate::per_minute(rate).map_err(|error| Failure::usage(format!("--rate: {error}")))?;
        options = options.highest_rate(rate);
    }
    if !command.subscriptions.is_empty() && provider != Some(Provider::EventGrid) {
        return Err(Failure::usage("--subscription is for --provider event-grid"));
    }
    let is_handed_on = command.gate.has_service();
    options = provided(options, provider, &command.systems, is_handed_on)?;
    options = subscribed(options, &command.subscriptions, is_handed_on)?;
    if command.unauthenticated {
        options = options.unauthenticated();
    } else if command.token_env.is_none() && command.secret_env.is_none() && command.sns_topics.is_empty() {
        let words = "anyone could send: there is neither a token nor a secret to check";
        let help = "add --token-env or --secret-env; --unauthenticated accepts deliveries from anyone";
        let failure = Failure::usage(words);
        return Err(match command.systems.adapter.as_deref() {
            Some("aws-sns") => failure.help("--sns-topic ARN checks the signatures of this topic of SNS"),
            _ => failure.help(help),
        });
    }
    options.http.receiver.decoding.limits.bytes = command.max_body.get();
    // Of large bodies, a few are there at once: one that the service has, and others that arrive.
    let all = &mut options.http.receiver.in_flight.bytes;
    *all = (*all).max(command.max_body.get().saturating_mul(BODIES));
    options.http.body_deadline = Duration::from_secs(command.body_deadline);
    match (scheme.recognizes_nothing(), command.secret_env.is_some()) {
        (false, _) => Ok(options.idempotency(MemoryStore::new(10_000))),
        (true, true) => Ok(options),
        (true, false) => {
            Err(Failure::usage("--recognize-by is for deliveries with signatures").help("add --secret-env"))
        }
    }
}
