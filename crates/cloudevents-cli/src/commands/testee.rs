//! `ce testee`: this toolkit as a testee of the conformance harness.

use crate::{
    console::Console,
    failure::{Failure, Status},
    input,
};
use clap::Args;
use cloudevents_testkit::testee;
use std::{io::Write, path::Path};

/// Answer the requests of a conformance harness.
///
/// One JSON object a line comes in, and one goes out. This is how the harness, or that of another project, asks this toolkit. `ce conformance run` does it in process.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  echo '{\"cmd\":\"run\",\"seq\":1,\"op\":\"name\",\"text\":\"id\"}' | ce testee"
)]
pub(crate) struct Testee {
    /// Refuse lines of more bytes than this.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    max_line: usize,
}

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
        } else {
            match std::str::from_utf8(text) {
                Ok(request) => match testee::answer(request) {
                    Some(answer) => answer,
                    None => return Ok(Status::Done),
                },
                Err(error) => refusal("invalid-utf8", &format!("the line is not UTF-8: {error}")),
            }
        };
        // Each answer at once: the harness waits for it.
        out.write_all(answer.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()?;
        if line.capacity() > MOST_KEPT {
            line = Vec::new();
        }
    }
}

/// A line's buffer is kept for the next line up to this size.
const MOST_KEPT: usize = 1 << 20;

/// The answer to a line that is no request: the number of the request cannot be known.
fn refusal(kind: &str, message: &str) -> String {
    serde_json::json!({"seq": null, "error": {"kind": kind, "message": message}}).to_string()
}
