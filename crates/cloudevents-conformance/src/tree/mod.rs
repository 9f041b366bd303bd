//! Generic trees, one module per notation. Of CloudEvents, they use only the published schemas.
//!
//! They are independent of the codecs of every implementation, so that a mistake in a codec cannot hide itself.

pub(crate) mod avro;
pub(crate) mod cbor;
mod input;
pub(crate) mod json;
pub(crate) mod node;
pub(crate) mod protobuf;

#[cfg(test)]
mod tests {
    /// The bytes of a text in hexadecimal, with spaces wherever they help.
    pub(crate) fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }
}
