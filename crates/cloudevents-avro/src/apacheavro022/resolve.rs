//! Avro's schema resolution on bytes: converts a datum of the writer's schema to one of the reader's.
//!
//! The library resolves values, which have no names, so it confuses types of a union. It also visits everything below a union twice, so its
//! time doubles with every nested union. Here, the variant of a union is selected by the types alone, and every byte is read once.

use super::{
    invalid,
    shape::{Field, NameFit, Node, Shape},
    walk::{Walk, check_big_decimal, deeper},
};
use crate::datum::{write_bytes, write_long};
use cloudevents_core::{Error, ErrorKind};

/// The most bytes of defaults in a datum: every item of an array may have its own.
const MOST_DEFAULTS: usize = 16 << 20;

/// Returns the datum in the reader's schema.
///
/// Errors are of kind [`InvalidData`](ErrorKind::InvalidData) when it cannot be resolved, and [`TooLarge`](ErrorKind::TooLarge) when
/// there are more than 16 MiB of defaults.
pub(super) fn resolve(writer: &Shape, reader: &Shape, datum: &[u8]) -> Result<Vec<u8>, Error> {
    let mut resolver = Resolver { walk: Walk::new(writer, datum), reader, most: MOST_DEFAULTS };
    let mut out = Vec::with_capacity(datum.len());
    match resolver.put(writer.root(), reader.root(), &mut out, 0) {
        Ok(()) => Ok(out),
        Err(error) => Err(resolver.walk.located(error)),
    }
}

struct Resolver<'a> {
    walk: Walk<'a>,
    reader: &'a Shape,
    /// The bytes of defaults still allowed.
    most: usize,
}

impl<'a> Resolver<'a> {
    fn put(&mut self, from: usize, to: usize, out: &mut Vec<u8>, depth: u32) -> Result<(), Error> {
        let deeper = deeper(depth)?;
        let (writer, reader): (&'a Shape, &'a Shape) = (self.walk.shape, self.reader);
        let (Some(written), Some(read)) = (writer.node(from), reader.node(to)) else {
            return Err(incomplete());
        };
        match (written, read) {
            (Node::Union(variants), _) => {
                let variant = self.walk.datum.branch_of(variants)?;
                let own = variants.iter().position(|node| *node == variant);
                return self.put_variant(variant, own, to, out, deeper);
            }
            (_, Node::Union(_)) => return self.put_variant(from, None, to, out, deeper),
            (Node::Null, Node::Null) => {}
            (Node::Boolean, Node::Boolean) => out.push(self.walk.datum.boolean()?.into()),
            (Node::Int, Node::Int | Node::Long) => write_long(self.walk.int()?.into(), out),
            (Node::Long, Node::Long) => write_long(self.walk.datum.long()?, out),
            (Node::Int | Node::Long, Node::Float) => {
                out.extend((self.number(written)? as f32).to_le_bytes());
            }
            (Node::Int | Node::Long, Node::Double) => {
                out.extend((self.number(written)? as f64).to_le_bytes());
            }
            (Node::Float, Node::Float) => out.extend(self.walk.datum.take(4)?),
            (Node::Float, Node::Double) => {
                out.extend(f64::from(self.float()?).to_le_bytes());
            }
            (Node::Double, Node::Double) => out.extend(self.walk.datum.take(8)?),
            (Node::Bytes { .. } | Node::String, Node::Bytes { .. } | Node::String) => {
                let bytes = self.walk.datum.bytes()?;
                if let Node::Bytes { is_big_decimal: true } = read {
                    check_big_decimal(bytes)?;
                }
                write_bytes(bytes, out);
            }
            (Node::Fixed { size, names }, Node::Fixed { size: other, names: others })
                if size == other && others.fit(names).is_some() =>
            {
                out.extend(self.walk.datum.take(*size)?);
            }
            (
                Node::Enum { symbols, names, .. },
                Node::Enum { symbols: others, names: other_names, default },
            ) if other_names.fit(names).is_some() => {
                let symbol = self.walk.symbol(symbols)?;
                let index = others.iter().position(|other| other == symbol).or(*default);
                let index =
                    index.ok_or_else(|| invalid(format!("the reader's schema has no symbol `{symbol}`")))?;
                write_long(index as i64, out);
            }
            (Node::Array(item), Node::Array(other)) => {
                self.blocks(out, |resolver, out| resolver.put(*item, *other, out, deeper))?
            }
            (Node::Map(value), Node::Map(other)) => self.blocks(out, |resolver, out| {
                write_bytes(resolver.walk.datum.bytes()?, out);
                resolver.put(*value, *other, out, deeper)
            })?,
            (Node::Record { fields, .. }, Node::Record { fields: others, .. }) => {
                self.record(fields, others, out, deeper)?;
            }
            _ => return Err(mismatch(written, read)),
        }
        Ok(())
    }

