//! Rust types from definitions, for build scripts, with `typify` 0.6.

mod forms;

use crate::read::Attribute;
use crate::schema::Family;
use crate::{Catalog, LoadError, Message, Template};
use schemars::schema::RootSchema;
use serde_json::Value;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use typify_impl::{TypeSpace, TypeSpaceSettings};

/// Rust code with a module for each definition of a CloudEvent, for a build script to write into `OUT_DIR`.
///
/// The module of `com.example.order` is `com_example_order`. Its function `builder` takes the id, and a value for each placeholder and for
/// each required attribute without a value. It returns an `EventBuilder` with all attributes that the definition states. If the payload has
/// a JSON Schema, its type is `Data`, which implements `EventData`: `TypedEvent::build(order::builder("1", "7"), order::Data { ... })` is
/// an event by the contract. Rules that a Rust type does not express, such as bounds of numbers, are left to a [judge](crate::Judge).
///
/// The code needs `cloudevents-kit`, `serde` and `serde_json`. It also needs the crates that types of `typify` need: `chrono` for
/// `date-time` and `date`, `uuid` for `uuid`. It is not formatted.
///
/// Errors: two modules would have the same name, or a schema has a form that is not supported. The supported forms are objects with
/// properties or of one type of values, arrays of one type, strings and lists of them, numbers and booleans, each of them perhaps `null`,
/// and references to its definitions. Write types for other forms, such as alternatives, by hand, or make them with `typify` itself.
///
/// ```
/// use cloudevents_catalog::{Catalog, typify06::rust_module};
///
/// let catalog = Catalog::parse(r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
///     "envelope": "CloudEvents/1.0", "envelopemetadata": {"source": {"value": "/shops/{shop}"}},
///     "dataschemaformat": "JsonSchema/draft-07",
///     "dataschema": {"type": "object", "required": ["number"], "properties": {"number": {"type": "integer"}}}
/// }}}}}"#)?;
/// let code = rust_module(&catalog)?;
/// assert!(code.contains("pub mod com_example_order"));
/// assert!(code.contains("pub fn builder(id: &str, shop: &str)"));
/// # Ok::<(), cloudevents_catalog::LoadError>(())
/// ```
pub fn rust_module(catalog: &Catalog) -> Result<String, LoadError> {
    let (mut code, mut names) = (HELPER.to_owned(), HashSet::new());
    for message in catalog.messages().filter(|message| message.is_event()) {
        let name = identifier(message.id());
        if !names.insert(name.clone()) {
            return Err(LoadError::new(format!(
                "two definitions would be the module `{name}` [{}]",
                message.xid()
            )));
        }
        module(message, &name, &mut code)?;
    }
    Ok(code)
}

/// Expands a value as a template of level 1 does.
const HELPER: &str = r#"
/// The value of a placeholder, percent-encoded where RFC 6570 has it.
#[allow(dead_code)]
fn expanded(value: &str) -> ::std::string::String {
    value.bytes().fold(::std::string::String::new(), |text, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text + ::std::primitive::str::from_utf8(&[byte]).unwrap_or_default(),
        _ => text + &::std::format!("%{byte:02X}"),
    })
}
"#;

fn module(message: &Message, name: &str, code: &mut String) -> Result<(), LoadError> {
    let ty = message.attributes.iter().find(|attribute| attribute.name == "type");
    let ty_text = ty.and_then(Attribute::constant).unwrap_or(message.id());
    let about = message.members().get("description").and_then(Value::as_str);
    let about = about.map(|text| format!(": {text}")).unwrap_or_default();
    let words = format!("`{ty_text}`{about}");
    // Writing to a string cannot fail.
    let _ = write!(
        code,
        "\n#[doc = {words:?}]\n#[allow(clippy::all, clippy::pedantic, clippy::restriction, dead_code, missing_docs, unreachable_pub)]\npub mod {name} {{\n"
    );
    // Types of templates are not constant.
    let is_constant = ty.and_then(Attribute::template).is_none();
    if let Some(types) = types(message)? {
        code.push_str(&types);
        if is_constant {
            let _ = write!(
                code,
                "\nimpl ::cloudevents_kit::EventData for Data {{\n    const TYPE: &'static str = {ty_text:?};\n    type Codec = ::cloudevents_kit::json::Json;\n}}\n"
            );
        }
    }
    builder(message, ty_text, code);
    code.push_str("}\n");
    Ok(())
}

