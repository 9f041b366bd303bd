//! The peers and samples that a script has prepared.

use super::{Findings, Peer, peers, samples};
use cloudevents_core::Event;
use std::{env, error::Error, fs};

/// `NAME=PROGRAM`, one per line.
const PEERS: &str = "CE_TEST_PEERS";

/// The file with the known differences.
const KNOWN: &str = "CE_TEST_DIFFERENCES";

/// The peers that a script of `spec-tests/crosslang` has prepared, the sample events, and the known differences.
#[derive(Clone, Debug)]
pub struct Meeting {
    lines: String,
    known: String,
    samples: Vec<(String, Event)>,
}

impl Meeting {
    /// Reads `CE_TEST_PEERS`, and the file that `CE_TEST_DIFFERENCES` names. If they are not set, it prints that this script sets them,
    /// and returns `None`.
    pub fn prepared_by(script: &str) -> Result<Option<Self>, Box<dyn Error>> {
        let (Ok(lines), Ok(known)) = (env::var(PEERS), env::var(KNOWN)) else {
            println!("skipped: {PEERS} is not set; {script} sets it");
            return Ok(None);
        };
        Ok(Some(Self { lines, known: fs::read_to_string(known)?, samples: samples()? }))
    }

    /// The peers.
    pub fn peers(&self) -> Vec<Peer<'_>> {
        peers(&self.lines)
    }

    /// The sample events, with their names.
    pub fn samples(&self) -> &[(String, Event)] {
        &self.samples
    }

    /// Prints the table of differences, if they equal the known ones: see [`Findings::compare`].
    pub fn compare(&self, findings: &Findings) -> Result<(), String> {
        println!("{}", findings.compare(&self.known)?);
        Ok(())
    }
}
