//! The URLs of each protocol.

use super::url::{Url, encoded};
use super::{Endpoint, Members, NotOpened, Side};
use serde_json::Value;

impl Endpoint<'_> {
    pub(super) fn mqtt(&self, side: Side, address: &Members, options: &Members) -> Result<Url, NotOpened> {
        let schemes = [("mqtt", "mqtt"), ("tcp", "mqtt"), ("mqtts", "mqtts"), ("ssl", "mqtts")];
        let At { scheme, host, path } = self.at(address, &schemes)?;
        let (name, handled): (_, &[&str]) = match side {
            Side::Sender => ("topic", &["topic", "qos", "retain"]),
            Side::Receiver => ("topicfilter", &["topicfilter", "qos", "sharedsubscriptiongroup"]),
        };
        self.check(options, handled)?;
        let group = self.text(options, "sharedsubscriptiongroup")?;
        let path = match (self.text(options, name)?, group) {
            (Some(topic), Some(group)) => encoded(&format!("$share/{group}/{topic}"), b"/$"),
            (Some(topic), None) => encoded(&topic, b"/$"),
            // That of the address is encoded as it is in URLs.
            (None, None) if !path.is_empty() => path,
            (None, _) => return Err(self.refused(format!("it has no `{name}`"))),
        };
        let url = Url::new(scheme, &host, &path);
        let url = self.quality(url, options)?;
        // Texts are accepted, as for `qos`.
        let retain = options
            .get("retain")
            .map_or(Some(false), |retain| retain.as_bool().or_else(|| retain.as_str()?.parse().ok()));
        match retain {
            Some(true) => Ok(url.with("retain", "true")),
            Some(false) => Ok(url),
            None => Err(self.refused("`retain` is true or false")),
        }
    }

    /// The quality of service, which is 0 by default: that of the toolkit is 1.
    fn quality(&self, url: Url, options: &Members) -> Result<Url, NotOpened> {
        match options.get("qos").map_or(Some(0), |qos| qos.as_u64().or_else(|| qos.as_str()?.parse().ok())) {
            Some(qos @ 0..=2) => Ok(url.with("qos", &qos.to_string())),
            _ => Err(self.refused("`qos` is 0, 1 or 2")),
        }
    }

    pub(super) fn kafka(&self, side: Side, address: &Members, options: &Members) -> Result<Url, NotOpened> {
        let servers = address.get("bootstrap.servers").and_then(Value::as_array);
        let servers: Vec<&Value> = servers.into_iter().flatten().collect();
        let mut hosts = Vec::new();
        for server in servers {
            let server = server.as_str().ok_or_else(|| self.refused("a server is a text"))?;
            let server = self.resolved(server)?;
            if server.contains('@') {
                return Err(self.refused("a server is `host:port`, without credentials"));
            }
            if server.contains(['/', '?', '#', ',']) {
                return Err(self.refused(format!("`{server}` is not `host:port`")));
            }
            hosts.push(server);
        }
        if hosts.is_empty() {
            return Err(self.refused("its address has no `bootstrap.servers`"));
        }
        let handled: &[&str] = match side {
            Side::Sender => &["topic", "acks"],
            Side::Receiver => &["topic", "consumergroup", "partition", "autooffsetreset"],
        };
        self.check(options, handled)?;
        let topic = self.text(options, "topic")?.ok_or_else(|| self.refused("it has no `topic`"))?;
        let mut url = Url::new("kafka", &hosts.join(","), &encoded(&topic, b""));
        url = match self.text(address, "security.protocol")?.as_deref() {
            None | Some("PLAINTEXT" | "SASL_PLAINTEXT") => url,
            Some("SSL" | "SASL_SSL") => url.with("tls", "true"),
            Some(other) => return Err(self.refused(format!("there is no security protocol `{other}`"))),
        };
        match side {
            Side::Sender => match options.get("acks").map(Value::as_i64) {
                None => Ok(url),
                Some(Some(acks @ -1..=1)) => Ok(url.with("request.required.acks", &acks.to_string())),
                Some(_) => Err(self.refused("`acks` is -1, 0 or 1")),
            },
            Side::Receiver => {
                let group = self.text(options, "consumergroup")?;
                let group = group.ok_or_else(|| self.refused("it has no `consumergroup`"))?;
                url = url.with("group", &group);
                match options.get("partition").map(Value::as_u64) {
                    None => {}
                    Some(Some(partition)) => url = url.with("partitions", &partition.to_string()),
                    Some(None) => return Err(self.refused("`partition` is a number")),
                }
                match self.text(options, "autooffsetreset")?.as_deref() {
                    None => Ok(url),
                    Some(start @ ("earliest" | "latest")) => Ok(url.with("offset", start)),
                    Some(_) => Err(self.refused("`autooffsetreset` is `earliest` or `latest`")),
                }
            }
        }
    }

    /// Its address has the name of the node as its path, unless the option `node` states it.
    pub(super) fn amqp(&self, address: &Members, options: &Members) -> Result<Url, NotOpened> {
        let At { scheme, host, path } = self.at(address, &[("amqp", "amqp"), ("amqps", "amqps")])?;
        // `durable` describes the node.
        self.check(options, &["node", "durable", "dynamic", "distribution-mode"])?;
        let others = [("dynamic", Value::Bool(false)), ("distribution-mode", Value::from("move"))];
        for (name, usual) in &others {
            if let Some(other) = options.get(*name).filter(|value| *value != usual) {
                return Err(
                    self.refused(format!("its option `{name}` is {other}, and only {usual} has an effect"))
                );
            }
        }
        match (self.text(options, "node")?, path) {
            (Some(node), _) => Ok(Url::new(scheme, &host, &encoded(&node, b"/"))),
            (None, path) if path.is_empty() => Err(self.refused("it has no `node`")),
            // That of the address is encoded as it is in URLs.
            (None, path) => Ok(Url::new(scheme, &host, &path)),
        }
    }

    pub(super) fn nats(&self, side: Side, address: &Members, options: &Members) -> Result<Url, NotOpened> {
        let At { scheme, host, path } = self.at(address, &[("nats", "nats"), ("tls", "nats+tls")])?;
        if !path.is_empty() {
            return Err(self.refused("its address has a path"));
        }
        let (name, handled): (_, &[&str]) = match side {
            Side::Sender => ("subject", &["subject"]),
            Side::Receiver => ("subjectfilter", &["subjectfilter", "queuegroup"]),
        };
        self.check(options, handled)?;
        let subject = self.text(options, name)?.ok_or_else(|| self.refused(format!("it has no `{name}`")))?;
        let url = Url::new(scheme, &host, &encoded(&subject, b""));
        Ok(match self.text(options, "queuegroup")? {
            Some(group) => url.with("queue", &group),
            None => url,
        })
    }

    /// URLs of HTTP have no options of the toolkit: their query is that of the request.
    pub(super) fn http(
        &self,
        side: Side,
        address: &Members,
        options: &Members,
        more: &[(&str, &str)],
    ) -> Result<String, NotOpened> {
        if side == Side::Receiver {
            return Err(self.refused("receivers of HTTP are servers, and it is none"));
        }
        if let Some((name, _)) = more.first() {
            return Err(self.refused(format!("URLs of HTTP have no option `{name}`")));
        }
        if let Some(mode) = self.envelope("mode")?.filter(|mode| mode != "binary") {
            return Err(self.refused(format!("URLs of HTTP have no mode, and its mode is `{mode}`")));
        }
        if let Some(format) = self.envelope("format")? {
            return Err(self.refused(format!("events are sent in binary mode, and its format is `{format}`")));
        }
        let At { scheme, host, path } = self.at(address, &[("http", "http"), ("https", "https")])?;
        self.check(options, &["method", "query"])?;
        if let Some(method) = self.text(options, "method")?.filter(|method| method != "POST") {
            return Err(self.refused(format!("events are sent by POST, and its method is `{method}`")));
        }
        let mut url = Url::new(scheme, &host, &path);
        match options.get("query") {
            None => {}
            Some(Value::Object(query)) => {
                for name in query.keys() {
                    let value = self.text(query, name)?.unwrap_or_default();
                    url = url.with(&self.resolved(name)?, &value);
                }
            }
            Some(_) => return Err(self.refused("`query` is a map")),
        }
        Ok(url.to_string())
    }

    /// The parts of the `uri` of an address. `schemes` are the schemes that it may have, with the schemes of the toolkit.
    fn at(&self, address: &Members, schemes: &[(&str, &'static str)]) -> Result<At, NotOpened> {
        let uri = self.text(address, "uri")?.ok_or_else(|| self.refused("its address has no `uri`"))?;
        // A text that is no URI may have credentials.
        let no_uri = || self.refused("the `uri` of its address has no scheme");
        let (written, rest) = uri.split_once("://").ok_or_else(no_uri)?;
        if !written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            return Err(no_uri());
        }
        let known = schemes.iter().find(|(known, _)| known.eq_ignore_ascii_case(written));
        let Some((_, scheme)) = known else {
            return Err(self.refused(format!("no connection is made by `{written}`")));
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || rest.contains(['?', '#']) || host.contains('@') {
            let words = "its address has a host, and no query, fragment or credentials";
            return Err(self.refused(words));
        }
        Ok(At { scheme, host: host.to_owned(), path: path.to_owned() })
    }
}

/// An address.
struct At {
    scheme: &'static str,
    host: String,
    /// As it is in the URI.
    path: String,
}
