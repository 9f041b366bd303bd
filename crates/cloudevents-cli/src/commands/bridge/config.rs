//! The settings of a bridge: a file, and flags that take precedence.

use super::options::Bridge;
use crate::{
    catalog::{self, LenientCatalog},
    connect::{Certificates, address},
    failure::Failure,
    lenient,
    plain::plain,
    rules::RuleOptions,
    settings::file,
};
use cloudevents_kit::{
    Error, Leniency, Peer,
    adapters::AttributeRules,
    transport::{LossPolicy, OrderBy, Side, bridge::Template},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{
    collections::BTreeMap,
    fmt, mem,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    str::FromStr,
};

/// The settings. Members of the file have these names, with hyphens.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Config {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) dead_letter: Option<String>,
    pub(super) filter: Option<String>,
    pub(super) drop_unmatched: bool,
    /// A file, a folder or a URL.
    pub(super) catalog: Option<PathBuf>,
    #[serde(deserialize_with = "allowed")]
    pub(super) lenient_catalog: LenientCatalog,
    pub(super) catalog_policy: Option<CatalogPolicy>,
    pub(super) order: Order,
    pub(super) losses: Losses,
    /// Its name, or `auto`.
    pub(super) adapter: Option<String>,
    /// A file with adapters.
    pub(super) map: Option<PathBuf>,
    #[serde(deserialize_with = "repairs")]
    pub(super) lenient: Leniency,
    #[serde(deserialize_with = "peer")]
    pub(super) from_peer: Option<Peer>,
    #[serde(deserialize_with = "peer")]
    pub(super) to_peer: Option<Peer>,
    pub(super) mode: ModeName,
    /// The format of `mode: structured`.
    pub(super) format: Option<String>,
    pub(super) not_cloudevents: NotEvents,
    pub(super) wrap: Option<WrapRule>,
    #[serde(deserialize_with = "template")]
    pub(super) destination: Option<Template>,
    #[serde(deserialize_with = "template")]
    pub(super) key: Option<Template>,
    pub(super) drop_key: bool,
    #[serde(deserialize_with = "template")]
    pub(super) subject: Option<Template>,
    set: BTreeMap<String, Setting>,
    rename: BTreeMap<String, String>,
    remove: Vec<String>,
    /// `set`, `rename` and `remove` of the file and the flags.
    #[serde(skip)]
    pub(super) rules: RuleOptions,
    pub(super) headers: Headers,
    /// Headers of HTTP requests to `to`.
    pub(super) send_headers: Vec<String>,
    /// The environment variable with the `Authorization` header.
    pub(super) authorization: Option<String>,
    /// The variable or `@FILE` with the key that signs HTTP requests to `to`.
    pub(super) to_secret_env: Option<String>,
    /// The name of the key, for message signatures.
    pub(super) to_key_id: Option<String>,
    pub(super) limit: Option<NonZeroUsize>,
    pub(super) parked: Option<NonZeroUsize>,
    pub(super) in_flight: InFlight,
    pub(super) rate: Option<NonZeroU32>,
    pub(super) max_size: Option<usize>,
    pub(super) hops: Option<u8>,
    /// Seconds.
    pub(super) timeout: Option<NonZeroU32>,
    /// Seconds.
    pub(super) drain: Option<NonZeroU32>,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) idle: Option<u64>,
    #[serde(skip)]
    pub(super) redrive: Option<RedriveRule>,
    #[serde(skip)]
    pub(super) certificates: Certificates,
}

#[derive(Debug)]
pub(super) struct RedriveRule {
    pub(super) dry_run: bool,
    pub(super) replays: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Headers {
    pub(super) only_renamed: bool,
    pub(super) drop: Vec<Box<str>>,
    pub(super) rename: BTreeMap<Box<str>, Box<str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InFlight {
    pub(super) messages: Option<NonZeroUsize>,
    pub(super) bytes: Option<NonZeroUsize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrapRule {
    pub(super) source: Box<str>,
    #[serde(rename = "type")]
    pub(super) ty: Box<str>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ModeName {
    #[default]
    Kept,
    Binary,
    Structured,
}

impl FromStr for ModeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "kept" => Ok(Self::Kept),
            "binary" => Ok(Self::Binary),
            "structured" => Ok(Self::Structured),
            _ => Err("expected `kept`, `binary` or `structured`".to_owned()),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NotEvents {
    #[default]
    Refuse,
    /// They are settled, and counted, and not sent.
    Skip,
    Forward,
    Wrap,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses(pub(super) LossPolicy);

impl FromStr for Losses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "refuse" => LossPolicy::Refuse,
            "log" => LossPolicy::Log,
            "allow" => LossPolicy::Allow,
            _ => return Err("expected `refuse`, `log` or `allow`".to_owned()),
        }))
    }
}

