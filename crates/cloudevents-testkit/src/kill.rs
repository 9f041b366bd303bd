//! Consumers in processes that are killed.

use std::{
    env,
    io::{self, BufRead, BufReader},
    process::{Command, Stdio},
};

/// Runs one test of this test binary, such as `kill::consumer`, in a process of its own with an environment variable, and kills it with SIGKILL
/// once it has printed this many lines that begin with `handled `. Returns what follows that word in each line, including lines that were
/// written before the kill and read after it.
///
/// Blocks until the process has ended. A process that ends by itself is an error.
pub fn handled_until_killed(
    test: &str,
    (variable, value): (&str, &str),
    kill_after: usize,
) -> io::Result<Vec<String>> {
    let mut child = Command::new(env::current_exe()?)
        .args(["--exact", test, "--nocapture"])
        .env(variable, value)
        .stdout(Stdio::piped())
        .spawn()?;
    let (mut handled, mut killed) = (Vec::new(), false);
    for line in child.stdout.take().into_iter().flat_map(|lines| BufReader::new(lines).lines()) {
        if let Some(id) = line?.strip_prefix("handled ") {
            handled.push(id.to_owned());
        }
        if handled.len() == kill_after && !killed {
            child.kill()?;
            killed = true;
        }
    }
    if child.wait()?.success() {
        return Err(io::Error::other(format!("{test} ended before it was killed")));
    }
    Ok(handled)
}
