//! A message as it was on the wire.

use crate::{
    console::{Paint, style},
    plain::{plain, shortened, size},
};
use cloudevents_kit::transport::Raw;

/// How wide a line is, and how many lines of a body are shown.
const WIDTH: usize = 72;
const LINES: usize = 3;

/// Headers that belong to the protocol and not to the event.
const LEFT_OUT: [&str; 4] = ["accept", "host", "user-agent", "content-length"];

/// Headers and the beginning of the body.
pub(crate) fn text(head: &str, raw: &Raw, paint: Paint) -> String {
    let bar = paint.text(style::FAINT, "  | ");
    let mut text = format!("{bar}{head}\n");
    for (name, value) in raw.headers.iter().filter(|(name, _)| !LEFT_OUT.contains(&&**name)) {
        let value = match value.as_deref().map(std::str::from_utf8) {
            Some(Ok(text)) => plain(text),
            Some(Err(_)) => format!("{} that are no text", size(value.as_ref().map_or(0, bytes::Bytes::len))),
            None => String::new(),
        };
        let value = shortened(&value, WIDTH.saturating_sub(name.len()).saturating_sub(2));
        text += &format!("{bar}{}: {value}\n", paint.text(style::NAME, &plain(name)));
    }
    let body = raw.body.as_deref().unwrap_or_default();
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
                        paint.text(style::FAINT, &format!("… {} in all", size(body.len())))
                    );
                }
            }
            _ => {
                text += &format!(
                    "{bar}{}\n",
                    paint.text(style::FAINT, &format!("{} that are no text", size(body.len())))
                )
            }
        }
    }
    text
}

/// Whether people can read it: what a binary format writes has control characters soon.
fn is_text(letters: &str) -> bool {
    !letters.is_empty() && !letters.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// Lines of no more than the width.
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
