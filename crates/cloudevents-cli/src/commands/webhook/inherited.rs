//! A socket that a supervisor such as systemd holds: connections wait in it while the program starts again.

use crate::failure::Failure;
use std::net::TcpListener;

/// Takes the socket that the supervisor holds for this process, if there is one (`LISTEN_FDS` and `LISTEN_PID`, as `sd_listen_fds(3)` has
/// them). It changes the environment: call it while there is one thread.
#[cfg(unix)]
pub(super) fn listener() -> Result<Option<TcpListener>, Failure> {
    let mut held = listenfd::ListenFd::from_env();
    match held.len() {
        0 => Ok(None),
        1 => {
            let wrong =
                |error| Failure::usage(format!("the socket of the supervisor cannot be used: {error}"));
            held.take_tcp_listener(0).map_err(|error| {
                wrong(error).help("a unit of systemd has `ListenStream=ADDRESS:PORT`, and no `Accept=yes`")
            })
        }
        number => Err(Failure::usage(format!("the supervisor holds {number} sockets, and a gate has one"))
            .help("start a gate for each socket")),
    }
}

/// Other systems have no such socket.
#[cfg(not(unix))]
pub(super) fn listener() -> Result<Option<TcpListener>, Failure> {
    Ok(None)
}
