//! Payloads: the `data` element.

use crate::{
    glance::Glance,
    namespaces::Namespace,
    scan::{Run, Scanner, Tag, Token},
    value::{qualified, xsi_type},
};
use cloudevents_core::{
    Data, Error, ErrorKind, Event, Limits, Loss, LossClass, Losses, MediaType, Payload, TextBuffer,
    codec::{self, Assembler, charset_lost, decode_base64, form_lost, other_charset, type_url_lost},
};

/// The payload of an event, until all attributes are known.
pub(crate) enum Member {
    /// Of type `xs:string`.
    Characters(TextBuffer),
    Known(Payload),
}

impl Member {
    /// Reads a `data` element whose start tag was read, its end tag included.
    pub(crate) fn read(
        buffer: &TextBuffer,
        scanner: &mut Scanner<'_>,
        tag: Tag,
        copied: &mut usize,
    ) -> Result<Self, Error> {
        let Some(value) = xsi_type(scanner) else { return Err(untyped(tag)) };
        let written = scanner.value(value);
        match qualified(scanner, &written) {
            (Namespace::Xs, "string") => {
                let text = text(buffer, scanner, "XML-3.2-b")?;
                Ok(Self::Characters(text))
            }
            (Namespace::Xs, "base64Binary") => {
                let at = scanner.position();
                let text = text(buffer, scanner, "XML-3.1-b")?;
                binary(text.as_str()).map(Self::Known).map_err(|error| error.with_offset(at))
            }
            (Namespace::Xs, "any") => element(buffer, scanner, copied).map(Self::Known),
            _ => Err(unknown(&written, value.run)),
        }
    }

    /// Decides the kind of payload, once the content type is known.
    #[inline]
    pub(crate) fn decide(self, assembler: &Assembler<'_>) -> Payload {
        match self {
            Self::Characters(text) => codec::characters(text, assembler.content_type()),
            Self::Known(payload) => payload,
        }
    }
}

/// The form in which a payload is written.
#[derive(Clone, Copy)]
pub(crate) enum Written<'a> {
    Nothing,
    /// As `xs:string`; the flag is set if something has to be escaped.
    Characters(&'a str, bool),
    /// As `xs:base64Binary`.
    Bytes(&'a [u8]),
    /// As `xs:any`.
    Element(&'a str),
}

impl<'a> Written<'a> {
    /// Returns how the payload of an event is written, and the losses.
    #[inline]
    pub(crate) fn of(data: Option<Data<'a>>, event: &Event) -> (Self, Losses) {
        match data {
            None => (Self::Nothing, Losses::none()),
            Some(Data::Json(json)) => characters(json.as_str(), event, None),
            Some(Data::Text(text)) => characters(text, event, text_loss(text, event)),
            Some(Data::Xml(text)) => match Element::of(text) {
                Some(element) => (Self::Element(element.text), element.losses(text)),
                None => {
                    let detail = "the payload is not one well-formed element; it is carried as text";
                    characters(text, event, Some(form_lost("payload-not-xml", detail)))
                }
            },
            Some(Data::Proto { type_url, value }) => (Self::Bytes(value), only(type_url_lost(type_url))),
            Some(Data::Cbor(item)) => {
                (Self::Bytes(item), only(form_lost("cbor-as-bytes", "a CBOR item becomes bytes")))
            }
            Some(data) => (Self::Bytes(data.as_bytes()), Losses::none()),
        }
    }

    /// `datacontenttype` as stated, or made explicit if the document would otherwise mean something else than the event.
    #[inline]
    pub(crate) fn content_type(self, event: &Event) -> Option<MediaType<'_>> {
        match self {
            Self::Element(_) => event.datacontenttype(),
            _ => event.content_type(),
        }
    }
}

/// Writes text as characters, or as bytes if a character does not exist in XML. `loss` is that of characters.
#[inline]
fn characters<'a>(text: &'a str, event: &Event, loss: Option<Loss>) -> (Written<'a>, Losses) {
    let glance = Glance::of(text);
    if glance.foreign(text).is_some() {
        return (Written::Bytes(text.as_bytes()), only(text_as_bytes(event)));
    }
    (Written::Characters(text, glance.special(text)), loss.map_or(Losses::none(), only))
}

#[cold]
fn text_as_bytes(event: &Event) -> Loss {
    if other_charset(event).is_some() {
        let detail = "text with characters that XML does not have is carried as bytes, in UTF-8 and not in its charset";
        return Loss::of_data(LossClass::Meaning, "charset", detail);
    }
    charset_lost(event).unwrap_or_else(|| {
        let detail = "the text has characters that XML does not have; it is carried as bytes";
        form_lost("text-as-bytes", detail)
    })
}

/// Text that is JSON reads back as JSON under a JSON content type.
#[inline]
fn text_loss(text: &str, event: &Event) -> Option<Loss> {
    let json = event.datacontenttype().is_some_and(MediaType::is_json);
    (json && cloudevents_core::JsonText::parse(text).is_ok())
        .then(|| form_lost("text-as-json", "text that is JSON under a JSON content type becomes JSON"))
}

#[cold]
fn only(loss: Loss) -> Losses {
    let mut losses = Losses::none();
    losses.push(loss);
    losses
}

/// One element that does not depend on outer declarations.
struct Element<'a> {
    text: &'a str,
    /// Whether it declares every prefix of the document itself, so that none is added to it.
    declares_all: bool,
}

