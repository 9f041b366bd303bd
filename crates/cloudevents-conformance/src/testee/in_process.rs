//! A testee in the process of the harness.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Breakdown, BreakdownKind, Testee};

/// A testee in the process of the harness: a function from request to answer.
///
/// A panic is a crash of the testee. There is no time limit: a function cannot be stopped.
///
/// ```
/// use cloudevents_conformance::{InProcess, Testee};
///
/// let mut testee = InProcess::new(|_request: &str| r#"{"seq":1,"unsupported":"everything"}"#.to_owned());
/// assert!(testee.call(r#"{"cmd":"run","seq":1,"op":"decode"}"#)?.contains("everything"));
/// # Ok::<(), cloudevents_conformance::Breakdown>(())
/// ```
pub struct InProcess<F>(F);

impl<F: FnMut(&str) -> String> InProcess<F> {
    /// A testee whose answers are the results of the function.
    pub fn new(function: F) -> Self {
        InProcess(function)
    }
}

impl<F: FnMut(&str) -> String> Testee for InProcess<F> {
    fn call(&mut self, request: &str) -> Result<String, Breakdown> {
        // The harness holds nothing that a panic could leave half done, which the wrapper of the function asserts: it is asked
        // again after `restart`, as any testee.
        catch_unwind(AssertUnwindSafe(|| (self.0)(request))).map_err(|panic| {
            Breakdown::new(BreakdownKind::Crashed, format!("it panicked: {}", message(&*panic)))
        })
    }
}

impl<F> fmt::Debug for InProcess<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_crash() {
        let mut testee = InProcess::new(|request: &str| match request {
            "static" => panic!("static"),
            "owned" => panic!("{request}"),
            _ => request.to_owned(),
        });
        for text in ["static", "owned"] {
            let breakdown = testee.call(text).unwrap_err();
            assert_eq!(breakdown.kind, BreakdownKind::Crashed);
            assert_eq!(breakdown.detail, format!("it panicked: {text}"));
        }
        testee.restart().unwrap();
        assert_eq!(testee.call("again").unwrap(), "again");
    }
}
