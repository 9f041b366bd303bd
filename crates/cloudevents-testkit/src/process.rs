//! Programs that listen on a port, and that tests kill and start again: brokers, and others.

use crate::{patience::slowed, ports};
use std::{
    env, fmt,
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a program may take until it accepts connections, where nothing is slow.
const STARTING: Duration = Duration::from_secs(180);

/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(10);

/// The command for a port and a folder.
type Start = dyn Fn(u16, &Path) -> Command + Send;

/// A program that listens on a port of 127.0.0.1, with a folder for what it stores.
///
/// Dropping it kills it, with every process that it has started. It then removes the folder, unless the test has failed.
pub struct Process {
    command: Box<Start>,
    folder: PathBuf,
    port: u16,
    signal: &'static str,
    child: Child,
}

impl Process {
    /// Starts a program by its command for a port and this folder, and blocks until it accepts connections. It makes the folder. The
    /// program's standard error output is the file `log` there.
    ///
    /// Returns an error if the program cannot be started, if it ends, or if it accepts no connection within three minutes, times
    /// `CE_SLOWNESS`.
    ///
    /// ```no_run
    /// use cloudevents_testkit::process::Process;
    /// use std::{path::Path, process::Command};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut redis = Process::start(Path::new("target/redis"), |port, folder| {
    ///     let mut command = Command::new("redis-server");
    ///     command.args(["--appendonly", "yes", "--port", &port.to_string(), "--dir"]).arg(folder);
    ///     command
    /// })?;
    /// redis.kill_and_restart()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start(
        folder: &Path,
        command: impl Fn(u16, &Path) -> Command + Send + 'static,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let port = ports::free();
        let child = start(command(port, folder), folder, port)?;
        Ok(Self { command: Box::new(command), folder: folder.to_owned(), port, signal: "-KILL", child })
    }

    /// Starts a broker that stores messages, as [`start`](Self::start) does: by a script in the folder that `CE_TEST_BROKERS` names, such
    /// as `.ci/brokers` of the repository, and by the broker's name in that script.
    ///
    /// Prints `SKIPPED:` with the reason and returns `None` if the variable is not set, or if the script cannot get the broker.
    ///
    /// # Panics
    ///
    /// If the broker does not start.
    #[allow(clippy::expect_used, reason = "documented")]
    pub fn broker(folder: &Path, script: &str, name: &'static str) -> Option<Self> {
        let Some(scripts) = env::var_os("CE_TEST_BROKERS") else {
            println!("SKIPPED: CE_TEST_BROKERS is not set");
            return None;
        };
        // A path that holds in the folder of any program.
        let script = fs::canonicalize(Path::new(&scripts).join(script)).expect("a script of brokers");
        let lacks = Command::new(&script).args(["lacks", name]).output().expect("a script that runs").stdout;
        if !lacks.trim_ascii().is_empty() {
            println!("SKIPPED: {name}, because {}", String::from_utf8_lossy(lacks.trim_ascii()));
            return None;
        }
        let serve = move |port: u16, folder: &Path| {
            let mut command = Command::new(&script);
            command.args(["serve", name, &port.to_string()]).arg(folder).stdout(log(folder).expect("a log"));
            command
        };
        Some(Self::start(folder, serve).expect("a broker that starts"))
    }

    /// Has [`kill_and_restart`](Self::kill_and_restart) use SIGTERM, for programs that store some of their state only when they end.
    #[must_use]
    pub fn that_ends_orderly(mut self) -> Self {
        self.signal = "-TERM";
        self
    }

    /// The port, which stays the same.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the program with SIGKILL, or as [`that_ends_orderly`](Self::that_ends_orderly) says, and starts it again. Blocks until it
    /// accepts connections.
    ///
    /// Returns an error if it had ended by itself, and the errors of [`start`](Self::start).
    pub fn kill_and_restart(&mut self) -> io::Result<()> {
        if !self.end(self.signal) {
            let folder = self.folder.display();
            return Err(io::Error::other(format!("it had ended by itself; {folder} has its log")));
        }
        // The process that was started has ended, but others of its group may still be about to.
        while accepts(self.port) {
            sleep(PAUSE);
        }
        self.child = start((self.command)(self.port, &self.folder), &self.folder, self.port)?;
        Ok(())
    }

    /// To the group: scripts and virtual machines have processes of their own. Returns whether there was one.
    fn end(&mut self, signal: &str) -> bool {
        let group = format!("-{}", self.child.id());
        let killed = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
        self.child.wait().is_ok() && killed.is_ok_and(|killed| killed.success())
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, port, signal, child, command: _ } = self;
        let mut shown = f.debug_struct("Process");
        shown.field("folder", folder).field("port", port).field("signal", signal).field("child", child);
        shown.finish_non_exhaustive()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end("-KILL");
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn start(mut command: Command, folder: &Path, port: u16) -> io::Result<Child> {
    let mut child = command.stdin(Stdio::null()).stderr(log(folder)?).process_group(0).spawn()?;
    let begin = Instant::now();
    while !accepts(port) {
        if let Some(status) = child.try_wait()? {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            return Err(io::Error::other(format!("it ends at its start with {status}:\n{log}")));
        }
        if begin.elapsed() > slowed(STARTING) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it takes too long to start"));
        }
        sleep(PAUSE);
    }
    Ok(child)
}

fn log(folder: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(folder.join("log"))
}

fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
