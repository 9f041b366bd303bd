//! Where to connect: a URL or a named connection, options of the URL, and secrets from a file, a command or the environment.

use super::side;
use crate::{
    failure::{Failure, Status},
    input,
    plain::plain,
    settings::{self, Connection, Settings},
};
use clap::Args;
use cloudevents_kit::transport::{Endpoint, Secret, Side};
use serde_json::Value;
use std::{
    env,
    io::{self, IsTerminal as _, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// How to connect, beside the URL.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "URL")]
pub(crate) struct UrlOptions {
    /// Set an option of the URL, not percent-encoded: -o group=billing.
    #[arg(long = "option", short = 'o', value_name = "NAME=VALUE")]
    option: Vec<String>,
    /// Log in as this user, in place of the URL's.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Read the password from the first line of this file, of 1 MiB at most.
    #[arg(long, value_name = "FILE", conflicts_with = "password_command")]
    password_file: Option<PathBuf>,
    /// Read the password from the first line that this command prints.
    #[arg(long, value_name = "COMMAND")]
    password_command: Option<String>,
}

/// A complete URL, and headers for HTTP.
pub(crate) struct Address {
    /// With secrets.
    pub(crate) url: String,
    /// `Name: value`, or `@FILE`.
    pub(crate) headers: Vec<String>,
}

impl UrlOptions {
    /// Returns the address for a URL, or for `@NAME`, a connection of the configuration file. Its options of the other side are left out.
    pub(crate) fn address(&self, given: &str, side: Side) -> Result<Address, Failure> {
        let mut connection = named(given, side)?;
        for option in &self.option {
            let Some((name, value)) = option.split_once('=') else {
                return Err(Failure::usage(format!("the option `{}` has no value", plain(option)))
                    .help("write -o NAME=VALUE"));
            };
            connection.options.insert(name.to_owned(), Value::from(value));
        }
        connection.user = self.user.clone().or(connection.user);
        if self.password_file.is_some() || self.password_command.is_some() {
            connection.password_env = None;
            connection.password_file.clone_from(&self.password_file);
            connection.password_command.clone_from(&self.password_command);
        }
        complete(&connection)
    }
}

/// Returns the address for a URL, or for `@NAME`, a connection of the configuration file. Its options of the other side are left out.
pub(crate) fn address(given: &str, side: Side) -> Result<Address, Failure> {
    complete(&named(given, side)?)
}

fn named(given: &str, side: Side) -> Result<Connection, Failure> {
    let Some(name) = given.strip_prefix('@') else {
        return Ok(Connection { url: given.to_owned(), ..Connection::default() });
    };
    let mut known = Settings::load()?.connections;
    if let Some(mut connection) = known.remove(name) {
        if let Ok(Some(endpoint)) = super::endpoint(&connection.url) {
            connection.options.retain(|name, _| side::has(&endpoint, side, name));
            connection.url = side::of_side(&connection.url, side);
        }
        return Ok(connection);
    }
    let failure = Failure::usage(format!("there is no connection `{}`", plain(name)));
    if known.is_empty() {
        let place = settings::path().or_else(settings::usual_path);
        let place =
            place.map_or_else(|| "a configuration file".to_owned(), |path| path.display().to_string());
        return Err(failure.help(format!("name connections in {place}, under `connections`")));
    }
    let names: Vec<String> = known.keys().map(|name| plain(name)).collect();
    Err(failure.help(format!("the connections are {}", names.join(", "))))
}

fn complete(connection: &Connection) -> Result<Address, Failure> {
    let mut url = connection.url.clone();
    let has_more = !connection.options.is_empty() || connection.user.is_some();
    if has_more && super::file::path(&url).is_some() {
        return Err(Failure::usage("a file has no options and no user"));
    }
    let password = secret(
        "password",
        connection.password_env.as_deref(),
        connection.password_file.as_deref(),
        connection.password_command.as_deref(),
    )?;
    if connection.user.is_some() || password.is_some() {
        url = with_user(&url, connection.user.as_deref(), password.as_ref())?;
    }
    for (name, value) in &connection.options {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        url = with_option(&url, name, &value);
    }
    let mut headers = connection.headers.clone();
    let authorization = secret(
        "authorization",
        connection.authorization_env.as_deref(),
        connection.authorization_file.as_deref(),
        connection.authorization_command.as_deref(),
    )?;
    headers.extend(authorization.map(|secret| format!("Authorization: {}", secret.expose())));
    Ok(Address { url, headers })
}

/// Sets user and password of a URL. The URL keeps its user or its password if none is given.
fn with_user(url: &str, user: Option<&str>, password: Option<&Secret>) -> Result<String, Failure> {
    let endpoint = Endpoint::parse(url).map_err(super::failed)?;
    let user = user.or_else(|| endpoint.user().map(Secret::expose)).ok_or_else(|| {
        Failure::usage("a password needs a user").help("give it with --user NAME or in the URL")
    })?;
    let password = password.map(Secret::expose).or_else(|| endpoint.password().map(Secret::expose));
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let password = password.map(|password| format!(":{}", encoded(password))).unwrap_or_default();
    Ok(format!("{scheme}://{}{password}@{hosts}{path}", encoded(user)))
}

/// Sets an option of a URL. It replaces an option of this name.
pub(crate) fn with_option(url: &str, name: &str, value: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let name = encoded(name);
    let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(&name));
    let mut pairs: Vec<String> = others.map(str::to_owned).collect();
    pairs.push(format!("{name}={}", encoded(value)));
    format!("{base}?{}", pairs.join("&"))
}

/// Percent-encodes everything but unreserved characters.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Reads a secret: a variable, the first line of a file, or the first line that a command prints. Errors do not show it.
fn secret(
    what: &str,
    variable: Option<&str>,
    file: Option<&Path>,
    command: Option<&str>,
) -> Result<Option<Secret>, Failure> {
    let text = match (variable, file, command) {
        (None, None, None) => return Ok(None),
        (Some(variable), None, None) => env::var(variable).map_err(|_| {
            Failure::usage(format!(
                "the environment variable `{}` is not set, or is not text",
                plain(variable)
            ))
        })?,
        (None, Some(path), None) => input::text(path, input::SMALL)?,
        (None, None, Some(command)) => printed(command, COMMAND)?,
        _ => return Err(Failure::usage(format!("the {what} comes from more than one place"))),
    };
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::usage(format!("the {what} is empty")));
    }
    Ok(Some(Secret::new(line)))
}

