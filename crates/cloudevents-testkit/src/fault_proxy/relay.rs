//! Forwarding, connection by connection.

use super::{Act, Counts, End, Flow, Limit, Plan, Shared};
use crate::serving;
use bytes::{Buf, BytesMut};
use std::{future::pending, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncWriteExt, copy, sink},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

/// How many bytes are read at once, and how many connections may wait.
const ROOM: usize = 16 << 10;
const BACKLOG: u32 = 1024;

/// With a rate, one write passes at most the bytes of such a part of a second.
const PARTS: u32 = 20;

pub(super) async fn listen(shared: Arc<Shared>, listener: std::net::TcpListener) {
    let Ok(mut listener) = TcpListener::from_std(listener) else { return };
    let Ok(address) = listener.local_addr() else { return };
    let mut connections = JoinSet::new();
    loop {
        accept(&shared, &listener, &mut connections).await;
        drop(listener);
        let Ok(held) = serving::hold(address) else { return };
        shared.counts.send_modify(|counts| counts.refusing = true);
        let mut plan = shared.plan.subscribe();
        // The plan stays as it is until this listens: who refuses connections again waits for another `refusing`.
        let resumed = plan.wait_for(|plan| !plan.refuses).await;
        let Ok(again) = held.listen(BACKLOG) else { return };
        listener = again;
        shared.counts.send_modify(|counts| counts.refusing = false);
        drop(resumed);
    }
}

/// Forwards new connections until they are refused.
async fn accept(shared: &Arc<Shared>, listener: &TcpListener, connections: &mut JoinSet<()>) {
    let mut plan = shared.plan.subscribe();
    let refuses = async { drop(plan.wait_for(|plan| plan.refuses).await) };
    let accepts = async {
        loop {
            let Ok((client, _)) = listener.accept().await else { continue };
            let begin = shared.plan.borrow().acts.len();
            shared.counts.send_modify(|counts| {
                counts.accepted = counts.accepted.saturating_add(1);
                counts.open = counts.open.saturating_add(1);
            });
            connections.spawn(serve(Arc::clone(shared), client, begin));
        }
    };
    tokio::select! {
        () = refuses => {}
        () = accepts => {}
    }
}

/// Forwards a connection that began when there were so many acts.
async fn serve(shared: Arc<Shared>, mut client: TcpStream, begin: usize) {
    let address = shared.plan.borrow().moved.unwrap_or(shared.server);
    let Ok(mut server) = TcpStream::connect(address).await else {
        let _ = client.set_zero_linger();
        return shared.counts.send_modify(Counts::closed);
    };
    let act = until_hit(&shared, begin, &mut client, &mut server).await;
    shared.counts.send_modify(Counts::closed);
    match act {
        Some(Act::HalfOpen) => {
            drop(server);
            pending().await
        }
        Some(Act::End(End::Reset)) => drop((client.set_zero_linger(), server.set_zero_linger())),
        Some(Act::End(End::Cut)) | None => drop(tokio::join!(finish(client), finish(server))),
    }
}

/// Ends a side with FIN. Closing a socket with data that were not read would reset the connection.
async fn finish(mut side: TcpStream) {
    let _ = side.shutdown().await;
    let _ = copy(&mut side, &mut sink()).await;
}

/// Forwards until the connection ends by itself, or returns the act that ends it.
async fn until_hit(
    shared: &Shared,
    begin: usize,
    client: &mut TcpStream,
    server: &mut TcpStream,
) -> Option<Act> {
    let _ = (server.set_nodelay(true), client.set_nodelay(true));
    let ((read_client, mut write_client), (read_server, mut write_server)) = (client.split(), server.split());
    let pump = |flow| Pump { shared, flow, begin, plan: shared.plan.subscribe(), passed: (0, 0) };
    let (to_server, to_client) = (pump(Flow::ToServer), pump(Flow::ToClient));
    let mut plan = shared.plan.subscribe();
    let forwards = async {
        tokio::try_join!(
            to_server.run(read_client, &mut write_server),
            to_client.run(read_server, &mut write_client)
        )
        .err()
    };
    tokio::select! {
        biased;
        Ok(plan) = plan.wait_for(|plan| plan.acts.len() > begin) => plan.acts.get(begin).copied(),
        end = forwards => end.map(Act::End),
    }
}

