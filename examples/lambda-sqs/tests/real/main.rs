//! The program over the runtime API of Lambda: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, process::Command, sync::mpsc, time::timeout};

/// The program ends with the test, which then waits for nothing.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_response_names_the_records_that_failed() {
    let (responses, mut responded) = mpsc::unbounded_channel();
    let invocations = Arc::new(AtomicBool::new(false));
    let api =
        Router::new().route("/2018-06-01/runtime/invocation/next", get(next)).with_state(invocations).route(
            "/2018-06-01/runtime/invocation/{id}/{outcome}",
            post(move |Path(invocation): Path<(String, String)>, body: String| {
                responses.send((invocation, body)).unwrap();
                async { StatusCode::ACCEPTED }
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async { axum::serve(listener, api).await });
    let _function = Command::new(env!("CARGO_BIN_EXE_example-lambda-sqs"))
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "orders")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ((id, outcome), body) = timeout(PATIENCE, responded.recv()).await.unwrap().unwrap();
    assert_eq!((id.as_str(), outcome.as_str()), ("8476a536-e9f4-11e8-9739-2dfe598c3fcd", "response"));
    assert_eq!(body, r#"{"batchItemFailures":[{"itemIdentifier":"m2"},{"itemIdentifier":"m3"}]}"#);
    server.abort();
}

/// The first request gets an invocation. Any other waits.
async fn next(State(invoked): State<Arc<AtomicBool>>) -> ([(&'static str, String); 4], &'static str) {
    if invoked.swap(true, Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let deadline = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap() + PATIENCE;
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("Lambda-Runtime-Deadline-Ms", deadline.as_millis().to_string()),
        (
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:orders".to_owned(),
        ),
        ("Content-Type", "application/json".to_owned()),
    ];
    (headers, include_str!("../invocation.json"))
}
