//! The subscription object.

use crate::{Credential, Filter, FilterOptions, Filters, Invalid, Parsed, Protocol, read, settings};
use cloudevents_core::{Event, Uri, UriReference};
use cloudevents_json::codec::{kind, token};
use serde_json::{Map, Value, json};
use std::fmt;

/// A request for a subscription: the subscription object without its id (Subscriptions API 3.2.1).
///
/// ```
/// use cloudevents_subscriptions::{Protocol, SubscriptionRequest};
///
/// let request = SubscriptionRequest::parse(r#"{
///     "sink": "https://example.com/hook", "protocol": "HTTP",
///     "types": ["com.example.order.placed"],
///     "filters": [{"prefix": {"subject": "eu/"}}],
///     "sinkcredential": {"credentialtype": "PLAIN", "identifier": "shop", "secret": "swordfish"}
/// }"#)?;
/// assert_eq!(request.protocol(), &Protocol::Http);
/// assert!(!format!("{request:?} {request}").contains("swordfish"));
///
/// let mistake = SubscriptionRequest::parse(r#"{"sink": "/hook", "protocol": "HTTP"}"#).unwrap_err();
/// assert_eq!(mistake.path(), "/sink");
/// # Ok::<(), cloudevents_subscriptions::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SubscriptionRequest {
    source: Option<Box<str>>,
    types: Option<Vec<Box<str>>>,
    config: Option<Map<String, Value>>,
    filters: Option<Filters>,
    sink: Box<str>,
    sinkcredential: Option<Credential>,
    protocol: Protocol,
    protocolsettings: Option<Map<String, Value>>,
}

/// A subscription: its request, and the id that the manager gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    id: Box<str>,
    request: SubscriptionRequest,
}

impl SubscriptionRequest {
    /// Reads a JSON object, strictly. An `id` in it is ignored (clause SUBS-3.2.1-id-d).
    pub fn parse(document: impl AsRef<[u8]>) -> Result<Self, Invalid> {
        Self::parse_with(document, &FilterOptions::strict()).map(|parsed| parsed.value)
    }

    /// Reads a JSON object.
    pub fn parse_with(document: impl AsRef<[u8]>, options: &FilterOptions) -> Result<Parsed<Self>, Invalid> {
        Self::read(&read::parse(document.as_ref())?, options)
    }

