//! Payloads of GitHub and Stripe as events.

use crate::tools::{TOKEN, Target, bearer, soon, with_token};
use bytes::Bytes;
use cloudevents_adapters::Adapters;
use cloudevents_core::{Error, ErrorKind, Event, Peer};
use cloudevents_webhook::{
    deliver::Practice,
    handshake::{AllowedOrigins, Rate},
    receiver::{MemoryStore, Webhook, WebhookOptions, github_event, stripe_event},
    signature::{GitHub, Sign, Stripe},
};
use http::{Method, Request, request::Parts};
use serde_json::{Value, json};
use std::time::SystemTime;

fn head(event: &str) -> Parts {
    let request =
        Request::post("/hook").header("x-github-event", event).header("x-github-delivery", "72d3162e");
    request.body(()).unwrap().into_parts().0
}

fn github(event: &str, payload: &Value) -> Event {
    github_event(&head(event), &Bytes::from(payload.to_string())).unwrap()
}

/// Rows of the specification's adapter.
#[test]
fn deliveries_of_github_are_events_by_the_adapter() {
    let repository = "https://api.github.com/repos/octo/hello";
    let payload = json!({
        "action": "opened", "ref": "refs/heads/main", "ref_type": "branch", "scope": "team",
        "repository": {"url": repository},
        "sender": {"url": "https://api.github.com/users/octo"},
        "team": {"url": "https://api.github.com/teams/1"},
        "member": {"login": "mona"},
        "issue": {"number": 7, "updated_at": "2026-11-20T10:00:00Z", "url": "https://api.github.com/repos/octo/hello/issues/7"},
        "check_run": {"id": 4, "completed_at": null, "started_at": "2026-11-20T09:00:00Z"},
        "comment": {"id": 9, "url": "https://api.github.com/comments/9", "commit_id": "6dcb09b", "updated_at": null},
        "deployment": {"url": "https://api.github.com/deployments/1"},
        "deployment_status": {"state": "success", "url": "https://api.github.com/deployments/1/statuses/2"},
    });
    for (name, ty, source, subject, time) in [
        ("issues", "issues.opened", repository, Some("7"), Some("2026-11-20T10:00:00Z")),
        ("push", "push", repository, Some("refs/heads/main"), None),
        ("create", "create.branch", repository, Some("refs/heads/main"), None),
        ("check_run", "check_run.opened", repository, Some("4"), Some("2026-11-20T09:00:00Z")),
        (
            "commit_comment",
            "commit_comment.opened",
            "https://api.github.com/comments/9/6dcb09b",
            Some("9"),
            None,
        ),
        ("membership", "membership.team.opened", "https://api.github.com/teams/1", Some("mona"), None),
        (
            "deployment_status",
            "deployment_status.success",
            "https://api.github.com/deployments/1",
            Some("https://api.github.com/deployments/1/statuses/2"),
            None,
        ),
        ("an_event_to_come", "an_event_to_come.opened", repository, None, None),
    ] {
        let event = github(name, &payload);
        assert_eq!(event.ty(), format!("com.github.{ty}"));
        assert_eq!((event.source().as_str(), event.subject()), (source, subject), "{name}");
        assert_eq!(event.time().map(|time| time.to_string()).as_deref(), time, "{name}");
        assert_eq!(event.data_bytes().unwrap().as_ref(), payload.to_string().as_bytes());
    }
    assert_eq!(github("ping", &json!({})).source().as_str(), "https://github.com");
    // A time that cannot be read is an error, and not left out.
    let soon = payload.to_string().replace(r#""updated_at":null"#, r#""updated_at":"soon""#);
    let error = github_event(&head("commit_comment"), &Bytes::from(soon)).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidTimestamp, Some("time")));
}

