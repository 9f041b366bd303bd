//! The implementation under test.

mod breakdown;
mod child;
mod in_process;

pub use breakdown::{Breakdown, BreakdownKind};
pub use child::ChildTestee;
pub use in_process::InProcess;

/// An implementation under test: something that answers one line of JSON with one line of JSON.
pub trait Testee {
    /// Answers a request. Neither text has a line break in it.
    fn call(&mut self, request: &str) -> Result<String, Breakdown>;

    /// Begins anew, after a breakdown: what went before is forgotten.
    fn restart(&mut self) -> Result<(), Breakdown> {
        Ok(())
    }

    /// Ends the conversation.
    fn stop(&mut self) -> Result<(), Breakdown> {
        Ok(())
    }

    /// What the testee told people since this was last asked, as far as it was kept.
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
