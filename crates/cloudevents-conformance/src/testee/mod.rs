//! The implementation under test.

mod breakdown;
mod child;
mod in_process;

pub use breakdown::{Breakdown, BreakdownKind};
pub use child::ChildTestee;
pub use in_process::InProcess;

/// An implementation under test: something that answers one line of JSON with one line of JSON.
pub trait Testee {
    /// Answers a request. Request and answer contain no line break.
    fn call(&mut self, request: &str) -> Result<String, Breakdown>;

    /// Restarts the testee after a breakdown, with no state from before. Default: does nothing.
    fn restart(&mut self) -> Result<(), Breakdown> {
        Ok(())
    }

    /// Stops the testee. Default: does nothing.
    fn stop(&mut self) -> Result<(), Breakdown> {
        Ok(())
    }

    /// Returns the testee's output for people, such as standard error, since the last call. It may be truncated. Default: empty.
    fn diagnostics(&mut self) -> String {
        String::new()
    }
}

impl<T: Testee + ?Sized> Testee for &mut T {
    fn call(&mut self, request: &str) -> Result<String, Breakdown> {
        (**self).call(request)
    }

    fn restart(&mut self) -> Result<(), Breakdown> {
        (**self).restart()
    }

    fn stop(&mut self) -> Result<(), Breakdown> {
        (**self).stop()
    }

    fn diagnostics(&mut self) -> String {
        (**self).diagnostics()
    }
}
