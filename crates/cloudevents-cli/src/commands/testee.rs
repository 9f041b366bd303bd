//! `ce testee`: runs this toolkit as the testee of a conformance harness.

use crate::{
    console::Console,
    failure::{Failure, Status},
    input, wire,
};
use clap::Args;
use cloudevents_testkit::testee;
use std::{io::Write, path::Path};

/// Answer the requests of a conformance harness.
///
/// Reads one JSON object per line and writes one per line. Use it to test this toolkit with a harness in
/// another process; `ce conformance run` tests it in its own process. A line may have 500,000 values and names of members.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  echo '{\"cmd\":\"run\",\"seq\":1,\"op\":\"name\",\"text\":\"id\"}' | ce testee"
)]
pub(crate) struct Testee {
    /// Maximum length of a line in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    max_line: usize,
}

/// The most values of a line: each takes hundreds of bytes of memory.
const MOST_VALUES: usize = 500_000;

pub(crate) fn run(command: &Testee, console: &Console) -> Result<Status, Failure> {
    let (name, mut reader) = input::reader(Path::new("-"))?;
    let mut out = console.out();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input::read_line(&mut *reader, command.max_line, &mut line);
        if !read.map_err(|error| Failure::usage(format!("{name} cannot be read: {error}")))? {
            return Ok(Status::Done);
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let answer = if text.len() > command.max_line {
            refusal("too-large", &format!("the line is longer than {} bytes", command.max_line))
        } else if wire::values(text) > MOST_VALUES {
            refusal("too-large", "the line has more than 500,000 values")
        } else {
            match std::str::from_utf8(text) {
                Ok(request) => match testee::answer(request) {
                    Some(answer) => answer,
                    None => return Ok(Status::Done),
                },
                Err(error) => refusal("invalid-utf8", &format!("the line is not UTF-8: {error}")),
            }
        };
        // Flush each answer: the harness waits for it.
        out.write_all(answer.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()?;
        if line.capacity() > MOST_KEPT {
            line = Vec::new();
        }
    }
}

/// The buffer of a line is reused for the next line up to this size, in bytes.
const MOST_KEPT: usize = 1 << 20;

/// Returns the answer to a line that is not a request, whose number is unknown.
fn refusal(kind: &str, message: &str) -> String {
    serde_json::json!({"seq": null, "error": {"kind": kind, "message": message}}).to_string()
}
