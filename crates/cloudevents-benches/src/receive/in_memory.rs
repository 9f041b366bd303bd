//! Receiving over a connection in memory: the same server without a network, so that its instructions can be counted.

use super::{HANDLERS, cases, router};
use crate::{
    inputs::Source,
    row::{Failure, Row, Run},
};
use axum::serve::Listener;
use std::{
    cell::Cell,
    future::{IntoFuture, pending},
    io,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// The row `receive-CASE HANDLER`: the peer is the handler that takes only the body.
pub(crate) fn row(case: &str, handler: &str, source: &Source) -> Result<Row, Failure> {
    let cases = cases(source)?;
    let case = cases.iter().find(|known| known.short == case).ok_or("there is no such request")?;
    let [(body, _), handlers @ ..] = &HANDLERS;
    let path = handlers.iter().map(|(path, _)| *path).find(|path| path.strip_prefix('/') == Some(handler));
    Ok(Row {
        per: 1,
        ours: exchanges(case.request(path.ok_or("there is no such handler")?))?,
        peer: exchanges(case.request(body))?,
        peer_extra: None,
        floors: Vec::new(),
        promise: Ok(""),
    })
}

/// Sends a request and reads the response, this many times.
fn exchanges(request: Vec<u8>) -> Result<Run, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (mut client, server) = tokio::io::duplex(64 << 10);
    runtime.spawn(async { axum::serve(One(Some(server)), router()).into_future().await });
    let answer = runtime.block_on(exchange(&mut client, &request))?;
    if !answer.starts_with(b"HTTP/1.1 204") {
        return Err(format!("the server answers {}", String::from_utf8_lossy(&answer)).into());
    }
    let client = Cell::new(Some(client));
    Ok(Box::new(move |times| {
        let Some(mut connection) = client.take() else { return };
        runtime.block_on(async {
            for _ in 0..times {
                // It went well before.
                let _ = exchange(&mut connection, &request).await;
            }
        });
        client.set(Some(connection));
    }))
}

async fn exchange(client: &mut DuplexStream, request: &[u8]) -> io::Result<Vec<u8>> {
    client.write_all(request).await?;
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(b"\r\n\r\n") && client.read_buf(&mut answer).await? > 0 {}
    Ok(answer)
}

/// Accepts one connection.
struct One(Option<DuplexStream>);

impl Listener for One {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.take() {
            Some(connection) => (connection, ()),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}
