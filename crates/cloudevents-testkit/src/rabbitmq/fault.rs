//! How the broker refuses: with a code of AMQP 0.9.1 and a reason.

/// Why a channel or a connection ends.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: u16,
    pub(super) text: String,
}

impl Fault {
    /// Whether only the channel ends: a soft error of AMQP 0.9.1, section 1.2.
    pub(super) fn is_soft(&self) -> bool {
        matches!(self.code, 403..=406)
    }
}

pub(super) fn access_refused(what: impl AsRef<str>) -> Fault {
    fault(403, "ACCESS_REFUSED", what)
}

pub(super) fn not_found(what: &str, name: &str) -> Fault {
    fault(404, "NOT_FOUND", format!("no {what} '{name}' in vhost '/'"))
}

pub(super) fn locked(queue: &str) -> Fault {
    let what = format!("cannot obtain exclusive access to locked queue '{queue}'");
    fault(405, "RESOURCE_LOCKED", what)
}

pub(super) fn precondition(what: impl AsRef<str>) -> Fault {
    fault(406, "PRECONDITION_FAILED", what)
}

pub(super) fn frame_error(what: impl AsRef<str>) -> Fault {
    fault(501, "FRAME_ERROR", what)
}

pub(super) fn command_invalid(what: impl AsRef<str>) -> Fault {
    fault(503, "COMMAND_INVALID", what)
}

pub(super) fn channel_error(what: impl AsRef<str>) -> Fault {
    fault(504, "CHANNEL_ERROR", what)
}

pub(super) fn unexpected_frame(what: impl AsRef<str>) -> Fault {
    fault(505, "UNEXPECTED_FRAME", what)
}

pub(super) fn not_allowed(what: impl AsRef<str>) -> Fault {
    fault(530, "NOT_ALLOWED", what)
}

/// For features that RabbitMQ may have, and this broker has not.
pub(super) fn not_implemented(what: impl AsRef<str>) -> Fault {
    fault(540, "NOT_IMPLEMENTED", what)
}

fn fault(code: u16, name: &str, what: impl AsRef<str>) -> Fault {
    // A short string has at most 255 bytes.
    let mut text: String = format!("{name} - {}", what.as_ref());
    while text.len() > 255 {
        text.pop();
    }
    Fault { code, text }
}
