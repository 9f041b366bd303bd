//! A schema with its names resolved, as far as bytes and schema resolution are concerned.

use super::{default::default_bytes, invalid};
use apache_avro::schema::{Alias, InnerDecimalSchema, Name, Schema, UuidSchema};
use cloudevents_core::Error;
use serde_json::Value as Json;
use std::{collections::HashMap, sync::OnceLock};

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

/// The name of a type and its aliases, without namespaces, as schema resolution compares them.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

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
    fn of(schema: &Schema) -> Self {
        let name = schema.name().map(|name| name.name().to_owned());
        let aliases = schema.aliases().into_iter().flatten().map(Alias::name).map(str::to_owned);
        Self(name.into_iter().chain(aliases).collect())
    }

    /// Whether a type written under the names `written` can be read under these. Only the reader's aliases count.
    pub(super) fn read(&self, written: &Self) -> bool {
        written.0.first().is_some_and(|name| self.0.contains(name))
    }
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
        let fixed = |size| Node::Fixed { names: Names::of(schema), size };
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
                names: Names::of(schema),
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
                    default: field.default.clone(),
                    written: OnceLock::new(),
                });
                Node::Record { fields: fields.collect(), names: Names::of(schema) }
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
