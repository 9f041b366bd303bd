//! Attribute values as entries of a map: name, branch of a union, value.

use crate::datum::{Reader, bytes_length, long_length, not_utf8, piece, put_bytes, put_long, text_error};
use cloudevents_core::{
    Error, ErrorKind, Losses, Name, Value,
    codec::{Assembler, AttributeName, Extent, Given, Room, type_lost},
};

/// The type of a branch of a map's union.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Int,
    String,
    Bytes,
    /// Microseconds, in the compact form.
    Timestamp,
}

/// The branches of an attribute: `["null", "boolean", "int", "string", "bytes"]`.
pub(crate) const BRANCHES: [Kind; 5] = [Kind::Null, Kind::Boolean, Kind::Int, Kind::String, Kind::Bytes];

/// The byte of the branch for strings.
pub(crate) const STRING: u8 = 0x06;

/// An entry of a map, unchecked.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) kind: Kind,
    /// Of a string and of bytes.
    bytes: &'a [u8],
    /// Of the others.
    pub(crate) number: i64,
    /// The offset of the branch, directly after the name.
    pub(crate) branch: usize,
    end: usize,
}

impl<'a> Entry<'a> {
    /// The entry at the reader.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>, branches: &[Kind; 5]) -> Result<Self, Error> {
        let name = reader.bytes()?;
        let branch = reader.position();
        let kind = reader.branch_of(branches)?;
        let (mut bytes, mut number) = (&[][..], 0);
        match kind {
            Kind::Null => {}
            Kind::Boolean => number = reader.boolean()?.into(),
            Kind::Int | Kind::Timestamp => number = reader.long()?,
            Kind::String | Kind::Bytes => bytes = reader.bytes()?,
        }
        Ok(Self { name, kind, bytes, number, branch, end: reader.position() })
    }

    /// Passes the attribute to the assembler.
    #[inline]
    pub(crate) fn give(&self, reader: &Reader<'_>, assembler: &mut Assembler<'_>) -> Result<(), Error> {
        let taken = match self.kind {
            Kind::String => {
                return assembler
                    .text_named(AttributeName::of(self.name), self.bytes)
                    .map_err(|error| self.explain(error, reader));
            }
            Kind::Null => {
                let name = piece(self.name, self.branch, reader, assembler)?;
                assembler.unset(name)
            }
            Kind::Boolean => assembler.named(self.name, Given::Boolean(self.number != 0)),
            Kind::Int | Kind::Timestamp => match self.int() {
                Ok(number) => assembler.named(self.name, Given::Integer(number)),
                Err(error) => return self.invalid(error, reader, assembler),
            },
            Kind::Bytes => assembler.named(self.name, Given::Binary(self.bytes)),
        };
        taken.map_err(|error| self.explain(error, reader))
    }

    /// Passes an attribute with an invalid value to the assembler.
    #[cold]
    pub(crate) fn invalid(
        &self,
        error: Error,
        reader: &Reader<'_>,
        assembler: &mut Assembler<'_>,
    ) -> Result<(), Error> {
        let name = piece(self.name, self.branch, reader, assembler)?;
        assembler.invalid(name, error).map_err(|error| self.place(error))
    }

    /// The name as text.
    #[inline]
    pub(crate) fn name(&self, reader: &Reader<'_>) -> Result<&'a str, Error> {
        std::str::from_utf8(self.name).map_err(|error| not_utf8(error, self.branch, self.name, reader))
    }

    fn int(&self) -> Result<i32, Error> {
        i32::try_from(self.number).map_err(|_| {
            Error::new(ErrorKind::InvalidInteger)
                .with_detail("it is outside -2147483648 to 2147483647")
                .with_clause("CE-Type-System-d")
        })
    }

    /// Adds the offset to the error; for a string that is not UTF-8, the offset within the string.
    #[cold]
    pub(crate) fn explain(&self, error: Error, reader: &Reader<'_>) -> Error {
        if error.kind() != ErrorKind::InvalidUtf8 {
            return self.place(error);
        }
        let error =
            text_error(error, self.end, if let Kind::String = self.kind { self.bytes } else { &[] }, reader);
        text_error(error, self.branch, self.name, reader)
    }

    /// Adds the offset of the name, or of the value with its branch.
    #[cold]
    pub(crate) fn place(&self, error: Error) -> Error {
        let is_name = error.kind() == ErrorKind::InvalidName;
        let offset = if is_name { self.branch.wrapping_sub(self.name.len()) } else { self.branch };
        error.with_offset(offset)
    }
}

/// Writes an entry of the map.
#[inline(always)]
pub(crate) fn put(name: Name<'_>, value: Value<'_>, room: &mut Room<'_>) {
    put_bytes(name.as_str().as_bytes(), room);
    match value {
        Value::Boolean(boolean) => room.put([0x02, boolean.into()]),
        Value::Integer(number) => {
            room.put([0x04]);
            put_long(number.into(), room);
        }
        Value::Binary(bytes) => {
            room.put([0x08]);
            put_bytes(bytes, room);
        }
        _ => {
            room.put([0x06]);
            put_bytes(value.as_str().unwrap_or_default().as_bytes(), room);
        }
    }
}

/// The length of an entry of the map.
#[inline]
pub(crate) fn length(name: usize, value: Extent) -> usize {
    let value = match value {
        Extent::Boolean => 1,
        Extent::Integer(number) => long_length(number.into()),
        Extent::Bytes(_, length) => bytes_length(length),
    };
    // The length of data in memory does not overflow.
    bytes_length(name).wrapping_add(1).wrapping_add(value)
}

/// Reports the type that an extension loses.
#[inline]
pub(crate) fn tell_losses(name: Name<'_>, value: Value<'_>, losses: &mut Losses) {
    if matches!(value, Value::Uri(_) | Value::UriReference(_) | Value::Timestamp(_)) {
        losses.push(type_lost(name.as_str()));
    }
}

/// Adds an offset, unless the error has a more precise one.
#[cold]
pub(crate) fn place(error: Error, offset: usize) -> Error {
    if error.offset().is_some() { error } else { error.with_offset(offset) }
}
