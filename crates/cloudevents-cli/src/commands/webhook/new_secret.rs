//! `ce webhook secret`.

use super::keys::{secret, signer};
use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
};
use clap::Args;
use cloudevents_kit::webhook::signature::SigningKey;
use serde_json::{Map, Value};

/// Make a key for Standard Webhooks signatures, or rotate one.
///
/// Prints the value that a sender and its receivers keep: as text, for a variable or a file, unless --output names a form. With --rotate,
/// the value has the new key and the current one: signers then sign with both, and verifiers accept both.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  export HOOK_SECRET=$(ce webhook secret)
  HOOK_SECRET=whsec_... ce webhook secret --rotate HOOK_SECRET

To rotate: set the printed value at the sender, give each receiver the new key, and
when all have it, drop the old key, which is the second one.")]
pub(crate) struct Secret {
    /// Make a key of Ed25519, whose public part receivers get.
    #[arg(long)]
    ed25519: bool,
    /// The environment variable with the current key, or `@FILE`.
    #[arg(long, value_name = "VARIABLE")]
    rotate: Option<String>,
}

pub(super) fn run(command: &Secret, console: &Console) -> Result<Status, Failure> {
    let failed = |error| Failure::new(Status::No, format!("there is no new key: {error}"));
    let (new, public) = match command.ed25519 {
        true => SigningKey::random_pair().map(|(private, public)| (private, Some(public))).map_err(failed)?,
        false => (SigningKey::random_secret().map_err(failed)?, None),
    };
    let value = match &command.rotate {
        None => new.clone(),
        Some(variable) => {
            // Of keys that a rotation left there, the newest one stays.
            signer(variable)?;
            format!("{new} {}", secret(variable)?.split_whitespace().next().unwrap_or_default())
        }
    };
    let mut members = Map::from_iter([("secret".to_owned(), Value::from(value.as_str()))]);
    let mut lines = format!("{value}\n");
    if let Some(public) = public {
        lines += &format!("{public}\n");
        members.insert("public".into(), public.into());
    }
    let mut emit = Emit::new(console);
    match console.requested() {
        None => emit.raw(lines.as_bytes())?,
        Some(_) => emit.value(&members.into(), |_| lines)?,
    }
    emit.flush()?;
    Ok(Status::Done)
}