/// The treatment of events that the catalog does not allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CatalogPolicy {
    #[default]
    Reject,
    /// They are reported, and sent.
    Log,
}

impl FromStr for CatalogPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "reject" => Ok(Self::Reject),
            "log" => Ok(Self::Log),
            _ => Err("expected `reject` or `log`".to_owned()),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Order(pub(super) OrderBy);

impl Default for Order {
    fn default() -> Self {
        Self(OrderBy::Key)
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "key" => OrderBy::Key,
            "partition" => OrderBy::Partition,
            "topic" => OrderBy::Topic,
            "none" => OrderBy::None,
            other => match other.strip_prefix("attribute:") {
                Some(name) if !name.is_empty() => OrderBy::attribute(name.to_owned()),
                _ => {
                    return Err("expected `key`, `partition`, `topic`, `attribute:NAME` or `none`".to_owned());
                }
            },
        }))
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for CatalogPolicy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Losses {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

fn allowed<'de, D: Deserializer<'de>>(from: D) -> Result<LenientCatalog, D::Error> {
    let allowed = catalog::allowed(&String::deserialize(from)?).map_err(D::Error::custom)?;
    Ok(LenientCatalog { lenient_catalog: Some(allowed) })
}

/// The value of a rule: a template, or `{sql: EXPRESSION}`.
#[derive(Debug)]
enum Setting {
    Template(String),
    Sql(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sql {
    sql: String,
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OfASetting)
    }
}

struct OfASetting;

impl<'de> Visitor<'de> for OfASetting {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a template, or `{sql: EXPRESSION}`")
    }

    /// A mistake in a template has a place here.
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Setting, E> {
        AttributeRules::new().set("subject", text).map_err(|error| E::custom(error.detail()))?;
        Ok(Setting::Template(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Setting, A::Error> {
        Ok(Setting::Sql(Sql::deserialize(MapAccessDeserializer::new(map))?.sql))
    }
}

fn repairs<'de, D: Deserializer<'de>>(from: D) -> Result<Leniency, D::Error> {
    lenient::leniency(&String::deserialize(from)?).map_err(D::Error::custom)
}

fn peer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Peer>, D::Error> {
    lenient::peer(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

fn template<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Template>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(|error: Error| D::Error::custom(format!("{error}")))).transpose()
}

impl Config {
    /// Returns the settings of the file and the flags.
    pub(super) fn of(command: &Bridge) -> Result<Self, Failure> {
        let mut config = match &command.config {
            Some(path) => file::read(path)?,
            None => Self::default(),
        };
        let set = |place: &mut String, given: &Option<String>| {
            if let Some(given) = given {
                place.clone_from(given);
            }
        };
        set(&mut config.from, &command.from);
        set(&mut config.to, &command.to);
        for (name, place) in [("FROM", &config.from), ("TO", &config.to)] {
            if place.is_empty() {
                let words = format!("{name} is missing");
                return Err(
                    Failure::usage(words).help("give two URLs, or `from` and `to` in a file with --config")
                );
            }
        }
        config.dead_letter = command.dead_letter.clone().or(config.dead_letter);
        config.connect()?;
        config.filter = command.filter.clone().or(config.filter);
        config.drop_unmatched |= command.drop_unmatched;
        config.catalog = command.catalog.clone().or(config.catalog);
        if command.lenient_catalog.lenient_catalog.is_some() {
            config.lenient_catalog.clone_from(&command.lenient_catalog);
        }
        config.catalog_policy = command.catalog_policy.or(config.catalog_policy);
        config.order = command.order.clone().unwrap_or(config.order);
        config.losses = command.losses.unwrap_or(config.losses);
        config.adapter = command.systems.adapter.clone().or(config.adapter);
        config.map = command.systems.map.clone().or(config.map);
        config.join_rules(&command.rules);
        config.lenient = config.lenient.union(command.lenient.leniency());
        config.from_peer = command.from_peer.or(config.from_peer);
        config.to_peer = command.to_peer.or(config.to_peer);
        config.mode = command.mode.unwrap_or(config.mode);
        config.to_secret_env = command.to_secret_env.clone().or(config.to_secret_env);
        config.to_key_id = command.to_key_id.clone().or(config.to_key_id);
        config.limit = command.limit.or(config.limit);
        config.rate = command.rate.or(config.rate);
        config.metrics = command.metrics.or(config.metrics);
        config.idle = command.idle.or(config.idle);
        config.redrive =
            command.redrive.then_some(RedriveRule { dry_run: command.dry_run, replays: command.replays });
        config.certificates.clone_from(&command.certificates);
        Ok(config)
    }

    /// Joins the rules of the file and the flags. A flag replaces the rules of the file that have its name.
    fn join_rules(&mut self, flags: &RuleOptions) {
        let mut rules = flags.clone();
        let is_free = |name: &String| !flags.is_of(name);
        for (name, setting) in mem::take(&mut self.set).into_iter().filter(|(name, _)| is_free(name)) {
            match setting {
                Setting::Template(text) => rules.set.push((name, text)),
                Setting::Sql(text) => rules.set_sql.push((name, text)),
            }
        }
        let renames = mem::take(&mut self.rename).into_iter();
        rules.rename.extend(renames.filter(|(from, to)| is_free(from) && is_free(to)));
        rules.remove.extend(mem::take(&mut self.remove).into_iter().filter(is_free));
        self.rules = rules;
    }

    /// Replaces the names of connections by their URLs.
    fn connect(&mut self) -> Result<(), Failure> {
        let to = address::address(&self.to, Side::Send)?;
        self.to = to.url;
        self.send_headers.extend(to.headers);
        let ends = [(Some(&mut self.from), Side::Receive), (self.dead_letter.as_mut(), Side::Send)];
        for (url, side) in ends {
            let Some(url) = url else { continue };
            let address = address::address(url, side)?;
            if !address.headers.is_empty() {
                let words = format!(
                    "a bridge sends headers to TO only, and the connection `{}` has some",
                    plain(url)
                );
                return Err(Failure::usage(words));
            }
            *url = address.url;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_a_place() {
        for (text, line, words) in [
            ("from: a\nto: b\nordr: key\n", "ordr: key", "unknown field `ordr`"),
            ("from: a\norder: keys\nto: b\n", "keys", "`attribute:NAME`"),
            ("from: a\nkey: \"{Type}\"\n", "\"{Type}\"", "name"),
            ("from: a\nkey: \"{message.topic}\"\n", "\"{message.topic}\"", "`set` makes an attribute of it"),
            ("limit: 0\nto: x\n", "0", "nonzero"),
            ("set:\n  id: 7\nto: x\n", "7", "a template, or `{sql: EXPRESSION}`"),
            ("set:\n  id: {cesql: a}\nto: x\n", "cesql: a}", "unknown field `cesql`"),
            ("set:\n  id: \"{id}\"\n  subject: \"{Id}\"\nto: x\n", "\"{Id}\"", "`Id`"),
            ("catalog-policy: drop\nto: x\n", "drop", "`reject` or `log`"),
            ("headers:\n  rename: [a]\nto: x\n", "rename: [a]", "map"),
        ] {
            let error = file::parse::<Config>(text).unwrap_err();
            let rest = text.get(usize::try_from(error.offset().unwrap()).unwrap()..).unwrap();
            assert!(rest.starts_with(line), "{text:?}: {error} at {rest:?}");
            assert!(error.to_string().contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_example_is_valid() {
        let config: Config = file::parse(include_str!("../../../deploy/bridge.yaml")).unwrap();
        assert_eq!(config.order.0, OrderBy::Key);
    }
}
