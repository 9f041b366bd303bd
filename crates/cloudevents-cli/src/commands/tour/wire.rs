//! A message as it was on the wire.

use crate::{
    plain::{plain, shortened, size},
    style::{self, Paint},
};
use cloudevents_kit::transport::Received;

/// Characters of a line, and the number of lines of a body to show.
const WIDTH: usize = 72;
const LINES: usize = 3;

/// Headers of the protocol, not of the event.
const LEFT_OUT: [&str; 4] = ["accept", "host", "user-agent", "content-length"];

/// Returns the headers and the beginning of the body.
pub(crate) fn text(head: &str, received: &Received, paint: Paint) -> String {
    let bar = paint.text(style::FAINT, "  | ");
    let mut text = format!("{bar}{head}\n");
    for (name, value) in received.headers().into_iter().filter(|(name, _)| !LEFT_OUT.contains(name)) {
        let value = match value.as_deref().map(std::str::from_utf8) {
            Some(Ok(text)) => plain(text),
            Some(Err(_)) => {
                format!("{} (binary)", size(value.as_ref().map_or(0, |value| value.len())))
            }
            None => String::new(),
        };
        let value = shortened(&value, WIDTH.saturating_sub(name.len()).saturating_sub(2));
        text += &format!("{bar}{}: {value}\n", paint.text(style::NAME, &plain(name)));
    }
    let body = received.body().unwrap_or_default();
    if !body.is_empty() {
        text += &format!("{}\n", bar.trim_end());
        let shown = body.get(..body.len().min(4096)).unwrap_or_default();
        match std::str::from_utf8(shown)
            .or_else(|error| std::str::from_utf8(shown.get(..error.valid_up_to()).unwrap_or_default()))
        {
            Ok(letters) if is_text(letters) => {
                let mut lines = folded(letters);
                let more = lines.len() > LINES || shown.len() < body.len();
                lines.truncate(LINES);
                for line in &lines {
                    text += &format!("{bar}{}\n", plain(line));
                }
                if more {
                    text += &format!(
                        "{bar}{}\n",
                        paint.text(style::FAINT, &format!("… {} in total", size(body.len())))
                    );
                }
            }
            _ => {
                text +=
                    &format!("{bar}{}\n", paint.text(style::FAINT, &format!("{} (binary)", size(body.len()))))
            }
        }
    }
    text
}

/// Whether the text is readable: binary formats usually have control characters near the start.
fn is_text(letters: &str) -> bool {
    !letters.is_empty() && !letters.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// Splits the text into lines of at most `WIDTH` characters.
fn folded(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut characters = line.chars().peekable();
        while characters.peek().is_some() {
            lines.push(characters.by_ref().take(WIDTH).collect());
            if lines.len() > LINES {
                return lines;
            }
        }
    }
    lines
}
