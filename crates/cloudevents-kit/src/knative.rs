//! The environment that Knative Eventing gives to a source of events: a [`Sink`].

use cloudevents_core::{Error, ErrorKind, Event, Name};
use cloudevents_json::codec::{kind, parse};
use std::{collections::BTreeMap, env};

/// Where a source sends its events, and the extensions that they get: the variables `K_SINK` and `K_CE_OVERRIDES` of a
/// [SinkBinding](https://knative.dev/docs/eventing/custom-event-source/sinkbinding/) or a ContainerSource.
///
/// ```
/// use cloudevents_kit::{Event, knative::Sink};
///
/// let overrides = r#"{"extensions": {"environment": "test"}}"#;
/// let sink = Sink::new("http://broker-ingress.knative-eventing.svc.cluster.local/default/default", Some(overrides))?;
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// assert_eq!(sink.with_overrides(event)?.attribute("environment").unwrap(), "test");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    url: String,
    extensions: BTreeMap<String, String>,
}

impl Sink {
    /// Reads `K_SINK` and `K_CE_OVERRIDES`.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl) without `K_SINK`, and the errors of [`new`](Self::new).
    pub fn from_env() -> Result<Self, Error> {
        let url = env::var("K_SINK").ok().filter(|url| !url.is_empty()).ok_or_else(|| {
            Error::new(ErrorKind::InvalidUrl)
                .with_detail("the environment variable K_SINK has no URL")
                .with_help("a SinkBinding or a ContainerSource of Knative sets it")
        })?;
        let overrides = env::var_os("K_CE_OVERRIDES").map(|text| text.to_string_lossy().into_owned());
        Self::new(url, overrides.as_deref())
    }

    /// The sink at this URL, with the overrides of `K_CE_OVERRIDES`: `{"extensions": {"NAME": "TEXT"}}`. `None` and an empty text are no
    /// overrides.
    ///
    /// Errors are of kind [`InvalidDocument`](ErrorKind::InvalidDocument) for overrides of another form,
    /// [`InvalidName`](ErrorKind::InvalidName) for a name that no attribute has, and [`Refused`](ErrorKind::Refused) for a context
    /// attribute, which is no extension.
    pub fn new(url: impl Into<String>, overrides: Option<&str>) -> Result<Self, Error> {
        let extensions = match overrides.filter(|text| !text.trim().is_empty()) {
            Some(text) => extensions(text)?,
            None => BTreeMap::new(),
        };
        extensions.keys().try_for_each(|name| check(name))?;
        Ok(Self { url: url.into(), extensions })
    }

    /// The URL, for [`connect_sender`](crate::connect_sender) or a client of HTTP.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds the extensions of the overrides, as Strings. An extension that the event has is replaced.
    ///
    /// Errors are those of building an event, such as too many attributes.
    pub fn with_overrides(&self, event: Event) -> Result<Event, Error> {
        if self.extensions.is_empty() {
            return Ok(event);
        }
        let builder = event.into_builder();
        let builder = self
            .extensions
            .iter()
            .fold(builder, |builder, (name, text)| builder.extension(name, text.as_str()));
        Ok(builder.build()?)
    }
}

/// Reads the overrides. A member that is not known is an error, because it would have no effect.
fn extensions(text: &str) -> Result<BTreeMap<String, String>, Error> {
    let wrong = |why: String| {
        Error::new(ErrorKind::InvalidDocument)
            .with_detail(format!("K_CE_OVERRIDES: {why}"))
            .with_help("the overrides are `{\"extensions\": {\"name\": \"text\"}}`")
    };
    let document = parse(text.as_bytes()).map_err(|error| wrong(error.detail().to_owned()))?;
    let members = document.as_object().ok_or_else(|| wrong(format!("this is {}", kind(&document))))?;
    if let Some(other) = members.keys().find(|name| *name != "extensions") {
        return Err(wrong(format!("there is no override `{other}`")));
    }
    let Some(given) = members.get("extensions").filter(|given| !given.is_null()) else {
        return Ok(BTreeMap::new());
    };
    let given = given.as_object().ok_or_else(|| wrong(format!("`extensions` is {}", kind(given))))?;
    let mut extensions = BTreeMap::new();
    for (name, value) in given {
        let text = value.as_str().ok_or_else(|| wrong(format!("`{name}` is {}", kind(value))))?;
        extensions.insert(name.clone(), text.to_owned());
    }
    Ok(extensions)
}

fn check(name: &str) -> Result<(), Error> {
    Name::parse(name).map_err(|error| error.with_attribute(name))?;
    let is_context = matches!(
        name,
        "id" | "source" | "type" | "specversion" | "subject" | "time" | "datacontenttype" | "dataschema"
    );
    if is_context {
        let detail = "K_CE_OVERRIDES sets it, and it is no extension";
        return Err(Error::new(ErrorKind::Refused).with_attribute(name).with_detail(detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event::builder().id("1").source("/s").ty("t").extension("sink", "own").build().unwrap()
    }

    #[test]
    fn extensions_are_added_and_replaced() {
        // As `kn source binding create --ce-override sink=bound` sets it.
        let sink = Sink::new("http://sink/", Some(r#"{"extensions":{"sink":"bound","a":""}}"#)).unwrap();
        let changed = sink.with_overrides(event()).unwrap();
        assert_eq!(changed.attribute("sink").unwrap(), "bound");
        assert_eq!(changed.attribute("a").unwrap(), "");
        assert_eq!((changed.id(), sink.url()), ("1", "http://sink/"));
    }

    #[test]
    fn without_overrides_events_stay() {
        for overrides in
            [None, Some(""), Some("{}"), Some(r#"{"extensions":null}"#), Some(r#"{"extensions":{}}"#)]
        {
            assert_eq!(
                Sink::new("http://sink/", overrides).unwrap().with_overrides(event()).unwrap(),
                event()
            );
        }
    }

    #[test]
    fn wrong_overrides_are_refused() {
        for (overrides, kind) in [
            ("[]", ErrorKind::InvalidDocument),
            ("{", ErrorKind::InvalidDocument),
            (r#"{"attributes":{}}"#, ErrorKind::InvalidDocument),
            (r#"{"extensions":{"a":1}}"#, ErrorKind::InvalidDocument),
            (r#"{"extensions":{"a-b":"x"}}"#, ErrorKind::InvalidName),
            (r#"{"extensions":{"data":"x"}}"#, ErrorKind::InvalidName),
            (r#"{"extensions":{"type":"x"}}"#, ErrorKind::Refused),
        ] {
            assert_eq!(Sink::new("http://sink/", Some(overrides)).unwrap_err().kind(), kind, "{overrides}");
        }
    }
}
