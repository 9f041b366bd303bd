//! `ce urls`: the URLs of all protocols, and their options.

use crate::{
    connect::OF_HANDLERS,
    emit::print,
    failure::{Failure, Status},
    report::wrapped,
};
use clap::Args;
use cloudevents_kit::transport::{ReceiverOptions, SenderOptions, Side, UrlFamily, UrlOption};
use std::{fmt::Write as _, io::IsTerminal as _};

/// Show the URLs of all protocols and their options.
///
/// Options are the query of a URL, percent-encoded, or -o NAME=VALUE. Durations are written 500ms, 30s, 5m or 24h.
#[derive(Args, Debug)]
#[command(after_help = table(columns()))]
pub(crate) struct Urls {}

pub(crate) fn run(_: &Urls) -> Result<Status, Failure> {
    print(table(columns()).as_bytes())
}

/// Where the words of an option begin.
const HANG: usize = 28;

/// Options that `ce` has flags for.
const FLAGS: [&str; 2] = ["mode", "format"];

/// The options of a family of URLs, without options that are flags.
fn of_family(family: &'static UrlFamily) -> impl Iterator<Item = &'static UrlOption> {
    let has_modes = family.options.iter().any(|option| option.name == "mode");
    family.options.iter().filter(move |option| !has_modes || !FLAGS.contains(&option.name))
}

/// Of every protocol but HTTP and files.
fn common() -> impl Iterator<Item = &'static UrlOption> {
    let is_of_handlers = |option: &&UrlOption| OF_HANDLERS.iter().any(|(name, _)| *name == option.name);
    SenderOptions::URL_OPTIONS
        .iter()
        .chain(ReceiverOptions::URL_OPTIONS)
        .filter(move |option| !is_of_handlers(option))
}

/// The columns of the terminal, where there is one.
fn columns() -> Option<usize> {
    let requested = std::env::var_os("COLUMNS").is_some();
    (requested || std::io::stdout().is_terminal()).then(crate::console::stdout_columns)
}

/// Lines of at most this many columns, of any length without.
fn table(columns: Option<usize>) -> String {
    let mut text = String::new();
    let mut add = |title: &str, options: &mut dyn Iterator<Item = &'static UrlOption>| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", wrapped(title, 2, columns));
        for UrlOption { side, name, help } in options {
            let side = match side {
                Side::Send => "send  ",
                Side::Receive => "listen",
                Side::Both => "      ",
            };
            let line = wrapped(&format!("  {side}  {name:<16}  {help}"), HANG, columns);
            let _ = writeln!(text, "{line}");
        }
        text.push('\n');
    };
    let families = cloudevents_kit::bindings().iter().flat_map(|binding| binding.urls.families);
    families.for_each(|family| add(family.form, &mut of_family(family)));
    add("file:PATH, - (standard output, standard input)", &mut std::iter::empty());
    add("All but HTTP and files", &mut common());
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::transport::Endpoint;

    /// In logs and errors. Settings of clients, parameters of a handshake, what names a secret, and a URL, which may have a login, are not.
    #[test]
    fn values_of_options_are_shown_but_those_that_may_be_secret() {
        let families = cloudevents_kit::bindings().iter().flat_map(|binding| binding.urls.families);
        for UrlOption { name, .. } in families.flat_map(of_family).chain(common()) {
            let is_secret = ["credentials", "endpoint", "query.NAME", "NAME.NAME", "selector"].contains(name);
            let url = Endpoint::parse(&format!("amqp://localhost/orders?{name}=value")).unwrap().to_string();
            assert_eq!(url.ends_with("=***"), is_secret, "{url}");
        }
    }
}
