//! What carriers make of an extension.

/// The form in which an extension arrives.
pub(super) enum Became {
    Kept,
    Absent,
    String(String),
    Uri(String),
    Timestamp(String),
}
