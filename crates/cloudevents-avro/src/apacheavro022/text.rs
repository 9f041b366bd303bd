//! Texts of schemas, as the library may read them.
//!
//! The library resolves each default at once, and fills in the members that a default leaves out, without a limit of levels or values. It
//! copies a type for each name of it. If a complex type lacks its parts, the library takes it for another type. So the library gets the
//! parts of a schema that this module understood, without defaults and without members that say nothing about data. Defaults are attributes
//! meanwhile.

use super::{invalid, too_large};
use apache_avro::{
    Schema,
    schema::{RecordField, UnionSchema, UuidSchema},
};
use cloudevents_core::Error;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The longest full name, in bytes: the namespace of a type may be the full name of the type around it.
const NAME: usize = 1024;

/// How many bytes types may have, each with all that are within it: about, as often as the library keeps a copy.
const COPIES: usize = 128 << 20;

/// How many variants and fields all defaults may be compared with to be put into a schema.
pub(super) const COMPARED: usize = 1 << 20;

/// About the number of bytes that the library keeps for a type, or for a field, besides texts.
const TYPE: usize = 192;
const FIELD: usize = 384;

/// The attribute that has the default of a field.
const DEFAULT: &str = "default of the field";

const RUST: [&str; 2] = ["org.apache.avro.rust.union_of_records", "org.apache.avro.rust.tuple"];

const PRIMITIVE: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// Parses texts. Each may use the types of the texts before it. Returns the schemas.
///
/// Errors: a text is not JSON, or not a schema. Or a type is defined in two ways, or has the name of a primitive type, which Avro forbids
/// ("Names"). Errors are of kind [`TooLarge`](cloudevents_core::ErrorKind::TooLarge) if a name has more than 1,024 bytes, or if there are
/// too many types within each other.
pub(super) fn parse(texts: &[&str]) -> Result<Vec<Schema>, Error> {
    let mut types = Types::default();
    let mut fields = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let ty: Value = serde_json::from_str(text)
            .map_err(|error| invalid(format!("the schema is not JSON: {error}")))?;
        fields.push(json!({"name": format!("schema{at}"), "type": types.read(&ty, Space::default())?}));
    }
    // The library would take a name without a namespace for the one in the namespace around it.
    if let Some(name) = types.bare.iter().find(|name| types.named.contains_key(*name)) {
        return Err(invalid(format!(
            "the schema uses a name without a namespace where there is `{name}`, too"
        )));
    }
    // The library parses a list of texts in any order, and the fields of a record in theirs.
    let all = json!({"type": "record", "name": "Schemas", "fields": fields});
    match Schema::parse(&all).map_err(not_avro)? {
        Schema::Record(all) => Ok(all.fields.into_iter().map(|field| field.schema).collect()),
        _ => Ok(Vec::new()), // It is a record.
    }
}

/// The namespace of names in a type, which may be empty, and the nearest namespace around it.
#[derive(Clone, Copy, Default)]
struct Space<'n> {
    own: &'n str,
    around: &'n str,
}

#[derive(Default)]
struct Types {
    /// The definitions, as they are written, by their full names.
    named: HashMap<String, String>,
    /// Names without a namespace that are used within one, as they would be in it.
    bare: Vec<String>,
    size: usize,
    copies: usize,
}

impl Types {
    /// Returns the parts of a type in this namespace that the library needs. Readers of JSON limit the levels of a value.
    fn read(&mut self, ty: &Value, space: Space<'_>) -> Result<Value, Error> {
        self.size = self.size.saturating_add(TYPE);
        match ty {
            Value::Array(variants) => {
                let before = self.size;
                let read: Result<Vec<Value>, _> =
                    variants.iter().map(|variant| self.read(variant, space)).collect();
                let read = read?;
                self.copied(before, 1)?;
                // The library takes big decimals for another type.
                if read.iter().filter(|ty| ty.get("type").unwrap_or(ty) == "bytes").count() > 1 {
                    return Err(invalid("a union of the schema has the type `bytes` more than once"));
                }
                Ok(read.into())
            }
            Value::Object(members) => match members.get("type").and_then(Value::as_str) {
                Some(kind @ ("record" | "enum" | "fixed")) => self.named(kind, members, space),
                Some(kind @ "array") => {
                    Ok(json!({"type": kind, "items": self.read(part(members, kind, "items")?, space)?}))
                }
                Some(kind @ "map") => {
                    Ok(json!({"type": kind, "values": self.read(part(members, kind, "values")?, space)?}))
                }
                Some(name) => {
                    self.name(name, space);
                    let mut ty = logical_type(members);
                    ty.insert("type".to_owned(), name.into());
                    Ok(ty.into())
                }
                None => self.read(part(members, "", "type")?, space),
            },
            Value::String(name) => {
                self.name(name, space);
                Ok(ty.clone())
            }
            _ => Err(invalid(format!("a type of the schema is `{ty}`"))),
        }
    }

