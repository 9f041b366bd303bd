//! Attribute values as JSON values.

use cloudevents_core::{
    Error, ErrorKind,
    codec::{
        Assembler, Given, Piece, parse_integer,
        scan::{Mistake, Problem, RawString, Scanner},
    },
};

/// Reads the value of a member and passes it to the assembler as the attribute of that name.
#[inline]
pub(crate) fn attribute(
    scanner: &mut Scanner<'_>,
    name: Piece,
    assembler: &mut Assembler<'_>,
) -> Result<(), Error> {
    let start = scanner.position();
    let given = match scanner.peek().map_err(syntax)? {
        b'"' => {
            let string = scanner.string().map_err(syntax)?;
            Given::Text(piece(scanner, string, assembler)?)
        }
        b't' => {
            scanner.literal("true").map_err(syntax)?;
            Given::Boolean(true)
        }
        b'f' => {
            scanner.literal("false").map_err(syntax)?;
            Given::Boolean(false)
        }
        b'n' => {
            scanner.literal("null").map_err(syntax)?;
            return assembler.unset(name).map_err(|error| place(error, start));
        }
        b'-' | b'0'..=b'9' => {
            scanner.number().map_err(syntax)?;
            match parse_integer(scanner.text().get(start..scanner.position()).unwrap_or_default()) {
                Ok(number) => Given::Integer(number),
                Err(error) => return assembler.invalid(name, error.with_offset(start)),
            }
        }
        _ => {
            let depth = assembler.decoding().limits.depth.saturating_sub(1);
            scanner.value(depth).map_err(syntax)?;
            return assembler.invalid(name, not_a_value().with_offset(start));
        }
    };
    assembler.attribute(name, given).map_err(|error| place(error, start))
}

/// The text of a string: a piece of the document, or unescaped.
#[inline]
pub(crate) fn piece(
    scanner: &Scanner<'_>,
    string: RawString,
    assembler: &mut Assembler<'_>,
) -> Result<Piece, Error> {
    if string.escaped {
        return assembler
            .push_with(|side| scanner.unescape_with(string, |part| side.push_str(part)).map_err(syntax));
    }
    assembler.slice(string.range(), string.plain)
}

/// A syntax problem as an error.
#[cold]
pub(crate) fn syntax(problem: Problem) -> Error {
    let kind = match problem.what {
        Mistake::TooDeep => ErrorKind::TooDeep,
        Mistake::LoneSurrogate => ErrorKind::InvalidString,
        _ => ErrorKind::InvalidDocument,
    };
    Error::new(kind).with_detail(problem.what.to_string()).with_offset(problem.at)
}

/// Adds the offset of the value, unless the error has a more precise one.
#[cold]
fn place(error: Error, offset: usize) -> Error {
    if error.offset().is_some() { error } else { error.with_offset(offset) }
}

#[cold]
fn not_a_value() -> Error {
    Error::new(ErrorKind::InvalidType)
        .with_detail("an attribute is a JSON string, number or boolean, not an object or array")
        .with_clause("JSON-2.2-a")
}