/// How long a command for a secret may take: it may wait for a person, or for a store that is away. It shares the terminal of this program,
/// and so its group of processes: only the shell is killed.
const COMMAND: Duration = Duration::from_secs(60);

/// Runs a command of the shell, and returns its output.
fn printed(command: &str, limit: Duration) -> Result<String, Failure> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let failed =
        |what: String| Failure::new(Status::Usage, format!("the command `{}` {what}", plain(command)));
    let not_run = |error: io::Error| failed(format!("cannot be run: {error}"));
    let begun = Instant::now();
    // The input that is piped into this program is events.
    let input = if io::stdin().is_terminal() { Stdio::inherit() } else { Stdio::null() };
    let mut run = Command::new(shell);
    let mut child = run.args([flag, command]).stdin(input).stdout(Stdio::piped()).spawn().map_err(not_run)?;
    let (done, output) = mpsc::channel();
    let stdout = child.stdout.take();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut bytes));
        let _ = done.send(read.map(|_| bytes));
    });
    let output = output.recv_timeout(limit).ok();
    // It may stay when it has ended its output.
    let status = loop {
        match child.try_wait().map_err(not_run)? {
            None if begun.elapsed() < limit => thread::sleep(Duration::from_millis(10)),
            status => break status,
        }
    };
    let (Some(output), Some(status)) = (output, status) else {
        let _ = (child.kill(), child.wait());
        return Err(failed(format!("takes longer than {limit:?}")));
    };
    if !status.success() {
        return Err(failed(format!("failed: {status}")));
    }
    String::from_utf8(output.map_err(not_run)?).map_err(|_| failed("does not print text".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_set_and_replaced() {
        assert_eq!(with_option("kafka://h/t", "group", "a b&c"), "kafka://h/t?group=a%20b%26c");
        assert_eq!(with_option("kafka://h/t?group=x&key=id", "group", "y"), "kafka://h/t?key=id&group=y");
    }

    /// It may wait for a store that is away.
    #[cfg(unix)]
    #[test]
    fn a_command_for_a_secret_has_a_limit() {
        assert_eq!(printed("echo secret", COMMAND).unwrap(), "secret\n");
        let error = printed("exec sleep 60", Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.message(), "the command `exec sleep 60` takes longer than 50ms");
        // Nor may it stay when it has ended its output.
        let stays = "echo secret; exec >&-; exec sleep 60";
        let error = printed(stays, Duration::from_millis(500)).unwrap_err();
        assert_eq!(error.message(), format!("the command `{stays}` takes longer than 500ms"));
    }

    #[test]
    fn users_and_passwords_are_set() {
        let set = |url: &str, user: Option<&str>, password: Option<&str>| {
            with_user(url, user, password.map(Secret::new).as_ref()).unwrap()
        };
        assert_eq!(
            set("amqp://h:5672/q?a=b", Some("me"), Some("p@ss/1")),
            "amqp://me:p%40ss%2F1@h:5672/q?a=b"
        );
        assert_eq!(set("amqp://me:old@h/q", None, Some("new")), "amqp://me:new@h/q");
        assert_eq!(set("amqp://me:old@h/q", Some("you"), None), "amqp://you:old@h/q");
        assert_eq!(set("amqp://h?queue=a/b@c", Some("you"), None), "amqp://you@h?queue=a/b@c");
        assert!(with_user("amqp://h/q", None, Some(&Secret::new("x"))).is_err());
    }
}
