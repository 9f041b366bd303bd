//! Filters of a Trigger of Knative Eventing, `eventing.knative.dev/v1`.

use crate::{failure::Failure, yaml::Documents};
use cloudevents_kit::subscriptions::{Filter, FilterOptions, Filters, Leniency};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;

/// The parts of a manifest that say what passes.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default, rename = "apiVersion")]
    version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Spec {
    filter: Option<Attributes>,
    filters: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
struct Attributes {
    attributes: Option<BTreeMap<String, String>>,
}

/// Reads the filters of the only Trigger in a file of manifests. `name` is the file, for errors.
///
/// `filters` takes precedence over `filter.attributes`, as in Knative. An attribute with an empty text has to be there, with any value.
pub fn filters(name: &str, text: &str) -> Result<Filters, Failure> {
    let refused = |why: String| Failure::usage(format!("{name}: {why}"));
    let mut triggers = Vec::new();
    for document in Documents::new(text) {
        let document = document.map_err(|error| refused(format!("invalid YAML: {error}")))?;
        let manifest: Manifest = serde_json::from_str(&document.json)
            .map_err(|error| refused(format!("this is no manifest of Kubernetes: {error}")))?;
        if manifest.kind == "Trigger" && manifest.version.starts_with("eventing.knative.dev/") {
            triggers.push(manifest.spec);
        }
    }
    let spec = match (triggers.pop(), triggers.is_empty()) {
        (Some(spec), true) => spec,
        (None, _) => return Err(refused("there is no Trigger of eventing.knative.dev".to_owned())),
        (Some(_), false) => return Err(refused("there is more than one Trigger".to_owned())),
    };
    of_spec(spec).map_err(refused)
}

fn of_spec(spec: Spec) -> Result<Filters, String> {
    // Knative calls the dialect `sql` by another name.
    let options = FilterOptions::strict().allow(Leniency::CesqlDialect);
    if let Some(filters) = spec.filters.filter(|filters| !is_empty(filters.get())) {
        // What is no JSON of filters is an error below.
        let value = serde_json::from_str(filters.get()).unwrap_or_default();
        if let Some((path, dialect)) = unknown(&value, "spec.filters") {
            let known = DIALECTS.join(", ");
            return Err(format!(
                "invalid filters: {path}: a Trigger has no dialect {dialect:?}: the dialects are {known}"
            ));
        }
        let read = Filters::parse_with(filters.get(), &options);
        return read.map(|read| read.value).map_err(|error| format!("invalid filters: spec.filters{error}"));
    }
    let attributes = spec.filter.and_then(|filter| filter.attributes).unwrap_or_default();
    let filters: Result<Filters, _> = attributes.iter().map(|(name, text)| condition(name, text)).collect();
    filters.map_err(|why| format!("invalid filters: spec.filter.attributes{why}"))
}

/// The members of `SubscriptionsAPIFilter` of `eventing.knative.dev/v1`.
const DIALECTS: [&str; 7] = ["exact", "prefix", "suffix", "all", "any", "not", "cesql"];

/// The first filter in a dialect that a Trigger does not have: its path, and the dialect. The depth is that of the parser of JSON.
fn unknown(filters: &Value, path: &str) -> Option<(String, String)> {
    if let Value::Array(list) = filters {
        let mut all = list.iter().enumerate();
        return all.find_map(|(index, filter)| unknown(filter, &format!("{path}/{index}")));
    }
    filters.as_object()?.iter().find_map(|(dialect, value)| match dialect.as_str() {
        "all" | "any" | "not" => unknown(value, &format!("{path}/{dialect}")),
        known if DIALECTS.contains(&known) => None,
        _ => Some((format!("{path}/{dialect}"), dialect.clone())),
    })
}

/// Null and an empty array are no filters.
fn is_empty(json: &str) -> bool {
    serde_json::from_str::<Option<Vec<&RawValue>>>(json)
        .is_ok_and(|list| list.is_none_or(|list| list.is_empty()))
}

fn condition(name: &str, text: &str) -> Result<Filter, String> {
    let any = text.is_empty();
    let exact = Filter::exact([(name, if any { "any" } else { text })]).map_err(|error| error.to_string())?;
    if !any {
        return Ok(exact);
    }
    // The name is checked, so this is an expression.
    format!("EXISTS {name}").parse().map(Filter::Sql).map_err(|error| format!("/{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::Event;

    /// As on https://knative.dev/docs/eventing/triggers/, with the Broker that a manifest often has.
    const ATTRIBUTES: &str = "
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata:
  name: my-service-trigger
spec:
  broker: default
  filter:
    attributes:
      type: dev.knative.foo.bar
      myextension: my-extension-value
      other: ''
  subscriber:
    ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: my-service}
";

    const FILTERS: &str = "
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: my-service-trigger}
spec:
  filter:
    attributes: {type: never}
  filters:
  - any:
    - prefix: {type: dev.knative}
    - suffix: {subject: '.bar'}
  - not:
      exact: {source: /other}
  - cesql: source LIKE '/foo%'
";

    fn event(ty: &str, source: &str, extensions: &[(&str, &str)]) -> Event {
        let builder = Event::builder().id("1").source(source).ty(ty);
        extensions
            .iter()
            .fold(builder, |builder, (name, text)| builder.extension(name, *text))
            .build()
            .unwrap()
    }

    #[test]
    fn attributes_are_exact_and_an_empty_text_is_any() {
        let filters = filters("t.yaml", ATTRIBUTES).unwrap();
        let all = [("myextension", "my-extension-value"), ("other", "x")];
        assert!(filters.matches(&event("dev.knative.foo.bar", "/s", &all)));
        assert!(!filters.matches(&event("dev.knative.foo.bar", "/s", &all[..1])));
        assert!(!filters.matches(&event("dev.knative.foo", "/s", &all)));
    }

    #[test]
    fn filters_take_precedence() {
        let filters = filters("t.yaml", FILTERS).unwrap();
        assert!(filters.matches(&event("dev.knative.x", "/foo/1", &[])));
        assert!(!filters.matches(&event("dev.knative.x", "/other", &[])));
        assert!(!filters.matches(&event("never", "/foo/1", &[])));
    }

    #[test]
    fn a_trigger_without_filters_passes_everything() {
        let head = "{apiVersion: eventing.knative.dev/v1, kind: Trigger";
        for spec in ["}", ", spec: {}}", ", spec: {filters: []}}", ", spec: {filters: null, filter: {}}}"] {
            let filters = filters("t.yaml", &format!("{head}{spec}")).unwrap();
            assert!(filters.is_empty(), "{spec}");
        }
        // An empty array leaves `filter` in force.
        let both = format!("{head}, spec: {{filters: [], filter: {{attributes: {{type: t}}}}}}}}");
        assert_eq!(filters("t.yaml", &both).unwrap().to_string(), r#"[{"exact":{"type":"t"}}]"#);
    }

    #[test]
    fn mistakes_are_named() {
        let head = "{apiVersion: eventing.knative.dev/v1, kind: Trigger, spec: ";
        for (text, why) in [
            ("kind: Service".to_owned(), "t.yaml: there is no Trigger of eventing.knative.dev"),
            (format!("{ATTRIBUTES}---{FILTERS}"), "t.yaml: there is more than one Trigger"),
            ("- 1".to_owned(), "this is no manifest of Kubernetes"),
            ("{".to_owned(), "invalid YAML"),
            (
                format!("{head}{{filters: [{{like: {{type: x}}}}]}}}}"),
                "spec.filters/0/like: a Trigger has no dialect \"like\": the dialects are exact, prefix, suffix, all, any, not, cesql",
            ),
            (
                format!("{head}{{filters: [{{exact: {{type: t}}}}, {{any: [{{not: {{sql: 'TRUE'}}}}]}}]}}}}"),
                "spec.filters/1/any/0/not/sql: a Trigger has no dialect \"sql\"",
            ),
            (
                format!("{head}{{filter: {{attributes: {{a-b: x}}}}}}}}"),
                "spec.filter.attributes/a-b: no event has",
            ),
            (
                format!("{head}{{filter: {{attributes: {{a-b: ''}}}}}}}}"),
                "spec.filter.attributes/a-b: no event has",
            ),
        ] {
            let failure = filters("t.yaml", &text).unwrap_err().message();
            assert!(failure.contains(why), "{failure}");
        }
    }
}
