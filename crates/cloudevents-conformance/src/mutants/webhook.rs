//! Faults of webhook receivers and senders.

use serde_json::{Value, json};

use super::Mutant;
use super::MutantProfile::{Base, Should, Strict};
use super::edit::{is_op, name};

const WEBHOOK: &[&str] = &["webhook"];

/// Changes a member of the policy of a receiver that gets a delivery.
fn policy(request: &mut Value, name: &str, change: impl FnOnce(&Value) -> Value) {
    if is_op(request, "deliver") && !request["policy"][name].is_null() {
        request["policy"][name] = change(&request["policy"][name]);
    }
}

/// Changes the target and the headers of a delivery.
fn delivery(request: &mut Value, change: impl FnOnce(&mut String, &mut Vec<Value>)) {
    if !is_op(request, "deliver") {
        return;
    }
    let mut target = request["request"]["target"].as_str().unwrap_or("/").to_owned();
    if let Some(headers) = request["request"]["headers"].as_array_mut() {
        change(&mut target, headers);
        request["request"]["target"] = json!(target);
    }
}

/// Whether a delivery has a token in its query.
fn has_token(target: &str) -> bool {
    target.contains("access_token=")
}

/// Changes the status and the headers of the response to a delivery.
fn response(request: &Value, answer: &mut Value, change: impl FnOnce(&mut u64, &mut Vec<Value>)) {
    if !is_op(request, "deliver") {
        return;
    }
    let response = &mut answer["result"]["response"];
    let mut status = response["status"].as_u64().unwrap_or_default();
    if let Some(headers) = response["headers"].as_array_mut() {
        change(&mut status, headers);
        response["status"] = json!(status);
    }
}

/// Changes the requests of a sender.
fn sent(request: &Value, answer: &mut Value, change: impl FnOnce(&mut Vec<Value>)) {
    if let (true, Some(requests)) = (is_op(request, "send"), answer["result"]["requests"].as_array_mut()) {
        change(requests);
    }
}

/// Changes the headers of the deliveries of a sender.
fn sent_headers(request: &Value, answer: &mut Value, change: impl Fn(&mut Vec<Value>)) {
    sent(request, answer, |requests| {
        let deliveries = requests.iter_mut().filter(|request| request["method"] == "POST");
        deliveries.filter_map(|request| request["headers"].as_array_mut()).for_each(change);
    });
}

/// The first response of a target to a delivery of the sender.
fn first_status(request: &Value) -> u64 {
    request["responses"][0]["status"].as_u64().unwrap_or_default()
}

/// One more delivery by a sender that has been sending.
fn again(requests: &mut Vec<Value>) {
    let last = requests.last().filter(|request| request["method"] == "POST").cloned();
    requests.extend(last);
}

