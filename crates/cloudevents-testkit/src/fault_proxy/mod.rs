//! A proxy between a client and a server of any TCP protocol. While the test runs, it does to connections as networks do: it stalls them,
//! slows them down, cuts or resets them, leaves them half-open, and refuses new ones.
//!
//! This program shows how a consumer behaves when its broker stalls:
//!
//! ```
//! use cloudevents_testkit::fault_proxy::{FaultProxy, Flow};
//! use std::{io::{Read, Write}, net::{TcpListener, TcpStream}, time::Duration};
//!
//! # fn main() -> std::io::Result<()> {
//! let broker = TcpListener::bind("127.0.0.1:0")?; // any server: RabbitMQ, PostgreSQL, your own
//! let proxy = FaultProxy::start(broker.local_addr()?)?;
//! let mut consumer = TcpStream::connect(proxy.address())?; // any client: give it the proxy's address instead of the broker's
//! let (mut connection, _) = broker.accept()?;
//!
//! proxy.stall(Flow::ToClient);
//! connection.write_all(b"a message")?;
//! consumer.set_read_timeout(Some(Duration::from_millis(100)))?;
//! assert!(consumer.read(&mut [0; 9]).is_err()); // nothing comes, and no error of the connection either: does it notice?
//!
//! proxy.resume();
//! consumer.set_read_timeout(None)?;
//! consumer.read_exact(&mut [0; 9])?; // it works again, without a restart
//! # Ok(()) }
//! ```

mod relay;

use crate::serving::Serving;
use std::{io, net::SocketAddr, num::NonZeroU32, sync::Arc};
use tokio::sync::watch;

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
    /// Both.
    Both,
}

/// How a connection ends, for both of its sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order, with FIN. Bytes that the client still sends are read and discarded.
    Cut,
    /// With RST: data on their way are lost.
    Reset,
}

/// Counts of a [`FaultProxy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections of clients that were accepted.
    pub accepted: u64,
    /// Connections that are open. Half-open connections do not count.
    pub open: u64,
    /// Bytes that were passed on to the server.
    pub to_server: u64,
    /// Bytes that were passed on to clients.
    pub to_client: u64,
    /// Whether new connections are refused.
    pub refusing: bool,
}

/// A proxy on a port of 127.0.0.1 before one server: see the [module](self). Dropping it resets or closes all connections.
///
/// It has its own thread and runtime, so any code can use it, async or not. When the server refuses a connection, the client's is reset.
#[derive(Debug)]
pub struct FaultProxy {
    serving: Serving,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    plan: watch::Sender<Plan>,
    counts: watch::Sender<Counts>,
}

/// The faults of every connection. A connection borrows the plan while it writes, so that a change holds when it is made.
#[derive(Debug, Default)]
struct Plan {
    /// The server of new connections, if it is another one.
    moved: Option<SocketAddr>,
    stalls: Option<Flow>,
    rate: Option<(Flow, NonZeroU32)>,
    limit: Option<Limit>,
    /// How many limits there were.
    limits: u64,
    refuses: bool,
    /// Faults that happened once. Each connection is hit by the acts after its beginning.
    acts: Vec<Act>,
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    flow: Flow,
    bytes: u64,
    end: End,
    /// Distinguishes limits, as each connection counts from its own.
    number: u64,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    End(End),
    HalfOpen,
}

