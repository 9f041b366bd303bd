//! Endpoints as URLs that the toolkit opens.

mod protocols;
mod url;

pub(crate) use url::encoded;

use crate::{Catalog, Judge, Template, Verdict, reference};
use cloudevents_core::Event;
use serde_json::{Map, Value};
use std::fmt;

type Members = Map<String, Value>;

/// An endpoint of a catalog: the address of a sender or a receiver, and the contract of the messages there.
///
/// As a [`Judge`], it judges by the definitions of its own messages and of its message groups only, and only by definitions in this
/// catalog. Other events are undefined here. The whole [`Catalog`] may have a definition of them.
///
/// ```
/// use cloudevents_catalog::Catalog;
///
/// let catalog = Catalog::parse(r#"{"endpoints": {"orders": {
///     "usage": ["producer"], "protocol": "MQTT/5.0", "protocoloptions": {
///         "endpoints": [{"uri": "mqtt://broker.example.com:1883"}], "topic": "shops/{shop}/orders", "qos": 1
///     }
/// }}}"#)?;
/// let orders = catalog.endpoint("orders").unwrap().with("shop", "7");
/// assert_eq!(orders.sender_url(&[])?, "mqtt://broker.example.com:1883/shops/7/orders?qos=1");
/// assert!(orders.receiver_url(&[]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint<'c> {
    id: &'c str,
    members: &'c Members,
    catalog: &'c Catalog,
    values: Vec<(String, String)>,
}

/// Why an endpoint has no URL: its statements cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOpened {
    id: String,
    reason: String,
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the endpoint `{}` cannot be opened: {}", self.id, self.reason)
    }
}

impl std::error::Error for NotOpened {}

impl Catalog {
    /// The endpoint with this id.
    pub fn endpoint(&self, id: &str) -> Option<Endpoint<'_>> {
        let (id, members) = self.document().get("endpoints")?.as_object()?.get_key_value(id)?;
        Some(Endpoint { id, members: members.as_object()?, catalog: self, values: Vec::new() })
    }
}

impl Judge for Endpoint<'_> {
    fn judge(&self, event: &Event) -> Verdict {
        let listed = self.members.get("messagegroups").and_then(Value::as_array).into_iter().flatten();
        let mut groups: Vec<String> = listed
            .filter_map(Value::as_str)
            .map(|group| match group.strip_prefix('#') {
                Some(place) => format!("{}/messages/", reference::xid(place)),
                None => format!("{group}/messages/"),
            })
            .collect();
        groups.push(format!("/endpoints/{}/messages/", self.id));
        self.catalog.judge_among(event, |message| {
            groups.iter().any(|group| message.xid().starts_with(group.as_str()))
        })
    }
}

/// The sides of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Sender,
    Receiver,
}