    pub(crate) fn read(document: &Value, options: &FilterOptions) -> Result<Parsed<Self>, Invalid> {
        let Value::Object(members) = document else {
            return Err(Invalid::new(
                "",
                format!("a subscription is an object, and this is {}", kind(document)),
            ));
        };
        const KNOWN: [&str; 9] = [
            "id",
            "source",
            "types",
            "config",
            "filters",
            "sink",
            "sinkcredential",
            "protocol",
            "protocolsettings",
        ];
        if let Some(name) = members.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Invalid::new(token(name), "a subscription has no such property"));
        }
        let sink = required(members, "sink", "SUBS-3.2.1-sink-c")?;
        let protocol = Protocol::from_name(required(members, "protocol", "SUBS-3.2.1-protocol-b")?);
        check_sink(sink, &protocol)?;
        let source = optional(members, "source")?;
        if let Some(source) = source
            && UriReference::parse(source).is_err()
        {
            return Err(Invalid::new("/source", "not a URI-reference").with_clause("SUBS-3.2.1-source-c"));
        }
        let config = object(members, "config")?;
        if config.is_some_and(|config| config.contains_key("")) {
            return Err(Invalid::new("/config/", "the key is empty").with_clause("SUBS-3.2.1-config-d"));
        }
        let protocolsettings = object(members, "protocolsettings")?;
        settings::check(&protocol, protocolsettings).map_err(|error| error.below("/protocolsettings"))?;
        let filters = members.get("filters").map(|filters| read::filters(filters, options)).transpose();
        let filters = filters.map_err(|error| error.below("/filters"))?;
        let sinkcredential = members.get("sinkcredential").map(Credential::read).transpose();
        let (filters, mut repairs) =
            filters.map_or((None, Vec::new()), |parsed| (Some(parsed.value), parsed.repairs));
        repairs.iter_mut().for_each(|repair| repair.path.insert_str(0, "/filters"));
        let value = Self {
            source: source.map(Box::from),
            types: types(members)?,
            config: config.cloned(),
            filters,
            sink: sink.into(),
            sinkcredential: sinkcredential.map_err(|error| error.below("/sinkcredential"))?,
            protocol,
            protocolsettings: protocolsettings.cloned(),
        };
        Ok(Parsed { value, repairs })
    }

    /// The source whose events are delivered; `None` for every source.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The types of events that are delivered. Empty: every type.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().flatten().map(|ty| &**ty)
    }

    /// Configuration for the producer of the events. The subscription manager defines the keys.
    pub fn config(&self) -> Option<&Map<String, Value>> {
        self.config.as_ref()
    }

    /// The filters as they were given.
    pub fn filters(&self) -> Option<&Filters> {
        self.filters.as_ref()
    }

    /// Where events are delivered to: an absolute URI. Over HTTP, it has the scheme `http` or `https` and a host.
    pub fn sink(&self) -> &str {
        &self.sink
    }

    /// The credential for delivering to the sink.
    pub fn sinkcredential(&self) -> Option<&Credential> {
        self.sinkcredential.as_ref()
    }

    /// How events are delivered.
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// Settings of the protocol. Settings that the specification names have valid types.
    pub fn protocolsettings(&self) -> Option<&Map<String, Value>> {
        self.protocolsettings.as_ref()
    }

    /// Returns all conditions as filters: the source, the types, and the filters.
    pub fn selection(&self) -> Filters {
        // Neither a source nor a type is empty: the errors do not happen.
        let source = self.source().and_then(|source| Filter::exact([("source", source)]).ok());
        let types = self.types().filter_map(|ty| Filter::exact([("type", ty)]).ok());
        let types = Filter::any(types).ok();
        source.into_iter().chain(types).chain(self.filters.iter().flatten().cloned()).collect()
    }

    /// Whether the event is to be delivered.
    pub fn matches(&self, event: &Event) -> bool {
        self.source().is_none_or(|source| source == event.source().as_str())
            && self
                .types
                .as_ref()
                .is_none_or(|types| types.is_empty() || types.iter().any(|ty| **ty == *event.ty()))
            && self.filters.as_ref().is_none_or(|filters| filters.matches(event))
    }

    /// Returns the JSON object with all secrets, to store it or to send it to the manager.
    pub fn to_json_with_secrets(&self) -> Value {
        self.write(true)
    }

    /// The JSON object without the secrets of the credential.
    pub fn to_json(&self) -> Value {
        self.write(false)
    }

    fn write(&self, secrets: bool) -> Value {
        let mut object = json!({"sink": self.sink, "protocol": self.protocol.as_str()});
        let Some(members) = object.as_object_mut() else { return object };
        members.extend(self.source.as_deref().map(|source| ("source".into(), source.into())));
        members.extend(self.types.as_ref().map(|types| ("types".into(), json!(types))));
        members.extend(self.config.clone().map(|config| ("config".into(), config.into())));
        members.extend(self.filters.as_ref().map(|filters| ("filters".into(), json!(filters))));
        let credential = self.sinkcredential.as_ref();
        members.extend(credential.map(|credential| ("sinkcredential".into(), credential.write(secrets))));
        let settings = self.protocolsettings.clone();
        members.extend(settings.map(|settings| ("protocolsettings".into(), settings.into())));
        object
    }
}

impl Subscription {
    /// Creates a subscription with this id.
    pub fn new(id: impl Into<Box<str>>, request: SubscriptionRequest) -> Self {
        Self { id: id.into(), request }
    }

