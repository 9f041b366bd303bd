//! The server: the page, where events arrive, and the feed of the dashboards.

use crate::board::Board;
use axum::{
    Router,
    extract::{Extension, State},
    http::StatusCode,
    response::{Html, Response},
    routing::{any, get, post},
};
use cloudevents_kit::{
    Receiver, Sender,
    http::axum08::{CloudEvent, DecodingLayer},
    prelude::*,
    websockets::{WsServerOptions, axum08::WsUpgrade},
};
use tokio::{net::TcpListener, sync::broadcast::error::RecvError};

/// The most bytes of an event.
const LIMIT: usize = 64 << 10;

pub(crate) async fn serve(listener: TcpListener) -> std::io::Result<()> {
    let mut decoding = DecodeOptions::strict();
    decoding.limits.bytes = LIMIT;
    let mut options = WsServerOptions::from(decoding.clone());
    // Pages of other sites could connect otherwise.
    let port = listener.local_addr()?.port();
    options.origins =
        Some(["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{port}").into()).into());
    let app = Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/events", post(take).layer(DecodingLayer::new(decoding)))
        .route("/feed", any(feed).layer(Extension(options)))
        .with_state(Board::new());
    axum::serve(listener, app).await
}

async fn take(State(board): State<Board>, CloudEvent(event): CloudEvent) -> StatusCode {
    if board.show(event) { StatusCode::NO_CONTENT } else { StatusCode::INSUFFICIENT_STORAGE }
}

/// Sends the last event of each source, and then each event that comes, until the browser leaves.
async fn feed(State(board): State<Board>, upgrade: WsUpgrade) -> Response {
    upgrade.on_connected(async move |browser: Sender, mut deliveries: Receiver| {
        let (mut shown, mut changes) = board.watch();
        loop {
            browser.send_all(shown.drain(..)).await?;
            tokio::select! {
                delivery = deliveries.next() => match delivery? {
                    Some(delivery) => delivery.reject("a dashboard sends no events").await?,
                    None => return Ok(()),
                },
                changed = changes.recv() => match changed {
                    Ok(event) => shown.push(event),
                    // It was too slow, and gets the present state instead of what it missed.
                    Err(RecvError::Lagged(_)) => (shown, changes) = board.watch(),
                    Err(RecvError::Closed) => return Ok(()),
                },
            }
        }
    })
}
