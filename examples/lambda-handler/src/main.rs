//! Handles events behind a function URL or an API gateway, as an AWS Lambda function. The program reads an
//! invocation from standard input and writes the response to standard output; a runtime such as
//! `lambda_runtime` calls `handle` instead, as in the example `lambda-sqs`.
//!
//! ```text
//! cargo run -q -p example-lambda-handler <<'END'
//! {"headers": {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/shop", "Ce-Type": "com.example.order.placed",
//!              "Content-Type": "application/json"}, "body": "{\"total\": 42}", "isBase64Encoded": false,
//!  "requestContext": {"http": {"method": "POST"}}}
//! END
//! ```

use bytes::Bytes;
use cloudevents_kit::{
    self as kit,
    adapters::lambda::{self, HttpResponse},
    http::{Problem, decode, encode},
    prelude::*,
};
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use std::io;

#[derive(Deserialize)]
struct Order {
    total: i64,
}

fn handle(invocation: &str) -> HttpResponse {
    let request = lambda::request(invocation).map_err(Problem::rejection);
    let response = request.and_then(|request| respond(&request)).unwrap_or_else(|problem| {
        eprintln!("{problem}");
        problem.into_http()
    });
    response.into()
}

fn respond(request: &Request<Bytes>) -> Result<Response<Bytes>, Problem> {
    let options = kit::decoding();
    let event = decode(request.headers(), request.body().clone(), &options)
        .map_err(|error| Problem::of_request(error, request.headers(), &options, false))?
        .value;
    let order: Order = event.data_as_json().map_err(Problem::rejection)?;
    if order.total <= 0 {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "total must be positive"));
    }
    let confirmed = Event::builder()
        .id(format!("confirmation-of-{}", event.id()))
        .source("/orders")
        .ty("com.example.order.confirmed")
        .json(&serde_json::json!({ "order": event.id() }))
        .build()?;
    let mut response = Response::new(Bytes::new());
    let (body, _) = encode(&confirmed, Mode::Binary, response.headers_mut())?;
    *response.body_mut() = body;
    Ok(response)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let invocation = io::read_to_string(io::stdin())?;
    serde_json::to_writer_pretty(io::stdout(), &handle(&invocation))?;
    println!();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_confirmed() {
        let request = r#"{"headers":{"CE-Specversion":"1.0","CE-Id":"1","CE-Source":"/shop","CE-Type":"t","Content-Type":"application/json"},
            "requestContext":{"http":{"method":"POST"}},"body":"eyJ0b3RhbCI6IDQyfQ==","isBase64Encoded":true}"#;
        let response = handle(request);
        assert_eq!((response.status_code, response.headers["ce-id"].as_str()), (200, "confirmation-of-1"));
        assert_eq!((response.body.as_str(), response.is_base64_encoded), (r#"{"order":"1"}"#, false));
    }

    #[test]
    fn mistakes_are_the_clients() {
        let missing = handle(r#"{"headers":{"ce-id":"1"},"requestContext":{"http":{"method":"POST"}}}"#);
        assert_eq!((missing.status_code, missing.body.contains("CE-specversion-a")), (400, true));
        let structured = r#"{"headers":{"content-type":"application/cloudevents+json"},"requestContext":{"http":{"method":"POST"}},
            "body":"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":{\"total\":0}}"}"#;
        assert_eq!(handle(structured).status_code, 422);
    }
}