    /// Puts a value that may be a variant of the writer's union, at the index `own`, and is read as a variant of the reader's union.
    fn put_variant(
        &mut self,
        from: usize,
        own: Option<usize>,
        to: usize,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Error> {
        let (Some(written), Some(read)) = (self.walk.shape.node(from), self.reader.node(to)) else {
            return Err(incomplete());
        };
        let Node::Union(variants) = read else { return self.put(from, to, out, depth) };
        let (index, node) =
            best(self.reader, written, own, variants).ok_or_else(|| mismatch(written, read))?;
        write_long(index as i64, out);
        self.put(from, node, out, depth)
    }

    /// An `int` or a `long`.
    fn number(&mut self, written: &Node) -> Result<i64, Error> {
        if matches!(written, Node::Int) { self.walk.int().map(i64::from) } else { self.walk.datum.long() }
    }

    fn float(&mut self) -> Result<f32, Error> {
        let bytes = self.walk.datum.take(4)?;
        Ok(bytes.first_chunk().copied().map_or(0.0, f32::from_le_bytes)) // There are four.
    }

    /// Blocks stay blocks. Their sizes in bytes, which readers do not need, are left out.
    fn blocks(
        &mut self,
        out: &mut Vec<u8>,
        mut item: impl FnMut(&mut Self, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while let Some(block) = self.walk.block()? {
            write_long(block.count as i64, out);
            for _ in 0..block.count {
                item(self, out)?;
            }
            self.walk.end_of(&block)?;
        }
        out.push(0);
        Ok(())
    }

    /// Fields are read in the writer's order and written in the reader's.
    fn record(
        &mut self,
        fields: &'a [Field],
        others: &'a [Field],
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Error> {
        let mut found: Vec<Option<Vec<u8>>> = vec![None; others.len()];
        for field in fields {
            match reader_of(field, fields, others).and_then(|at| Some((others.get(at)?, found.get_mut(at)?)))
            {
                Some((other, slot @ None)) => {
                    let mut bytes = Vec::new();
                    self.put(field.node, other.node, &mut bytes, depth)?;
                    *slot = Some(bytes);
                }
                _ => self.walk.skip(field.node, depth)?,
            }
        }
        for (other, bytes) in others.iter().zip(&found) {
            out.extend_from_slice(match bytes {
                Some(bytes) => bytes,
                None => self.default(other)?,
            });
        }
        Ok(())
    }

    fn default(&mut self, field: &'a Field) -> Result<&'a [u8], Error> {
        let Some(bytes) = field.default_bytes(self.reader) else {
            return Err(invalid(format!(
                "the writer's schema has no field `{}`, and the reader's no default that fits",
                field.name
            )));
        };
        self.most = self.most.checked_sub(bytes.len()).ok_or_else(|| {
            Error::new(ErrorKind::TooLarge)
                .with_detail("the defaults of the reader's schema make the datum too large")
        })?;
        Ok(bytes)
    }
}

/// The index of the reader's field for a field: the one of its name, else one with an alias for it and with no field of its own name.
fn reader_of(field: &Field, fields: &[Field], others: &[Field]) -> Option<usize> {
    others.iter().position(|other| other.name == field.name).or_else(|| {
        others.iter().position(|other| {
            other.aliases.contains(&field.name) && !fields.iter().any(|field| field.name == other.name)
        })
    })
}

/// The index and the node of the variant for the written type: the variant that fits best.
///
/// Of variants with the same type, the variant at the writer's own index is preferred, so that a union read as itself stays as it is.
/// Otherwise it is the first one.
fn best(reader: &Shape, written: &Node, own: Option<usize>, variants: &[usize]) -> Option<(usize, usize)> {
    let fits = variants.iter().enumerate().filter_map(|(index, node)| {
        let fit = fit(written, reader.node(*node)?)?;
        let elsewhere = fit == Fit::Promoted || own != Some(index);
        Some((fit, elsewhere, index, *node))
    });
    fits.min().map(|(.., index, node)| (index, node))
}

/// How well a type fits, from the best to the worst.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Same(NameFit),
    /// The type is wider, or a record of another name.
    Promoted,
}

fn fit(written: &Node, read: &Node) -> Option<Fit> {
    use std::mem::discriminant;
    match (written, read) {
        (Node::Fixed { names, size }, Node::Fixed { names: others, size: other }) if size == other => {
            others.fit(names).map(Fit::Same)
        }
        (Node::Enum { names, .. }, Node::Enum { names: others, .. }) => others.fit(names).map(Fit::Same),
        // As in Java, if the full names differ, fields decide first, and names matter little.
        (Node::Record { names, fields }, Node::Record { names: other_names, fields: others }) => {
            match other_names.fit(names) {
                Some(fit @ (NameFit::Full | NameFit::Alias)) => Some(Fit::Same(fit)),
                fit => has_all(fields, others).then_some(fit.map_or(Fit::Promoted, Fit::Same)),
            }
        }
        (Node::Fixed { .. } | Node::Enum { .. } | Node::Record { .. }, _) => None,
        (Node::Int, Node::Long | Node::Float | Node::Double)
        | (Node::Long, Node::Float | Node::Double)
        | (Node::Float, Node::Double)
        | (Node::String, Node::Bytes { .. })
        | (Node::Bytes { .. }, Node::String) => Some(Fit::Promoted),
        _ => (discriminant(written) == discriminant(read)).then_some(Fit::Same(NameFit::Full)),
    }
}

/// Whether each of the reader's fields was written or has a default.
fn has_all(fields: &[Field], others: &[Field]) -> bool {
    others.iter().all(|other| {
        other.default.is_some()
            || fields.iter().any(|field| other.name == field.name || other.aliases.contains(&field.name))
    })
}

#[cold]
fn incomplete() -> Error {
    invalid("the schema is not whole")
}

#[cold]
fn mismatch(written: &Node, read: &Node) -> Error {
    invalid(format!("what was written as {} is not {} of the reader's schema", written.kind(), read.kind()))
        .with_help("check that the reader's schema is compatible with the writer's")
}