/// One direction of a connection.
struct Pump<'a> {
    shared: &'a Shared,
    flow: Flow,
    begin: usize,
    plan: watch::Receiver<Plan>,
    /// The number of a limit, and the bytes that have passed since it holds.
    passed: (u64, u64),
}

enum Step {
    Passed,
    /// With a rate: the next part comes after this time.
    PassedSome {
        wait: Duration,
    },
    Held,
    Ends(End),
}

impl Pump<'_> {
    async fn run(mut self, from: ReadHalf<'_>, to: &mut WriteHalf<'_>) -> Result<(), End> {
        let failed = |_: io::Error| End::Reset;
        let mut buffer = BytesMut::new();
        loop {
            self.flows().await;
            from.readable().await.map_err(failed)?;
            buffer.reserve(ROOM);
            match from.try_read_buf(&mut buffer) {
                Ok(0) => break,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(End::Reset),
                _ => {}
            }
            while !buffer.is_empty() {
                to.writable().await.map_err(failed)?;
                match self.pass(&mut buffer, to).map_err(failed)? {
                    Step::Passed => {}
                    Step::PassedSome { wait } => sleep(wait).await,
                    Step::Held => drop(self.plan.changed().await),
                    Step::Ends(end) => return Err(end),
                }
            }
        }
        self.flows().await;
        to.shutdown().await.map_err(failed)
    }

    /// Waits until this direction is not stalled.
    async fn flows(&mut self) {
        let _ = self.plan.wait_for(|plan| !plan.holds(self.flow, self.begin)).await;
    }

    /// Writes the bytes that may pass now. The plan cannot change meanwhile.
    fn pass(&mut self, buffer: &mut BytesMut, to: &WriteHalf<'_>) -> io::Result<Step> {
        let plan = self.plan.borrow_and_update();
        if plan.holds(self.flow, self.begin) {
            return Ok(Step::Held);
        }
        let limit = plan.limit.filter(|limit| limit.flow.covers(self.flow));
        if let Some(limit) = limit.filter(|limit| limit.number != self.passed.0) {
            self.passed = (limit.number, 0);
        }
        let left = |passed: u64, limit: Limit| limit.bytes.saturating_sub(passed);
        let rate = plan.rate.filter(|(flow, _)| flow.covers(self.flow)).map(|(_, rate)| rate.get());
        let most =
            [rate.map(|rate| u64::from(rate.div_ceil(PARTS))), limit.map(|limit| left(self.passed.1, limit))];
        let most = most
            .into_iter()
            .flatten()
            .min()
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(usize::MAX);
        let passed = match to.try_write(buffer.get(..most).unwrap_or(buffer)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            passed => passed?,
        };
        buffer.advance(passed);
        self.passed.1 = self.passed.1.saturating_add(passed as u64);
        self.shared.counts.send_modify(|counts| counts.add(self.flow, passed as u64));
        Ok(match (limit, rate) {
            (Some(limit), _) if left(self.passed.1, limit) == 0 => Step::Ends(limit.end),
            (_, Some(rate)) => {
                Step::PassedSome { wait: Duration::from_secs_f64(passed as f64 / f64::from(rate)) }
            }
            _ => Step::Passed,
        })
    }
}

impl Plan {
    fn holds(&self, flow: Flow, begin: usize) -> bool {
        self.acts.len() > begin || self.stalls.is_some_and(|stalled| stalled.covers(flow))
    }
}

impl Flow {
    fn covers(self, one: Self) -> bool {
        self == Self::Both || self == one
    }
}

impl Counts {
    fn closed(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    fn add(&mut self, flow: Flow, bytes: u64) {
        let count = if flow == Flow::ToServer { &mut self.to_server } else { &mut self.to_client };
        *count = count.saturating_add(bytes);
    }
}
