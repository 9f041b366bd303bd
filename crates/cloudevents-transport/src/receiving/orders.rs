//! The order that a protocol keeps.

/// Which messages arrive in the order of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Orders {
    /// None.
    Nothing,
    /// Messages of the same partition, such as those with the same key.
    Partition,
    /// All messages of one sender.
    Everything,
}
