//! Attribute values as entries of a map: name, branch of a union, value.

use crate::datum::{Reader, bytes_length, long_length, not_utf8, piece, put_bytes, put_long, text_error};
use cloudevents_core::{
    Assembler, AttributeName, Error, ErrorKind, Extent, Given, Loss, Losses, Name, Room, Value,
};

/// What a branch of a map's union holds.
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

/// The byte that says which of them a string is.
pub(crate) const STRING: u8 = 0x06;

/// An entry of a map, not looked at any closer.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) kind: Kind,
    /// Of a string and of bytes.
    bytes: &'a [u8],
    /// Of the others.
    pub(crate) number: i64,
    /// Where the branch is: right behind the name.
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

    /// Gives the attribute to the assembler.
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

    /// Gives an attribute to the assembler whose value is none.
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

    /// The value in its canonical string, or nothing for null.
    pub(crate) fn canonical(&self, reader: &Reader<'_>) -> Result<Option<String>, Error> {
        let value = match self.kind {
            Kind::Null => return Ok(None),
            Kind::Boolean => Value::Boolean(self.number != 0),
            Kind::Int | Kind::Timestamp => Value::Integer(self.int().map_err(|error| self.place(error))?),
            Kind::String => Value::String(
                std::str::from_utf8(self.bytes)
                    .map_err(|error| not_utf8(error, self.end, self.bytes, reader))?,
            ),
            Kind::Bytes => Value::Binary(self.bytes),
        };
        Ok(Some(value.to_canonical().into_owned()))
    }

    fn int(&self) -> Result<i32, Error> {
        i32::try_from(self.number).map_err(|_| {
            Error::new(ErrorKind::InvalidInteger)
                .with_detail("it is outside -2147483648 to 2147483647")
                .with_clause("CE-Type-System-d")
        })
    }

    /// The error with its place, which for strings that are none is the place within.
    #[cold]
    pub(crate) fn explain(&self, error: Error, reader: &Reader<'_>) -> Error {
        if error.kind() != ErrorKind::InvalidUtf8 {
            return self.place(error);
        }
        let error =
            text_error(error, self.end, if let Kind::String = self.kind { self.bytes } else { &[] }, reader);
        text_error(error, self.branch, self.name, reader)
    }

    /// Adds the place: the name, or the value with its branch.
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
    // What lies in memory has no length that overflows.
    bytes_length(name).wrapping_add(1).wrapping_add(value)
}

/// The type that an extension loses.
#[inline]
pub(crate) fn tell_losses(name: Name<'_>, value: Value<'_>, losses: &mut Losses) {
    if matches!(value, Value::Uri(_) | Value::UriReference(_) | Value::Timestamp(_)) {
        losses.push(type_lost(name));
    }
}

#[cold]
pub(crate) fn type_lost(name: Name<'_>) -> Loss {
    Loss::new(name.as_str(), "attribute-type", "the type is not carried; the attribute becomes a String")
}

/// Adds a place where the error knows no better one.
#[cold]
pub(crate) fn place(error: Error, offset: usize) -> Error {
    if error.offset().is_some() { error } else { error.with_offset(offset) }
}
