//! URLs of every binding but HTTP. Functions of the binding open them.

use super::{Opened, Sending, binding, failed, family, report, shown, status_of, unknown};
use crate::{failure::Failure, report::Report};
use cloudevents_kit::{
    Error, ErrorKind, Sender,
    json::Json,
    transport::{
        Binding, Bounds, Create, Endpoint, Look, OnRefusal, Place, Places, ReceiverOptions, SenderOptions,
        Side, UrlFamily,
    },
};
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

pub(super) async fn sender(mut endpoint: Endpoint, sending: &Sending) -> Result<Sender, Failure> {
    let Some((binding, family, open)) =
        known(&endpoint).and_then(|(binding, family)| Some((binding, family, binding.sender?)))
    else {
        return Err(unknown(&endpoint, Side::Send));
    };
    let mut options = SenderOptions::from(cloudevents_kit::decoding());
    options.enqueue_timeout = sending.timeout;
    options.losses = sending.losses;
    options.peer = sending.peer;
    options.timeout = Some(sending.timeout);
    options.in_flight = Some(Bounds { messages: sending.parallel, ..Bounds::default() });
    match sending.documents {
        Some(true) if has(family, "mode") => options.format = Some(Arc::new(Json::new())),
        Some(false) if has(family, "mode") && family.is_structured => {
            endpoint = endpoint.or_option("mode", "binary");
        }
        // Where there are documents only, a message in binary mode becomes one.
        None if family.is_structured && has_binary(family) => {
            endpoint = endpoint.or_option("mode", "binary");
        }
        _ => {}
    }
    let milliseconds = sending.timeout.as_millis();
    let endpoint = endpoint.or_option("connect-timeout", &format!("{milliseconds}ms"));
    open(endpoint, options).await.map_err(|error| not_built(binding, error))
}

/// The mode and the format are options of the command, if the protocol has them.
pub(super) fn check_mode(endpoint: &Endpoint) -> Result<(), Failure> {
    let given = |name: &&str| endpoint.option(name).is_some();
    let chooses = known(endpoint).is_some_and(|(_, family)| has(family, "mode"));
    match ["mode", "format"].into_iter().find(given).filter(|_| chooses) {
        Some(name) => Err(Failure::usage(format!("the URL option `{name}` is not supported here"))
            .help(format!("use --{name}"))),
        None => Ok(()),
    }
}

/// Opens a receiver. The defaults do not affect other consumers.
pub(super) async fn receiver(
    endpoint: Endpoint,
    options: ReceiverOptions,
    on_refusal: Option<OnRefusal>,
) -> Result<Opened, Failure> {
    let Some((binding, family, open)) =
        known(&endpoint).and_then(|(binding, family)| Some((binding, family, binding.receiver?)))
    else {
        return Err(unknown(&endpoint, Side::Receive));
    };
    let url = shown(endpoint.expose_url());
    let (endpoint, of_group) = in_a_group(endpoint, family);
    let (endpoint, of_refused) = refused(endpoint, family);
    let notes: Vec<_> = of_group.into_iter().chain(of_refused).collect();
    #[cfg(feature = "websockets")]
    if super::websockets::listens(&endpoint) {
        let opened = super::websockets::receiver(endpoint, options, on_refusal).await?;
        return Ok(Opened { notes, ..opened });
    }
    drop(on_refusal);
    let receiver = open(endpoint, options).await.map_err(|error| not_built(binding, error))?;
    Ok(Opened { receiver, url, notes })
}

/// Lists the places that the broker shows.
pub(super) async fn places(endpoint: Endpoint) -> Result<Places, Failure> {
    let Some(binding) = binding(&endpoint) else { return Err(unknown(&endpoint, Side::Receive)) };
    match binding.look {
        Look::Lists(look) | Look::ListsHeld(look) => {
            look(endpoint).await.map_err(|error| not_built(binding, error))
        }
        Look::Elsewhere(help) => {
            let scheme = crate::plain::plain(endpoint.scheme());
            Err(Failure::usage(format!("`{scheme}` URLs name a place of which the protocol shows nothing"))
                .help(help))
        }
    }
}

/// Creates the place of the URL.
pub(super) async fn create(endpoint: Endpoint, settings: Vec<(String, String)>) -> Result<Place, Failure> {
    let Some(binding) = binding(&endpoint) else { return Err(unknown(&endpoint, Side::Send)) };
    match binding.create {
        Create::Creates(create) => {
            create(endpoint, settings).await.map_err(|error| not_built(binding, error))
        }
        Create::Elsewhere(help) => {
            let scheme = crate::plain::plain(endpoint.scheme());
            Err(Failure::usage(format!("`{scheme}` URLs name a place that `ce` does not create")).help(help))
        }
    }
}