impl FaultProxy {
    /// Starts a proxy on a free port, without a fault.
    ///
    /// ```
    /// # use cloudevents_testkit::fault_proxy::FaultProxy;
    /// # fn main() -> std::io::Result<()> {
    /// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let proxy = FaultProxy::start(server.local_addr()?)?;
    /// println!("connect to port {}", proxy.address().port());
    /// # Ok(()) }
    /// ```
    pub fn start(server: SocketAddr) -> io::Result<Self> {
        let (plan, counts) = Default::default();
        let shared = Arc::new(Shared { server, plan, counts });
        let mut serving = Serving::new("fault-proxy");
        let of_thread = Arc::clone(&shared);
        serving.start(|listener| relay::listen(of_thread, listener))?;
        Ok(Self { serving, shared })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// From now on, no byte and no FIN passes in this direction. The proxy reads no more than 16 KiB of it, so the sender is blocked once
    /// the buffers of the system are full. The TCP connection stays. The bytes that were held back pass after [`resume`](Self::resume).
    ///
    /// The [module](self) has an example.
    pub fn stall(&self, flow: Flow) {
        self.shared.plan.send_modify(|plan| plan.stalls = Some(flow));
    }

    /// From now on, at most so many bytes a second pass in this direction of each connection.
    ///
    /// ```
    /// # use cloudevents_testkit::fault_proxy::{FaultProxy, Flow};
    /// # fn main() -> std::io::Result<()> {
    /// # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let proxy = FaultProxy::start(server.local_addr()?)?;
    /// proxy.slow(Flow::ToClient, 1000.try_into().unwrap());
    /// # Ok(()) }
    /// ```
    pub fn slow(&self, flow: Flow, bytes_per_second: NonZeroU32) {
        self.shared.plan.send_modify(|plan| plan.rate = Some((flow, bytes_per_second)));
    }

    /// Each connection, also a new one, ends when so many more bytes have passed in this direction. With [`Flow::Both`], the bytes pass in
    /// either direction.
    ///
    /// ```
    /// # use cloudevents_testkit::fault_proxy::{End, FaultProxy, Flow};
    /// # use std::{io::{Read, Write}, net::{TcpListener, TcpStream}};
    /// # fn main() -> std::io::Result<()> {
    /// # let server = TcpListener::bind("127.0.0.1:0")?;
    /// # let proxy = FaultProxy::start(server.local_addr()?)?;
    /// proxy.end_after(Flow::ToServer, 4, End::Cut);
    /// TcpStream::connect(proxy.address())?.write_all(b"a message")?;
    /// let mut arrived = Vec::new();
    /// server.accept()?.0.read_to_end(&mut arrived)?;
    /// assert_eq!(arrived, b"a me");
    /// # Ok(()) }
    /// ```
    pub fn end_after(&self, flow: Flow, bytes: u64, end: End) {
        self.shared.plan.send_modify(|plan| {
            plan.limits = plan.limits.wrapping_add(1);
            plan.limit = Some(Limit { flow, bytes, end, number: plan.limits });
        });
    }

    /// From now on, new connections are refused, as by a host without a server. Open connections stay. Returns when it holds.
    ///
    /// ```
    /// # use cloudevents_testkit::fault_proxy::FaultProxy;
    /// # use std::net::{TcpListener, TcpStream};
    /// # fn main() -> std::io::Result<()> {
    /// # let server = TcpListener::bind("127.0.0.1:0")?;
    /// # let proxy = FaultProxy::start(server.local_addr()?)?;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// proxy.refuse().await;
    /// assert!(TcpStream::connect(proxy.address()).is_err());
    /// # });
    /// # Ok(()) }
    /// ```
    pub async fn refuse(&self) {
        self.shared.plan.send_modify(|plan| plan.refuses = true);
        self.until(|counts| counts.refusing).await;
    }

    /// Ends every connection that is open now, once. New ones are forwarded.
    ///
    /// ```
    /// # use cloudevents_testkit::fault_proxy::{End, FaultProxy};
    /// # fn main() -> std::io::Result<()> {
    /// # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let proxy = FaultProxy::start(server.local_addr()?)?;
    /// proxy.end(End::Reset);
    /// # Ok(()) }
    /// ```
    pub fn end(&self, end: End) {
        self.shared.plan.send_modify(|plan| plan.acts.push(Act::End(end)));
    }

    /// Makes every connection that is open now half-open, for good: the server's side is closed, and the client's stays without a byte,
    /// without FIN and without RST, as when a host loses its power. New ones are forwarded.
    ///
    /// ```
    /// # use cloudevents_testkit::fault_proxy::FaultProxy;
    /// # fn main() -> std::io::Result<()> {
    /// # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let proxy = FaultProxy::start(server.local_addr()?)?;
    /// proxy.half_open();
    /// # Ok(()) }
    /// ```
    pub fn half_open(&self) {
        self.shared.plan.send_modify(|plan| plan.acts.push(Act::HalfOpen));
    }

    /// Forwards new connections to this server from now on, as if it had taken the address of the first one. Open connections stay.
    ///
    /// ```
    /// # use cloudevents_testkit::fault_proxy::{End, FaultProxy};
    /// # fn main() -> std::io::Result<()> {
    /// # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let proxy = FaultProxy::start(server.local_addr()?)?;
    /// let empty = std::net::TcpListener::bind("127.0.0.1:0")?; // a broker that knows nothing
    /// proxy.forward_to(empty.local_addr()?);
    /// proxy.end(End::Cut);
    /// # Ok(()) }
    /// ```
    pub fn forward_to(&self, server: SocketAddr) {
        self.shared.plan.send_modify(|plan| plan.moved = Some(server));
    }

    /// Ends every fault that lasts: a stall, a rate, a limit, and refusals. Connections that have ended or are half-open stay so.
    ///
    /// The [module](self) has an example.
    pub fn resume(&self) {
        self.shared.plan.send_modify(|plan| {
            (plan.stalls, plan.rate, plan.limit, plan.refuses) = (None, None, None, false);
        });
    }

    /// The counts of the proxy until now.
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// Waits until the counts are as wanted. Use it with a timeout.
    ///
    /// ```
    /// # use cloudevents_testkit::fault_proxy::FaultProxy;
    /// # use std::net::{TcpListener, TcpStream};
    /// # fn main() -> std::io::Result<()> {
    /// # let server = TcpListener::bind("127.0.0.1:0")?;
    /// # let proxy = FaultProxy::start(server.local_addr()?)?;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let _client = TcpStream::connect(proxy.address());
    /// proxy.until(|counts| counts.accepted == 1).await;
    /// # });
    /// # Ok(()) }
    /// ```
    pub async fn until(&self, wanted: impl Fn(&Counts) -> bool) {
        let _ = self.shared.counts.subscribe().wait_for(wanted).await; // it does not end before `self`
    }
}