    /// A type with a name.
    fn named(&mut self, kind: &str, members: &Map<String, Value>, space: Space<'_>) -> Result<Value, Error> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let name = full(text("name").unwrap_or_default(), text("namespace").unwrap_or(space.own));
        self.bare(&name, space.around);
        let (own, last) = name.rsplit_once('.').unwrap_or(("", &name));
        let space = Space { own, around: if own.is_empty() { space.around } else { own } };
        if PRIMITIVE.contains(&last) {
            return Err(invalid(format!("a type of the schema has the name of a primitive one, `{last}`")));
        }
        if name.len() > NAME {
            return Err(too_large(format!("a name of the schema has more than {NAME} bytes")));
        }
        // Generators repeat a type where it is used again.
        let definition = Value::from(members.clone()).to_string();
        let before = self.size;
        self.size = self.size.saturating_add(definition.len());
        match self.named.get(&name) {
            Some(other) if *other == definition => {
                return Ok(if name.contains('.') { name.into() } else { format!(".{name}").into() });
            }
            Some(_) => return Err(invalid(format!("the schema defines `{name}` in two ways"))),
            None => drop(self.named.insert(name.clone(), definition)),
        }
        let mut ty = some_of(members, &["type", "name", "namespace", "aliases"]);
        match kind {
            "record" => {
                // The library has them for variants of a Rust enumeration that have values.
                ty.extend(RUST.iter().filter_map(|name| {
                    let value = members.get(*name).filter(|value| value.is_boolean())?;
                    Some(((*name).to_owned(), value.clone()))
                }));
                let fields = part(members, kind, "fields")?.as_array();
                let fields = fields.ok_or_else(|| invalid(format!("the fields of `{name}` are no list")))?;
                let fields: Result<Value, _> = fields.iter().map(|field| self.field(field, space)).collect();
                ty.insert("fields".to_owned(), fields?);
            }
            "enum" => {
                let symbols = part(members, kind, "symbols")?;
                self.size = self.size.saturating_add(size(symbols));
                ty.extend(some_of(members, &["symbols", "default"]));
            }
            _ => {
                ty.insert("size".to_owned(), part(members, kind, "size")?.clone());
                ty.extend(logical_type(members));
            }
        }
        self.size = self.size.saturating_add(name.len());
        // Each alias has the namespace.
        let aliases = members.get("aliases").and_then(Value::as_array).map_or(0, Vec::len);
        let texts = members.get("aliases").map_or(0, size).saturating_add(aliases.saturating_mul(name.len()));
        self.size = self.size.saturating_add(texts);
        self.copied(before, aliases.saturating_add(1))?;
        Ok(ty.into())
    }

    /// A name that is used.
    fn name(&mut self, name: &str, space: Space<'_>) {
        if PRIMITIVE.contains(&name) {
            return;
        }
        let name = full(name, space.own);
        self.size = self.size.saturating_add(name.len());
        self.bare(&name, space.around);
    }

    fn bare(&mut self, name: &str, around: &str) {
        if !around.is_empty() && !name.contains('.') {
            let name = format!("{around}.{name}");
            self.size = self.size.saturating_add(name.len());
            self.bare.push(name);
        }
    }

    /// Counts the copies of a type, at whose beginning the size was this.
    fn copied(&mut self, before: usize, copies: usize) -> Result<(), Error> {
        let own = self.size.saturating_sub(before);
        self.copies = self.copies.saturating_add(own.saturating_mul(copies));
        match self.copies <= COPIES {
            true => Ok(()),
            false => {
                Err(too_large("the schema takes too much: it has many types within each other, or aliases"))
            }
        }
    }

    fn field(&mut self, field: &Value, space: Space<'_>) -> Result<Value, Error> {
        let Value::Object(members) = field else {
            return Err(invalid(format!("a field of the schema is `{field}`")));
        };
        self.size = self.size.saturating_add(FIELD);
        let mut read = some_of(members, &["name", "aliases"]);
        read.insert("type".to_owned(), self.read(part(members, "field", "type")?, space)?);
        if let Some(default) = members.get("default") {
            read.insert(DEFAULT.to_owned(), default.clone());
        }
        let texts = read.iter().filter(|(name, _)| *name != "type").map(|(_, value)| size(value));
        self.size = texts.fold(self.size, usize::saturating_add);
        Ok(read.into())
    }
}

