//! Running `ce`.

use cloudevents_testkit::patience;
use serde_json::Value;
use std::{
    ffi::OsStr,
    fmt::Display,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A valid event on one line.
pub(crate) const GOOD: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

/// The result of a run.
pub(crate) struct Ran {
    /// The arguments, for the messages of checks that fail.
    command: String,
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(command: &Command, output: Output) -> Self {
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        Self {
            command: arguments.join(" "),
            status: output.status.code().unwrap_or(-1),
            // Documents of most formats are bytes.
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output as JSON Lines.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Standard error as JSON Lines.
    pub(crate) fn errors(&self) -> Vec<Value> {
        self.err.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The kinds of the errors.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.errors().iter().map(|error| error["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// The ids of the events.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.lines().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn check(self, is_so: bool, what: &str) -> Self {
        let Self { command, err, .. } = &self;
        assert!(is_so, "ce {command}\n{what}, standard error: {err}");
        self
    }

    /// Checks the exit status.
    #[track_caller]
    pub(crate) fn ended(self, status: i32) -> Self {
        let (is_so, what) = (self.status == status, format!("status {}, not {status}", self.status));
        self.check(is_so, &what)
    }

    /// Checks that it does not succeed.
    #[track_caller]
    pub(crate) fn fails(self) -> Self {
        let is_so = self.status != 0;
        self.check(is_so, "status 0")
    }

    /// Checks that standard error has these words.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let is_so = self.err.contains(words);
        self.check(is_so, &format!("does not say {words:?}"))
    }

    #[track_caller]
    pub(crate) fn never_says(self, words: &str) -> Self {
        let is_so = !self.err.contains(words);
        self.check(is_so, &format!("says {words:?}"))
    }

    /// Checks that standard error has these words so often.
    #[track_caller]
    pub(crate) fn says_times(self, words: &str, times: usize) -> Self {
        let found = self.err.matches(words).count();
        self.check(found == times, &format!("says {words:?} {found} times, not {times}"))
    }

    #[track_caller]
    pub(crate) fn says_first(self, words: &str) -> Self {
        let is_so = self.err.starts_with(words);
        self.check(is_so, &format!("does not begin with {words:?}"))
    }

    #[track_caller]
    pub(crate) fn says_last(self, words: &str) -> Self {
        let is_so = self.err.ends_with(words);
        self.check(is_so, &format!("does not end with {words:?}"))
    }

    /// Checks the whole of standard error.
    #[track_caller]
    pub(crate) fn says_only(self, words: &str) -> Self {
        let is_so = self.err == words;
        self.check(is_so, &format!("does not say {words:?} alone"))
    }

    /// Checks standard output.
    #[track_caller]
    pub(crate) fn prints(self, out: &str) -> Self {
        assert_eq!(self.out, out, "ce {}: {}", self.command, self.err);
        self
    }

    /// Checks the number of JSON Lines on standard output.
    #[track_caller]
    pub(crate) fn prints_lines(self, number: usize) -> Self {
        assert_eq!(self.lines().len(), number, "ce {}: {}", self.command, self.err);
        self
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
        thread::spawn(move || std::io::copy(&mut err, &mut std::io::sink()));
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

/// Runs it with these arguments, between which are spaces.
pub(crate) fn ce_line(arguments: &str) -> Ran {
    ce(&arguments.split_whitespace().collect::<Vec<_>>())
}

/// Runs it with this on standard input.
pub(crate) fn ce_with(arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
    ran(command(arguments), input)
}

/// Runs this command to its end.
pub(crate) fn run(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran::of(&command, output)
}

/// Runs this command with this on standard input.
pub(crate) fn ran(mut command: Command, input: impl AsRef<[u8]>) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.as_ref().to_vec());
    // The program need not read all of it.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran::of(&command, output)
}

/// Starts it without input.
pub(crate) fn start(arguments: &[&str]) -> Child {
    command(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends it a signal, such as `-TERM`.
pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Waits until it exits. One that goes on is killed, and has no status.
pub(crate) fn exited(child: &mut Child) -> Option<i32> {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() && begin.elapsed() < patience() {
        thread::sleep(Duration::from_millis(5)); // between two looks
    }
    let ended = child.try_wait().unwrap();
    let _ = (child.kill(), child.wait());
    ended.and_then(|status| status.code())
}

/// Waits until it exits, and reads standard error meanwhile.
pub(crate) fn end_of(mut child: Child) -> Ran {
    let mut errors = child.stderr.take().unwrap();
    let err = thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).map(|_| text)
    });
    let status = exited(&mut child).expect("it goes on");
    Ran { command: String::new(), status, out: String::new(), err: err.join().unwrap().unwrap() }
}

/// Waits until this is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < 2 * patience(), "it takes too long: {what}");
        thread::sleep(Duration::from_millis(5)); // between two looks
    }
}

/// The line of a process with these words, behind the lines before it.
fn line(errors: &mut impl BufRead, words: &str) -> String {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0, "it ended without: {words}");
    }
    line.trim_end().to_owned()
}

