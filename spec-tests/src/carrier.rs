//! What carries events: formats and bindings, as `carriers.json` describes them.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What carries events, a format or a binding: where its messages have what, so that whoever compares, changes or shows them need not know
/// it by its name.
///
/// ```
/// use cloudevents_vectors::Carrier;
///
/// let kafka = Carrier::of("kafka").expect("a carrier");
/// assert_eq!(kafka.headers.as_ref().expect("headers").prefixes, ["ce_"]);
/// assert!(Carrier::of("json").is_some_and(Carrier::is_format));
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Carrier {
    /// What `via` and capabilities call it.
    pub name: String,
    /// The area of its cases, where that is not its name.
    #[serde(default)]
    area: Option<String>,
    /// The documents of the specification that its cases set out to cover.
    #[serde(default)]
    pub documents: Vec<String>,
    /// Who publishes its document, where that is not CloudEvents. Its cases are a pack of their own.
    #[serde(default)]
    pub publisher: Option<String>,
    /// The content modes of a binding. The first one is that of `encode`, unless the request names another.
    #[serde(default)]
    pub modes: Vec<String>,
    /// Whether its document lets an implementation have one of its modes.
    #[serde(default)]
    pub one_mode_is_enough: bool,
    /// Where attributes are in binary mode.
    #[serde(default)]
    pub headers: Option<Headers>,
    /// Where the content type is.
    pub content_type: ContentType,
    /// Where the body is.
    pub body: Body,
    /// The format of a message without headers, where clients of old versions of the protocol had none.
    #[serde(default)]
    pub without_headers: Option<String>,
    /// A message of a binding with nothing in it, which has every member that the protocol always has.
    #[serde(default)]
    pub empty: Map<String, Value>,
    #[serde(skip)]
    is_format: bool,
}

/// A list of names and values.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Headers {
    /// The member of the message.
    pub member: String,
    /// What values are.
    pub values: Values,
    /// What may stand before the name of an attribute; the first one is what others write. An empty one: every name may be an attribute's.
    pub prefixes: Vec<String>,
    /// Whether the case of names says nothing.
    #[serde(default)]
    pub any_case: bool,
    /// Whether values of attributes are percent-encoded.
    #[serde(default)]
    pub percent_encoded: bool,
}

/// What the values of headers are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Values {
    /// The Latin-1 text of octets.
    Octets,
    /// Text.
    Text,
    /// Bytes, or null.
    Bytes,
    /// Objects with a type and a value.
    Typed(Types),
}

/// The names of types, by what their values are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Types {
    /// Text. The first one is the string in which any attribute may be written.
    pub text: Vec<String>,
    /// Truth values.
    pub boolean: Vec<String>,
    /// Integers.
    pub integer: Vec<String>,
    /// Numbers with a fraction.
    pub number: Vec<String>,
    /// Bytes in base64.
    pub base64: Vec<String>,
    /// Times in seconds since 1970.
    pub seconds: Vec<String>,
    /// Times in milliseconds since 1970.
    pub milliseconds: Vec<String>,
    /// No value.
    pub nothing: Vec<String>,
}

/// Where the content type of a message is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ContentType {
    /// Nowhere: the body is a document of this format.
    Always(String),
    /// In a header.
    Header(String),
    /// In a member of the message.
    Member(String),
    /// In a member of its `properties`.
    Property(String),
    /// In the name of the subprotocol, `cloudevents.<format>`.
    Subprotocol,
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Body {
    /// The member of the message.
    pub member: String,
    /// What it may be.
    #[serde(default)]
    pub form: BodyForm,
}

/// What a body may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BodyForm {
    /// Bytes: no body is one of no bytes.
    #[default]
    Bytes,
    /// The Base64 of the payload or the document. Text that begins with `{` is a document as it is.
    Base64,
    /// Bytes or null, which are not the same.
    Nullable,
    /// The sections of AMQP 1.0: data, a value or sequences, or null.
    Sections,
}

/// The file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    formats: Vec<Carrier>,
    bindings: Vec<Carrier>,
}

fn read(text: &str) -> Result<Vec<Carrier>, serde_json::Error> {
    let mut file: File = serde_json::from_str(text)?;
    file.formats.iter_mut().for_each(|format| format.is_format = true);
    file.formats.append(&mut file.bindings);
    Ok(file.formats)
}

