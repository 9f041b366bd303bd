//! Validates the bytes of a datum before the library reads it. The library trusts lengths and nesting, and reads a truncated string
//! as null.

use super::{
    invalid,
    shape::{Node, Shape},
};
use crate::datum::Reader;
use cloudevents_core::{Error, ErrorKind};

/// The maximum nesting of records, unions, arrays and maps.
const DEEPEST: u32 = 64;

/// The nulls, records and items allowed in the smallest datum. They may take no bytes, and nothing else bounds them.
const FREE: usize = 1 << 16;

/// The additional nulls, records and fixeds allowed per byte: a value that takes a byte is in at most as many records.
const FREE_PER_BYTE: usize = DEEPEST as usize;

/// Checks that these bytes are one datum of this shape, for the library, which checks that strings are UTF-8.
pub(super) fn check(shape: &Shape, datum: &[u8]) -> Result<(), Error> {
    Walk::new(shape, datum).check()
}

/// Checks that these bytes are one datum of this shape, and that strings are UTF-8.
pub(super) fn check_all(shape: &Shape, datum: &[u8]) -> Result<(), Error> {
    Walk { reads_text: true, ..Walk::new(shape, datum) }.check()
}

pub(super) struct Walk<'a> {
    pub(super) shape: &'a Shape,
    pub(super) datum: Reader<'a>,
    /// The items of arrays and maps still allowed.
    items: usize,
    /// The nulls, records and fixeds still allowed.
    free: usize,
    /// Whether strings are checked, too.
    reads_text: bool,
}

/// A block of items of an array or map.
pub(super) struct Block {
    pub(super) count: usize,
    /// The offset at which the block must end, if given.
    end: Option<usize>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(shape: &'a Shape, datum: &'a [u8]) -> Self {
        Self {
            shape,
            datum: Reader::new(datum, ""),
            items: datum.len().saturating_add(FREE),
            free: datum.len().saturating_mul(FREE_PER_BYTE).saturating_add(FREE),
            reads_text: false,
        }
    }

    fn check(mut self) -> Result<(), Error> {
        let root = self.shape.root();
        self.skip(root, 0).and_then(|()| self.end()).map_err(|error| self.located(error))
    }

    /// Skips a datum of this node.
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
            Some(Node::Bytes { .. }) => self.datum.bytes().map(|_| ()),
            Some(Node::String) => self.string(),
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
                        self.string()?;
                        self.skip(*value, deeper)?;
                    }
                    self.end_of(&block)?;
                }
                Ok(())
            }
        }
    }

    /// The next block; `None` at the end of the array or map. After a negative count comes the size of the block in bytes.
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

    /// A string, or the key of a map.
    fn string(&mut self) -> Result<(), Error> {
        let bytes = self.datum.bytes()?;
        match self.reads_text && std::str::from_utf8(bytes).is_err() {
            true => Err(invalid("a string is not UTF-8")),
            false => Ok(()),
        }
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

    /// Checks that no bytes are left.
    fn end(&self) -> Result<(), Error> {
        match self.datum.left() {
            0 => Ok(()),
            left => Err(invalid(format!("{left} bytes follow the datum"))),
        }
    }

    /// Counts a value that may take no bytes.
    fn free(&mut self) -> Result<(), Error> {
        self.free = self
            .free
            .checked_sub(1)
            .ok_or_else(|| too_many("there is more that takes no bytes than a payload should have"))?;
        Ok(())
    }

    /// Converts an error about the datum to one about the payload, at its own offset or else the current one.
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

/// Checks that the bytes are the digits of a number and its scale (Avro 1.12, logical type `big-decimal`).
pub(super) fn check_big_decimal(bytes: &[u8]) -> Result<(), Error> {
    let mut number = Reader::new(bytes, "");
    let read = number.bytes().and_then(|_| number.long());
    match (read, number.left()) {
        (Ok(_), 0) => Ok(()),
        _ => Err(invalid("the bytes are not those of a big decimal")),
    }
}

/// The next level of nesting, if it is within the limit.
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