/// The type `Data` of the payload, and the types that it uses.
fn types(message: &Message) -> Result<Option<String>, LoadError> {
    let failed = |why: String| {
        LoadError::new(format!("there are no types for the schema of {}: {why}", message.xid()))
    };
    let is_json = message.schema.format.as_ref().is_some_and(|format| format.family == Family::JsonSchema);
    let Some((document, None)) = message.schema.document.as_ref().filter(|_| is_json) else {
        return Ok(None);
    };
    let document = match &**document {
        Value::String(text) => serde_json::from_str(text).map_err(|error| failed(error.to_string()))?,
        other => other.clone(),
    };
    let document = forms::of(&document).map_err(|why| {
        failed(format!("{why}; write them by hand, or use the generator, `typify`, directly"))
    })?;
    let schema: RootSchema = serde_json::from_value(document).map_err(|error| failed(error.to_string()))?;
    let mut space = TypeSpace::new(&TypeSpaceSettings::default());
    // It panics at schemas that it does not know.
    let made = catch_unwind(AssertUnwindSafe(|| {
        space
            .add_root_schema(schema)
            .map(|_| space.to_stream().to_string())
            .map_err(|error| error.to_string())
    }));
    match made {
        Ok(made) => made.map(Some).map_err(failed),
        Err(_) => Err(failed("the generator does not know its form".to_owned())),
    }
}

fn builder(message: &Message, ty: &str, code: &mut String) {
    let (mut parameters, mut known, mut calls) = (Vec::new(), HashSet::new(), Vec::new());
    let mut parameter = |name: &str, ty: &str| {
        let mut name = identifier(name);
        while !known.insert(name.clone()) {
            name.push('_');
        }
        parameters.push(format!("{name}: {ty}"));
        name
    };
    let has_value = |name: &str| {
        let rule = message.attributes.iter().find(|attribute| attribute.name == name);
        rule.is_some_and(|rule| rule.constant().is_some() || rule.template().is_some())
    };
    for name in ["id", "source"] {
        if !has_value(name) {
            let value = parameter(name, "&str");
            calls.push(format!(".{name}({value})"));
        }
    }
    let placeholders: Vec<(&str, String)> =
        message.placeholders().into_iter().map(|name| (name, parameter(name, "&str"))).collect();
    for attribute in &message.attributes {
        let name = attribute.name.as_str();
        let value = match (attribute.constant(), attribute.template()) {
            (Some(text), _) => format!("{text:?}"),
            (_, Some(template)) => expansion(template, &placeholders),
            _ if attribute.is_required && !["id", "source", "type", "specversion"].contains(&name) => {
                let ty = match attribute.ty() {
                    "boolean" => "bool",
                    "integer" => "i32",
                    _ => "&str",
                };
                parameter(name, ty)
            }
            _ => continue,
        };
        calls.push(match (name, attribute.constant(), attribute.ty()) {
            // A constant type is stated already.
            ("specversion", ..) | ("type", Some(_), _) => continue,
            ("type", ..) => format!(".ty({value})"),
            ("id" | "source" | "subject" | "time" | "dataschema" | "datacontenttype", ..) => {
                format!(".{name}({value})")
            }
            (_, Some(text), "integer" | "boolean")
                if text.parse::<i32>().is_ok() || text.parse::<bool>().is_ok() =>
            {
                format!(".extension({name:?}, {text})")
            }
            _ => format!(".extension({name:?}, {value})"),
        });
    }
    let (parameters, calls) = (parameters.join(", "), calls.concat());
    let _ = write!(
        code,
        "\n/// Starts an event with what its definition states.\npub fn builder({parameters}) -> ::cloudevents_kit::EventBuilder {{\n    ::cloudevents_kit::Event::builder().ty({ty:?}){calls}\n}}\n"
    );
}

