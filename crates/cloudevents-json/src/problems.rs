//! Every problem of a document, for tools that report them.

use crate::{
    data,
    decode::{close, member, not_an_event, open, unwanted_byte_order_mark},
    value::syntax,
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Error, RepairKind, TextBuffer,
    codec::{
        Assembler,
        scan::{Mistake, Scanner},
    },
};

/// Returns every problem of a document with one event.
///
/// First come the problems of its members in the order of the document. Then come problems of the whole event, such as a missing attribute.
/// The list is empty if [`Format::decode`](cloudevents_core::Format::decode) accepts the document with the same options. Otherwise the
/// error that it returns is in the list. A fault that leniency repairs is not a problem.
///
/// Text that is not JSON ends the list, because the text behind it has no reliable meaning. So does the limit of
/// [`Limits::attributes`](cloudevents_core::Limits::attributes) problems.
///
/// ```
/// use cloudevents_core::DecodeOptions;
///
/// let document = r#"{"specversion":"1.0","id":"","time":"yesterday","Upper":1,"type":"t"}"#;
/// let problems = cloudevents_json::problems(document, &DecodeOptions::strict());
/// let found: Vec<_> = problems.iter().map(|problem| (problem.kind().code(), problem.attribute())).collect();
/// assert_eq!(found, [
///     ("empty-attribute", Some("id")),
///     ("invalid-timestamp", Some("time")),
///     ("invalid-name", Some("Upper")),
///     ("missing-attribute", Some("source")),
/// ]);
/// ```
pub fn problems(document: impl Into<Bytes>, with: &DecodeOptions) -> Vec<Error> {
    let mut found = Vec::new();
    if let Err(last) = collect(document.into(), with, &mut found) {
        found.push(last);
    }
    found
}

/// Adds problems after which reading can continue. Returns the problem after which it cannot.
fn collect(document: Bytes, with: &DecodeOptions, found: &mut Vec<Error>) -> Result<(), Error> {
    let mut marked = with.clone();
    marked.leniency = marked.leniency.with(RepairKind::ByteOrderMark);
    let (buffer, start) = open(document, &marked)?;
    if start > 0 && !with.leniency.allows(RepairKind::ByteOrderMark) {
        found.push(unwanted_byte_order_mark());
    }
    let mut scanner = Scanner::at(buffer.as_str(), start);
    if scanner.token().map_err(syntax)? != b'{' {
        return Err(not_an_event(&scanner));
    }
    scanner.expect(b'{', "`{`").map_err(syntax)?;
    let mut assembler = Assembler::in_buffer(buffer.clone(), with);
    let mut payload = data::Members::default();
    if scanner.token().map_err(syntax)? != b'}' {
        loop {
            read_or_skip(&buffer, &mut scanner, &mut assembler, &mut payload, found)?;
            if found.len() >= with.limits.attributes {
                return Ok(());
            }
            match scanner.token().map_err(syntax)? {
                b',' => scanner.expect(b',', "`,`").map_err(syntax)?,
                b'}' => break,
                _ => return Err(syntax(scanner.problem(Mistake::Expected("`,` or `}`")))),
            }
        }
    }
    let end = scanner.position();
    scanner.expect(b'}', "`}`").map_err(syntax)?;
    let before = found.len();
    let completed = assembler.complete_all(found);
    for problem in found.iter_mut().skip(before).filter(|problem| problem.offset().is_none()) {
        *problem = problem.clone().with_offset(end);
    }
    if let Err(error) = payload.decide(&buffer, completed, &mut assembler) {
        found.push(error);
    }
    close(&buffer, scanner.position())
}

/// Reads a member. After a problem, continues behind its value.
fn read_or_skip(
    buffer: &TextBuffer,
    scanner: &mut Scanner<'_>,
    assembler: &mut Assembler<'_>,
    payload: &mut data::Members,
    found: &mut Vec<Error>,
) -> Result<(), Error> {
    let begin = *scanner;
    let Err(error) = member(buffer, scanner, assembler, payload, 1) else { return Ok(()) };
    *scanner = begin;
    let Err(broken) = skip(scanner) else {
        found.push(error);
        return Ok(());
    };
    // The problem of the member is usually this one.
    if error.offset() != broken.offset() {
        found.push(error);
    }
    Err(broken)
}

fn skip(scanner: &mut Scanner<'_>) -> Result<(), Error> {
    scanner.white_space();
    scanner.string().map_err(syntax)?;
    scanner.expect(b':', "`:`").map_err(syntax)?;
    scanner.white_space();
    scanner.value(u32::MAX).map_err(syntax).map(drop)
}
