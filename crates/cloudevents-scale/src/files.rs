//! A large file: `ce validate` and `ce convert` hold little of it in memory.

use crate::{
    child::{Program, is_installed},
    events::Events,
    failure::Result,
    judge::Judge,
    load::Load,
    table::{Measured, Row, Table},
};
use std::{sync::Arc, time::Duration};

/// The most memory, in MB.
const MEMORY: f64 = 100.0;
/// The program beside which they are measured. There is no floor: the ratio depends on the machine.
const PEER: &str = "jq";
const PATIENCE: Duration = Duration::from_secs(600);
/// How long output may take to be read when the program has ended.
const STILL: Duration = Duration::from_secs(5);

/// Reads this load from a file. Each program prints a line for each event.
pub(crate) async fn measure(load: Load, table: &Table) -> Result<()> {
    let file = Events::of(load)?;
    let ce = std::env::var("CE").map_err(|_| "CE is not set: it names the program")?;
    let peer = match is_installed(PEER) {
        true => Some(run(PEER, &["-c", "."], load, &file).await?.rate()),
        false => None,
    };
    for command in ["validate", "convert"] {
        let name = format!("{command} a file of {} events of {} B", load.count, load.size);
        let row = Row::new(&name, run(&ce, &[command], load, &file).await?).with_memory(MEMORY);
        match peer {
            Some(rate) => table.add(&row.beside(rate, 0.0))?,
            None => {
                table.add(&row)?;
                table.not_there(&format!("{name} beside {PEER}"), PEER)?;
            }
        }
    }
    Ok(())
}

/// Runs a program with the file as its input.
async fn run(program: &str, arguments: &[&str], load: Load, file: &Events) -> Result<Measured> {
    let judge = Arc::new(Judge::new(load));
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let mut running = Program::start(program, &arguments, file.open()?, Some(&judge))?;
    let watched = running.watch();
    let wrong = running.ended(PATIENCE).await?;
    judge.full_or_still_for(STILL).await;
    let mut measured = Measured::of(&judge, watched.last(), wrong);
    measured.verdict.first = Duration::ZERO;
    Ok(measured)
}
