//! WebSockets, by tokio-tungstenite. Nothing stores events: one client sends all of them as fast as the server takes them.

use crate::{
    child::{Program, Usage, usage},
    events::Events,
    failure::Result,
    hand::Hand,
    judge::Judge,
    load::{Load, number},
    send::send,
    table::{Measured, Row, Table},
    target::Target,
};
use futures_util::{SinkExt, StreamExt};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async, client_async,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        handshake::server::{Request, Response},
        http::HeaderValue,
    },
};

/// The lowest parts of the rate of the bare server for `ce listen` and `ce bridge`, and of the bare client for `ce send`.
const LISTEN: f64 = 0.1;
const BRIDGE: f64 = 0.4;
const SEND: f64 = 0.3;
const PATIENCE: Duration = Duration::from_secs(30);
const STILL: Duration = Duration::from_secs(5);
const SUBPROTOCOL: HeaderValue = HeaderValue::from_static("cloudevents.json");
const HEADER: &str = "sec-websocket-protocol";

/// A burst from the bare client to `ce listen` and `ce bridge`, beside the bare server, and from `ce send` to the bare server.
pub(crate) async fn bursts(load: Load, table: &Table) -> Result<()> {
    let name = |what: &str| format!("WebSockets, burst of {} x {} B, {what}", load.count, load.size);
    table.measure(async || read("listen", LISTEN, &name("listen"), load).await).await?;
    table.measure(async || read("bridge", BRIDGE, &name("bridge"), load).await).await?;
    let file = Events::of(load)?;
    table.measure(async || written(&name("send"), load, &file).await).await
}

/// Sends to the program, beside the bare server that does the same.
async fn read(command: &str, floor: f64, name: &str, load: Load) -> Result<Row> {
    let judge = Arc::new(Judge::new(load));
    let target = Target::start(Arc::clone(&judge), None).await?;
    let hand = match command {
        "bridge" => Hand::forwarding(load, &target.url),
        _ => Hand::Take(Arc::clone(&judge)),
    };
    let server = Server::start(hand).await?;
    let bare = burst(&server.address, load, &judge, None).await?.rate();

    let judge = Arc::new(Judge::new(load));
    let target = Target::start(Arc::clone(&judge), None).await?;
    let address = free().await?;
    let url = format!("ws://{address}/events?reject=drop");
    let (arguments, printed) = match command {
        "bridge" => ([command.to_owned(), url, target.url.clone()], None),
        _ => ([command.to_owned(), url, "--output=json".to_owned()], Some(&judge)),
    };
    let ce = Program::ce(&arguments, printed)?;
    let measured = burst(&address, load, &judge, Some(ce)).await?;
    Ok(Row::new(name, measured).beside(bare, floor))
}

/// Sends to the server at this address: a program, or the bare server of this process.
async fn burst(address: &str, load: Load, judge: &Judge, ce: Option<Program>) -> Result<Measured> {
    let before = usage("self");
    let mut client = timeout(PATIENCE, connect(address)).await??;
    judge.begin();
    write(&mut client, load).await?;
    judge.full_or_still_for(STILL).await;
    let after = usage("self");
    let used = match &ce {
        Some(ce) => ce.usage(),
        None => Usage { processor: after.processor - before.processor, ..after },
    };
    let wrong = match ce {
        Some(ce) => ce.stop().await?,
        None => None,
    };
    Ok(Measured::of(judge, used, wrong))
}

/// Sends to the bare server, by the bare client and by the program.
async fn written(name: &str, load: Load, file: &Events) -> Result<Row> {
    let judge = Arc::new(Judge::new(load));
    let server = Server::start(Hand::Take(Arc::clone(&judge))).await?;
    let bare = burst(&server.address, load, &judge, None).await?;

    let judge = Arc::new(Judge::new(load));
    let server = Server::start(Hand::Take(Arc::clone(&judge))).await?;
    let (time, usage, wrong) = send(&[format!("ws://{}/events", server.address)], file).await?;
    judge.full_or_still_for(STILL).await;
    let mut measured = Measured::of(&judge, usage, wrong);
    (measured.verdict.first, measured.verdict.empty) = (Duration::ZERO, time);
    Ok(Row::new(name, measured).beside(load.count as f64 / bare.verdict.empty.as_secs_f64(), SEND))
}

/// Connects as soon as there is a server.
async fn connect(address: &str) -> Result<WebSocketStream<TcpStream>> {
    let stream = loop {
        match TcpStream::connect(address).await {
            Ok(stream) => break stream,
            Err(_) => sleep(Duration::from_millis(20)).await, // between two tries
        }
    };
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{address}/events").into_client_request()?;
    request.headers_mut().insert(HEADER, SUBPROTOCOL);
    Ok(client_async(request, stream).await?.0)
}

async fn write(client: &mut WebSocketStream<TcpStream>, load: Load) -> Result<()> {
    for document in load.documents() {
        client.feed(Message::text(document)).await?;
    }
    client.close(None).await?;
    while let Some(Ok(_)) = client.next().await {}
    Ok(())
}

/// An address of this machine that was free.
async fn free() -> Result<String> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.to_string())
}

/// The bare server, with one client. It ends when this is dropped.
struct Server {
    address: String,
    serving: JoinHandle<Result<()>>,
}

impl Server {
    async fn start(hand: Hand) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        Ok(Self { address, serving: tokio::spawn(serve(listener, hand)) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, hand: Hand) -> Result<()> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    #[allow(clippy::result_large_err)] // the type is that of the callback
    let respond = |_: &Request, mut response: Response| {
        response.headers_mut().insert(HEADER, SUBPROTOCOL);
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, respond).await?;
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message? {
            let number = number(text.as_bytes()).ok_or("a message without a number")?;
            hand.give(number, text.into(), async {}).await;
        }
    }
    Ok(())
}
