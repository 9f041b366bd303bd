//! `handshake`: the response of a webhook receiver to a validation request.

use super::{Answer, carrier};
use crate::tagged::malformed;
use cloudevents_core::Error;
use cloudevents_webhook::handshake::{AllowedOrigins, Consent, Rate};
use http::{Method, Request};
use serde_json::{Value as Json, json};

pub(crate) fn handshake(request: &Json) -> Result<Answer, Error> {
    let policy = request.get("policy").unwrap_or(&Json::Null);
    let message = request.get("request").ok_or_else(|| malformed("there is no request"))?;
    let (headers, _) = carrier::http::read(message)?;
    let method: Method = message
        .get("method")
        .and_then(Json::as_str)
        .unwrap_or("OPTIONS")
        .parse()
        .map_err(|_| malformed("the method is not one of HTTP"))?;
    let mut head = Request::new(()).into_parts().0;
    (head.method, head.headers) = (method, headers);
    let consent = consent(policy)?;
    let by_callback = policy.get("callback").and_then(Json::as_bool) == Some(true);
    let response = match consent.pending(&head) {
        Some(pending) if by_callback => pending.response(),
        _ => consent.respond(&head),
    };
    let mut message = carrier::http::write(response.headers(), &bytes::Bytes::new());
    if let Some(members) = message.as_object_mut() {
        members.insert("status".into(), response.status().as_u16().into());
    }
    Ok(Answer::Result(json!({"response": message})))
}

fn consent(policy: &Json) -> Result<Consent, Error> {
    let origins: Vec<&str> = policy
        .get("origins")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let allowed = match origins[..] {
        ["*"] => AllowedOrigins::any(),
        _ => AllowedOrigins::new(origins).map_err(|error| malformed(error.to_string()))?,
    };
    let consent = Consent::new(allowed);
    Ok(match policy.get("rate") {
        Some(Json::Number(rate)) => {
            let rate: Rate =
                rate.to_string().parse().map_err(|_| malformed("the rate of the policy is invalid"))?;
            consent.with_highest_rate(rate)
        }
        _ => consent,
    })
}
