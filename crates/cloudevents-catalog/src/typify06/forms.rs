//! The forms of schemas that the generator makes right types of.
//!
//! It takes an inline type whose name is known for that other type without comparing them, and drops keywords that it does not know. It
//! does not end if combined schemas lead back to themselves. So it is given schemas of few forms, whose types all have names of their own.

use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Keywords that say nothing about values, or nothing that a Rust type expresses.
const SILENT: [&str; 25] = [
    "$schema",
    "$id",
    "id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "definitions",
    "$defs",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The keywords from which types are made.
const KNOWN: [&str; 10] = [
    "type",
    "enum",
    "const",
    "format",
    "minimum",
    "maximum",
    "properties",
    "required",
    "additionalProperties",
    "items",
];

const FORMATS: [&str; 3] = ["date-time", "date", "uuid"];

/// The same schema in these forms, with the name `Data`. Errors: it has another one.
pub(super) fn of(document: &Value) -> Result<Value, String> {
    let names = HashSet::from(["data".to_owned()]);
    let mut forms = Forms { document, names, definitions: Map::new(), referred: Vec::new() };
    let mut data = match document.get("$ref") {
        Some(reference) if reference != "#" => forms.reference(document, reference)?,
        _ => forms.named(document, "Data")?,
    };
    // Definitions that definitions refer to are added on the way.
    while let Some((name, schema)) =
        forms.referred.iter().find(|(name, _)| !forms.definitions.contains_key(name))
    {
        let (name, schema) = (name.clone(), *schema);
        let form = forms.named(schema, &name)?;
        forms.definitions.insert(name, form);
    }
    if let Some(members) = data.as_object_mut() {
        members.insert("title".to_owned(), "Data".into());
        members.insert("definitions".to_owned(), forms.definitions.into());
    }
    Ok(data)
}

struct Forms<'s> {
    document: &'s Value,
    /// The names of all types, without capital letters and without the characters between words.
    names: HashSet<String>,
    definitions: Map<String, Value>,
    /// The definitions that something refers to, by the names of their types.
    referred: Vec<(String, &'s Value)>,
}

impl<'s> Forms<'s> {
    /// A schema within another one. A schema that needs its own type becomes a definition with this name.
    fn inner(&mut self, schema: &'s Value, name: &str) -> Result<Value, String> {
        let members = match schema {
            Value::Object(members) if members.keys().any(|keyword| !is_silent(keyword)) => members,
            Value::Object(_) | Value::Bool(true) => return Ok(json!(true)),
            _ => return Err(format!("`{name}` allows no value")),
        };
        if let Some(reference) = members.get("$ref") {
            return self.reference(schema, reference);
        }
        let is_null = |schema: &Value| schema.get("type").is_some_and(|ty| ty == "null");
        let (form, is_nullable) = match (members.get("anyOf").or(members.get("oneOf")), members.get("type")) {
            (Some(Value::Array(all)), None)
                if members.keys().filter(|name| !is_silent(name)).count() == 1 =>
            {
                match all.as_slice() {
                    [one, null] | [null, one] if is_null(null) && !is_null(one) => {
                        (self.inner(one, name)?, true)
                    }
                    _ => return Err(format!("`{name}` has alternatives")),
                }
            }
            (None, Some(Value::Array(types))) => match types.as_slice() {
                [ty, null] | [null, ty] if null == "null" && ty != "null" => {
                    (self.form(members, Some(ty), name)?, true)
                }
                _ => return Err(format!("`{name}` has several types")),
            },
            (_, ty) => (self.form(members, ty, name)?, false),
        };
        let has_name = form.get("properties").is_some() || form.get("enum").is_some();
        let form = if has_name { self.defined(name, form)? } else { form };
        match is_nullable && form.get("type").or(form.get("$ref")).is_some() {
            true => Ok(json!({"anyOf": [form, {"type": "null"}]})),
            false => Ok(form),
        }
    }

    /// A definition of its own.
    fn defined(&mut self, name: &str, form: Value) -> Result<Value, String> {
        self.name(name)?;
        self.definitions.insert(name.to_owned(), form);
        Ok(json!({"$ref": format!("#/definitions/{name}")}))
    }

    fn name(&mut self, name: &str) -> Result<(), String> {
        match self.names.insert(plain(name)) {
            true => Ok(()),
            false => Err(format!("two types would have the name `{name}`")),
        }
    }

    /// A reference, with nothing else beside it.
    fn reference(&mut self, schema: &'s Value, reference: &Value) -> Result<Value, String> {
        let text = reference.as_str().unwrap_or_default();
        if let Some(other) = schema
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .find(|name| *name != "$ref" && !is_silent(name))
        {
            return Err(format!("there is `{other}` beside the reference `{text}`"));
        }
        let is_alias = |schema: &Value| schema.get("$ref").is_some();
        if text == "#" && !is_alias(self.document) {
            return Ok(json!({"$ref": "#"}));
        }
        let of = |start: &str, all: &str| {
            let name = text.strip_prefix(start)?;
            Some((name, self.document.get(all)?.get(name)?))
        };
        let target = of("#/definitions/", "definitions").or_else(|| of("#/$defs/", "$defs"));
        let Some((name, target)) = target.filter(|(_, target)| !is_alias(target)) else {
            return Err(format!(
                "the reference `{text}` is not one to a definition of the schema, which is no reference itself"
            ));
        };
        let name = word(name);
        match self.referred.iter().find(|(known, _)| *known == name) {
            Some((_, known)) if std::ptr::eq(*known, target) => {}
            _ => {
                self.name(&name)?;
                self.referred.push((name.clone(), target));
            }
        }
        Ok(json!({"$ref": format!("#/definitions/{name}")}))
    }

    /// A schema that has a name anyway.
    fn named(&mut self, schema: &'s Value, name: &str) -> Result<Value, String> {
        match schema {
            Value::Object(members) => self.form(members, members.get("type"), name),
            _ => Err(format!("`{name}` is no object")),
        }
    }

    /// A schema of one type.
    fn form(
        &mut self,
        members: &'s Map<String, Value>,
        ty: Option<&Value>,
        name: &str,
    ) -> Result<Value, String> {
        if let Some(other) =
            members.keys().find(|keyword| !is_silent(keyword) && !KNOWN.contains(&keyword.as_str()))
        {
            return Err(format!("`{name}` has `{other}`"));
        }
        let values = members.get("const").map(std::slice::from_ref);
        let values = values.or_else(|| members.get("enum")?.as_array().map(Vec::as_slice));
        let ty = match ty {
            Some(ty) => ty.as_str().unwrap_or_default(),
            None if members.contains_key("properties") => "object",
            None if members.contains_key("items") => "array",
            None if values.is_some_and(|values| values.iter().all(Value::is_string)) => "string",
            None => return Err(format!("`{name}` has no type")),
        };
        let mut form = match (ty, values) {
            ("string", Some(values)) => {
                let all: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
                let all = all.filter(|all| !all.is_empty() && are_different(all.iter().copied()));
                let all =
                    all.ok_or_else(|| format!("the values of `{name}` do not become different names"))?;
                json!({"type": "string", "enum": all})
            }
            ("string", None) => {
                let format = members.get("format").and_then(Value::as_str);
                match format.filter(|format| FORMATS.contains(format)) {
                    Some(format) => json!({"type": "string", "format": format}),
                    None => json!({"type": "string"}),
                }
            }
            ("integer", _) => {
                let bound = |name: &str| members.get(name).filter(|value| value.is_i64());
                match (bound("minimum"), bound("maximum")) {
                    (Some(least), Some(most)) => {
                        json!({"type": "integer", "minimum": least, "maximum": most})
                    }
                    (Some(least), None) if *least == 0 || *least == 1 => {
                        json!({"type": "integer", "minimum": least})
                    }
                    // With one bound alone, the generator takes the type that has this bound, without regard to the other end of the type.
                    _ => json!({"type": "integer"}),
                }
            }
            ("number" | "boolean", _) => json!({"type": ty}),
            ("array", None) => {
                let items = members
                    .get("items")
                    .map_or(Ok(json!(true)), |items| self.inner(items, &format!("{name}-item")));
                json!({"type": "array", "items": items?})
            }
            ("object", None) => self.object(members, name)?,
            _ => return Err(format!("`{name}` is of a type, or has values, that no types are made of")),
        };
        if let Some(description) = members.get("description").filter(|text| text.is_string()) {
            form = with(form, "description", description.clone());
        }
        Ok(form)
    }

    fn object(&mut self, members: &'s Map<String, Value>, name: &str) -> Result<Value, String> {
        let required = members.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let others = members.get("additionalProperties");
        let properties = members.get("properties").and_then(Value::as_object);
        let Some(properties) = properties.filter(|all| !all.is_empty()) else {
            return match others {
                _ if !required.is_empty() => Err(format!("`{name}` requires what it does not describe")),
                None | Some(Value::Bool(true)) => Ok(json!({"type": "object"})),
                Some(others) => {
                    let others = self.inner(others, &format!("{name}-value"))?;
                    Ok(json!({"type": "object", "additionalProperties": others}))
                }
            };
        };
        if !required.iter().all(|name| name.as_str().is_some_and(|name| properties.contains_key(name))) {
            return Err(format!("`{name}` requires what it does not describe"));
        }
        if !are_different(properties.keys().map(String::as_str)) {
            return Err(format!("the properties of `{name}` do not become different names"));
        }
        if others.is_some_and(|others| !others.is_boolean()) {
            return Err(format!("`{name}` has a schema of other properties beside those that it describes"));
        }
        let mut all = Map::new();
        for (property, schema) in properties {
            let form = self.inner(schema, &format!("{name}-{}", word(property)))?;
            all.insert(property.clone(), form);
        }
        let mut form = json!({"type": "object", "properties": all, "required": required});
        if others == Some(&Value::Bool(false)) {
            form = with(form, "additionalProperties", Value::Bool(false));
        }
        Ok(form)
    }
}

/// A form with another keyword.
fn with(mut form: Value, keyword: &str, value: Value) -> Value {
    if let Some(members) = form.as_object_mut() {
        members.insert(keyword.to_owned(), value);
    }
    form
}

fn is_silent(keyword: &str) -> bool {
    SILENT.contains(&keyword) || keyword.starts_with("x-")
}

/// A name that is also a name in references.
fn word(name: &str) -> String {
    name.replace(|character: char| !character.is_alphanumeric(), "-")
}

/// The part of a name that stays in the name of a type, a variant or a field, without capital letters.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase);
    let plain: String = letters.collect();
    // As the generator has it.
    match plain.starts_with(|first: char| !first.is_numeric()) {
        true => plain,
        false => format!("x{plain}"),
    }
}

fn are_different<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    let mut known = HashSet::new();
    names.map(plain).all(|name| known.insert(name))
}
