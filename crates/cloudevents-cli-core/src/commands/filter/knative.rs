//! Filters in a Trigger of Knative Eventing.

use serde_json::{Map, Value, json};

/// The filters of a Trigger, as an array of the Subscriptions API: `spec.filters`, or else the attributes of `spec.filter`. `None` for any
/// other document.
///
/// The form is that of <https://knative.dev/docs/eventing/triggers/>. An empty text in `spec.filter` is any value there.
pub(super) fn filters(document: &str) -> Option<String> {
    let trigger: Map<String, Value> = serde_json::from_str(document).ok()?;
    let text = |name: &str| trigger.get(name).and_then(Value::as_str);
    let is_trigger =
        text("kind") == Some("Trigger") && text("apiVersion")?.starts_with("eventing.knative.dev/");
    let spec = is_trigger.then(|| trigger.get("spec")).flatten()?;
    let newer = spec.get("filters").filter(|filters| filters.as_array().is_some_and(|all| !all.is_empty()));
    if let Some(filters) = newer {
        return Some(filters.to_string());
    }
    let attributes = spec.pointer("/filter/attributes").and_then(Value::as_object);
    let named = attributes.into_iter().flatten().filter(|(_, value)| value.as_str() != Some(""));
    let filters: Vec<_> = named.map(|(name, value)| json!({"exact": {name: value}})).collect();
    Some(Value::from(filters).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spec: &str) -> Option<String> {
        filters(&format!(r#"{{"apiVersion":"eventing.knative.dev/v1","kind":"Trigger","spec":{spec}}}"#))
    }

    #[test]
    fn of_a_trigger() {
        let newer = r#"{"filters":[{"cesql":"type = 'hb'"}],"filter":{"attributes":{"type":"x"}}}"#;
        assert_eq!(of(newer).unwrap(), r#"[{"cesql":"type = 'hb'"}]"#);
        let older = r#"{"filter":{"attributes":{"type":"x","source":""}}}"#;
        assert_eq!(of(older).unwrap(), r#"[{"exact":{"type":"x"}}]"#);
        assert_eq!(of("{}").unwrap(), "[]");
        for other in [r#"{"kind":"Trigger","spec":{}}"#, r#"{"prefix":{"type":"x"}}"#, "[]", ""] {
            assert_eq!(filters(other), None, "{other}");
        }
    }
}