/// Whoever sends a delivery again may change what is not signed.
#[test]
fn the_id_of_a_delivery_of_github_is_of_what_is_signed() {
    let id =
        |head: &Parts, body: &str| github_event(head, &Bytes::from(body.to_owned())).unwrap().id().to_owned();
    let mut again = head("push");
    again.headers.insert("x-github-delivery", "another".parse().unwrap());
    assert_eq!(id(&head("push"), r#"{"a":1}"#), id(&again, r#"{"a":1}"#));
    assert_ne!(id(&head("push"), r#"{"a":1}"#), id(&head("push"), r#"{"a":2}"#));
    for (event, body) in
        [("", "{}"), ("Push", "{}"), ("a.b", "{}"), ("push", "payload=%7B%7D"), ("push", "[]")]
    {
        let refused = github_event(&head(event), &Bytes::from(body)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData, "{event} {body}");
    }
}

#[test]
fn deliveries_of_stripe_are_events() {
    // As in Stripe's reference of the event object.
    let payload = json!({
        "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy", "object": "event", "api_version": "2019-02-19", "created": 1_686_089_970,
        "data": {"object": {"id": "seti_1NG8Du2eZvKYlo2C9XMqbR0x", "object": "setup_intent"}},
        "livemode": false, "pending_webhooks": 0, "type": "setup_intent.created",
    });
    let event = |payload: &Value| stripe_event(&head(""), &Bytes::from(payload.to_string()));
    let made = event(&payload).unwrap();
    assert_eq!((made.id(), made.ty()), ("evt_1NG8Du2eZvKYlo2CUI79vXWy", "com.stripe.setup_intent.created"));
    assert_eq!(
        (made.source().as_str(), made.subject()),
        ("https://api.stripe.com", Some("seti_1NG8Du2eZvKYlo2C9XMqbR0x"))
    );
    assert_eq!(made.time().unwrap().to_string(), "2023-06-06T22:19:30Z");
    // A thin event, as in Stripe's reference of the event object of version 2.
    let thin = json!({
        "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0", "object": "v2.core.event", "created": "2024-09-17T06:20:52.246Z",
        "type": "v1.billing.meter.error_report_triggered", "livemode": false,
        "related_object": {"id": "mtr_test_61R9IeP0SgKbYROOx41PEAQhH0qO23oW", "type": "billing.meter"},
    });
    let made_of_thin = event(&thin).unwrap();
    assert_eq!(made_of_thin.ty(), "com.stripe.v1.billing.meter.error_report_triggered");
    assert_eq!(made_of_thin.time().unwrap().to_string(), "2024-09-17T06:20:52.246Z");
    assert_eq!(made_of_thin.subject(), Some("mtr_test_61R9IeP0SgKbYROOx41PEAQhH0qO23oW"));
    let mut of_account = payload.clone();
    of_account["account"] = "acct_1".into();
    assert_eq!(event(&of_account).unwrap().source().as_str(), "https://api.stripe.com/v1/accounts/acct_1");
    for missing in ["id", "type"] {
        let mut payload = payload.clone();
        payload[missing] = Value::Null;
        assert_eq!(event(&payload).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}

/// The options of `docs/webhooks-receiving.md`.
fn event_grid() -> WebhookOptions {
    let mut options = WebhookOptions::allowing(AllowedOrigins::new(["eventgrid.azure.net"]).unwrap())
        .token(TOKEN)
        .senders(Practice::EventGrid)
        .idempotency(MemoryStore::new(100_000));
    options.http.receiver.decoding.leniency = Peer::EventGrid.leniency();
    options
}

/// The options of `docs/webhooks.md` and `docs/webhooks-receiving.md`.
#[test]
fn three_providers_are_received_in_ten_lines() {
    let env = |_| "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
    let github = WebhookOptions::without_handshake()
        .signature(GitHub::new(env("GITHUB_SECRET")).unwrap())
        .convert(github_event)
        .idempotency(MemoryStore::new(100_000));
    let stripe = WebhookOptions::without_handshake()
        .signature(Stripe::new(env("STRIPE_SECRET")).unwrap())
        .convert(stripe_event)
        .idempotency(MemoryStore::new(100_000));
    for options in [github, stripe, event_grid()] {
        Webhook::open(options).unwrap();
    }
}

/// The event's name, which selects its source, is not signed.
#[tokio::test]
async fn a_delivery_of_github_is_handled_once_whatever_event_it_is_said_to_be() {
    let options = WebhookOptions::without_handshake()
        .signature(GitHub::new("secret").unwrap())
        .convert(github_event)
        .idempotency(MemoryStore::new(10));
    let (target, seen) = Target::accepting(options).await;
    let body = json!({
        "repository": {"url": "https://api.github.com/repos/octo/hello"},
        "comment": {"url": "https://api.github.com/comments/9"},
        "organization": {"url": "https://api.github.com/orgs/octo"},
    });
    let body = body.to_string();
    let (mut parts, ()) = Request::post("/hook").body(()).unwrap().into_parts();
    GitHub::new("secret").unwrap().sign(&mut parts, body.as_bytes(), "1", SystemTime::now()).unwrap();
    let signature = parts.headers["x-hub-signature-256"].to_str().unwrap();
    for event in ["issues", "commit_comment", "org_block", "push"] {
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", event),
            ("x-hub-signature-256", signature),
        ];
        assert_eq!(target.post(&headers, body.clone()).await.status, 204, "{event}");
    }
    assert_eq!(seen.ids().len(), 1);
}

/// Headers and body as in a capture of 2019, which names the sender in `Origin` and has a schema that is no URI.
#[tokio::test]
async fn deliveries_of_event_grid_are_accepted_as_they_come() {
    let (target, seen) = Target::accepting(event_grid()).await;
    let query = format!("?access_token={TOKEN}");
    let document = json!({
        "id": "05ae2c06-d9f6-ef8f-d994-0dcbb8d1879e",
        "source": "/SUBSCRIPTIONS/1/RESOURCEGROUPS/A/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/HUB",
        "specversion": "1.0",
        "type": "Microsoft.Devices.DeviceTelemetry",
        "dataschema": "#",
        "subject": "devices/SimulatedThermostat",
        "time": "2019-12-18T23:27:22.272Z",
        "data": {"body": {"temperature": 24.679108131527485}},
    });
    let headers = |origin| {
        [
            origin,
            ("aeg-subscription-name", "THERMOSTATALERT"),
            ("aeg-delivery-count", "0"),
            ("aeg-data-version", ""),
            ("aeg-metadata-version", "1"),
            ("aeg-event-type", "Notification"),
            ("content-type", "application/cloudevents+json; charset=utf-8"),
        ]
    };
    let post =
        async |query, origin| target.send(Method::POST, query, &headers(origin), document.to_string()).await;
    for wrong in ["attacker.example", "https://eventgrid.azure.net", ""] {
        assert_eq!(post(&query, ("origin", wrong)).await.status, 403, "{wrong}");
    }
    // The header of the specification counts, where it is there.
    assert_eq!(post(&query, ("webhook-request-origin", "attacker.example")).await.status, 403);
    assert_eq!(post("", ("origin", "eventgrid.azure.net")).await.status, 401);
    assert_eq!(post(&query, ("origin", "eventgrid.azure.net")).await.status, 204);
    assert_eq!(seen.ids(), ["05ae2c06-d9f6-ef8f-d994-0dcbb8d1879e"]);

    // Only where this sender is expected.
    let strict = event_grid().senders(Practice::CloudEvents);
    let (target, _seen) = Target::accepting(strict).await;
    let headers = headers(("origin", "eventgrid.azure.net"));
    assert_eq!(target.send(Method::POST, &query, &headers, document.to_string()).await.status, 403);
}

/// Its own schema has no origin in any of its requests.
#[tokio::test]
async fn deliveries_of_event_grid_in_its_own_schema_are_converted() {
    let convert = |_: &Parts, body: &Bytes| {
        let [event]: [Value; 1] =
            serde_json::from_slice(body).map_err(|_| Error::new(ErrorKind::InvalidData))?;
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        Ok(Event::builder().id(text("id")).source(text("topic")).ty(text("eventType")).build()?)
    };
    let options = event_grid().event_grid_validation(["orders"]).convert(convert);
    let (target, seen) = Target::accepting(options).await;
    let query = format!("?access_token={TOKEN}");
    let body = json!([{
        "id": "1280a0fd-90dc-52d2-b26a-8baf5e268b26",
        "topic": "/subscriptions/1/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w",
        "subject": "experiments/1/runs/2",
        "eventType": "Microsoft.MachineLearningServices.RunStatusChanged",
        "data": {"runStatus": "Completed"},
        "dataVersion": "2", "metadataVersion": "1", "eventTime": "2021-04-28T04:33:45.5390469Z",
    }]);
    let post = async |query: &str, subscription| {
        let headers = [
            ("aeg-subscription-name", subscription),
            ("aeg-event-type", "Notification"),
            ("content-type", "application/json; charset=utf-8"),
        ];
        target.send(Method::POST, query, &headers, body.to_string()).await.status.as_u16()
    };
    assert_eq!(post("", "ORDERS").await, 401);
    assert_eq!(post(&query, "OTHERS").await, 403);
    assert_eq!(post(&query, "ORDERS").await, 204);
    assert_eq!(seen.ids(), ["1280a0fd-90dc-52d2-b26a-8baf5e268b26"]);

    // An origin that is made up has no rate of its own.
    let options = event_grid().event_grid_validation(["orders"]).convert(convert);
    let (target, _seen) = Target::accepting(options.highest_rate(Rate::per_minute(1).unwrap())).await;
    for (origin, status) in [("a.example", 204), ("b.example", 429)] {
        let headers = [
            ("webhook-request-origin", origin),
            ("aeg-subscription-name", "ORDERS"),
            ("content-type", "application/json"),
        ];
        let response = target.send(Method::POST, &query, &headers, body.to_string()).await;
        assert_eq!(response.status, status, "{origin}");
    }
}

/// A push of GitLab, and its id by the header of the delivery.
const PUSH: &str =
    r#"{"object_kind":"push","repository":{"homepage":"http://example.com/d"},"checkout_sha":"da15"}"#;
const UUID: (&str, &str) = ("x-gitlab-event-uuid", "13792a34-cac6-4fda-95a8-c58e00a3954e");

#[tokio::test]
async fn documents_of_other_systems_are_converted() {
    let (target, mut receiver) = Target::open(with_token().adapters(Adapters::known())).await;
    let bearer = bearer();
    let post = async |headers: &[(&str, &str)], body: String| {
        let token = [("authorization", bearer.as_str()), ("content-type", "text/plain; charset=UTF-8")];
        target.post(&[&token, headers].concat(), body).await
    };
    let grid = |id: u8| {
        format!(
            r#"{{"topic":"/t","subject":"s","eventType":"B","eventTime":"2017-06-26T18:41:00Z","id":"{id}","data":1}}"#
        )
    };
    let handling = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok(Some(delivery)) = receiver.next().await {
            let ids = delivery
                .events()
                .map(|events| events.iter().map(|event| event.id().to_owned()).collect::<Vec<_>>());
            // The sender is responsible for both of a document with the id 9.
            let is_refused = ids.as_ref().is_ok_and(|ids| ids.iter().any(|id| id == "9"));
            all.push(ids.unwrap());
            let settled = if is_refused { delivery.reject("no") } else { delivery.accept() };
            settled.await.unwrap();
            if all.len() == 3 {
                break;
            }
        }
        all
    });
    assert_eq!(post(&[UUID], PUSH.to_owned()).await.status, 204);
    assert_eq!(post(&[], format!("[{},{}]", grid(1), grid(2))).await.status, 204);
    // Refused before a handler sees them.
    let unknown = post(&[], r#"{"n":1}"#.to_owned()).await;
    assert_eq!((unknown.status.as_u16(), unknown.problem("code").as_str()), (415, "not-a-cloudevent"));
    let broken =
        post(&[], format!("[{},{}]", grid(3), grid(4).replace("2017-06-26T18:41:00Z", "soon"))).await;
    assert_eq!((broken.status.as_u16(), broken.problem("attribute").as_str()), (400, "time"));
    let refused = post(&[], format!("[{},{}]", grid(8), grid(9))).await;
    assert_eq!(refused.status, 422);
    let all = soon(handling).await.unwrap();
    assert_eq!(all, [vec![UUID.1], vec!["1", "2"], vec!["8", "9"]]);
    // Where one system is expected, the others are unknown.
    let (target, _seen) =
        Target::accepting(with_token().adapters(Adapters::known().only("event-grid").unwrap())).await;
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    assert_eq!(target.post(&headers, PUSH).await.status, 415);
}

/// A delivery that is repeated with other headers is the same.
#[tokio::test]
async fn under_a_signature_headers_make_no_other_event_of_a_document() {
    let options = WebhookOptions::without_handshake()
        .signature(GitHub::new("secret").unwrap())
        .adapters(Adapters::known())
        .idempotency(MemoryStore::new(10));
    let (target, seen) = Target::accepting(options).await;
    let (mut parts, ()) = Request::post("/hook").body(()).unwrap().into_parts();
    GitHub::new("secret").unwrap().sign(&mut parts, PUSH.as_bytes(), "1", SystemTime::now()).unwrap();
    let signature = parts.headers["x-hub-signature-256"].to_str().unwrap();
    for uuid in [UUID, ("x-gitlab-event-uuid", "another")] {
        let headers = [("content-type", "application/json"), ("x-hub-signature-256", signature), uuid];
        assert_eq!(target.post(&headers, PUSH).await.status, 204);
    }
    // By sha256sum.
    assert_eq!(seen.ids(), ["824ff85a05109019c4f8408aa7ce16fea0ccafb16457ed26a9e7f312465daa24"]);
    let forged = [("content-type", "application/json"), ("x-hub-signature-256", signature)];
    assert_eq!(target.post(&forged, PUSH.replace("da15", "da16")).await.status, 403);
}
