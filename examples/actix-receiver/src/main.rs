//! Receives events with actix-web and responds with an event. actix-web has its own header types, so the
//! program passes headers as pairs of names and values, and writes them through a closure.
//!
//! ```text
//! cargo run -p example-actix-receiver --features actix
//! curl -i localhost:8083/ -H 'content-type: application/cloudevents+json' \
//!     -d '{"specversion":"1.0","id":"1","source":"/shop","type":"com.example.order.placed"}'
//! curl -i localhost:8083/ -H 'ce-id: 1'
//! ```

use actix_web::{
    App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer,
    http::StatusCode,
    web::{self, Bytes},
};
use cloudevents_kit::{
    self as kit,
    http::{Problem, decode, encode_with},
    prelude::*,
};

async fn receive(request: HttpRequest, body: Bytes) -> HttpResponse {
    let options = kit::decoding();
    let headers = || request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let responded = match decode(headers(), body, &options) {
        Ok(decoded) => respond(&decoded.value),
        Err(error) => Err(Problem::of_request(error, headers(), &options, false)),
    };
    responded.unwrap_or_else(refuse)
}

fn respond(order: &Event) -> Result<HttpResponse, Problem> {
    println!("{} from {}", order.ty(), order.source());
    let confirmed = Event::builder()
        .random_id()
        .time_now()
        .source("/orders")
        .ty("com.example.order.confirmed")
        .text(format!("order {} is confirmed", order.id()))
        .build()?;
    let mut response = HttpResponse::Ok();
    let (body, _) = encode_with(&confirmed, Mode::Binary, |name, value| {
        response.insert_header((name, value));
    })?;
    Ok(response.body(body))
}

/// Returns a response with the status, the headers and the document of the problem.
fn refuse(problem: Problem) -> HttpResponse {
    eprintln!("{problem}");
    let (parts, body) = problem.into_http().into_parts();
    let status = StatusCode::from_u16(parts.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    for (name, value) in &parts.headers {
        response.insert_header((name.as_str(), value.as_bytes()));
    }
    response.body(body)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    // The largest body, in bytes: actix-web buffers it.
    let limit = web::PayloadConfig::new(1 << 20);
    let server =
        HttpServer::new(move || App::new().app_data(limit.clone()).route("/", web::post().to(receive)));
    println!("listening on http://127.0.0.1:8083");
    server.bind("127.0.0.1:8083")?.run().await
}