/// The part of a complex type, or a field, that it must have.
fn part<'v>(members: &'v Map<String, Value>, kind: &str, name: &str) -> Result<&'v Value, Error> {
    members.get(name).ok_or_else(|| invalid(format!("a type `{kind}` of the schema has no `{name}`")))
}

fn some_of(members: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let named = names.iter().filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone())));
    named.collect()
}

fn logical_type(members: &Map<String, Value>) -> Map<String, Value> {
    let mut some = some_of(members, &["logicalType", "precision", "scale"]);
    some.retain(|name, value| if name == "logicalType" { value.is_string() } else { value.is_u64() });
    some
}

/// The bytes of a JSON value, about.
fn size(value: &Value) -> usize {
    let within = match value {
        Value::Array(items) => items.iter().map(size).fold(0, usize::saturating_add),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| size(member).saturating_add(name.len()))
            .fold(FIELD, usize::saturating_add),
        Value::String(text) => text.len(),
        _ => 0,
    };
    within.saturating_add(size_of::<Value>().saturating_mul(2))
}

/// The full name of a type that has this name in this namespace. A dot before it stands for no namespace.
fn full(name: &str, space: &str) -> String {
    match name.strip_prefix('.') {
        Some(name) => name.to_owned(),
        None if name.contains('.') || space.is_empty() => name.to_owned(),
        None => format!("{space}.{name}"),
    }
}

/// The default of a field of a schema, which may be of a text.
pub(super) fn default_of(field: &RecordField) -> Option<&Value> {
    field.custom_attributes.get(DEFAULT).or(field.default.as_ref())
}

/// Gives the library the defaults that it writes as Avro has them, where a value leaves out a field, as long as so many comparisons are
/// left. All are of their types, and end.
pub(super) fn put_defaults(schema: &mut Schema, left: &mut usize) -> Result<(), Error> {
    match schema {
        // Those within a field first: its own default may leave them out.
        Schema::Record(record) => record.fields.iter_mut().try_for_each(|field| {
            put_defaults(&mut field.schema, left)?;
            let default = field.custom_attributes.get(DEFAULT);
            field.default = default.filter(|default| is_written_right(&field.schema, default, left)).cloned();
            Ok(())
        }),
        Schema::Array(array) => put_defaults(&mut array.items, left),
        Schema::Map(map) => put_defaults(&mut map.types, left),
        Schema::Union(union) => {
            let mut variants = union.variants().to_vec();
            variants.iter_mut().try_for_each(|variant| put_defaults(variant, left))?;
            *union = UnionSchema::new(variants).map_err(not_avro)?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether the library writes a default of this schema, or does not take it for one of it. It does not know types by their names, and
/// takes bytes for UTF-8.
fn is_written_right(schema: &Schema, default: &Value, left: &mut usize) -> bool {
    let fields = if let Schema::Record(record) = schema { record.fields.len() } else { 0 };
    *left = left.saturating_sub(fields.saturating_add(1));
    match (schema, default) {
        _ if *left == 0 => false,
        (Schema::Array(array), Value::Array(items)) => {
            items.iter().all(|item| is_written_right(&array.items, item, left))
        }
        (Schema::Map(map), Value::Object(members)) => {
            members.values().all(|value| is_written_right(&map.types, value, left))
        }
        (Schema::Record(record), Value::Object(members)) => {
            record.fields.iter().all(|field| match members.get(&field.name) {
                Some(member) => is_written_right(&field.schema, member, left),
                None => field.default.is_some() || default_of(field).is_none(),
            })
        }
        (Schema::Union(union), default) => {
            // Variants behind a string are not compared with a text.
            let is_last = |variant: &Schema| matches!((variant, default), (Schema::String, Value::String(_)));
            let end = union.variants().iter().position(is_last).unwrap_or(usize::MAX);
            union.variants().iter().take(end).all(|variant| is_written_right(variant, default, left))
        }
        // A record, an enumeration or a fixed.
        (Schema::Ref { .. }, Value::String(_) | Value::Object(_)) => false,
        (Schema::Uuid(UuidSchema::String), _) => true,
        (
            Schema::Bytes
            | Schema::Fixed(_)
            | Schema::Decimal(_)
            | Schema::BigDecimal
            | Schema::Uuid(_)
            | Schema::Duration(_),
            Value::String(_),
        ) => false,
        _ => true,
    }
}

fn not_avro(error: apache_avro::Error) -> Error {
    invalid(format!("the schema is not one of Avro: {error}"))
}
