//! Processes that are killed and started again: brokers, and the program.

use cloudevents_testkit::{patience, ports};
use std::{
    env, fs,
    net::TcpStream,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The command for a port and a folder.
type Start = dyn Fn(u16, &Path) -> Command + Send;

/// A process that listens on a port, with a folder for what it keeps. Dropping it kills it, and what it has started.
pub(crate) struct Process {
    command: Box<Start>,
    folder: PathBuf,
    port: u16,
    signal: &'static str,
    child: Child,
}

impl Process {
    /// Returns when it accepts connections.
    pub(crate) fn of(folder: &Path, command: impl Fn(u16, &Path) -> Command + Send + 'static) -> Self {
        fs::create_dir_all(folder).unwrap();
        let port = ports::free();
        let child = start(command(port, folder), folder, port);
        Self { command: Box::new(command), folder: folder.to_owned(), port, signal: "-KILL", child }
    }

    /// A broker, by its script in the folder that `CE_TEST_BROKERS` names. If it cannot be had, an error with the reason.
    pub(crate) fn broker(folder: &Path, script: &str, name: &'static str) -> Result<Self, String> {
        let script = Path::new(&env::var_os("CE_TEST_BROKERS").unwrap()).join(script);
        let script = fs::canonicalize(script).unwrap();
        let lacks = Command::new(&script).args(["lacks", name]).output().unwrap();
        let lacks = String::from_utf8(lacks.stdout).unwrap();
        if !lacks.trim().is_empty() {
            return Err(lacks.trim().to_owned());
        }
        Ok(Self::of(folder, move |port, folder| {
            let mut command = Command::new(&script);
            let output = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
            command.args(["serve", name, &port.to_string()]).arg(folder).stdout(output);
            command
        }))
    }

    /// Has it end in order, where it keeps what it has only then.
    pub(crate) fn that_ends_orderly(mut self) -> Self {
        self.signal = "-TERM";
        self
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns when it accepts connections again.
    pub(crate) fn kill_and_restart(&mut self) {
        assert!(self.end(self.signal), "it has ended by itself: {}", self.folder.display());
        // The process that was started has ended, but others of its group may still be about to.
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            std::thread::sleep(Duration::from_millis(5)); // between two tries
        }
        self.child = start((self.command)(self.port, &self.folder), &self.folder, self.port);
    }

    /// To the group: scripts and virtual machines have processes of their own. Returns whether there was one.
    fn end(&mut self, signal: &str) -> bool {
        let group = format!("-{}", self.child.id());
        let killed = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
        self.child.wait().is_ok() && killed.is_ok_and(|killed| killed.success())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end("-KILL");
    }
}

fn start(mut command: Command, folder: &Path, port: u16) -> Child {
    let log = folder.join("log");
    let errors = fs::File::options().create(true).append(true).open(&log).unwrap();
    let mut child = command.stdin(Stdio::null()).stderr(errors).process_group(0).spawn().unwrap();
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("it ends at its start with {status}:\n{}", fs::read_to_string(&log).unwrap());
        }
        assert!(begin.elapsed() < 6 * patience(), "it takes too long to start");
        std::thread::sleep(Duration::from_millis(10)); // between two tries
    }
    child
}