const FILE: &str = include_str!("../carriers.json");

// That the embedded file can be read is what the tests see to.
static CARRIERS: LazyLock<Vec<Carrier>> = LazyLock::new(|| read(FILE).unwrap_or_default());

/// Every carrier, formats before bindings.
///
/// ```
/// let bindings = cloudevents_vectors::carriers().iter().filter(|carrier| !carrier.is_format());
/// println!("bindings: {}", bindings.map(|binding| &*binding.name).collect::<Vec<_>>().join(", "));
/// ```
pub fn carriers() -> &'static [Carrier] {
    &CARRIERS
}

impl Carrier {
    /// The carrier of this name.
    pub fn of(via: &str) -> Option<&'static Carrier> {
        carriers().iter().find(|carrier| carrier.name == via)
    }

    /// Whether it is a format, whose messages are documents; it is a binding otherwise.
    pub fn is_format(&self) -> bool {
        self.is_format
    }

    /// The area of its cases.
    pub fn area(&self) -> &str {
        self.area.as_deref().unwrap_or(&self.name)
    }

    /// Whether a binding has this content mode.
    pub fn has_mode(&self, mode: &str) -> bool {
        self.modes.iter().any(|known| known == mode)
    }

    /// Whether two names of headers are one.
    pub fn is_same_name(&self, one: &str, other: &str) -> bool {
        match &self.headers {
            Some(headers) if headers.any_case => one.eq_ignore_ascii_case(other),
            _ => one == other,
        }
    }

    /// Whether a header of this name belongs to the event: it carries an attribute, as the binding names them, or the content type. The
    /// binding says nothing about others, such as the length of the body.
    pub fn is_of_event(&self, header: &str) -> bool {
        matches!(&self.content_type, ContentType::Header(name) if header.eq_ignore_ascii_case(name))
            || self.prefixes().any(|prefix| self.starts_with(header, prefix))
    }

    /// Whether a header of this name carries an attribute other than the content type.
    pub fn is_of_attribute(&self, header: &str) -> bool {
        let is_content_type = |name: &str| header.eq_ignore_ascii_case(name);
        self.is_of_event(header)
            && !is_content_type("content-type")
            && !matches!(&self.content_type, ContentType::Header(name) if is_content_type(name))
    }

    /// The attribute that a header of this name carries, or the name where it carries none.
    pub fn attribute(&self, header: &str) -> String {
        let prefix = self.prefixes().find(|prefix| self.starts_with(header, prefix)).unwrap_or_default();
        let name = header.get(prefix.len()..).unwrap_or_default();
        if self.headers.as_ref().is_some_and(|headers| headers.any_case) {
            name.to_ascii_lowercase()
        } else {
            name.to_owned()
        }
    }

    /// A message with these headers of attributes and nothing else; `None` where the carrier has no headers.
    pub fn message(&self, attributes: &[(&str, &str)]) -> Option<Value> {
        let headers = self.headers.as_ref()?;
        let prefix = headers.prefixes.first().map_or("", String::as_str);
        let list = attributes.iter().map(|(name, text)| {
            Value::Array(vec![format!("{prefix}{name}").into(), headers.values.of_text(text)])
        });
        let list = list.collect();
        let mut message = self.empty.clone();
        message.insert(headers.member.clone(), list);
        Some(message.into())
    }

    fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().flat_map(|headers| &headers.prefixes).map(String::as_str)
    }

    fn starts_with(&self, header: &str, prefix: &str) -> bool {
        header.get(..prefix.len()).is_some_and(|start| self.is_same_name(start, prefix))
    }
}

impl Values {
    /// A text as a value.
    pub fn of_text(&self, text: &str) -> Value {
        match self {
            Values::Octets | Values::Text => text.into(),
            Values::Bytes => serde_json::json!({"text": text}),
            Values::Typed(types) => serde_json::json!({"type": types.text.first(), "value": text}),
        }
    }
}

impl Types {
    /// The type of strings, in which any attribute may be written.
    pub fn string(&self) -> Option<&str> {
        self.text.first().map(String::as_str)
    }

    /// Whether values of this type are times.
    pub fn is_time(&self, name: &str) -> bool {
        self.seconds.iter().chain(&self.milliseconds).any(|known| known == name)
    }
}
