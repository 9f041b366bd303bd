//! Defaults of options: variables such as `CE_SEND_TIMEOUT`, then the configuration file.

use super::Settings;
use crate::failure::Failure;
use clap::{Arg, ArgAction, Command};
use serde_json::{Map, Value};
use std::{env, ffi::OsString};

/// Headings of options that describe one event or one selection. They have no defaults.
const WITHOUT: [&str; 2] = ["Building an event", "Selecting"];

/// Sets the defaults of every option. Errors name the variable or the place in the configuration file.
pub(crate) fn set(command: Command) -> Result<Command, Failure> {
    let settings = Settings::load()?;
    let has_variable =
        env::vars_os().any(|(name, _)| name.to_str().is_some_and(|name| name.starts_with("CE_")));
    if settings.defaults.is_empty() && !has_variable {
        return Ok(command);
    }
    within(command, "CE", "defaults", &settings.defaults)
}

/// Returns the variable of an option of the command with this prefix: `CE_SEND_TIMEOUT`.
pub(crate) fn variable(prefix: &str, option: &str) -> String {
    format!("{prefix}_{}", option.replace('-', "_").to_ascii_uppercase())
}

/// Whether the option has a default that can be set.
pub(crate) fn is_settable(arg: &Arg) -> bool {
    let action = arg.get_action();
    arg.get_long().is_some()
        && !arg.is_hide_set()
        && arg.get_help_heading().is_none_or(|heading| !WITHOUT.contains(&heading))
        && matches!(action, ArgAction::Set | ArgAction::Append | ArgAction::SetTrue)
}

fn within(
    mut command: Command,
    prefix: &str,
    place: &str,
    values: &Map<String, Value>,
) -> Result<Command, Failure> {
    let options: Vec<Arg> = command.get_arguments().filter(|arg| is_settable(arg)).cloned().collect();
    for option in &options {
        let name = option.get_long().unwrap_or_default();
        let variable = variable(prefix, name);
        let (values, source) = match env::var_os(&variable) {
            Some(value) => (vec![value], format!("the environment variable `{variable}`")),
            None => match values.get(name) {
                Some(value) => {
                    let source = format!("`{place}.{name}` of the configuration file");
                    (texts(value).ok_or_else(|| Failure::usage(format!("{source} is not a value")))?, source)
                }
                None => continue,
            },
        };
        let values = match option.get_action() {
            ArgAction::SetTrue => values.into_iter().map(truth).collect(),
            _ => values,
        };
        check(option, &values, &source)?;
        command = command.mut_arg(option.get_id(), |arg| arg.default_values(values));
    }
    let commands: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in values.keys() {
        let is_option = options.iter().any(|option| option.get_long() == Some(name));
        if !is_option && !commands.contains(name) {
            let words =
                format!("`{place}.{name}` of the configuration file is neither an option nor a command");
            return Err(Failure::usage(words));
        }
    }
    for name in commands {
        let empty = Map::new();
        let place = format!("{place}.{name}");
        let own = match values.get(&name) {
            Some(Value::Object(own)) => own,
            Some(_) => {
                let words = format!("`{place}` of the configuration file is not an object with options");
                return Err(Failure::usage(words));
            }
            None => &empty,
        };
        let mut failure = None;
        let prefix = self::variable(prefix, &name);
        command = command.mut_subcommand(&name, |subcommand| {
            within(subcommand.clone(), &prefix, &place, own).unwrap_or_else(|error| {
                failure = Some(error);
                subcommand
            })
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    Ok(command)
}

/// Returns the values of a JSON value: one, or the values of an array.
fn texts(value: &Value) -> Option<Vec<OsString>> {
    Some(match value {
        Value::String(text) => vec![text.into()],
        Value::Number(_) | Value::Bool(_) => vec![value.to_string().into()],
        Value::Array(items) => items.iter().map(texts).collect::<Option<Vec<_>>>()?.concat(),
        Value::Null | Value::Object(_) => return None,
    })
}

/// Spells a boolean as options without a value do.
fn truth(value: OsString) -> OsString {
    match value.to_str() {
        Some("1" | "yes" | "on") => "true".into(),
        Some("" | "0" | "no" | "off") => "false".into(),
        _ => value,
    }
}

/// Parses the values as the option does.
fn check(option: &Arg, values: &[OsString], source: &str) -> Result<(), Failure> {
    let value = Arg::new("value")
        .action(ArgAction::Append)
        .num_args(1..)
        .allow_hyphen_values(true)
        .value_parser(option.get_value_parser().clone());
    let parsed = Command::new("ce")
        .no_binary_name(true)
        .disable_help_flag(true)
        .arg(value)
        .try_get_matches_from(values);
    parsed.map(|_| ()).map_err(|error| {
        let text = error.to_string();
        let detail = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let detail = detail.split_once(" for '").map_or(detail, |(value, _)| value);
        let possible = text.lines().map(str::trim).find(|line| line.starts_with("[possible values"));
        let failure = Failure::usage(format!("{source}: {detail}"));
        match possible {
            Some(possible) => failure.help(possible.trim_matches(['[', ']']).to_owned()),
            None => failure,
        }
    })
}
