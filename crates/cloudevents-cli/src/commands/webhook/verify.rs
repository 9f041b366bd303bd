//! `ce webhook verify`.

use super::{
    delivery::Given,
    keys::checked_tokens,
    provided::provided,
    scheme::{Provider, SchemeOptions, Shared},
    sign::time,
};
use crate::{
    commands::systems::SystemOptions,
    connect,
    console::Console,
    emit::Emit,
    failure::{Failure, Status, unread},
    input,
    plain::plain,
    report::Report,
    show,
};
use bytes::Bytes;
use clap::Args;
use cloudevents_kit::{
    Error,
    transport::Bounds,
    webhook::{
        AccessToken,
        receiver::{Webhook, WebhookOptions},
        signature::{SignatureError, Verified, Verify as _},
    },
};
use http::{Request, request::Parts};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

/// Check the signature and the token of a delivery, and print its body if it is genuine: for services in any language.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  HOOK_SECRET=whsec_... ce webhook verify order.json \\
      -H 'webhook-id: msg_1' -H 'webhook-timestamp: 1614265330' \\
      -H 'webhook-signature: v1,...'
  ce webhook verify --provider github --secret @github.key \\
      -H @headers.txt body.json > genuine.json && handle < genuine.json
  ce webhook verify --scheme hmac --secret SHOPIFY_SECRET \\
      --hmac 'X-Shopify-Hmac-Sha256: {base64}' -H @headers.txt body.json
  ce webhook verify --request request.http --provider stripe --events
  ce webhook verify --request stored.http --provider stripe --at 1700000010

The body comes out byte for byte, once it is found to be genuine; without that, nothing does. With --output,
there is a verdict in place of the body: the number of the key that fits, and the id that is signed, if one is.
Do not pipe to a program: a forged delivery would start it with an empty input.

Exit status: 0 the delivery is genuine, 1 it is not, or with --events no event, 2 wrong usage.")]
pub(crate) struct Verify {
    /// The body, of 256 MiB at most. `-`: standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// A header of the delivery: `Name: value`, or `@FILE` with one header per line, of 1 MiB at most. May be repeated.
    #[arg(long = "header", short = 'H', value_name = "HEADER", required_unless_present = "request")]
    headers: Vec<String>,
    /// The file has the whole request: its first line, its headers, a blank line, and its body.
    #[arg(long)]
    request: bool,
    /// The environment variable with the secret, or `@FILE`. Several, each on its line, are valid; keys of Standard Webhooks may also have
    /// spaces between them. [default: HOOK_SECRET, unless there is a token to check]
    #[arg(long, visible_alias = "secret", value_name = "VARIABLE")]
    secret_env: Option<String>,
    /// The environment variable with the access token, or `@FILE`. Several, each on its line, are valid. Tokens are in the header
    /// Authorization, and in the query of --request.
    #[arg(long, visible_alias = "token", value_name = "VARIABLE")]
    token_env: Option<String>,
    #[command(flatten)]
    scheme: SchemeOptions,
    /// The time to check against, in seconds since 1970, such as the time when a stored delivery came [default: now].
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
    /// Print the events of the delivery in place of its body, as `ce webhook serve` does.
    #[arg(long)]
    events: bool,
    #[command(flatten)]
    systems: SystemOptions,
}

pub(super) fn verify(command: &Verify, console: &Console) -> Result<Status, Failure> {
    let provider = command.scheme.provider;
    if provider == Some(Provider::MessageSignatures) && !command.request {
        return Err(Failure::usage("message signatures are of a request with its URL").help("add --request"));
    }
    if command.systems.systems()?.is_some() && !command.events {
        return Err(Failure::usage("--from and --map make events").help("add --events"));
    }
    let Given { parts, body } = Given::read(&command.file, &command.headers, command.request)?;
    let tokens = command.token_env.as_deref().map(|place| checked_tokens(place, console)).transpose()?;
    let usual = Some("HOOK_SECRET").filter(|_| tokens.is_none());
    let at = Some(time(command.at)?);
    let verifier = match command.secret_env.as_deref().or(usual) {
        Some(place) => Some(Shared { verifier: command.scheme.verifier(place, console)?, at }),
        None => None,
    };
    let verified = genuine(&parts, &body, tokens.as_deref(), verifier.as_ref())
        .and_then(|verified| proven(&parts, verified, provider));
    let verified = match verified {
        Ok(verified) => verified,
        Err(report) => {
            console.error(Status::No, &report);
            return Ok(Status::No);
        }
    };
    if command.events {
        return connect::runtime()?.block_on(events(command, parts, body, verifier, console));
    }
    let mut emit = Emit::new(console);
    let written = match console.requested() {
        None => emit.raw(&body),
        Some(_) => {
            let key = verified.as_ref().and_then(|verified| verified.key).map(|key| key.saturating_add(1));
            let id = verified.and_then(|verified| verified.id).or_else(|| signed_id(provider?, &body));
            let told = id.as_deref().map_or_else(|| "no id is signed".to_owned(), plain);
            emit.value(&json!({"verified": true, "id": id, "key": key}), |_| format!("valid: {told}\n"))
        }
    };
    written.and_then(|()| emit.flush())?;
    Ok(Status::Done)
}