    /// Reads a JSON object, strictly. The `id` is required.
    pub fn parse(document: impl AsRef<[u8]>) -> Result<Self, Invalid> {
        let document = read::parse(document.as_ref())?;
        let request = SubscriptionRequest::read(&document, &FilterOptions::strict())?.value;
        let members = document.as_object().ok_or_else(|| Invalid::new("", "a subscription is an object"))?;
        Ok(Self { id: required(members, "id", "SUBS-3.2.1-id-c")?.into(), request })
    }

    /// Reads a subscription from a manager, without its credential, whose secrets the manager omits.
    #[cfg(feature = "reqwest013")]
    pub(crate) fn read_back(mut document: Value) -> Result<Self, Invalid> {
        if let Some(members) = document.as_object_mut() {
            members.remove("sinkcredential");
        }
        Self::parse(document.to_string())
    }

    /// The id, unique within the manager.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The request of the subscription.
    pub fn request(&self) -> &SubscriptionRequest {
        &self.request
    }

    /// The JSON object without the secrets of the credential.
    pub fn to_json(&self) -> Value {
        let mut object = self.request.to_json();
        if let Some(members) = object.as_object_mut() {
            members.insert("id".into(), self.id.as_ref().into());
        }
        object
    }
}

/// Writes the JSON object, without secrets.
impl fmt::Display for SubscriptionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_json().fmt(f)
    }
}

/// Writes the JSON object, without secrets.
impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_json().fmt(f)
    }
}

fn check_sink(sink: &str, protocol: &Protocol) -> Result<(), Invalid> {
    let refuse = |message: &'static str| Err(Invalid::new("/sink", message).with_clause("SUBS-3.2.1-sink-b"));
    if Uri::parse(sink).is_err() {
        return refuse("not an absolute URI");
    }
    let (scheme, rest) = sink.split_once(':').unwrap_or((sink, ""));
    if *protocol != Protocol::Http {
        return Ok(());
    }
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return refuse("over HTTP, events are delivered to a URI of the scheme http or https");
    }
    // RFC 9110 section 4.2.1.
    if host(rest).is_none_or(str::is_empty) {
        return refuse("the URI has no host");
    }
    Ok(())
}

/// The host of a valid URI, of which this follows the scheme; of an address of IPv6, its beginning.
fn host(rest: &str) -> Option<&str> {
    let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
    authority.rsplit('@').next()?.split(':').next()
}

fn types(members: &Map<String, Value>) -> Result<Option<Vec<Box<str>>>, Invalid> {
    let Some(value) = members.get("types") else { return Ok(None) };
    let Value::Array(items) = value else {
        return Err(Invalid::new("/types", format!("types are an array, and this is {}", kind(value))));
    };
    let ty = |(index, item): (usize, &Value)| match item {
        Value::String(text) if !text.is_empty() => Ok(Box::from(text.as_str())),
        _ => {
            let message = "a type is a string that is not empty";
            Err(Invalid::new(format!("/types/{index}"), message).with_clause("SUBS-3.2.1-types-c"))
        }
    };
    items.iter().enumerate().map(ty).collect::<Result<_, _>>().map(Some)
}

fn required<'v>(
    members: &'v Map<String, Value>,
    name: &str,
    clause: &'static str,
) -> Result<&'v str, Invalid> {
    optional(members, name)?
        .ok_or_else(|| Invalid::new("", format!("`{name}` is required and missing")).with_clause(clause))
}

fn optional<'v>(members: &'v Map<String, Value>, name: &str) -> Result<Option<&'v str>, Invalid> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Err(Invalid::new(token(name), "the value is empty")),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            Err(Invalid::new(token(name), format!("this is a string, and here is {}", kind(other))))
        }
    }
}

fn object<'v>(
    members: &'v Map<String, Value>,
    name: &str,
) -> Result<Option<&'v Map<String, Value>>, Invalid> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => {
            Err(Invalid::new(token(name), format!("this is an object, and here is {}", kind(other))))
        }
    }
}
