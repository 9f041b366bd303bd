//! `ce webhook sign`.

use super::scheme::SchemeOptions;
use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    input,
};
use clap::Args;
use cloudevents_kit::webhook::DeliveryKey;
use http::Request;
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Sign a body as Standard Webhooks or a provider defines, and print the headers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  HOOK_SECRET=whsec_... ce webhook sign order.json
  HOOK_SECRET=whsec_... ce webhook sign --id msg_1 - < order.json
  HOOK_SECRET=whsec_... ce webhook sign --headers order.json > headers.txt
  curl -H @headers.txt --data-binary @order.json https://example.com/hook
  GITHUB_SECRET=... ce webhook sign --provider github \\
      --secret GITHUB_SECRET order.json

The key is read from the environment or from a file. Keys of Standard Webhooks are `whsec_...` for HMAC-SHA256
and `whsk_...` for Ed25519. Of several secrets of a provider, the first one signs.")]
pub(crate) struct Sign {
    /// The body, of 256 MiB at most. `-`: standard input.
    file: PathBuf,
    /// The environment variable with the key, or `@FILE`.
    #[arg(long, visible_alias = "secret", value_name = "VARIABLE", default_value = "HOOK_SECRET")]
    secret_env: String,
    #[command(flatten)]
    scheme: SchemeOptions,
    /// The id of the delivery [default: a digest of the body].
    #[arg(long)]
    id: Option<String>,
    /// The time of the signature, in seconds since 1970 [default: now].
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
    /// Print lines of a request's head, as `curl -H @FILE` reads them.
    #[arg(long)]
    headers: bool,
}

pub(super) fn sign(command: &Sign, console: &Console) -> Result<Status, Failure> {
    let body = body(&command.file)?;
    let id = command.id.clone().unwrap_or_else(|| DeliveryKey::of_body(&body).to_string());
    let (mut parts, ()) = Request::new(()).into_parts();
    let signer = command.scheme.signer(&command.secret_env, console)?;
    signer
        .sign(&mut parts, &body, &id, time(command.at)?)
        .map_err(|error| Failure::usage(format!("the body cannot be signed: {error}")))?;
    let mut members = Map::new();
    let mut lines = String::new();
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        lines += &format!("{name}: {value}\n");
        members.insert(name.to_string(), Value::from(value));
    }
    let mut emit = Emit::new(console);
    match command.headers {
        true => emit.bytes(lines.as_bytes())?,
        false => emit.value(&members.into(), |_| lines)?,
    }
    emit.flush()?;
    Ok(Status::Done)
}

/// The time in seconds since 1970, or now.
pub(super) fn time(seconds: Option<u64>) -> Result<SystemTime, Failure> {
    match seconds {
        None => Ok(SystemTime::now()),
        Some(seconds) => UNIX_EPOCH
            .checked_add(Duration::from_secs(seconds))
            .ok_or_else(|| Failure::usage("--at is out of range")),
    }
}

fn body(path: &Path) -> Result<Vec<u8>, Failure> {
    input::read(path).map(|(_, body)| body)
}
