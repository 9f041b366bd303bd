//! What bytes a datum of a schema can have. The library trusts the lengths and the nesting of what it reads, and takes a string that is
//! cut off for a null; so the datum is walked over first.

use crate::registry::writing::invalid;
use apache_avro::schema::{InnerDecimalSchema, Name, Schema, UuidSchema};
use cloudevents_core::{Error, ErrorKind};
use std::collections::HashMap;

/// The deepest nesting of records, unions, arrays and maps.
const DEEPEST: u32 = 128;

/// Items that take no bytes, such as nulls, are bounded by nothing else.
const FREE_ITEMS: usize = 1 << 16;

/// A schema with its names resolved, as far as the bytes are concerned.
#[derive(Debug)]
pub(super) struct Shape {
    nodes: Vec<Node>,
    root: usize,
}

#[derive(Debug)]
enum Node {
    Bool,
    /// An integer of this many bits.
    Integer(u32),
    /// So many bytes.
    Fixed(usize),
    /// A length, and so many bytes.
    Bytes,
    /// An index below this.
    Enum(usize),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record(Vec<usize>),
    /// Another node.
    Same(usize),
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

    /// Errors are of kinds [`InvalidData`](ErrorKind::InvalidData), [`TooDeep`](ErrorKind::TooDeep) and [`TooMany`](ErrorKind::TooMany).
    pub(super) fn check(&self, datum: &[u8]) -> Result<(), Error> {
        let mut walk = Walk { shape: self, rest: datum, items: datum.len().saturating_add(FREE_ITEMS) };
        let walked = walk.node(self.root, 0);
        let at = datum.len().saturating_sub(walk.rest.len());
        walked.map_err(|error| error.with_offset(at))?;
        match walk.rest.len() {
            0 => Ok(()),
            left => Err(invalid(format!("{left} bytes follow the datum")).with_offset(at)),
        }
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
        self.nodes.push(Node::Fixed(0));
        let name = schema.name().map(|name| name.fully_qualified_name(namespace).into_owned());
        if let (Some(name), false) = (&name, matches!(schema, Schema::Ref { .. })) {
            self.names.insert(name.clone(), at);
        }
        let node = match schema {
            Schema::Null => Node::Fixed(0),
            Schema::Boolean => Node::Bool,
            Schema::Int | Schema::Date | Schema::TimeMillis => Node::Integer(32),
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Node::Integer(64),
            Schema::Float => Node::Fixed(4),
            Schema::Double => Node::Fixed(8),
            Schema::Bytes
            | Schema::String
            | Schema::BigDecimal
            | Schema::Uuid(UuidSchema::Bytes | UuidSchema::String) => Node::Bytes,
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Node::Bytes,
                InnerDecimalSchema::Fixed(fixed) => Node::Fixed(fixed.size),
            },
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                Node::Fixed(fixed.size)
            }
            Schema::Enum(symbols) => Node::Enum(symbols.symbols.len()),
            Schema::Array(array) => Node::Array(self.add(&array.items, namespace)),
            Schema::Map(map) => Node::Map(self.add(&map.types, namespace)),
            Schema::Union(union) => {
                Node::Union(union.variants().iter().map(|schema| self.add(schema, namespace)).collect())
            }
            Schema::Record(record) => {
                let namespace = name.as_ref().and_then(Name::namespace);
                Node::Record(record.fields.iter().map(|field| self.add(&field.schema, namespace)).collect())
            }
            Schema::Ref { name } => {
                self.open.push((at, name.fully_qualified_name(namespace).into_owned()));
                Node::Fixed(0)
            }
        };
        if let Some(slot) = self.nodes.get_mut(at) {
            *slot = node;
        }
        at
    }
}

struct Walk<'a> {
    shape: &'a Shape,
    rest: &'a [u8],
    /// How many items of arrays and maps there may still be.
    items: usize,
}

impl Walk<'_> {
    fn node(&mut self, at: usize, depth: u32) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(Error::new(ErrorKind::TooDeep)
                .with_detail(format!("the datum is nested deeper than {DEEPEST} levels")));
        }
        let deeper = depth.saturating_add(1);
        let shape = self.shape;
        match shape.nodes.get(at) {
            None => Err(invalid("the schema is not whole")),
            Some(Node::Same(other)) => self.node(*other, deeper),
            Some(Node::Fixed(length)) => self.skip(*length),
            Some(Node::Bytes) => self.bytes(),
            Some(Node::Integer(bits)) => self.integer(*bits).map(|_| ()),
            Some(Node::Bool) => match self.byte()? {
                0 | 1 => Ok(()),
                byte => Err(invalid(format!("{byte} is not a boolean"))),
            },
            Some(Node::Enum(symbols)) => self.index(*symbols).map(|_| ()),
            Some(Node::Union(variants)) => {
                let variant = self.index(variants.len())?;
                match variants.get(variant) {
                    Some(variant) => self.node(*variant, deeper),
                    None => Err(invalid("there is no such variant")),
                }
            }
            Some(Node::Record(fields)) => fields.iter().try_for_each(|field| self.node(*field, deeper)),
            Some(Node::Array(item)) => self.blocks(|walk| walk.node(*item, deeper)),
            Some(Node::Map(value)) => self.blocks(|walk| {
                walk.bytes()?;
                walk.node(*value, deeper)
            }),
        }
    }

    /// Blocks of items, up to the empty one. A negative count is followed by the size of the block in bytes.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        loop {
            let count = self.integer(64)?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                self.integer(64)?;
            }
            let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            self.items = self.items.checked_sub(count).ok_or_else(|| {
                Error::new(ErrorKind::TooMany)
                    .with_detail(format!("a block claims {count} items, more than the payload can have"))
            })?;
            for _ in 0..count {
                item(self)?;
            }
        }
    }

    fn bytes(&mut self) -> Result<(), Error> {
        let length = self.integer(64)?;
        match usize::try_from(length) {
            Ok(length) => self.skip(length),
            Err(_) => Err(invalid(format!("{length} is not a length"))),
        }
    }

    fn index(&mut self, below: usize) -> Result<usize, Error> {
        let index = self.integer(64)?;
        usize::try_from(index)
            .ok()
            .filter(|index| *index < below)
            .ok_or_else(|| invalid(format!("{index} is not the index of one of {below}")))
    }

    /// A zigzag varint.
    fn integer(&mut self, bits: u32) -> Result<i64, Error> {
        let mut zigzag = 0_u64;
        let mut shift = 0_u32;
        loop {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            let shifted = low.checked_shl(shift).filter(|shifted| shifted >> shift == low);
            match shifted {
                Some(shifted) if bits == 64 || shifted >> bits == 0 => zigzag |= shifted,
                _ => return Err(invalid(format!("an integer has more than {bits} bits"))),
            }
            if byte < 0x80 {
                return Ok((zigzag >> 1) as i64 ^ ((zigzag & 1) as i64).wrapping_neg());
            }
            shift = shift.saturating_add(7);
        }
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let Some((&byte, rest)) = self.rest.split_first() else { return Err(cut_off()) };
        self.rest = rest;
        Ok(byte)
    }

    fn skip(&mut self, length: usize) -> Result<(), Error> {
        self.rest = self.rest.get(length..).ok_or_else(cut_off)?;
        Ok(())
    }
}

#[cold]
fn cut_off() -> Error {
    invalid("the datum is cut off")
}
