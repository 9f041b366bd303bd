//! How large a test is that counts memory, targets or schedules.

/// The size of a test that is this large when it is optimised: a quarter without optimisation, where such tests take minutes.
///
/// `.ci/long properties` runs all tests with optimisation.
///
/// ```
/// use cloudevents_testkit::size;
///
/// let expected = if cfg!(debug_assertions) { 500 } else { 2_000 };
/// assert_eq!(size(2_000), expected);
/// ```
pub const fn size(optimised: usize) -> usize {
    if cfg!(debug_assertions) { optimised / 4 } else { optimised }
}
