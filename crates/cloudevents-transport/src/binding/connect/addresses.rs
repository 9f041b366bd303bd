//! Hosts whose names have several addresses.

use crate::Host;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout},
};

/// Connects over TCP to hosts whose names have several addresses, of which some may be dead. Clones share their results.
///
/// The addresses are tried in turn, each for its share of the time that is left. So an address that does not answer does not hide the
/// others. An address that accepts the connection and then sends nothing does not hide them either: the next attempt begins behind it,
/// unless its connection has [worked](Self::worked).
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// Which one is tried first.
    first: Arc<AtomicUsize>,
    /// Which one accepted the last connection.
    last: Arc<AtomicUsize>,
}

impl Addresses {
    /// Connects to this host, or to this port of it if it has none, and sends small messages without a delay (`TCP_NODELAY`).
    ///
    /// The limit is for all of its addresses.
    ///
    /// The error is that of the last address.
    pub async fn connect(&self, host: &Host, port: u16, limit: Duration) -> io::Result<TcpStream> {
        let found = lookup_host((host.name(), host.port().unwrap_or(port))).await?;
        self.any(&found.collect::<Vec<_>>(), limit).await
    }

    /// Reports that the last connection works: the next attempt begins at the same address.
    pub fn worked(&self) {
        self.first.store(self.last.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    async fn any(&self, addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
        let begun = Instant::now();
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name of the host has no address");
        let first = self.first.load(Ordering::Relaxed).checked_rem(addresses.len()).unwrap_or_default();
        let turns = addresses.iter().enumerate().cycle().skip(first);
        for (left, (index, address)) in (1..=addresses.len()).rev().zip(turns) {
            let left = u32::try_from(left).unwrap_or(u32::MAX);
            let share = limit.saturating_sub(begun.elapsed()).checked_div(left).unwrap_or_default();
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    self.last.store(index, Ordering::Relaxed);
                    self.first.store(index.saturating_add(1), Ordering::Relaxed);
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => failed = error,
                Err(_) => {
                    let detail = format!("no connection to {address} within {share:?}");
                    failed = io::Error::new(io::ErrorKind::TimedOut, detail);
                }
            }
            tracing::debug!(%address, error = %failed, "not connected");
        }
        Err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::{TcpListener, TcpSocket};

    const LIMIT: Duration = Duration::from_secs(10);

    /// An address at which nothing answers: as many connections wait as the system keeps.
    async fn dead() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let (address, mut waiting) = (listener.local_addr().unwrap(), Vec::new());
        while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            waiting.push(stream);
        }
        (address, listener, waiting)
    }

    #[tokio::test]
    async fn an_address_at_which_nothing_answers_hides_no_other() {
        let (address, _listener, _waiting) = dead().await;
        let alive = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = (alive.local_addr().unwrap(), alive);
        let addresses = Addresses::default();
        let begun = Instant::now();
        let stream = addresses.any(&[address, alive.0], LIMIT).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive.0);
        assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
        addresses.worked();
        // From now on, it comes first: the other one would take half the time.
        let begun = Instant::now();
        addresses.any(&[address, alive.0], LIMIT).await.unwrap();
        assert!(begun.elapsed() < LIMIT / 2, "{:?}", begun.elapsed());
        let error = addresses.any(&[address, address], LIMIT / 10).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        assert_eq!(addresses.any(&[], LIMIT).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn behind_an_address_that_did_not_work_comes_the_next_one() {
        let [one, two] = [
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        ];
        let both = [one.local_addr().unwrap(), two.local_addr().unwrap()];
        let addresses = Addresses::default();
        let mut peers = Vec::new();
        for works in [false, true, true, false, false] {
            peers.push(addresses.any(&both, LIMIT).await.unwrap().peer_addr().unwrap());
            if works {
                addresses.worked();
            }
        }
        assert_eq!(peers, [both[0], both[1], both[1], both[1], both[0]]);
        // Two clients that share it, as a receiver and the sender of its dead letters.
        addresses.worked();
        addresses.worked();
        assert_eq!(addresses.any(&both, LIMIT).await.unwrap().peer_addr().unwrap(), both[0]);
    }
}
