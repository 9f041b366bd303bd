//! `ce webhook sign` and `ce webhook verify`.

use super::keys::{signer, verifier};
use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    input,
    plain::plain,
    report::Report,
};
use clap::Args;
use cloudevents_kit::webhook::{
    DeliveryKey,
    signature::{Sign as _, Verify as _},
};
use http::Request;
use serde_json::{Map, Value, json};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Sign a body as Standard Webhooks defines, and print the headers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  HOOK_SECRET=whsec_... ce webhook sign order.json
  HOOK_SECRET=whsec_... ce webhook sign --id msg_1 - < order.json
  HOOK_SECRET=whsec_... ce webhook sign --headers order.json > headers.txt
  curl -H @headers.txt --data-binary @order.json https://example.com/hook

The key is read from the environment: `whsec_...` for HMAC-SHA256, `whsk_...` for Ed25519.")]
pub(crate) struct Sign {
    /// The body, of 256 MiB at most. `-`: standard input.
    file: PathBuf,
    /// The environment variable with the key.
    #[arg(long, value_name = "VARIABLE", default_value = "HOOK_SECRET")]
    secret_env: String,
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

/// Check the Standard Webhooks signature of a delivery.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  HOOK_SECRET=whsec_... ce webhook verify order.json \\
      -H 'webhook-id: msg_1' -H 'webhook-timestamp: 1614265330' \\
      -H 'webhook-signature: v1,...'

Exit status: 0 the signature is valid, 1 it is invalid.")]
pub(crate) struct Verify {
    /// The body, of 256 MiB at most. `-`: standard input.
    file: PathBuf,
    /// A header of the delivery: `Name: value`.
    #[arg(long = "header", short = 'H', value_name = "HEADER", required = true)]
    headers: Vec<String>,
    /// The environment variable with the key.
    #[arg(long, value_name = "VARIABLE", default_value = "HOOK_SECRET")]
    secret_env: String,
    /// The time to check against, in seconds since 1970 [default: now].
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
}

pub(super) fn sign(command: &Sign, console: &Console) -> Result<Status, Failure> {
    let body = body(&command.file)?;
    let id = command.id.clone().unwrap_or_else(|| DeliveryKey::of_body(&body).to_string());
    let (mut parts, ()) = Request::new(()).into_parts();
    signer(&command.secret_env)?
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

pub(super) fn verify(command: &Verify, console: &Console) -> Result<Status, Failure> {
    let body = body(&command.file)?;
    let mut request = Request::post("/");
    for line in &command.headers {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| Failure::usage("--header: not a header").help("write `Name: value`"))?;
        request = request.header(name.trim(), value.trim());
    }
    let (parts, ()) = request.body(()).map_err(|_| Failure::usage("--header: not a header"))?.into_parts();
    match verifier(&command.secret_env)?.verify(&parts, &body, time(command.at)?) {
        Ok(verified) => {
            let id = verified.id.unwrap_or_default();
            let mut emit = Emit::new(console);
            emit.value(&json!({"verified": true, "id": id}), |_| format!("valid: {}\n", plain(&id)))?;
            emit.flush()?;
            Ok(Status::Done)
        }
        Err(error) => {
            let report = Report::new("the signature is invalid").kind("signature").detail(error.to_string());
            console.error(Status::No, &report);
            Ok(Status::No)
        }
    }
}

fn time(seconds: Option<u64>) -> Result<SystemTime, Failure> {
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
