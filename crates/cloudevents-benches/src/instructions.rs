//! Instructions: this program again, under valgrind.

use crate::{
    inputs::Source,
    row::{Row, Run},
    rows,
    timing::times_within,
};
use std::{
    env,
    error::Error,
    process::{Command, Stdio},
};

/// Which side of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Peer,
    PeerExtra,
}

impl Side {
    const ALL: [Self; 3] = [Self::Ours, Self::Peer, Self::PeerExtra];

    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Peer => "peer",
            Self::PeerExtra => "peer-extra",
        }
    }

    /// The side of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.name() == name)
    }

    fn of(self, row: &Row) -> Option<&Run> {
        match self {
            Self::Ours => Some(&row.ours),
            Self::Peer => Some(&row.peer),
            Self::PeerExtra => row.peer_extra.as_ref(),
        }
    }
}

/// Whether valgrind can be run.
pub(crate) fn are_countable() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The subcommand that valgrind runs: one side of a row, so many times.
pub(crate) fn run(row: &str, side: Side, times: u64, source: &Source) -> Result<(), Box<dyn Error>> {
    let row = rows::row(row, source)?;
    let run = side.of(&row).ok_or("the row has no such side")?;
    run(times);
    Ok(())
}

/// Instructions of one operation: those of 2N operations without those of N, so that instructions before them do not count.
pub(crate) fn of(name: &str, side: Side, row: &Row) -> Result<f64, Box<dyn Error>> {
    let Some(run) = side.of(row) else { return Ok(0.0) };
    let times = times_within(run, 3e6).clamp(2, 2000);
    let (twice, once) = (collected(name, side, times * 2)?, collected(name, side, times)?);
    Ok(twice.saturating_sub(once) as f64 / times as f64 / row.per as f64)
}

fn collected(name: &str, side: Side, times: u64) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["count", name, &times.to_string(), side.name()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let found = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match found {
        Some(instructions) if output.status.success() => Ok(instructions),
        _ => Err(format!("valgrind did not count `{name}`: {said}").into()),
    }
}
