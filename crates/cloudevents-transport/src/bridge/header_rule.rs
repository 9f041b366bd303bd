//! The rule for headers: which headers are carried, and under which names.

/// Which headers are carried, and under which names.
///
/// Attributes are not among them, nor are headers without a value. The trace context (`traceparent` and `tracestate`) is carried unless it
/// is named below, or the target cannot carry it. MQTT 3.1.1 has no headers, and over MQTT 5 the trace context would be an attribute of an
/// event in binary mode. Another header that the target cannot carry, because of its name or its value, is a loss. So is a header whose
/// value has no text form, such as a table of RabbitMQ. The options of the target's sender refuse or allow the loss.
///
/// Over HTTP, in both directions, headers that belong to an exchange are never carried, with any rule: `Host`, credentials, framing,
/// forwarding and so on, in the table of `MessageHeaders` of `cloudevents-http`. A target's credentials are an option of its sender.
/// Between other protocols they are headers like any others.
///
/// ```
/// use cloudevents_transport::bridge::HeaderRule;
///
/// let mut headers = HeaderRule::none();
/// headers.rename.push(("X-Tenant".into(), "tenant".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderRule {
    /// Whether headers that are not named below are carried. Default: `true`.
    pub others: bool,
    /// Headers that are not carried. Names compare without regard to ASCII case.
    pub drop: Vec<Box<str>>,
    /// Headers that are carried under another name.
    pub rename: Vec<(Box<str>, Box<str>)>,
}

impl HeaderRule {
    /// All headers are carried.
    pub fn all() -> Self {
        Self { others: true, drop: Vec::new(), rename: Vec::new() }
    }

    /// Only the trace context is carried.
    pub fn none() -> Self {
        Self { others: false, ..Self::all() }
    }

    /// The name under which a header is carried; `None` if it is not.
    pub(super) fn name<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if let Some((_, to)) = self.rename.iter().find(|(from, _)| from.eq_ignore_ascii_case(name)) {
            return Some(to);
        }
        let is_dropped = self.drop.iter().any(|dropped| dropped.eq_ignore_ascii_case(name));
        (!is_dropped && (self.others || is_trace_context(name))).then_some(name)
    }
}

impl Default for HeaderRule {
    fn default() -> Self {
        Self::all()
    }
}

/// Whether it is a header of W3C Trace Context.
pub(super) fn is_trace_context(header: &str) -> bool {
    header.eq_ignore_ascii_case("traceparent") || header.eq_ignore_ascii_case("tracestate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_rule_may_name_the_trace_context() {
        assert_eq!(HeaderRule::none().name("Traceparent"), Some("Traceparent"));
        assert_eq!(HeaderRule::none().name("a"), None);
        let mut rule = HeaderRule::all();
        rule.drop.push("TraceParent".into());
        rule.rename.push(("tracestate".into(), "x-state".into()));
        assert_eq!([rule.name("traceparent"), rule.name("TraceState")], [None, Some("x-state")]);
    }
}
