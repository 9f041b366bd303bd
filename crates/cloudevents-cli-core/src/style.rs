//! Styled text, and the styles by their purpose.

use anstyle::{AnsiColor, Style};

/// Whether text is styled.
#[derive(Clone, Copy, Debug)]
pub struct Paint(pub bool);

impl Paint {
    /// Returns the text in this style, or unchanged without styles.
    pub fn text(self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Errors and failures.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Warnings.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Notes.
pub const NOTE: Style = AnsiColor::Cyan.on_default().bold();
/// Success.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Headings.
pub const STRONG: Style = Style::new().bold();
/// Text that a reader can skip.
pub const FAINT: Style = Style::new().dimmed();
/// Names of attributes, headers and members.
pub const NAME: Style = AnsiColor::Blue.on_default().bold();
pub(crate) const STRING: Style = AnsiColor::Green.on_default();
pub(crate) const SCALAR: Style = AnsiColor::Cyan.on_default();
/// Values that changed on the way.
pub const CHANGED: Style = AnsiColor::Yellow.on_default().bold();