/// The binding of a URL, and its family. That of HTTP is opened elsewhere.
fn known(endpoint: &Endpoint) -> Option<(&'static Binding, &'static UrlFamily)> {
    let binding = binding(endpoint).filter(|binding| binding.urls.name != "http")?;
    Some((binding, family(endpoint)?))
}

fn has(family: &UrlFamily, option: &str) -> bool {
    family.options.iter().any(|known| known.name == option)
}

/// Whether the mode may be binary.
fn has_binary(family: &UrlFamily) -> bool {
    family.options.iter().any(|known| known.name == "mode" && known.help.contains("binary"))
}

/// Without a group, a group of its own, if a group begins at an offset and is gone with its members. A group of Redis stays.
fn in_a_group(endpoint: Endpoint, family: &UrlFamily) -> (Endpoint, Option<Report>) {
    let is_given = ["group", "group.id"].into_iter().any(|name| endpoint.option(name).is_some());
    if is_given || !has(family, "group") || !has(family, "offset") {
        return (endpoint, None);
    }
    let group = format!("ce-listen-{:016x}", RandomState::new().hash_one(std::process::id()));
    let since = endpoint.option("since").map(|time| format!("from {}", crate::plain::plain(time)));
    let last = endpoint
        .option("last")
        .map(|count| format!("from the last {} messages of each partition on", crate::plain::plain(count)));
    let since = since.or(last);
    let (from, help) = match (&since, endpoint.option("offset")) {
        (Some(since), _) => (since.as_str(), None),
        (None, Some("latest")) => ("from now on", None),
        (None, Some(_)) => ("from the beginning", None),
        (None, None) => ("from the beginning", Some("`offset=latest` listens from now on")),
    };
    let words = format!("the URL has no `group`: listening {from}, in its own group {group}");
    let note = Report::note(words).kind("own-group").any_help(help);
    (endpoint.or_option("group", &group), Some(note))
}

/// A URL that decides nothing about refused messages leaves them to the peer, if the peer can be configured to keep them. Else they are
/// dropped.
fn refused(endpoint: Endpoint, family: &UrlFamily) -> (Endpoint, Option<Report>) {
    let is_decided = ["dead-letter", "reject"].into_iter().any(|name| endpoint.option(name).is_some());
    if is_decided || !has(family, "reject") {
        return (endpoint, None);
    }
    let (how, becomes) = match family.has_broker {
        true if endpoint.scheme().starts_with("postgres") => ("broker", "moved to the archive of the queue"),
        true if endpoint.scheme().starts_with("nats") => {
            ("broker", "not delivered again: the stream keeps them, unless it is a work queue")
        }
        true => ("broker", "left to the broker, which drops them unless it is configured to keep them"),
        false => ("drop", "dropped"),
    };
    let words =
        format!("messages that are not events are reported and {becomes}, as with `reject={how}` in the URL");
    let help = family.options.iter().find(|option| option.name == "dead-letter").map(|option| {
        let place = option.help.split_whitespace().nth(1).unwrap_or("place");
        format!("`dead-letter={}` in the URL keeps them in a {place}", place.to_uppercase())
    });
    let note = Report::note(words).kind(format!("reject-{how}")).any_help(help);
    (endpoint.or_option("reject", how), Some(note))
}

/// An error of opening. A feature of the binding's crate is one of `ce`.
fn not_built(binding: &Binding, error: Error) -> Failure {
    let of_crate = format!("turn on the feature `tls` of cloudevents-{}", binding.urls.name);
    if error.help() != Some(&of_crate) {
        return match error.kind() {
            // Nothing was connected that could be lost.
            ErrorKind::Disconnected => Failure::Told(
                status_of(&error),
                Box::new(report(&error).saying("no connection could be made")),
            ),
            _ => failed(error),
        };
    }
    // Where it is an option of the URL, it is built by other means.
    let is_scheme = binding.urls.schemes().any(|scheme| scheme.tls);
    let feature = if is_scheme { "tls".to_owned() } else { format!("{}-tls", binding.urls.name) };
    let words = error.detail().replace("this build has", "this build of ce has");
    let help = format!(
        "build it with the feature `{feature}`: cargo install --git https://github.com/cloudevents-kit/cloudevents-kit --locked \
         --features {feature} cloudevents-cli"
    );
    Failure::usage(format!("{words}, for `{}` URLs", binding.urls.name)).help(help)
}
