//! `http` and `https` URLs.

use super::{Opened, Sending, failed};
use crate::{failure::Failure, input};
use cloudevents_kit::{
    self as kit, Sender,
    http::{Decompression, HttpReceiver, HttpReceiverOptions, reqwest013::HttpSenderOptions},
    transport::{Bounds, Endpoint, OnRefusal, ReceiverOptions},
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, USER_AGENT},
};
use std::path::Path;

pub(super) fn sender(endpoint: &Endpoint, sending: &Sending) -> Result<Sender, Failure> {
    let headers = headers(endpoint, sending)?;
    if endpoint.scheme() == "https" && !cfg!(feature = "tls") {
        return Err(Failure::usage("this build of ce has no TLS").help("build it with the feature `tls`"));
    }
    let mut options = HttpSenderOptions::default();
    options.sender.enqueue_timeout = sending.timeout;
    options.sender.losses = sending.losses;
    options.sender.peer = sending.peer;
    options.headers = headers;
    options.sender.timeout = Some(sending.timeout);
    options.sender.in_flight = Some(Bounds { messages: sending.parallel, ..Bounds::default() });
    options.client = sending.connecting.client(endpoint, sending.timeout)?;
    options.client_headers = Some(Vec::new());
    options.trace = sending.trace.clone();
    options.sign = sending.sign.clone();
    kit::http::reqwest013::sender(endpoint.expose_url(), options).map_err(failed)
}

/// Starts a server. The returned URL has the actual port.
pub(super) async fn receiver(
    endpoint: &Endpoint,
    options: ReceiverOptions,
    on_refusal: Option<OnRefusal>,
) -> Result<Opened, Failure> {
    let mut options = HttpReceiverOptions::from(options);
    options.on_refusal = on_refusal;
    options.decompression = Decompression::all();
    let receiver = HttpReceiver::bind(endpoint.clone(), options).await.map_err(failed)?;
    let url = receiver.url();
    Ok(Opened { receiver: receiver.into_receiver(), url, notes: Vec::new() })
}

/// Returns the headers of every request besides the headers of the event. Their values are marked as sensitive.
pub(crate) fn headers(endpoint: &Endpoint, sending: &Sending) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    // As the client has it, so that the shown header is the sent one.
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("ce/", env!("CARGO_PKG_VERSION"))));
    for given in &sending.headers {
        match given.strip_prefix('@') {
            None => header(given, "--header", &mut headers)?,
            Some(path) => {
                let text = input::text(Path::new(path), input::SMALL)?;
                for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                    header(line, &format!("{path}, line {}", number.saturating_add(1)), &mut headers)?;
                }
            }
        }
    }
    if let Some(variable) = &sending.authorization {
        let value = std::env::var(variable).map_err(|_| {
            Failure::usage(format!("the environment variable `{variable}` is not set, or is not text"))
        })?;
        headers.insert(AUTHORIZATION, secret(&value).ok_or_else(|| not_a_header(variable))?);
    }
    if let Some(user) = endpoint.user()
        && !headers.contains_key(AUTHORIZATION)
    {
        let password = endpoint.password().map_or("", |password| password.expose());
        let basic = base64_simd::STANDARD.encode_to_string(format!("{}:{password}", user.expose()));
        headers.extend(secret(&format!("Basic {basic}")).map(|value| (AUTHORIZATION, value)));
    }
    Ok(headers)
}

/// Adds the header `Name: value`. Errors do not show the value.
fn header(line: &str, place: &str, headers: &mut HeaderMap) -> Result<(), Failure> {
    let (name, value) = line.split_once(':').ok_or_else(|| not_a_header(place))?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| not_a_header(place))?;
    if name.as_str().starts_with("ce-") || name == http::header::CONTENT_TYPE {
        return Err(
            Failure::usage(format!("`{name}` belongs to the event")).help("set the attribute instead")
        );
    }
    // One that is given takes the place of the usual one.
    if [ACCEPT, USER_AGENT].contains(&name) && headers.get(&name).is_some_and(|value| !value.is_sensitive()) {
        headers.remove(&name);
    }
    headers.append(name, secret(value.trim()).ok_or_else(|| not_a_header(place))?);
    Ok(())
}

fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn not_a_header(place: &str) -> Failure {
    Failure::usage(format!("{place}: not a header")).help("write `Name: value`")
}
