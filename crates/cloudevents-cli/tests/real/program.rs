//! Running `ce`.

use cloudevents_testkit::patience;
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// A valid event on one line.
pub(crate) const GOOD: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

/// The result of a run.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Standard output as JSON Lines.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Standard error as JSON Lines.
    pub(crate) fn errors(&self) -> Vec<Value> {
        self.err.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// The program with these arguments, and an environment without the user's settings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ce"));
    command.args(arguments);
    // No configuration file.
    command.env("CE_CONFIG", "");
    for variable in
        ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "HTTP_PROXY", "http_proxy", "RUST_LOG"]
    {
        command.env_remove(variable);
    }
    command
}

/// A server of the program, until it is dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) url: String,
}

impl Served {
    /// Starts it, and reads the URL at which it listens.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::with(command, Stdio::null())
    }

    /// The same, with this standard input.
    pub(crate) fn with(command: &mut Command, input: Stdio) -> Self {
        let command = command.stdin(input).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        err.read_line(&mut line).unwrap();
        // It goes on writing.
        std::thread::spawn(move || std::io::copy(&mut err, &mut std::io::sink()));
        let url = line.trim().strip_prefix("listening at ").unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, url }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it with empty standard input.
pub(crate) fn ce(arguments: &[&str]) -> Ran {
    ce_with(arguments, "")
}

/// Runs it with this on standard input.
pub(crate) fn ce_with(arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    let writer = std::thread::spawn(move || {
        // The program need not read all of it.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        // Documents of most formats are bytes.
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Creates a file with this name and text in a new directory.
pub(crate) fn file(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let directory =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", std::process::id()));
    // Numbers of processes come again.
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Makes this file one that can be executed. Another process writes it: what is open for writing cannot be executed, and a child of this
/// process that is not yet the program that it is to become has open what this one had.
#[cfg(unix)]
pub(crate) fn executable(path: &Path) {
    let written = path.with_extension("written");
    fs::rename(path, &written).unwrap();
    assert!(Command::new("install").args(["-m", "755"]).args([&written, path]).status().unwrap().success());
}

/// `ce listen`.
pub(crate) struct Listener {
    child: Child,
    errors: BufReader<ChildStderr>,
    pub(crate) url: String,
    /// Standard error until it listens.
    pub(crate) notes: String,
}

impl Listener {
    /// Listens on a free port.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::at("http://127.0.0.1:0/events", arguments)
    }

    pub(crate) fn at(url: &str, arguments: &[&str]) -> Self {
        Self::idle(url, "30", arguments)
    }

    /// Listens until no message has come for this number of seconds.
    pub(crate) fn idle(url: &str, seconds: &str, arguments: &[&str]) -> Self {
        let mut all = vec!["listen", url, "--idle", seconds];
        all.extend(arguments);
        let mut child =
            command(&all).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut notes = String::new();
        let url = loop {
            let mut line = String::new();
            assert!(errors.read_line(&mut line).unwrap() > 0, "it does not listen: {notes}");
            match line.trim().strip_prefix("listening at ") {
                Some(url) => break url.to_owned(),
                None => notes += &line,
            }
        };
        Self { child, errors, url, notes }
    }

    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        assert!(
            Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success()
        );
    }

    /// Waits for a line of standard error with these words.
    pub(crate) fn until(&mut self, words: &str) {
        self.line(words);
    }

    /// The next line of standard error with these words.
    pub(crate) fn line(&mut self, words: &str) -> String {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.errors.read_line(&mut line).unwrap() > 0, "it ended without: {words}");
        }
        line.trim_end().to_owned()
    }

    /// Waits until it exits.
    pub(crate) fn end(mut self) -> Ran {
        let mut err = String::new();
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.errors.read_to_string(&mut err).unwrap();
        Ran { status: self.child.wait().unwrap().code().unwrap_or(-1), out, err }
    }
}

/// `ce bridge`, with its state and metrics.
pub(crate) struct Bridge {
    pub(crate) child: Child,
    pub(crate) errors: BufReader<ChildStderr>,
    metrics: String,
}

impl Bridge {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["bridge"];
        all.extend(arguments);
        Self::run(command(&all))
    }

    /// Runs this command of a bridge.
    pub(crate) fn run(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        Self::watch(command)
    }

    /// As `run`, with the standard input that the command has.
    pub(crate) fn watch(mut command: Command) -> Self {
        command.args(["--metrics", "127.0.0.1:0"]);
        Self::with_metrics(command)
    }

    /// Runs this command of a bridge, which says where its metrics are.
    pub(crate) fn with_metrics(mut command: Command) -> Self {
        command.stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut bridge = Self { child, errors, metrics: String::new() };
        bridge.find_metrics();
        bridge
    }

    /// Waits until it says where its metrics are. Returns the address.
    pub(crate) fn find_metrics(&mut self) -> &str {
        let line = self.line("/metrics");
        let (before, _) = line.split_once("/metrics").unwrap();
        let (_, address) = before.rsplit_once("http://").unwrap();
        self.metrics = address.to_owned();
        &self.metrics
    }

    /// A connection to what serves its state.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.metrics).unwrap()
    }

    /// The response to GET.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Waits until the sum of these metrics is at least so large.
    pub(crate) fn until(&self, names: &[&str], least: u64) {
        let begin = Instant::now();
        loop {
            let metrics = self.get("/metrics");
            let values = metrics.lines().filter_map(|line| {
                let (series, value) = line.rsplit_once(' ')?;
                let name = series.split('{').next()?;
                names.contains(&name).then_some(value)?.parse::<u64>().ok()
            });
            if values.sum::<u64>() >= least {
                return;
            }
            assert!(begin.elapsed() < 2 * patience(), "{names:?} are not {least}: {metrics}");
            std::thread::sleep(Duration::from_millis(20)); // between two looks
        }
    }

    /// The next line of standard error with these words.
    pub(crate) fn line(&mut self, words: &str) -> String {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.errors.read_line(&mut line).unwrap() > 0, "it ended without: {words}");
        }
        line.trim_end().to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits until it exits.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.errors.read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }
}
