//! A socket that a supervisor such as systemd holds: connections wait in it while the program starts again.

use crate::failure::Failure;
use std::net::TcpListener;
#[cfg(unix)]
use std::{env, io, process};

/// Takes the socket that the supervisor holds for this process, if there is one (`LISTEN_FDS` and `LISTEN_PID`, as `sd_listen_fds(3)` has
/// them). It changes the environment: call it while there is one thread.
#[cfg(unix)]
pub(super) fn listener() -> Result<Option<TcpListener>, Failure> {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    // Sockets of another process, such as a parent, whose variables are still here.
    let held = number("LISTEN_FDS").filter(|_| number("LISTEN_PID") == Some(process::id()));
    match held.unwrap_or_default() {
        0 => Ok(None),
        1 => {
            let wrong =
                |error| Failure::usage(format!("the socket of the supervisor cannot be used: {error}"));
            let held = listenfd::ListenFd::from_env().take_tcp_listener(0).and_then(|held| match held {
                Some(held) if !does_listen(&held) => Err(io::Error::other("it does not listen")),
                held => Ok(held),
            });
            held.map_err(|error| {
                wrong(error).help("a unit of systemd has `ListenStream=ADDRESS:PORT`, and no `Accept=yes`")
            })
        }
        number => Err(Failure::usage(format!("the supervisor holds {number} sockets, and a gate has one"))
            .help("start a gate for each socket")),
    }
}

/// Whether connections come to it. A connection itself is a socket, too.
#[cfg(target_os = "linux")]
fn does_listen(socket: &TcpListener) -> bool {
    rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(true)
}

/// Not every system can tell.
#[cfg(all(unix, not(target_os = "linux")))]
fn does_listen(_: &TcpListener) -> bool {
    true
}

/// Other systems have no such socket.
#[cfg(not(unix))]
pub(super) fn listener() -> Result<Option<TcpListener>, Failure> {
    Ok(None)
}
