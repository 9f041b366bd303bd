//! A broker in another process, so that only the client counts in processor time and allocations.

use std::{
    env,
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

/// The argument of the other process.
const SERVE: &str = "serve-elsewhere";

/// This program once more, as a server. Dropping it ends it.
#[derive(Debug)]
pub struct Elsewhere {
    url: String,
    process: Child,
}

impl Elsewhere {
    /// Starts this program again, whose `main` begins with [`is_elsewhere`]. Returns when the server has started.
    pub fn start() -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut process = command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut url = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut url)?;
        }
        Ok(Self { url: url.trim_end().to_owned(), process })
    }

    /// The URL of the server.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether this process was started by [`Elsewhere::start`]. Then it starts the server, which comes after its URL, and returns when the
/// process that started it has ended.
pub fn is_elsewhere<T>(serve: impl FnOnce() -> io::Result<(String, T)>) -> io::Result<bool> {
    if env::args().nth(1).is_none_or(|first| first != SERVE) {
        return Ok(false);
    }
    let (url, _server) = serve()?;
    println!("{url}");
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(true)
}