impl<'a> Element<'a> {
    /// Returns the element if the text is exactly one, apart from white space around it.
    fn of(text: &'a str) -> Option<Self> {
        let element = text.trim_matches([' ', '\t', '\n', '\r']);
        let mut limits = Limits::default();
        limits.depth = u32::MAX;
        // Room for the declarations of the document around it.
        limits.attributes = limits.attributes.saturating_sub(4);
        let mut scanner = Scanner::new(element, &limits).ok()?;
        // As bytes: the first character of the name may take several.
        if !matches!(element.as_bytes(), [b'<', next, ..] if !b"?!/".contains(next)) {
            return None;
        }
        scanner.start().ok()?;
        let declares = |prefix: &&[u8]| scanner.bindings.resolve(prefix, element).is_some();
        let declares_all = [&b"ce"[..], b"xsi", b"xs"].iter().all(declares);
        scanner.skip().ok()?;
        (scanner.position() == element.len()).then_some(Self { text: element, declares_all })
    }

    fn losses(&self, text: &str) -> Losses {
        if self.declares_all && self.text.len() == text.len() {
            return Losses::none();
        }
        let detail = "the element takes on the namespace declarations of the document, and white space around it is left out";
        only(Loss::of_data(LossClass::Spelling, "xml-spelling", detail))
    }
}

/// The text of a `data` element; the end tag is read.
fn text(buffer: &TextBuffer, scanner: &mut Scanner<'_>, clause: &'static str) -> Result<TextBuffer, Error> {
    let text = match scanner.plain_long() {
        Some(run) => buffer.slice(run.range()).unwrap_or_default(),
        None => {
            let mut text = String::new();
            scanner.gather(|part| text.push_str(part), clause)?;
            text.into()
        }
    };
    scanner.end()?;
    Ok(text)
}

/// The bytes of `xs:base64Binary`, which may have white space anywhere.
fn binary(text: &str) -> Result<Payload, Error> {
    let is_white = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    // The decoder checks the alphabet, to which white space does not belong.
    let decoded = decode_base64(text).or_else(|error| {
        let packed: Vec<u8> = text.bytes().filter(|byte| !is_white(byte)).collect();
        if packed.len() == text.len() { Err(error) } else { decode_base64(packed) }
    });
    decoded.map(Payload::binary)
}

/// The one child element of a `data` element of type `xs:any`; the end tag is read.
fn element(buffer: &TextBuffer, scanner: &mut Scanner<'_>, copied: &mut usize) -> Result<Payload, Error> {
    let mut found = None;
    loop {
        match scanner.next()? {
            Token::Start if found.is_some() => {
                return Err(scanner.problem("a second element in data").with_clause("XML-3.3-a"));
            }
            Token::Start => found = Some(child(buffer, scanner, copied)?),
            Token::End => break,
            token => scanner.blank(token, "XML-3.3-c")?,
        }
    }
    let Some(payload) = found else {
        return Err(scanner.problem("data of type xs:any has one child element").with_clause("XML-3.3-a"));
    };
    scanner.end()?;
    Ok(payload)
}

/// The element at the cursor, as written, with the namespace declarations in scope added.
fn child(buffer: &TextBuffer, scanner: &mut Scanner<'_>, copied: &mut usize) -> Result<Payload, Error> {
    let outer = scanner.bindings.len();
    let tag = scanner.start()?;
    let text = scanner.text();
    // Checked before the work, because a batch that is read event by event may be refused for each of its events.
    check_copied(*copied, text.len(), tag.start)?;
    let mut added = String::new();
    for binding in scanner.bindings.visible(outer, text) {
        let (prefix, uri) = (binding.prefix.of(text), binding.uri.of(text));
        let quote = if uri.contains('"') { '\'' } else { '"' };
        added.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        added.push_str(prefix);
        added.push('=');
        added.push(quote);
        added.push_str(uri);
        added.push(quote);
    }
    scanner.skip()?;
    let whole = Run::new(tag.start, scanner.position());
    if added.is_empty() {
        return Ok(Payload::xml(buffer.slice(whole.range()).unwrap_or_default()));
    }
    *copied = copied.saturating_add(added.len());
    check_copied(*copied, text.len(), tag.start)?;
    let head = Run::new(whole.start(), tag.name.local.end());
    let tail = Run::new(tag.name.local.end(), whole.end());
    let mut element = String::with_capacity(added.len().saturating_add(whole.of(text).len()));
    element.push_str(head.of(text));
    element.push_str(&added);
    element.push_str(tail.of(text));
    Ok(Payload::xml(element))
}

/// Bounds the copies: declarations around a batch are added to each payload. They must not turn a short document into a long one.
fn check_copied(copied: usize, length: usize, at: usize) -> Result<(), Error> {
    if copied <= length.saturating_mul(2).saturating_add(16 << 10) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::TooLarge)
        .with_detail("the namespace declarations around the payloads would take several times the size of the document")
        .with_offset(at)
        .with_help("declare namespaces on the payloads that use them"))
}

#[cold]
fn untyped(tag: Tag) -> Error {
    Error::new(ErrorKind::InvalidType)
        .with_attribute("data")
        .with_detail("data has an xsi:type, and this has none")
        .with_offset(tag.start)
        .with_clause("XML-3-b")
}

#[cold]
fn unknown(written: &str, value: Run) -> Error {
    let shown: String = written.chars().take(64).collect();
    Error::new(ErrorKind::InvalidType)
        .with_attribute("data")
        .with_detail(format!("xsi:type is `{shown}`, which names no kind of payload"))
        .with_offset(value.start())
        .with_help(
            "the kinds are string, base64Binary and any of the namespace http://www.w3.org/2001/XMLSchema",
        )
        .with_clause("XML-3-b")
}
