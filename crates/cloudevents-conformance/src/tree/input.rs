//! Bytes that are read from the front.

/// The rest of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Input(bytes)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next byte, which stays.
    pub(crate) fn peek(self) -> Result<u8, String> {
        self.0.first().copied().ok_or_else(too_short)
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> Result<u8, String> {
        let byte = self.peek()?;
        self.take(1)?;
        Ok(byte)
    }

    /// So many bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(too_short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// So many bytes, when that is a length at all.
    pub(crate) fn take_long(&mut self, length: u64) -> Result<&'a [u8], String> {
        self.take(usize::try_from(length).map_err(|_| too_short())?)
    }

    /// An array of bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| too_short())
    }

    /// A number in groups of seven bits, the least significant first: in Protobuf and, as a zigzag number, in Avro.
    pub(crate) fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return if shift == 63 && byte > 1 {
                    Err("a number of more than 64 bits".into())
                } else {
                    Ok(number)
                };
            }
        }
        Err("a number of more than ten bytes".into())
    }
}

fn too_short() -> String {
    "the document ends too early".into()
}
