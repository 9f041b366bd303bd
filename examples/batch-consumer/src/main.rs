//! Reads a batch from standard input while it comes in. One bad event does not cost the others: it is reported with its index and
//! its text, and the exit status remembers.
//!
//! ```text
//! echo '[{"specversion":"1.0","id":"1","source":"/s","type":"t"}, {"id":"2"}]' | cargo run -p example-batch-consumer
//! ```

use cloudevents_kit::{json::BatchReader, prelude::*};
use std::{collections::HashSet, io, process::ExitCode};

fn main() -> io::Result<ExitCode> {
    let (mut good, mut bad, mut seen) = (0_u64, 0_u64, HashSet::new());
    for item in BatchReader::new(io::stdin().lock(), Decoding::strict()) {
        let item = item?;
        match item.event {
            Ok(decoded) if !seen.insert(decoded.value.key()) => {
                println!("{} came before", decoded.value.key())
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
    println!("{good} events, {bad} that were none");
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
