//! A schema with its names resolved, as far as bytes and schema resolution are concerned.

use super::{
    default::{MOST, check_default, default_bytes},
    invalid,
    text::default_of,
    too_large,
};
use apache_avro::schema::{InnerDecimalSchema, Name, Schema, UuidSchema};
use cloudevents_core::Error;
use serde_json::Value as Json;
use std::{collections::HashMap, iter, sync::OnceLock};

#[derive(Debug)]
pub(super) struct Shape {
    nodes: Vec<Node>,
    root: usize,
}

/// A node of a schema. Logical types are the types that they annotate.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes {
        /// Big decimals contain a length and a scale, which the library would trust as well.
        is_big_decimal: bool,
    },
    String,
    Fixed {
        names: Names,
        size: usize,
    },
    Enum {
        names: Names,
        symbols: Vec<String>,
        default: Option<usize>,
    },
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record {
        names: Names,
        fields: Vec<Field>,
    },
    /// Another node.
    Same(usize),
}

/// The full name of a type and the full names of its aliases.
#[derive(Debug, Default)]
pub(super) struct Names {
    name: String,
    aliases: Vec<String>,
}

/// How the name of a type fits, from the best to the worst. Types may change their namespace (Avro 1.12, "Schema Resolution").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameFit {
    Full,
    Alias,
    Unqualified,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) node: usize,
    pub(super) default: Option<Json>,
    /// The default as a datum, computed on first use.
    written: OnceLock<Option<Vec<u8>>>,
}

impl Shape {
    pub(super) fn new(root: &Schema, references: &[Schema]) -> Result<Self, Error> {
        let mut builder = Builder::default();
        for schema in references {
            builder.add(schema, None);
        }
        let root = builder.add(root, None);
        for (node, name) in builder.open {
            let Some(target) = builder.names.get(&name) else {
                return Err(invalid(format!("the schema names `{name}`, which is not defined")));
            };
            if let Some(slot) = builder.nodes.get_mut(node) {
                *slot = Node::Same(*target);
            }
        }
        Ok(Self { nodes: builder.nodes, root })
    }

    pub(super) fn root(&self) -> usize {
        self.root
    }

    /// Checks that each default is of the type of its field, and that they are not too large together.
    pub(super) fn check_defaults(&self) -> Result<(), Error> {
        let mut left = MOST;
        let records = self.nodes.iter().filter_map(|node| match node {
            Node::Record { names, fields } => Some((names, fields)),
            _ => None,
        });
        for (names, field) in
            records.flat_map(|(names, fields)| fields.iter().map(move |field| (names, field)))
        {
            let Some(default) = &field.default else { continue };
            let (is_of_type, rest) = check_default(self, field.node, default, left);
            left = rest;
            if !is_of_type {
                return Err(match left {
                    0 => too_large(format!(
                        "the defaults of the schema have more than {MOST} bytes or 64 levels"
                    )),
                    _ => invalid(format!(
                        "the default of `{}` of `{}` is not of its type",
                        field.name, names.name
                    )),
                });
            }
        }
        Ok(())
    }

    /// The node at this index, names followed.
    pub(super) fn node(&self, mut at: usize) -> Option<&Node> {
        // A name refers to a definition, which is not a name.
        while let Node::Same(other) = self.nodes.get(at)? {
            if *other == at {
                return None;
            }
            at = *other;
        }
        self.nodes.get(at)
    }
}

impl Field {
    /// The default of this field as a datum of the shape; `None` if there is none, or it does not match.
    pub(super) fn default_bytes(&self, shape: &Shape) -> Option<&[u8]> {
        let write = || default_bytes(shape, self.node, self.default.as_ref()?);
        self.written.get_or_init(write).as_deref()
    }
}

impl Node {
    /// The name of the type, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null | Self::Same(_) => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes { .. } => "bytes",
            Self::String => "string",
            Self::Fixed { .. } => "this fixed",
            Self::Enum { .. } => "this enum",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "a variant",
            Self::Record { .. } => "this record",
        }
    }
}

impl Names {
    fn of(schema: &Schema, name: Option<&Name>) -> Self {
        let namespace = name.and_then(Name::namespace);
        let aliases = schema.aliases().into_iter().flatten().map(|alias| alias.fullname(namespace));
        Self { name: name.map(Name::to_string).unwrap_or_default(), aliases: aliases.collect() }
    }

    /// How well these names of the reader's schema fit a type written under others. Only the reader's aliases count.
    pub(super) fn fit(&self, written: &Self) -> Option<NameFit> {
        if self.name == written.name {
            Some(NameFit::Full)
        } else if self.aliases.contains(&written.name) {
            Some(NameFit::Alias)
        } else {
            let mut names = iter::once(&self.name).chain(&self.aliases);
            names.any(|name| unqualified(name) == unqualified(&written.name)).then_some(NameFit::Unqualified)
        }
    }
}

/// The name without its namespace.
fn unqualified(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, name)| name)
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    names: HashMap<Name, usize>,
    open: Vec<(usize, Name)>,
}

impl Builder {
    fn add(&mut self, schema: &Schema, namespace: Option<&str>) -> usize {
        let at = self.nodes.len();
        self.nodes.push(Node::Null);
        let name = schema.name().map(|name| name.fully_qualified_name(namespace).into_owned());
        if let (Some(name), false) = (&name, matches!(schema, Schema::Ref { .. })) {
            self.names.insert(name.clone(), at);
        }
        let names = || Names::of(schema, name.as_ref());
        let fixed = |size| Node::Fixed { names: names(), size };
        let node = match schema {
            Schema::Null => Node::Null,
            Schema::Boolean => Node::Boolean,
            Schema::Int | Schema::Date | Schema::TimeMillis => Node::Int,
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Node::Long,
            Schema::Float => Node::Float,
            Schema::Double => Node::Double,
            Schema::Bytes | Schema::Uuid(UuidSchema::Bytes) => Node::Bytes { is_big_decimal: false },
            Schema::BigDecimal => Node::Bytes { is_big_decimal: true },
            Schema::String | Schema::Uuid(UuidSchema::String) => Node::String,
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Node::Bytes { is_big_decimal: false },
                InnerDecimalSchema::Fixed(inner) => fixed(inner.size),
            },
            Schema::Fixed(inner) | Schema::Duration(inner) | Schema::Uuid(UuidSchema::Fixed(inner)) => {
                fixed(inner.size)
            }
            Schema::Enum(inner) => Node::Enum {
                names: names(),
                symbols: inner.symbols.clone(),
                default: inner.symbols.iter().position(|symbol| Some(symbol) == inner.default.as_ref()),
            },
            Schema::Array(array) => Node::Array(self.add(&array.items, namespace)),
            Schema::Map(map) => Node::Map(self.add(&map.types, namespace)),
            Schema::Union(union) => {
                Node::Union(union.variants().iter().map(|schema| self.add(schema, namespace)).collect())
            }
            Schema::Record(record) => {
                let namespace = name.as_ref().and_then(Name::namespace);
                let fields = record.fields.iter().map(|field| Field {
                    name: field.name.clone(),
                    aliases: field.aliases.clone(),
                    node: self.add(&field.schema, namespace),
                    default: default_of(field).cloned(),
                    written: OnceLock::new(),
                });
                Node::Record { fields: fields.collect(), names: names() }
            }
            Schema::Ref { name } => {
                self.open.push((at, name.fully_qualified_name(namespace).into_owned()));
                Node::Null
            }
        };
        if let Some(slot) = self.nodes.get_mut(at) {
            *slot = node;
        }
        at
    }
}