/// Sends this over a connection of its own, and returns the bytes that come until the peer closes it.
pub(crate) fn exchange(address: &str, said: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(said.as_ref()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The value of a variable that names a server. Without it, a line reports that the test is skipped.
pub(crate) fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        println!("skipped: {name} is not set");
    }
    value
}

/// The good event, with this id.
pub(crate) fn with_id(id: impl Display) -> String {
    GOOD.replace(r#""id":"1""#, &format!(r#""id":"{id}""#))
}

/// Waits for the future on a runtime of its own.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
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

/// The path of [`file`].
pub(crate) fn path_of(name: &str, text: impl AsRef<[u8]>) -> String {
    file(name, text).to_str().unwrap().to_owned()
}

/// The URL of [`file`].
pub(crate) fn url_of(name: &str, text: impl AsRef<[u8]>) -> String {
    format!("file:{}", path_of(name, text))
}

/// Makes this file one that can be executed. Another process writes it: what is open for writing cannot be executed, and a child of this
/// process that is not yet the program that it is to become has open what this one had.
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
        let mut child = start(&[&["listen", url, "--idle", seconds], arguments].concat());
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

    /// The address of the URL.
    pub(crate) fn address(&self) -> &str {
        self.url.split('/').nth(2).unwrap()
    }

    /// The port of the URL.
    pub(crate) fn port(&self) -> u16 {
        self.address().rsplit(':').next().unwrap().parse().unwrap()
    }

    pub(crate) fn interrupt(&self) {
        signal(&self.child, "-INT");
    }

    /// The next line of standard error with these words.
    pub(crate) fn line(&mut self, words: &str) -> String {
        line(&mut self.errors, words)
    }

    /// Waits until it exits.
    pub(crate) fn end(mut self) -> Ran {
        let mut err = String::new();
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.errors.read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap().code().unwrap_or(-1);
        Ran { command: format!("listen {}", self.url), status, out, err }
    }

    /// Ends it by Ctrl-C.
    pub(crate) fn stop(self) -> Ran {
        self.interrupt();
        self.end()
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
        Self::run(command(&[&["bridge"], arguments].concat()))
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
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
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

    /// A connection to the server of its state.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.metrics).unwrap()
    }

    /// The response to GET.
    pub(crate) fn get(&self, path: &str) -> String {
        exchange(&self.metrics, format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
    }

    /// Waits until the sum of these metrics is at least so large.
    #[track_caller]
    pub(crate) fn until(&self, names: &[&str], least: u64) {
        until(&format!("{names:?} are at least {least}"), || {
            let metrics = self.get("/metrics");
            let values = metrics.lines().filter_map(|line| {
                let (series, value) = line.rsplit_once(' ')?;
                let name = series.split('{').next()?;
                names.contains(&name).then_some(value)?.parse::<u64>().ok()
            });
            values.sum::<u64>() >= least
        });
    }

    /// The next line of standard error with these words.
    pub(crate) fn line(&mut self, words: &str) -> String {
        line(&mut self.errors, words)
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Writes other settings to its file, and has it read them.
    pub(crate) fn reread(&self, path: &Path, settings: impl AsRef<[u8]>) {
        fs::write(path, settings).unwrap();
        self.signal("-HUP");
    }

    /// Waits until it exits.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.errors.read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }

    /// Waits until it exits with this status. Returns standard error.
    #[track_caller]
    pub(crate) fn ended(self, status: i32) -> String {
        let (ended, text) = self.end();
        assert_eq!(ended, Some(status), "{text}");
        text
    }

    /// Ends it by SIGTERM.
    #[track_caller]
    pub(crate) fn stop(self) -> String {
        self.signal("-TERM");
        self.ended(0)
    }
}