/// Changes the headers of the response to a validation request.
fn consent(request: &Value, answer: &mut Value, change: impl FnOnce(&mut Vec<Value>)) {
    if let (true, Some(headers)) =
        (is_op(request, "handshake"), answer["result"]["response"]["headers"].as_array_mut())
    {
        change(headers);
    }
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::of_answer("consent-to-everyone", WEBHOOK, Base, |request, answer| {
        consent(request, answer, |headers| {
            if !headers.iter().any(|header| name(header) == "webhook-allowed-origin") {
                headers.push(json!(["webhook-allowed-origin", "*"]));
            }
        });
    }),
    Mutant::of_answer("consent-to-none", WEBHOOK, Base, |request, answer| {
        consent(request, answer, |headers| {
            headers.retain(|header| name(header) != "webhook-allowed-origin");
        });
    }),
    Mutant::of_answer("consent-without-a-rate", WEBHOOK, Base, |request, answer| {
        consent(request, answer, |headers| headers.retain(|header| name(header) != "webhook-allowed-rate"));
    }),
    Mutant::of_answer("rates-without-consent", WEBHOOK, Base, |request, answer| {
        consent(request, answer, |headers| {
            if !headers.iter().any(|header| name(header) == "webhook-allowed-rate") {
                headers.push(json!(["webhook-allowed-rate", "0"]));
            }
        });
    }),
    Mutant::of_answer("zero-granted", WEBHOOK, Base, |request, answer| {
        consent(request, answer, |headers| {
            for header in headers.iter_mut().filter(|header| name(header) == "webhook-allowed-rate") {
                header[1] = json!("0");
            }
        });
    }),
    Mutant::of_request("highest-rates-ignored", WEBHOOK, Base, |request| {
        if is_op(request, "handshake") {
            request["policy"]["rate"] = json!("*");
        }
    }),
    Mutant::of_request("consent-at-once-despite-a-callback", WEBHOOK, Base, |request| {
        if is_op(request, "handshake") {
            request["policy"]["callback"] = json!(false);
        }
    }),
    Mutant::of_answer("post-not-allowed", WEBHOOK, Should, |request, answer| {
        consent(request, answer, |headers| headers.retain(|header| name(header) != "allow"));
    }),
    Mutant::of_request("deliveries-of-any-origin-accepted", WEBHOOK, Strict, |request| {
        policy(request, "origins", |_| json!(["*"]));
        delivery(request, |_, headers| {
            headers.retain(|header| name(header) != "webhook-request-origin");
            headers.push(json!(["webhook-request-origin", "eventemitter.example.com"]));
        });
    }),
    Mutant::of_request("origins-of-deliveries-matched-by-prefix", WEBHOOK, Strict, |request| {
        let allowed = request["policy"]["origins"][0].as_str().unwrap_or_default().to_owned();
        delivery(request, |_, headers| {
            for header in headers.iter_mut().filter(|header| name(header) == "webhook-request-origin") {
                if header[1].as_str().is_some_and(|origin| origin.starts_with(&allowed)) {
                    header[1] = json!(allowed);
                }
            }
        });
    }),
    Mutant::of_request("tokens-in-both-places-accepted", WEBHOOK, Strict, |request| {
        delivery(request, |target, headers| {
            if has_token(target) && headers.iter().any(|header| name(header) == "authorization") {
                *target = "/hook".to_owned();
            }
        });
    }),
    Mutant::of_request("deliveries-without-a-token-accepted", WEBHOOK, Strict, |request| {
        delivery(request, |target, headers| {
            if !has_token(target) && !headers.iter().any(|header| name(header) == "authorization") {
                headers.push(json!(["authorization", "Bearer mF_9.B5f-4.1JqM"]));
            }
        });
    }),
    Mutant::of_request("any-token-accepted", WEBHOOK, Base, |request| {
        delivery(request, |target, headers| {
            if has_token(target) {
                *target = "/hook?access_token=mF_9.B5f-4.1JqM".to_owned();
            }
            for header in headers.iter_mut().filter(|header| name(header) == "authorization") {
                header[1] = json!("Bearer mF_9.B5f-4.1JqM");
            }
        });
    }),
    Mutant::of_request("tokens-compared-by-prefix", WEBHOOK, Base, |request| {
        delivery(request, |_, headers| {
            for header in headers.iter_mut().filter(|header| name(header) == "authorization") {
                if header[1].as_str().is_some_and(|token| "Bearer mF_9.B5f-4.1JqM".starts_with(token)) {
                    header[1] = json!("Bearer mF_9.B5f-4.1JqM");
                }
            }
        });
    }),
    Mutant::of_request("tokens-in-the-query-unsupported", WEBHOOK, Base, |request| {
        delivery(request, |target, _| {
            if has_token(target) {
                *target = "/hook".to_owned();
            }
        });
    }),
    Mutant::of_request("tokens-in-the-header-unsupported", WEBHOOK, Base, |request| {
        delivery(request, |_, headers| headers.retain(|header| name(header) != "authorization"));
    }),
    Mutant::of_request("escapes-of-tokens-kept", WEBHOOK, Base, |request| {
        delivery(request, |target, _| *target = target.replace('%', "%25"));
    }),
    Mutant::of_request("any-method-delivers", WEBHOOK, Strict, |request| {
        if is_op(request, "deliver") && request["request"]["method"] != "OPTIONS" {
            request["request"]["method"] = json!("POST");
        }
    }),
    Mutant::of_request("rates-not-enforced", WEBHOOK, Should, |request| {
        policy(request, "rate", |_| json!(6000))
    }),
    Mutant::of_request("retired-targets-accept", WEBHOOK, Should, |request| {
        policy(request, "retired", |_| json!(false));
    }),
    Mutant::of_request("processed-at-once", WEBHOOK, Base, |request| {
        policy(
            request,
            "handler",
            |handler| if handler == "queue" { json!("accept") } else { handler.clone() },
        );
    }),
    Mutant::of_request("payloads-of-responses-lost", WEBHOOK, Base, |request| {
        policy(
            request,
            "handler",
            |handler| if handler.is_object() { json!("accept") } else { handler.clone() },
        );
    }),
    Mutant::of_answer("malformed-deliveries-get-200", WEBHOOK, Base, |request, answer| {
        response(request, answer, |status, _| *status = if *status == 400 { 200 } else { *status });
    }),
    Mutant::of_answer("200-without-a-payload", WEBHOOK, Base, |request, answer| {
        response(request, answer, |status, _| *status = if *status == 204 { 200 } else { *status });
    }),
    Mutant::of_answer("responses-without-a-content-type", WEBHOOK, Base, |request, answer| {
        response(request, answer, |_, headers| headers.retain(|header| name(header) != "content-type"));
    }),
    Mutant::of_answer("unknown-formats-get-400", WEBHOOK, Base, |request, answer| {
        response(request, answer, |status, _| *status = if *status == 415 { 400 } else { *status });
    }),
    Mutant::of_answer("429-without-retry-after", WEBHOOK, Base, |request, answer| {
        response(request, answer, |_, headers| headers.retain(|header| name(header) != "retry-after"));
    }),
    Mutant::of_answer("refusals-are-redirects", WEBHOOK, Base, |request, answer| {
        response(request, answer, |status, _| *status = if *status >= 400 { 302 } else { *status });
    }),
    Mutant::of_answer("events-lost-after-acceptance", WEBHOOK, Base, |request, answer| {
        if is_op(request, "deliver") {
            answer["result"]["delivered"] = json!(0);
        }
    }),
    Mutant::of_answer("responses-are-cacheable", WEBHOOK, Should, |request, answer| {
        response(request, answer, |_, headers| headers.retain(|header| name(header) != "cache-control"));
    }),
    Mutant::of_answer("options-get-409", WEBHOOK, Should, |request, answer| {
        let is_options = request["request"]["method"] == "OPTIONS";
        response(request, answer, |status, _| *status = if is_options { 409 } else { *status });
    }),
    Mutant::of_request("consent-inferred-from-the-status", WEBHOOK, Should, |request| {
        if is_op(request, "send")
            && request["handshake"]["status"].as_u64().is_some_and(|status| status < 300)
        {
            request["handshake"]["headers"] = json!([["webhook-allowed-origin", "*"]]);
        }
    }),
    Mutant::of_request("consent-needs-status-200", WEBHOOK, Base, |request| {
        if is_op(request, "send") && request["handshake"]["status"] != 200 {
            request["handshake"]["headers"] = json!([]);
        }
    }),
    Mutant::of_request("consent-to-another-origin-counts", WEBHOOK, Should, |request| {
        if let (true, Some(headers)) =
            (is_op(request, "send"), request["handshake"]["headers"].as_array_mut())
        {
            for header in headers.iter_mut().filter(|header| name(header) == "webhook-allowed-origin") {
                header[1] = json!("*");
            }
        }
    }),
    Mutant::of_request("asterisk-is-no-consent", WEBHOOK, Base, |request| {
        if let (true, Some(headers)) =
            (is_op(request, "send"), request["handshake"]["headers"].as_array_mut())
        {
            headers.retain(|header| header[1] != "*" || name(header) != "webhook-allowed-origin");
        }
    }),
    Mutant::of_answer("no-handshake", WEBHOOK, Base, |request, answer| {
        sent(request, answer, |requests| requests.retain(|request| request["method"] != "OPTIONS"));
    }),
    Mutant::of_answer("handshake-without-the-query", WEBHOOK, Base, |request, answer| {
        sent(request, answer, |requests| {
            for validation in requests.iter_mut().filter(|request| request["method"] == "OPTIONS") {
                let target = validation["target"].as_str().unwrap_or_default();
                validation["target"] = json!(target.split('?').next());
            }
        });
    }),
    Mutant::of_answer("handshake-with-a-rate-of-none", WEBHOOK, Base, |request, answer| {
        sent(request, answer, |requests| {
            let headers =
                requests.iter_mut().filter_map(|request| request["headers"].as_array_mut()).flatten();
            for header in headers.filter(|header| name(header) == "webhook-request-rate") {
                header[1] = json!("0");
            }
        });
    }),
    Mutant::of_answer("deliveries-without-an-origin", WEBHOOK, Base, |request, answer| {
        sent_headers(request, answer, |headers| {
            headers.retain(|header| name(header) != "webhook-request-origin");
        });
    }),
    Mutant::of_answer("deliveries-with-put", WEBHOOK, Base, |request, answer| {
        sent(request, answer, |requests| {
            for delivery in requests.iter_mut().filter(|request| request["method"] == "POST") {
                delivery["method"] = json!("PUT");
            }
        });
    }),
    Mutant::of_answer("deliveries-without-a-content-type", WEBHOOK, Base, |request, answer| {
        sent_headers(request, answer, |headers| headers.retain(|header| name(header) != "content-type"));
    }),
    Mutant::of_answer("deliveries-without-a-payload", WEBHOOK, Base, |request, answer| {
        sent(request, answer, |requests| {
            requests.iter_mut().for_each(|request| request["body"] = json!({"text": ""}));
        });
    }),
    Mutant::of_answer("tokens-without-their-scheme", WEBHOOK, Base, |request, answer| {
        sent_headers(request, answer, |headers| {
            for header in headers.iter_mut().filter(|header| name(header) == "authorization") {
                header[1] = json!(header[1].as_str().unwrap_or_default().replace("Bearer ", ""));
            }
        });
    }),
    Mutant::of_answer("tokens-in-both-places-sent", WEBHOOK, Base, |request, answer| {
        let token = format!("Bearer {}", request["token"].as_str().unwrap_or_default());
        if request["token-in"] == "query" {
            sent_headers(request, answer, |headers| headers.push(json!(["authorization", token])));
        }
    }),
    Mutant::of_answer("tokens-joined-with-a-question-mark", WEBHOOK, Base, |request, answer| {
        sent(request, answer, |requests| {
            for delivery in requests {
                let target = delivery["target"].as_str().unwrap_or_default();
                delivery["target"] = json!(target.replace("&access_token", "?access_token"));
            }
        });
    }),
    Mutant::of_answer("tokens-in-queries-are-cacheable", WEBHOOK, Should, |request, answer| {
        sent_headers(request, answer, |headers| headers.retain(|header| name(header) != "cache-control"));
    }),
    Mutant::of_answer("only-200-is-success", WEBHOOK, Base, |request, answer| {
        if is_op(request, "send") && first_status(request) != 200 {
            answer["result"]["delivered"] = json!(0);
        }
    }),
    Mutant::of_answer("redirects-followed", WEBHOOK, Base, |request, answer| {
        if (300..400).contains(&first_status(request)) {
            sent(request, answer, again);
        }
    }),
    Mutant::of_answer("retry-after-ignored", WEBHOOK, Base, |request, answer| {
        if first_status(request) == 429 {
            answer["result"]["wait"] = json!(1);
        }
    }),
    Mutant::of_answer("other-events-sent-before-retry-after", WEBHOOK, Base, |request, answer| {
        if first_status(request) == 429 {
            sent(request, answer, again);
        }
    }),
    Mutant::of_answer("retired-targets-still-get-events", WEBHOOK, Should, |request, answer| {
        if first_status(request) == 410 {
            sent(request, answer, again);
        }
    }),
];
