//! minicbor: a pull parser that keeps slices, and its encoder.

use super::{Input, Side, Sides};
use crate::row::{Failure, run};
use minicbor::{Decoder, Encoder, data::Type};
use std::hint::black_box;

/// A value as a slice of the document.
#[derive(Clone, Copy)]
enum Slice<'a> {
    Text(&'a str),
    Tagged(u64, &'a str),
    Bytes(&'a [u8]),
    Number(i32),
    Boolean(bool),
}

impl Slice<'_> {
    fn leak(self) -> Slice<'static> {
        match self {
            Self::Text(text) => Slice::Text(leak(text)),
            Self::Tagged(tag, text) => Slice::Tagged(tag, leak(text)),
            Self::Bytes(bytes) => Slice::Bytes(Box::leak(bytes.to_vec().into_boxed_slice())),
            Self::Number(number) => Slice::Number(number),
            Self::Boolean(boolean) => Slice::Boolean(boolean),
        }
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// More members than the documents here have.
const MOST: usize = 16;

type Members<'a> = [Option<(&'a str, Slice<'a>)>; MOST];

pub(super) fn sides(input: &Input) -> Result<Sides, Failure> {
    let document = input.document.clone();
    // The values that the encoder writes live as long as the rows. Each value has memory of its own, as a program's values have. Slices of
    // a document would lie as they are going to lie in the output, which makes a large copy cheaper than it is.
    let members = read(&document)?.map(|member| member.map(|(name, value)| (leak(name), value.leak())));
    if write(&members)?.len() != document.len() {
        return Err("minicbor writes another document than the one it read".into());
    }
    Ok(Sides {
        // The slices are there when it is done, as the event is. Otherwise the compiler leaves out the code that makes them.
        decode: run(move || {
            read(black_box(&document)).is_ok_and(|members| black_box(&members).len() == MOST)
        }),
        encode: Side { run: run(move || write(black_box(&members))), extra: None },
    })
}

fn read(document: &[u8]) -> Result<Members<'_>, minicbor::decode::Error> {
    let mut decoder = Decoder::new(document);
    let mut members = [None; MOST];
    let length = decoder.map()?.unwrap_or_default();
    for (_, place) in (0..length).zip(&mut members) {
        let name = decoder.str()?;
        let value = match decoder.datatype()? {
            Type::String => Slice::Text(decoder.str()?),
            Type::Tag => Slice::Tagged(decoder.tag()?.as_u64(), decoder.str()?),
            Type::Bytes => Slice::Bytes(decoder.bytes()?),
            Type::Bool => Slice::Boolean(decoder.bool()?),
            _ => Slice::Number(decoder.i32()?),
        };
        *place = Some((name, value));
    }
    Ok(members)
}

fn write(members: &Members<'_>) -> Result<Vec<u8>, Failure> {
    let members = || members.iter().flatten();
    // Room for everything, as the toolkit makes it.
    let room = members().map(|(name, value)| {
        name.len()
            + 16
            + match value {
                Slice::Text(text) | Slice::Tagged(_, text) => text.len(),
                Slice::Bytes(bytes) => bytes.len(),
                Slice::Number(_) | Slice::Boolean(_) => 5,
            }
    });
    let mut encoder = Encoder::new(Vec::with_capacity(room.sum()));
    encoder.map(members().count() as u64)?;
    for (name, value) in members() {
        encoder.str(name)?;
        match *value {
            Slice::Text(text) => encoder.str(text)?,
            Slice::Tagged(tag, text) => encoder.tag(minicbor::data::Tag::new(tag))?.str(text)?,
            Slice::Bytes(bytes) => encoder.bytes(bytes)?,
            Slice::Number(number) => encoder.i32(number)?,
            Slice::Boolean(boolean) => encoder.bool(boolean)?,
        };
    }
    Ok(encoder.into_writer())
}