/// An expression for the text of a template.
fn expansion(template: &Template, placeholders: &[(&str, String)]) -> String {
    use crate::template::Part;
    let parts = template.parts.iter().map(|part| match part {
        Part::Text(text) => format!("{text:?}.to_owned()"),
        Part::Placeholder(name) => {
            let parameter = placeholders.iter().find(|(known, _)| *known == &**name);
            format!("super::expanded({})", parameter.map_or("", |(_, parameter)| parameter))
        }
    });
    format!("[{}].concat()", parts.collect::<Vec<_>>().join(", "))
}

/// A name of Rust: `com_example_order`.
fn identifier(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        match character {
            'A'..='Z' if name.ends_with(|last: char| last.is_ascii_lowercase()) => {
                name.push('_');
                name.push(character.to_ascii_lowercase());
            }
            'A'..='Z' => name.push(character.to_ascii_lowercase()),
            'a'..='z' | '0'..='9' => name.push(character),
            _ => name.push('_'),
        }
    }
    // Keywords are no names. Neither are words that begin with a digit.
    if KEYWORDS.contains(&name.as_str()) {
        name.push('_');
    }
    // Underscores alone are none, either.
    if name.bytes().all(|byte| byte == b'_') {
        name.insert_str(0, "unnamed");
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(schema: &Value) -> Result<String, LoadError> {
        let message = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07", "dataschema": schema});
        let document = json!({"messagegroups": {"g": {"messages": {"t": message}}}});
        rust_module(&Catalog::parse(document.to_string()).unwrap())
    }

    /// The generator panics at some, and makes other types of others.
    #[test]
    fn schemas_that_the_generator_does_not_know_are_errors() {
        let address = json!({"type": "object", "properties": {"street": {"type": "string"}}});
        for (schema, is_known) in [
            (
                json!({"type": "object", "properties": {"a": {"$ref": "#/definitions/a"}}, "definitions": {"a": address}}),
                true,
            ),
            (json!({"type": "object", "properties": {"a": address, "b": {"$ref": "#/properties/a"}}}), false),
            (json!({"type": "object", "properties": {"a": {"$ref": "common.json#/a"}}}), false),
            (
                json!({"type": "object", "properties": {"a": {"$ref": "#/definitions/data"}}, "definitions": {"data": address}}),
                false,
            ),
            // A definition that is named after the property of another one.
            (
                json!({"type": "object", "properties": {"order": {"$ref": "#/definitions/order"}}, "definitions": {
                    "order": {"type": "object", "properties": {"line": {"$ref": "#/definitions/orderLine"}}}, "orderLine": address}}),
                true,
            ),
            (
                json!({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "items": false}),
                false,
            ),
            // Circles, of which some have an end.
            (
                json!({"allOf": [{"$ref": "#/definitions/node"}, {"properties": {"next": {"$ref": "#"}}}],
                    "definitions": {"node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/node"}}}}}),
                false,
            ),
            (
                json!({"type": "object", "properties": {"next": {"$ref": "#/definitions/node"}},
                    "definitions": {"node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/node"}}}}}),
                true,
            ),
        ] {
            assert_eq!(of(&schema).is_ok(), is_known, "{schema}");
        }
    }

    /// It takes an inline type with a known name for that other type, drops keywords that it does not know, and goes round in circles.
    #[test]
    fn schemas_that_the_generator_misreads_are_errors() {
        let place = |member: &str| json!({"title": "Place", "type": "object", "required": [member], "properties": {member: {"type": "string"}}});
        let code =
            of(&json!({"type": "object", "properties": {"from": place("street"), "to": place("lat")}}))
                .unwrap();
        assert!(code.contains("street") && code.contains("lat"), "{code}");
        let object = |members: Value| json!({"type": "object", "properties": members});
        let geo = object(json!({"lat": {"type": "number"}}));
        let line = object(json!({"sku": {"type": "string"}}));
        let twice = |first: &str, second: &str| {
            json!({"type": "object", "properties": {"a": {"$ref": format!("#/definitions/{first}")}, "b": {"$ref": format!("#/definitions/{second}")}},
                "definitions": {first: line, second: geo}})
        };
        for schema in [
            json!({"type": "object", "properties": {"geo": geo, "b": {"$ref": "#/definitions/dataGeo"}}, "definitions": {"dataGeo": line}}),
            twice("order_line", "orderLine"),
            twice("_data", "x"),
            twice("data_", "x"),
            json!({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "items": false}),
            json!({"allOf": [{"$ref": "#/definitions/node"}, {"properties": {"next": {"$ref": "#"}}}],
                "definitions": {"node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/node"}}}}}),
            json!({"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}}),
            object(json!({"a-b": {"type": "string"}, "a_b": {"type": "number"}})),
            object(json!({"a": object(json!({"bC": geo})), "aB": object(json!({"c": line}))})),
            json!({"type": "object", "properties": {"code": {"const": "x"}, "b": {"$ref": "#/definitions/dataCode"}}, "definitions": {"dataCode": line}}),
        ] {
            let error = of(&schema).unwrap_err().to_string();
            assert!(error.contains("by hand"), "{schema}: {error}");
        }
        // The title of an inline type is no name.
        for title in ["Data", "data"] {
            let mut titled = geo.clone();
            titled["title"] = title.into();
            let code = of(&object(json!({"geo": titled}))).unwrap();
            assert_eq!(code.matches("pub struct Data ").count(), 1, "{code}");
        }
    }

    /// Types that are right.
    #[test]
    fn schemas_of_the_usual_forms() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://example.com/order", "description": "An order.",
            "type": "object", "required": ["number", "lines"], "additionalProperties": false,
            "properties": {
                "number": {"type": "integer", "minimum": 1},
                "at": {"type": "string", "format": "date-time"},
                "kind": {"const": "order"},
                "state": {"enum": ["placed", "sent"]},
                "note": {"type": ["string", "null"], "maxLength": 100, "default": null},
                "lines": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/order-line"}},
                "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                "from": {"anyOf": [{"$ref": "#/definitions/place"}, {"type": "null"}]},
                "parent": {"$ref": "#"},
                "any": true
            },
            "definitions": {
                "order-line": {"type": "object", "properties": {"sku": {"type": "string", "pattern": "^a"}, "price": {"type": "number"}}},
                "place": {"properties": {"inner": {"$ref": "#/definitions/place"}}},
                "unused": {"not": {}}
            }
        });
        let code = of(&schema).unwrap();
        for part in [
            "pub struct Data ",
            "pub struct OrderLine ",
            "pub struct Place ",
            "pub enum DataState ",
            "pub enum DataKind ",
            "deny_unknown_fields",
            "NonZeroU64",
        ] {
            assert_eq!(code.matches(part).count().min(1), 1, "{part}: {code}");
        }
    }

    /// Types may have more values than a schema allows, and never fewer.
    #[test]
    fn bounds_of_integers() {
        for (schema, expected) in [
            (json!({"maximum": 255}), "i64"),
            (json!({"maximum": 2_147_483_647}), "i64"),
            (json!({"minimum": -128}), "i64"),
            (json!({"minimum": -32768}), "i64"),
            (json!({"minimum": 0}), "u64"),
            (json!({"minimum": 0, "maximum": 255}), "u8"),
            (json!({"minimum": -5, "maximum": 255}), "i64"),
        ] {
            let mut number = schema.clone();
            number["type"] = "integer".into();
            let code = of(&json!({"type": "object", "properties": {"n": number}})).unwrap();
            assert!(code.contains(&format!("Option < {expected} >")), "{schema}: {code}");
        }
    }

    #[test]
    fn names_of_the_language() {
        for (name, expected) in [("yield", "yield_"), ("-", "unnamed_"), ("order", "order"), ("1", "_1")] {
            assert_eq!(identifier(name), expected, "{name}");
        }
    }
}
