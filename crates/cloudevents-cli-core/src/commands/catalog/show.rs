//! `ce catalog show`: the definition of a message.

use crate::{
    catalog::{Deviations, Loaded},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    json_view,
    plain::plain,
    style::{self, Paint},
};
use clap::Args;
use cloudevents_catalog::Message;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Show the definition of a message, with its base messages merged.
///
/// The catalog is read leniently: `ce catalog lint` names its mistakes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce catalog show shop.xreg.json com.example.order
  ce catalog show --output json shop.xreg.json com.example.order | jq .envelope

Exit status: 0 done, 1 there is no such message, 2 the catalog cannot be read,
3 a registry cannot be reached.")]
pub struct Show {
    /// Read this catalog: a file, a folder, the URL of a registry, or `-` for standard input.
    #[arg(value_name = "CATALOG")]
    catalog: PathBuf,
    /// The id of the message, or its xid, such as /messagegroups/shop/messages/com.example.order.
    #[arg(value_name = "MESSAGE")]
    message: String,
    #[command(flatten)]
    deviations: Deviations,
}

pub(super) fn run(command: &Show, console: &Console) -> Result<Status, Failure> {
    let loaded = Loaded::used(&command.catalog, command.deviations.lenient.as_ref(), console)?;
    let message = loaded.message(&command.message)?;
    let mut emit = Emit::new(console);
    let mut members = message.members().clone();
    members.extend(message.dataschema().map(|schema| ("dataschema".into(), schema.clone())));
    let mut value = members.clone();
    value.insert("xid".into(), message.xid().into());
    value.insert("messageid".into(), message.id().into());
    emit.value(&value.into(), |paint| words(message, &members, paint))?;
    emit.flush()?;
    Ok(Status::Done)
}

/// The members that the first two lines have.
const HEAD: [&str; 2] = ["messageid", "xid"];

fn words(message: &Message, members: &Map<String, Value>, paint: Paint) -> String {
    let name = |name: &str| paint.text(style::NAME, &plain(name));
    let is_line = |(member, value): &(&String, &Value)| !HEAD.contains(&member.as_str()) && value.is_string();
    let widest =
        members.iter().filter(is_line).map(|(member, _)| member.chars().count()).max().unwrap_or_default();
    let mut text = format!("{}\n{}\n", paint.text(style::STRONG, &plain(message.id())), plain(message.xid()));
    for (member, value) in members {
        match (member.as_str(), value) {
            ("envelopemetadata", Value::Object(attributes)) => {
                text += &format!("{}\n", name("attributes"));
                let widest = attributes.keys().map(|name| name.chars().count()).max().unwrap_or_default();
                for (attribute, rule) in attributes {
                    let padded = paint.text(style::NAME, &format!("{:<widest$}", plain(attribute)));
                    text += &format!("{}\n", format!("  {padded}  {}", rule_words(rule)).trim_end());
                }
            }
            (member, _) if HEAD.contains(&member) => {}
            (member, Value::String(value)) => {
                text += &format!("{}  {}\n", name(&format!("{member:<widest$}")), plain(value));
            }
            (member, value) => {
                text +=
                    &format!("{}\n{}\n", name(member), json_view::pretty(&value.to_string(), "  ", paint));
            }
        }
    }
    text
}

/// `string, required, such as /shops/{shop}`.
fn rule_words(rule: &Value) -> String {
    let empty = Map::new();
    let rule = rule.as_object().unwrap_or(&empty);
    let mut words: Vec<String> = Vec::new();
    words.extend(rule.get("type").and_then(Value::as_str).map(plain));
    if rule.get("required") == Some(&Value::Bool(true)) {
        words.push("required".into());
    }
    words.extend(
        rule.get("value")
            .filter(|value| !value.is_null())
            .map(|value| json_view::inert(&value.to_string()).into_owned()),
    );
    words.extend(rule.get("description").and_then(Value::as_str).map(plain));
    words.join(", ")
}