impl<'c> Endpoint<'c> {
    /// The id.
    pub fn id(&self) -> &'c str {
        self.id
    }

    /// All members, also unknown ones.
    pub fn members(&self) -> &'c Map<String, Value> {
        self.members
    }

    /// Returns the endpoint with a value for a placeholder of its addresses and options.
    pub fn with(mut self, placeholder: &str, value: &str) -> Self {
        self.values.push((placeholder.to_owned(), value.to_owned()));
        self
    }

    /// The URL of a sender, for `connect_sender` of `cloudevents-kit`, with more options of the toolkit, which take precedence. Of MQTT,
    /// Kafka, AMQP 1.0, NATS, and HTTP in binary mode.
    ///
    /// Errors: the endpoint is not for producers, its protocol is another one, or it has an option that no URL of the toolkit has.
    /// Credentials are never in it: they come from the program.
    pub fn sender_url(&self, more: &[(&str, &str)]) -> Result<String, NotOpened> {
        self.url(Side::Sender, &["producer"], more)
    }

    /// The URL of a receiver, for `connect_receiver` of `cloudevents-kit`, with more options of the toolkit, such as `reject=drop`.
    ///
    /// Errors: as for [`sender_url`](Self::sender_url), and if the endpoint is not for consumers or subscribers. Endpoints of HTTP have no
    /// such URL: receivers are servers, and such endpoints are not.
    pub fn receiver_url(&self, more: &[(&str, &str)]) -> Result<String, NotOpened> {
        self.url(Side::Receiver, &["consumer", "subscriber"], more)
    }

    fn url(&self, side: Side, usages: &[&str], more: &[(&str, &str)]) -> Result<String, NotOpened> {
        let is_for = |usage: &Value| usages.iter().any(|known| usage == known);
        let is_this = match self.members.get("usage") {
            Some(Value::Array(list)) => list.iter().any(is_for),
            Some(one) => is_for(one),
            None => false,
        };
        if !is_this {
            return Err(self.refused(format!("its usage is not `{}`", usages.join("` or `"))));
        }
        let empty = Members::new();
        let options = self.members.get("protocoloptions").and_then(Value::as_object).unwrap_or(&empty);
        let address = options.get("endpoints").and_then(|list| list.get(0)).and_then(Value::as_object);
        let address =
            address.ok_or_else(|| self.refused("it has no address (`protocoloptions.endpoints`)"))?;
        let protocol = self.members.get("protocol").and_then(Value::as_str).unwrap_or_default();
        let mut url = match protocol.to_ascii_uppercase().as_str() {
            "MQTT" | "MQTT/5" | "MQTT/5.0" => self.mqtt(side, address, options)?,
            "MQTT/3.1.1" => self.mqtt(side, address, options)?.with("version", "3.1.1"),
            "KAFKA" => self.kafka(side, address, options)?,
            "AMQP" | "AMQP/1.0" => self.amqp(address, options)?,
            "NATS" => self.nats(side, address, options)?,
            "HTTP" | "HTTP/1.1" | "HTTP/2" | "HTTP/3" => return self.http(side, address, options, more),
            _ => return Err(self.refused(format!("its protocol is `{protocol}`"))),
        };
        if side == Side::Sender {
            if let Some(mode) = self.envelope("mode")? {
                url = url.with("mode", &mode);
            }
            if let Some(format) = self.envelope("format")? {
                let id = format.strip_prefix("application/cloudevents+").ok_or_else(|| {
                    self.refused(format!("the format `{format}` is not one of CloudEvents"))
                })?;
                url = url.with("format", id);
            }
        }
        Ok(more.iter().fold(url, |url, (name, value)| url.with(name, value)).to_string())
    }

    /// An option of the envelope.
    fn envelope(&self, name: &str) -> Result<Option<String>, NotOpened> {
        match self.members.get("envelopeoptions").and_then(Value::as_object) {
            Some(options) => self.text(options, name),
            None => Ok(None),
        }
    }

    /// Refuses options that would not be carried out.
    fn check(&self, options: &Members, handled: &[&str]) -> Result<(), NotOpened> {
        let about = ["endpoints", "deployed", "authorization"];
        match options.keys().find(|name| !handled.contains(&name.as_str()) && !about.contains(&name.as_str()))
        {
            None => Ok(()),
            Some(name) => Err(self.refused(format!("its option `{name}` would have no effect"))),
        }
    }

    fn text(&self, of: &Members, name: &str) -> Result<Option<String>, NotOpened> {
        match of.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => self.resolved(text).map(Some),
            Some(_) => Err(self.refused(format!("`{name}` is a text that is not empty"))),
        }
    }

    /// The text with the values of its placeholders.
    fn resolved(&self, text: &str) -> Result<String, NotOpened> {
        let template: Template =
            text.parse().map_err(|_| self.refused("a text of it is no template of level 1"))?;
        let value =
            |name: &str| self.values.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value);
        match template.placeholders().find(|name| value(name).is_none()) {
            Some(name) => Err(self.refused(format!("there is no value for the placeholder `{name}`"))),
            None => Ok(template.expand(|name| value(name).cloned().unwrap_or_default())),
        }
    }

    fn refused(&self, reason: impl Into<String>) -> NotOpened {
        NotOpened { id: self.id.to_owned(), reason: reason.into() }
    }
}
