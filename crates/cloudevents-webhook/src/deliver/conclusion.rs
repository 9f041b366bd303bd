//! The meaning of responses.

use super::retry_after;
use cloudevents_http::is_temporary;
use http::{HeaderMap, Response, StatusCode};
use std::time::{Duration, SystemTime};

/// The rules that decide after which responses a delivery is tried again.
///
/// With all of them, 2xx means delivered, and 410 means that the target is retired. If 401, 403 or 407 is not tried again by these rules,
/// the target is taken to refuse the sender: see [`Conclusion::Denied`]. `Retry-After` says that a refusal ends (RFC 9110, sections 10.2.3
/// and 15.5.14). So with it, these and 413 are tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Practice {
    /// The CloudEvents webhook specification, and RFC 9110 where the specification leaves the meaning to HTTP: 408, 425, 429, and 5xx
    /// except 501 and 505 are tried again ([`is_temporary`]). Other statuses mean that the request itself is at fault.
    #[default]
    CloudEvents,
    /// [Knative](https://github.com/knative/specs/blob/main/specs/eventing/data-plane.md): 404, 408, 409, 429 and 5xx are tried again.
    Knative,
    /// [Azure Event Grid](https://learn.microsoft.com/en-us/azure/event-grid/delivery-and-retry): everything but 400, 401, 403 and 413
    /// is tried again.
    EventGrid,
    /// [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): everything but
    /// 2xx is tried again.
    StandardWebhooks,
}

/// The step of a sender after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conclusion {
    /// The target has the event.
    Delivered,
    /// Another attempt may succeed.
    Retry {
        /// The wait that the target requested.
        not_before: Option<Duration>,
        /// The wait is about the target (429, 5xx), or about the sender (401, 403, 407): other deliveries to the target should wait, too.
        /// After other statuses it is about this delivery: a payload that is too large for now (413), a request that was too slow or too
        /// early (408, 425).
        throttled: bool,
    },
    /// The target is retired (410): nothing is to be sent to it any more (WEBHOOK-2.2-i).
    Gone,
    /// The target does not accept this sender, or its token (401, 403, 407; a refused handshake). It would refuse other events, too, unless
    /// it accepts one of them.
    Denied,
    /// The target will not take this event. A redirect counts: it must not be followed (WEBHOOK-2.2-c).
    Refused,
}

impl Practice {
    /// Returns the meaning of this response for the delivery.
    pub fn conclude<T>(self, response: &Response<T>, now: SystemTime) -> Conclusion {
        self.conclude_status(response.status(), response.headers(), now)
    }

    /// Returns the meaning of a response with this status and these headers for the delivery.
    pub fn conclude_status(self, status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Conclusion {
        match status.as_u16() {
            200..=299 => Conclusion::Delivered,
            410 => Conclusion::Gone,
            code => {
                let not_before = retry_after(headers, now);
                let is_for_now = not_before.is_some() && matches!(code, 401 | 403 | 407 | 413);
                match code {
                    _ if is_for_now || self.retries(status) => {
                        let throttled = matches!(code, 401 | 403 | 407 | 429 | 500..=599);
                        Conclusion::Retry { not_before, throttled }
                    }
                    401 | 403 | 407 => Conclusion::Denied,
                    _ => Conclusion::Refused,
                }
            }
        }
    }

    fn retries(self, status: StatusCode) -> bool {
        let code = status.as_u16();
        match self {
            Self::CloudEvents => is_temporary(status),
            Self::Knative => matches!(code, 404 | 408 | 409 | 429 | 500..=599),
            Self::EventGrid => !matches!(code, 400 | 401 | 403 | 413),
            Self::StandardWebhooks => true,
        }
    }
}
