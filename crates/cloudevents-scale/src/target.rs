//! An HTTP target that records the events that it receives.

use crate::{
    failure::Result,
    judge::Judge,
    load::{digits, number},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::sleep,
};

/// A target that takes so many requests at a time, and so long for each. It goes on with a request whose client has hung up.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    delay: Duration,
}

impl Places {
    pub(crate) fn new(number: usize, delay: Duration) -> Self {
        Self { free: Arc::new(Semaphore::new(number)), delay }
    }

    async fn work(&self) {
        if let Ok(_place) = self.free.acquire().await {
            sleep(self.delay).await;
        }
    }
}

/// Takes requests until it is dropped.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    accepting: JoinHandle<()>,
}

impl Target {
    /// Without places, it responds at once.
    pub(crate) async fn start(judge: Arc<Judge>, places: Option<Places>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&judge), places.clone()));
            }
        });
        Ok(Self { url, accepting })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, judge: Arc<Judge>, places: Option<Places>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer: Vec<u8> = Vec::with_capacity(16 << 10);
    loop {
        let head = loop {
            if let Some(end) = memchr::memmem::find(&buffer, b"\r\n\r\n") {
                break end.checked_add(4)?;
            }
            read(&mut stream, &mut buffer).await?;
        };
        let end = head.checked_add(header(buffer.get(..head)?, b"content-length")?)?;
        while buffer.len() < end {
            read(&mut stream, &mut buffer).await?;
        }
        let found = header(buffer.get(..head)?, b"ce-id").or_else(|| number(buffer.get(head..end)?))?;
        buffer.drain(..end);
        match &places {
            None => judge.arrive(found),
            Some(places) => {
                let (judge, places) = (Arc::clone(&judge), places.clone());
                let work = tokio::spawn(async move {
                    places.work().await;
                    judge.arrive(found);
                });
                work.await.ok()?;
            }
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok()?;
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    (stream.read_buf(buffer).await.ok()? > 0).then_some(())
}

/// The number that a header is.
fn header(head: &[u8], name: &[u8]) -> Option<usize> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let (found, value) = line.split_at_checked(colon)?;
        found.eq_ignore_ascii_case(name).then(|| digits(value.get(1..)?))?
    })
}
