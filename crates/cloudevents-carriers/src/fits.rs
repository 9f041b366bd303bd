//! Whether a carrier takes a message.

use crate::{Body, Carrier, Empty, MessageView, Text, mode, name};
use cloudevents_core::{Error, ErrorKind};

impl Carrier {
    /// Checks that the carrier takes a message: its headers, its text and its sizes. Encoders call it. Call it again if a program adds
    /// headers of its own.
    ///
    /// An error names the attribute or the header, its size, the limit and the remedy. It is of kind [`TooMany`](ErrorKind::TooMany) for
    /// the number of headers, of kind [`TooLarge`](ErrorKind::TooLarge) for sizes, and of kind [`Unsupported`](ErrorKind::Unsupported)
    /// otherwise.
    ///
    /// ```
    /// use cloudevents_carriers::{CarrierMessage, rows::GOOGLE_PUBSUB};
    /// use cloudevents_core::ErrorKind;
    ///
    /// let message = CarrierMessage::new("{}").with_header("ce-subject", "x".repeat(1025));
    /// let error = GOOGLE_PUBSUB.fits(&message).unwrap_err();
    /// assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("subject")));
    /// assert!(error.detail().contains("1025 bytes") && error.detail().contains("1024"));
    /// ```
    pub fn fits(&self, message: &impl MessageView) -> Result<(), Error> {
        let limits = self.limits;
        let (mut count, mut all) = (0_usize, 0_usize);
        for (header, value) in message.headers() {
            count = count.saturating_add(1);
            all = all.saturating_add(header.len()).saturating_add(value.len());
            check_header(self, header, value).map_err(|error| named(self, header, error))?;
        }
        if let Some(most) = limits.headers.filter(|most| count > *most) {
            let detail = format!("{count} headers, and {} allows {most}", self.name);
            return Err(Error::new(ErrorKind::TooMany).with_detail(detail).with_help(SEND_A_DOCUMENT));
        }
        let whole = || "the names and values of headers together".to_owned();
        check_size(self, all, limits.all_headers, whole, SEND_A_DOCUMENT)?;
        let body = message.body();
        check_body(self, body)?;
        check_size(self, body.len(), limits.body, || "the body".to_owned(), SEND_LESS)?;
        let whole = || "headers and body together".to_owned();
        check_size(self, all.saturating_add(body.len()), limits.message, whole, SEND_LESS)
    }
}

const SEND_A_DOCUMENT: &str = "send the event in structured mode, which has one header at most";
const SEND_LESS: &str =
    "store the payload elsewhere, and send a reference to it, such as the extension `dataref`";

fn check_header(carrier: &Carrier, header: &str, value: &[u8]) -> Result<(), Error> {
    let limits = carrier.limits;
    if let Some(start) = carrier.reserved.iter().find(|start| header.starts_with(**start)) {
        return Err(unfit(format!(
            "`{header}` begins with `{start}`, which {} keeps for itself",
            carrier.name
        ))
        .with_help("rename the header"));
    }
    let place = || format!("the name `{header}`");
    check_size(carrier, header.len(), limits.name, place, SEND_A_DOCUMENT)?;
    check_size(carrier, value.len(), limits.value, || format!("the value of `{header}`"), SEND_A_DOCUMENT)?;
    if value.is_empty() && carrier.empty == Empty::Refused {
        return Err(unfit(format!(
            "the value of `{header}` is empty, which {} does not allow",
            carrier.name
        ))
        .with_help(SEND_A_DOCUMENT));
    }
    for text in [header.as_bytes(), value] {
        check_text(carrier, text, &[], || format!("`{header}`"))
            .map_err(|error| error.with_help(SEND_A_DOCUMENT))?;
    }
    Ok(())
}

fn check_body(carrier: &Carrier, body: &[u8]) -> Result<(), Error> {
    if body.is_empty() && carrier.empty != Empty::Allowed {
        return Err(unfit(format!("the body is empty, which {} does not allow", carrier.name))
            .with_help("send the event in structured mode"));
    }
    let Body::Text { without } = carrier.body else { return Ok(()) };
    check_text(carrier, body, without, || "the body".to_owned()).map_err(|error| {
        error.with_help("write the event as one JSON document: it has other payloads in Base64, and escapes")
    })
}

/// Checks that text has the characters of the carrier, and none of some others.
fn check_text(
    carrier: &Carrier,
    text: &[u8],
    without: &[char],
    place: impl Fn() -> String,
) -> Result<(), Error> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(unfit(format!("{} is not text, which {} requires", place(), carrier.name)));
    };
    let lacks = |character: char| match carrier.text {
        Text::Utf8 => without.contains(&character),
        Text::Xml10 => !is_xml(character) || without.contains(&character),
        Text::Percent => !(' '..='~').contains(&character) || without.contains(&character),
    };
    match text.chars().find(|character| lacks(*character)) {
        None => Ok(()),
        Some(character) => {
            let code = u32::from(character);
            let name = carrier.name;
            Err(unfit(format!("{} has the character U+{code:04X}, which {name} does not carry", place())))
        }
    }
}

/// Whether XML 1.0 has a character (section 2.2).
fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn check_size(
    carrier: &Carrier,
    size: usize,
    limit: Option<usize>,
    place: impl Fn() -> String,
    help: &'static str,
) -> Result<(), Error> {
    match limit {
        Some(most) if size > most => {
            let detail = format!("{size} bytes in {}, and {} allows {most}", place(), carrier.name);
            Err(Error::new(ErrorKind::TooLarge).with_detail(detail).with_help(help))
        }
        _ => Ok(()),
    }
}

/// Adds the attribute of a header to an error.
#[cold]
fn named(carrier: &Carrier, header: &str, error: Error) -> Error {
    if mode::is_key(carrier, header) {
        return error.with_attribute("datacontenttype");
    }
    match name::attribute(carrier, carrier.prefix, header) {
        Some(name) => error.with_attribute(name.into_owned()),
        None => error,
    }
}

#[cold]
fn unfit(detail: String) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(detail)
}
