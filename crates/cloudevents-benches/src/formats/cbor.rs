//! minicbor: a pull parser that keeps slices, and its encoder.

use super::{Input, Side, Sides};
use crate::rows::{Failure, run};
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

/// More members than the documents here have.
const MOST: usize = 16;

type Members<'a> = [Option<(&'a str, Slice<'a>)>; MOST];

pub(super) fn sides(input: &Input) -> Result<Sides, Failure> {
    let document = input.document.clone();
    // The encoder writes slices of a document that lives as long as the rows.
    let kept: &'static [u8] = Box::leak(document.to_vec().into_boxed_slice());
    let members = read(kept)?;
    if write(&members)?.len() != kept.len() {
        return Err("minicbor writes another document than the one it read".into());
    }
    Ok(Sides {
        decode: run(move || {
            let members = read(black_box(&document)).map(|members| members.iter().flatten().count());
            members.is_ok()
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
