//! Handles events behind an API gateway, as an AWS Lambda function: a request is a JSON document with its
//! headers as a map of strings and its body as text or base64. The program reads a request from standard
//! input and writes the response to standard output; a runtime such as `lambda_runtime` calls `handle`
//! instead.
//!
//! ```text
//! cargo run -q -p example-lambda-handler <<'END'
//! {"headers": {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/shop", "Ce-Type": "com.example.order.placed",
//!              "Content-Type": "application/json"}, "body": "{\"total\": 42}", "isBase64Encoded": false}
//! END
//! ```

use cloudevents_kit::{
    self as kit,
    http::{Problem, decode, encode_with},
    prelude::*,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io};

/// The parts of an API Gateway request (payload format 2.0) that hold an event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GatewayRequest {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayResponse {
    status_code: u16,
    headers: BTreeMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct Order {
    total: i64,
}

fn handle(request: GatewayRequest) -> GatewayResponse {
    respond(&request).unwrap_or_else(refuse)
}

fn respond(request: &GatewayRequest) -> Result<GatewayResponse, Problem> {
    let options = kit::decoding();
    let text = request.body.clone().unwrap_or_default();
    let body = match request.is_base64_encoded {
        true => base64_simd::STANDARD
            .decode_to_vec(text)
            .map_err(|_| Problem::new(http::StatusCode::BAD_REQUEST, "the body is not base64"))?,
        false => text.into_bytes(),
    };
    let event = decode(&request.headers, body.into(), &options)
        .map_err(|error| Problem::of_request(error, &request.headers, &options, false))?
        .value;
    let order: Order = event.data_as_json().map_err(Problem::rejection)?;
    if order.total <= 0 {
        return Err(Problem::new(http::StatusCode::UNPROCESSABLE_ENTITY, "total must be positive"));
    }
    let confirmed = Event::builder()
        .id(format!("confirmation-of-{}", event.id()))
        .source("/orders")
        .ty("com.example.order.confirmed")
        .json(&serde_json::json!({ "order": event.id() }))
        .build()?;
    let mut headers = BTreeMap::new();
    let (body, _) = encode_with(&confirmed, Mode::Binary, |name, value| {
        headers.insert(name.to_owned(), value.to_owned());
    })?;
    Ok(GatewayResponse {
        status_code: 200,
        headers,
        body: base64_simd::STANDARD.encode_to_string(body),
        is_base64_encoded: true,
    })
}

fn refuse(problem: Problem) -> GatewayResponse {
    eprintln!("{problem}");
    let (parts, body) = problem.into_http().into_parts();
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    GatewayResponse {
        status_code: parts.status.as_u16(),
        headers: parts.headers.iter().map(text).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        is_base64_encoded: false,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let request = serde_json::from_reader(io::stdin())?;
    serde_json::to_writer_pretty(io::stdout(), &handle(request))?;
    println!();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(request: &str) -> GatewayResponse {
        handle(serde_json::from_str(request).expect("a request"))
    }

    #[test]
    fn an_order_is_confirmed() {
        let request = r#"{"headers":{"CE-Specversion":"1.0","CE-Id":"1","CE-Source":"/shop","CE-Type":"t","Content-Type":"application/json"},
            "body":"eyJ0b3RhbCI6IDQyfQ==","isBase64Encoded":true}"#;
        let response = run(request);
        assert_eq!((response.status_code, response.headers["ce-id"].as_str()), (200, "confirmation-of-1"));
        assert_eq!(response.body, "eyJvcmRlciI6IjEifQ==");
    }

    #[test]
    fn mistakes_are_the_clients() {
        let missing = run(r#"{"headers":{"ce-id":"1"}}"#);
        assert_eq!((missing.status_code, missing.body.contains("CE-specversion-a")), (400, true));
        let structured = r#"{"headers":{"content-type":"application/cloudevents+json"},
            "body":"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":{\"total\":0}}"}"#;
        assert_eq!(run(structured).status_code, 422);
    }
}
