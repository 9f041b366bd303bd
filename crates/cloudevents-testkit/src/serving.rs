//! Servers of tests: a thread with a runtime of its own, on a port that stays the same.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::{net::TcpSocket, sync::oneshot};

/// How long the port may be in use when a server starts again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a port of 127.0.0.1 that can be stopped and started again. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Serving {
    name: &'static str,
    address: SocketAddr,
    running: Option<Running>,
    /// Holds the port while the server is stopped: another server there would get the connections for this one.
    held: Option<TcpSocket>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Serving {
    /// A server that is not started, whose thread has this name.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, address: (Ipv4Addr::LOCALHOST, 0).into(), running: None, held: None }
    }

    /// Where it listens, from the first start on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens on a free port at first, and on the same port later. Does nothing if it is running. The listener does not block.
    pub(crate) fn start<F: Future<Output = ()>>(
        &mut self,
        serve: impl FnOnce(TcpListener) -> F + Send + 'static,
    ) -> io::Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        self.held = None;
        let listener = listen(self.address)?;
        listener.set_nonblocking(true)?;
        self.address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(self.name.into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener) => {}
                    _ = stopped => {}
                }
            });
            // Dropping the runtime drops the tasks, and with them the sockets.
        })?;
        self.running = Some(Running { stop, thread });
        Ok(())
    }

    /// Stops listening and closes every connection. Returns when no task runs any more.
    pub(crate) fn stop(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            let _ = stop.send(());
            let _ = thread.join();
            self.held = hold(self.address).ok();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns a socket that has the port and refuses connections, once the port is free: see [`listen`].
pub(crate) fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    once_free(|| {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?; // although connections of the server are not forgotten yet
        socket.bind(address)?;
        Ok(socket)
    })
}

/// Listens on this port, once it is free: a process that is being started has copies of all sockets of this one, closed ones too, until it
/// is another program.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    once_free(|| TcpListener::bind(address))
}

fn once_free<T>(bind: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let begin = Instant::now();
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && begin.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(1)); // between two tries
            }
            bound => return bound,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{
        process::Command,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    /// Has the port until the end: a server elsewhere may be given one that is free.
    async fn listens(_listener: TcpListener) {
        std::future::pending().await
    }

    #[test]
    fn the_port_of_a_stopped_server_is_held() {
        let mut serving = Serving::new("held");
        serving.start(listens).unwrap();
        serving.stop();
        assert!(TcpSocket::new_v4().unwrap().bind(serving.address()).is_err());
        soon(|| std::net::TcpStream::connect(serving.address()).is_err());
        let address = serving.address();
        drop(serving);
        soon(|| TcpSocket::new_v4().unwrap().bind(address).is_ok());
    }

    /// A process that the other test starts may have copies of closed sockets for a moment.
    fn soon(is: impl Fn() -> bool) {
        let begin = Instant::now();
        while !is() {
            assert!(begin.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(1)); // between two tries
        }
    }

    #[test]
    fn it_starts_again_while_processes_are_started() {
        let ends = Arc::new(AtomicBool::new(false));
        let starting: Vec<_> = (0..4)
            .map(|_| {
                let ends = Arc::clone(&ends);
                thread::spawn(move || {
                    while !ends.load(Ordering::Relaxed) {
                        Command::new("true").status().unwrap();
                    }
                })
            })
            .collect();
        let mut serving = Serving::new("again");
        for _ in 0..200 {
            serving.start(listens).unwrap();
            serving.stop();
            assert!(serving.held.is_some());
        }
        ends.store(true, Ordering::Relaxed);
        starting.into_iter().for_each(|starting| starting.join().unwrap());
    }
}
