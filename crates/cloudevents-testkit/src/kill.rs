//! Consumers in processes that are killed.

use std::{
    env,
    io::{self, BufRead, BufReader},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// The environment variable with the number of events after which the process waits to be killed.
const MOST: &str = "CE_KILL_MOST";

/// How many events may be handled after the event that has the process killed, and before the kill.
const MEANWHILE: usize = 10;

/// Prints `handled ID`, for [`handled_until_killed`]. After somewhat more events than the kill needs, it waits for the kill and does not
/// return, so that some events are left even if the kill comes late.
pub fn handled(id: &str) {
    static HANDLED: AtomicUsize = AtomicUsize::new(0);
    println!("handled {id}");
    let most = env::var(MOST).ok().and_then(|most| most.parse().ok()).unwrap_or(usize::MAX);
    while HANDLED.fetch_add(1, Ordering::Relaxed) >= most {
        thread::park();
    }
}

/// Runs one test of this test binary, such as `kill::consumer`, in a process of its own, and kills the process.
///
/// The process has an environment variable. It is killed with SIGKILL once it has printed this many lines that begin with `handled `, as
/// [`handled`] does. Returns the rest of each such line, including lines that were written before the kill and read after it. A last line
/// that the kill cut off is left out, because it may look like another one.
///
/// Blocks until the process has ended. A process that ends by itself before that is an error, also if it fails.
pub fn handled_until_killed(
    test: &str,
    (variable, value): (&str, &str),
    kill_after: usize,
) -> io::Result<Vec<String>> {
    let mut child = Command::new(env::current_exe()?)
        .args(["--exact", test, "--nocapture"])
        .env(variable, value)
        .env(MOST, kill_after.saturating_add(MEANWHILE).to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or_else(|| io::Error::other("the process has no output"))?;
    let (mut output, mut line) = (BufReader::new(output), String::new());
    let (mut handled, mut killed) = (Vec::new(), false);
    while output.read_line(&mut line)? > 0 {
        handled.extend(line.strip_prefix("handled ").and_then(|id| id.strip_suffix('\n')).map(str::to_owned));
        line.clear();
        if handled.len() == kill_after && !killed {
            child.kill()?;
            killed = true;
        }
    }
    let status = child.wait()?;
    match killed {
        true => Ok(handled),
        false => Err(io::Error::other(format!("{test} ended by itself: {status}"))),
    }
}
