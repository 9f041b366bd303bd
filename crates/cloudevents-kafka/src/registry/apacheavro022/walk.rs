//! A walk over the bytes of a datum. The library trusts the lengths and the nesting of what it reads, and takes a string that is cut off
//! for a null; so the datum is walked over first.

use super::shape::{Node, Shape};
use crate::registry::writing::invalid;
use cloudevents_core::{Error, ErrorKind};

/// The deepest nesting of records, unions, arrays and maps.
const DEEPEST: u32 = 64;

/// Items that take no bytes, such as nulls, are bounded by nothing else.
const FREE_ITEMS: usize = 1 << 16;

/// Checks that these bytes are one datum of this shape.
///
/// Errors are of kinds [`InvalidData`](ErrorKind::InvalidData), [`TooDeep`](ErrorKind::TooDeep) and [`TooMany`](ErrorKind::TooMany).
pub(super) fn check(shape: &Shape, datum: &[u8]) -> Result<(), Error> {
    let mut walk = Walk::new(shape, datum);
    let walked = walk.skip(shape.root(), 0);
    let at = datum.len().saturating_sub(walk.rest.len());
    walked.map_err(|error| error.with_offset(at))?;
    match walk.rest.len() {
        0 => Ok(()),
        left => Err(invalid(format!("{left} bytes follow the datum")).with_offset(at)),
    }
}

pub(super) struct Walk<'a> {
    pub(super) shape: &'a Shape,
    rest: &'a [u8],
    /// How many items of arrays and maps there may still be.
    items: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(shape: &'a Shape, datum: &'a [u8]) -> Self {
        Self { shape, rest: datum, items: datum.len().saturating_add(FREE_ITEMS) }
    }

    /// Steps over a datum of this node.
    pub(super) fn skip(&mut self, at: usize, depth: u32) -> Result<(), Error> {
        let deeper = deeper(depth)?;
        match self.shape.node(at) {
            None => Err(invalid("the schema is not whole")),
            Some(Node::Null | Node::Same(_)) => Ok(()),
            Some(Node::Boolean) => self.boolean().map(|_| ()),
            Some(Node::Int) => self.integer(32).map(|_| ()),
            Some(Node::Long) => self.integer(64).map(|_| ()),
            Some(Node::Float) => self.take(4).map(|_| ()),
            Some(Node::Double) => self.take(8).map(|_| ()),
            Some(Node::Bytes | Node::String) => self.bytes().map(|_| ()),
            Some(Node::Fixed { size, .. }) => self.take(*size).map(|_| ()),
            Some(Node::Enum { symbols, .. }) => self.index(symbols.len()).map(|_| ()),
            Some(Node::Union(variants)) => {
                let variant = self.variant(variants)?;
                self.skip(variant, deeper)
            }
            Some(Node::Record { fields, .. }) => {
                fields.iter().try_for_each(|field| self.skip(field.node, deeper))
            }
            Some(Node::Array(item)) => {
                while let Some(count) = self.block()? {
                    (0..count).try_for_each(|_| self.skip(*item, deeper))?;
                }
                Ok(())
            }
            Some(Node::Map(value)) => {
                while let Some(count) = self.block()? {
                    for _ in 0..count {
                        self.bytes()?;
                        self.skip(*value, deeper)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// How many items the next block has; `None` for the empty one, which is the last. A negative count is followed by the size of the
    /// block in bytes.
    pub(super) fn block(&mut self) -> Result<Option<usize>, Error> {
        let count = self.integer(64)?;
        if count == 0 {
            return Ok(None);
        }
        if count < 0 {
            self.integer(64)?;
        }
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        self.items = self.items.checked_sub(count).ok_or_else(|| {
            Error::new(ErrorKind::TooMany)
                .with_detail(format!("a block claims {count} items, more than the payload can have"))
        })?;
        Ok(Some(count))
    }

    pub(super) fn boolean(&mut self) -> Result<u8, Error> {
        match self.byte()? {
            byte @ (0 | 1) => Ok(byte),
            byte => Err(invalid(format!("{byte} is not a boolean"))),
        }
    }

    /// What follows a length.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let length = self.integer(64)?;
        match usize::try_from(length) {
            Ok(length) => self.take(length),
            Err(_) => Err(invalid(format!("{length} is not a length"))),
        }
    }

    /// The node of the variant that follows.
    pub(super) fn variant(&mut self, variants: &[usize]) -> Result<usize, Error> {
        let index = self.index(variants.len())?;
        variants.get(index).copied().ok_or_else(|| invalid("there is no such variant"))
    }

    pub(super) fn index(&mut self, below: usize) -> Result<usize, Error> {
        let index = self.integer(64)?;
        usize::try_from(index)
            .ok()
            .filter(|index| *index < below)
            .ok_or_else(|| invalid(format!("{index} is not the index of one of {below}")))
    }

    /// A zigzag varint of this many bits.
    pub(super) fn integer(&mut self, bits: u32) -> Result<i64, Error> {
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

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let Some((array, rest)) = self.rest.split_first_chunk::<N>() else { return Err(cut_off()) };
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else { return Err(cut_off()) };
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }
}

/// One level more, if there may be one.
pub(super) fn deeper(depth: u32) -> Result<u32, Error> {
    match depth.checked_add(1).filter(|depth| *depth <= DEEPEST) {
        Some(depth) => Ok(depth),
        None => Err(Error::new(ErrorKind::TooDeep)
            .with_detail(format!("the datum is nested deeper than {DEEPEST} levels"))),
    }
}

#[cold]
fn cut_off() -> Error {
    invalid("the datum is cut off")
}
