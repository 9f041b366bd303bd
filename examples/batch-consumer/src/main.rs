//! Reads a batch from standard input as it arrives. An invalid event does not fail the rest of the batch: it
//! is reported with its index and text, and the exit status is not 0.
//!
//! ```text
//! echo '[{"specversion":"1.0","id":"1","source":"/s","type":"t"}, {"id":"2"}]' | cargo run -p example-batch-consumer
//! ```

use cloudevents_kit::{json::BatchReader, prelude::*};
use std::{collections::HashSet, io, process::ExitCode};

fn main() -> io::Result<ExitCode> {
    let (mut good, mut bad, mut seen) = (0_u64, 0_u64, HashSet::new());
    for item in BatchReader::new(io::stdin().lock(), DecodeOptions::strict()) {
        let item = item?;
        match item.event {
            Ok(decoded) if !seen.insert(decoded.value.key()) => {
                println!("{}: duplicate", decoded.value.key())
            }
            Ok(decoded) => {
                good += 1;
                println!("{}: {}", decoded.value.key(), decoded.value.ty());
            }
            Err(error) => {
                bad += 1;
                eprintln!("{error}\n    {}", String::from_utf8_lossy(&item.raw));
            }
        }
    }
    println!("{good} valid events, {bad} invalid");
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