/// The id that the signed body of this provider has.
fn signed_id(provider: Provider, body: &[u8]) -> Option<Box<str>> {
    let member = match provider {
        Provider::Stripe => "id",
        Provider::Slack => "event_id",
        _ => return None,
    };
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get(member)?.as_str().map(Box::from)
}

/// Whether the token and the signature are right, as far as they are checked.
fn genuine(
    parts: &Parts,
    body: &[u8],
    tokens: Option<&[String]>,
    verifier: Option<&Shared>,
) -> Result<Option<Verified>, Box<Report>> {
    if let Some(expected) = tokens {
        let wrong =
            |why: String| Box::new(Report::new("the access token is invalid").kind("token").detail(why));
        match AccessToken::from_request(parts).map_err(|error| wrong(error.detail().to_owned()))? {
            Some(given) if expected.iter().fold(false, |known, token| known | given.is_bearer(token)) => {}
            Some(_) => return Err(wrong("it is another one".to_owned())),
            None => return Err(wrong("there is none".to_owned())),
        }
    }
    let verified = verifier.map(|verifier| verifier.verify(parts, body, std::time::SystemTime::now()));
    verified.transpose().map_err(|error| {
        let report = Report::new("the signature is invalid").kind("signature").detail(error.to_string());
        Box::new(match error {
            SignatureError::Time { .. } => report
                .help("for a stored delivery, add `--at` with the time when it came, in seconds since 1970"),
            SignatureError::Missing("webhook-id") if parts.headers.contains_key("svix-id") => {
                report.help("its headers are those of Svix: `--provider svix` checks them")
            }
            _ => report,
        })
    })
}

/// A signature that proves the attributes in the headers of the delivery, if there are any: a target refuses other ones.
fn proven(
    parts: &Parts,
    verified: Option<Verified>,
    provider: Option<Provider>,
) -> Result<Option<Verified>, Box<Report>> {
    let is_proven = |verified: &Verified| verified.coverage.covers_attributes(parts);
    // Its signature never covers attributes.
    if provider == Some(Provider::WebPubsub) || verified.as_ref().is_none_or(is_proven) {
        return Ok(verified);
    }
    let help = match provider {
        Some(Provider::MessageSignatures) => {
            "let the sender sign each `ce-` header, `content-type` and `content-encoding`, or send structured mode"
        }
        _ => "let the sender send structured mode, or no `ce-` header",
    };
    let report = Report::new("the signature does not cover the attributes in the `ce-` headers")
        .kind("signature")
        .detail("anyone with a captured delivery could have changed them");
    Err(Box::new(report.help(help)))
}

/// Prints the events of a delivery that is genuine, as a target receives them.
async fn events(
    command: &Verify,
    parts: Parts,
    body: Bytes,
    verifier: Option<Shared>,
    console: &Console,
) -> Result<Status, Failure> {
    let mut options = WebhookOptions::without_handshake();
    options = match verifier {
        Some(verifier) => options.signature(verifier),
        None => options.unauthenticated(),
    };
    options = provided(options, command.scheme.provider, &command.systems, false)?;
    options.http.receiver.decoding.limits.bytes = input::LARGEST;
    options.http.receiver.in_flight = Bounds { bytes: usize::MAX, ..Bounds::default() };
    let refusal = Arc::<Mutex<Option<Error>>>::default();
    let seen = Arc::clone(&refusal);
    options.http.on_refusal = Some(Arc::new(move |error: &Error| {
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }));
    let failed = |error: Error| Failure::Told(Status::Usage, Box::new(connect::report(&error)));
    let (webhook, mut receiver) = Webhook::open(options).map_err(failed)?;
    let request = Request::from_parts(parts, reqwest::Body::from(body));
    let mut response = pin!(webhook.respond(request, None));
    let mut emit = Emit::new(console);
    let mut is_read = true;
    let response = loop {
        tokio::select! {
            response = &mut response => break response,
            next = receiver.next() => {
                let Some(delivery) = next.map_err(failed)? else { continue };
                match delivery.events() {
                    Ok(events) => {
                        let mut all = events.iter();
                        unread(all.try_for_each(|event| emit.event(&show::readable(event))))?;
                        drop(delivery.accept());
                    }
                    Err(error) => {
                        is_read = false;
                        console.error(Status::No, &Report::of(&error));
                        drop(delivery.reject(&error));
                    }
                }
            }
        }
    };
    unread(emit.flush())?;
    if is_read && !response.status().is_success() {
        let refusal = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        let why = refusal.map_or_else(|| response.status().to_string(), |error| error.detail().to_owned());
        console.error(Status::No, &Report::new("there is no event in the delivery").detail(why));
    }
    Ok(console.remembered())
}
