//! A walk over the bytes of a datum. The library trusts the lengths and the nesting of what it reads, and takes a string that is cut off
//! for a null; so the datum is walked over first.

use super::{
    invalid,
    shape::{Node, Shape},
};
use crate::datum::Reader;
use cloudevents_core::{Error, ErrorKind};

/// The deepest nesting of records, unions, arrays and maps.
const DEEPEST: u32 = 64;

/// How many nulls, records and items there may be in the smallest datum: they need not take bytes, and nothing else bounds them.
const FREE: usize = 1 << 16;

/// How many nulls, records and fixeds there may be more for each byte. What takes one is in as many records at most.
const FREE_PER_BYTE: usize = DEEPEST as usize;

/// Checks that these bytes are one datum of this shape.
pub(super) fn check(shape: &Shape, datum: &[u8]) -> Result<(), Error> {
    let mut walk = Walk::new(shape, datum);
    walk.skip(shape.root(), 0).and_then(|()| walk.end()).map_err(|error| walk.located(error))
}

pub(super) struct Walk<'a> {
    pub(super) shape: &'a Shape,
    pub(super) datum: Reader<'a>,
    /// How many items of arrays and maps there may still be.
    items: usize,
    /// How many nulls, records and fixeds there may still be.
    free: usize,
}

/// Items that come without a break.
pub(super) struct Block {
    pub(super) count: usize,
    /// Where it has to end.
    end: Option<usize>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(shape: &'a Shape, datum: &'a [u8]) -> Self {
        Self {
            shape,
            datum: Reader::new(datum, ""),
            items: datum.len().saturating_add(FREE),
            free: datum.len().saturating_mul(FREE_PER_BYTE).saturating_add(FREE),
        }
    }

    /// Steps over a datum of this node.
    pub(super) fn skip(&mut self, at: usize, depth: u32) -> Result<(), Error> {
        let deeper = deeper(depth)?;
        match self.shape.node(at) {
            None => Err(invalid("the schema is not whole")),
            Some(Node::Null | Node::Same(_)) => self.free(),
            Some(Node::Boolean) => self.datum.boolean().map(|_| ()),
            Some(Node::Int) => self.int().map(|_| ()),
            Some(Node::Long) => self.datum.long().map(|_| ()),
            Some(Node::Float) => self.datum.take(4).map(|_| ()),
            Some(Node::Double) => self.datum.take(8).map(|_| ()),
            Some(Node::Bytes { is_big_decimal: true }) => check_big_decimal(self.datum.bytes()?),
            Some(Node::Bytes { .. } | Node::String) => self.datum.bytes().map(|_| ()),
            Some(Node::Fixed { size, .. }) => {
                self.free()?;
                self.datum.take(*size).map(|_| ())
            }
            Some(Node::Enum { symbols, .. }) => self.symbol(symbols).map(|_| ()),
            Some(Node::Union(variants)) => {
                let variant = self.datum.branch_of(variants)?;
                self.skip(variant, deeper)
            }
            Some(Node::Record { fields, .. }) => {
                self.free()?;
                fields.iter().try_for_each(|field| self.skip(field.node, deeper))
            }
            Some(Node::Array(item)) => {
                while let Some(block) = self.block()? {
                    (0..block.count).try_for_each(|_| self.skip(*item, deeper))?;
                    self.end_of(&block)?;
                }
                Ok(())
            }
            Some(Node::Map(value)) => {
                while let Some(block) = self.block()? {
                    for _ in 0..block.count {
                        self.datum.bytes()?;
                        self.skip(*value, deeper)?;
                    }
                    self.end_of(&block)?;
                }
                Ok(())
            }
        }
    }

    /// The items that come next; `None` at the end of the array or map. A negative count is followed by the size of the block in bytes.
    pub(super) fn block(&mut self) -> Result<Option<Block>, Error> {
        let count = self.datum.long()?;
        if count == 0 {
            return Ok(None);
        }
        let mut end = None;
        if count < 0 {
            let size = self.datum.long()?;
            end = usize::try_from(size).ok().and_then(|size| self.datum.position().checked_add(size));
            if end.is_none() {
                return Err(invalid(format!("{size} is not the size of a block")));
            }
        }
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        self.items = self.items.checked_sub(count).ok_or_else(|| {
            too_many(format!("a block claims {count} items, more than the payload can have"))
        })?;
        Ok(Some(Block { count, end }))
    }

    /// Checks that the block, whose items were read, has the size it claims.
    pub(super) fn end_of(&self, block: &Block) -> Result<(), Error> {
        match block.end {
            Some(end) if end != self.datum.position() => {
                Err(invalid(format!("the block should have ended at byte {end}")))
            }
            _ => Ok(()),
        }
    }

    /// An `int`.
    pub(super) fn int(&mut self) -> Result<i32, Error> {
        let number = self.datum.long()?;
        i32::try_from(number).map_err(|_| invalid(format!("{number} has more than 32 bits")))
    }

    /// A symbol of an enumeration.
    pub(super) fn symbol<'s>(&mut self, symbols: &'s [String]) -> Result<&'s str, Error> {
        let index = self.datum.long()?;
        usize::try_from(index)
            .ok()
            .and_then(|index| symbols.get(index))
            .map(String::as_str)
            .ok_or_else(|| invalid(format!("{index} is not the index of one of {} symbols", symbols.len())))
    }

    /// Checks that nothing is left.
    fn end(&self) -> Result<(), Error> {
        match self.datum.left() {
            0 => Ok(()),
            left => Err(invalid(format!("{left} bytes follow the datum"))),
        }
    }

    /// Counts what need not take a byte.
    fn free(&mut self) -> Result<(), Error> {
        self.free = self
            .free
            .checked_sub(1)
            .ok_or_else(|| too_many("there is more that takes no bytes than a payload should have"))?;
        Ok(())
    }

    /// An error about the datum as one about the payload that it is, at its own place or else where the walk is.
    #[cold]
    pub(super) fn located(&self, error: Error) -> Error {
        let own = error.offset().and_then(|at| usize::try_from(at).ok());
        let error = match error.kind() {
            ErrorKind::InvalidDocument => invalid(error.detail().to_owned()),
            _ => error,
        };
        error.with_offset(own.unwrap_or_else(|| self.datum.position()))
    }
}

/// Checks that these are the bytes of the number's digits and its scale (Avro 1.12, logical type `big-decimal`).
pub(super) fn check_big_decimal(bytes: &[u8]) -> Result<(), Error> {
    let mut number = Reader::new(bytes, "");
    let read = number.bytes().and_then(|_| number.long());
    match (read, number.left()) {
        (Ok(_), 0) => Ok(()),
        _ => Err(invalid("the bytes are not those of a big decimal")),
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
fn too_many(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::TooMany).with_detail(detail)
}
