//! Reads the headers of rdkafka's messages, with any names.
//!
//! Header names are text only by convention: a peer can write bytes that are not UTF-8, for which rdkafka's
//! own accessor panics. A name that is not UTF-8 cannot name an attribute, so such headers are omitted.

use rdkafka::{
    Message,
    bindings::{
        rd_kafka_header_cnt, rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_message_headers,
        rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
    },
    message::{BorrowedMessage, Headers, OwnedMessage},
};
use std::{
    ffi::CStr,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{self, NonNull},
    slice,
};

/// A header: its name, and its value or null.
pub(super) type Header<'m> = (&'m str, Option<&'m [u8]>);

/// The messages of rdkafka: [`BorrowedMessage`] from a consumer, and [`OwnedMessage`].
///
/// The trait is sealed. Decode other records through [`RecordView`](crate::RecordView).
///
/// If peers are not trusted, decode the borrowed message. For an owned message, rdkafka panics at a header
/// whose name is not UTF-8. The panic is caught and the header is omitted, but in a program that aborts on
/// panic such a record ends the program.
pub trait ClientMessage: Message + Sealed {}

impl ClientMessage for BorrowedMessage<'_> {}
impl ClientMessage for OwnedMessage {}

/// The headers of a message.
pub trait Sealed {
    /// Returns the headers in order, without headers whose names are not UTF-8.
    fn each_header(&self) -> impl Iterator<Item = Header<'_>>;

    /// Returns an upper bound for the number of headers.
    fn header_count(&self) -> usize;
}

impl Sealed for BorrowedMessage<'_> {
    fn each_header(&self) -> impl Iterator<Item = Header<'_>> {
        Native::of(self)
    }

    fn header_count(&self) -> usize {
        self.headers().map_or(0, Headers::count)
    }
}

impl Sealed for OwnedMessage {
    /// rdkafka gives no access to the pointer of owned headers, so the panic must be caught. It happens
    /// before anything is changed.
    fn each_header(&self) -> impl Iterator<Item = Header<'_>> {
        let headers = self.headers();
        (0..self.header_count()).filter_map(move |index| {
            let header = catch_unwind(AssertUnwindSafe(|| headers?.try_get(index)));
            header.ok().flatten().map(|header| (header.key, header.value))
        })
    }

    fn header_count(&self) -> usize {
        self.headers().map_or(0, Headers::count)
    }
}

/// librdkafka's list of headers. It belongs to a message that is borrowed for as long.
struct Native<'m> {
    list: Option<NonNull<rd_kafka_headers_t>>,
    next: usize,
    count: usize,
    of: PhantomData<&'m BorrowedMessage<'m>>,
}

#[allow(unsafe_code)] // rdkafka has no other way to read a name that is not UTF-8
impl<'m> Native<'m> {
    fn of(message: &'m BorrowedMessage<'_>) -> Self {
        let none = Self { list: None, next: 0, count: 0, of: PhantomData };
        // This parses the headers, once per message. Below, they are only looked up.
        if message.headers().is_none() {
            return none;
        }
        let mut list = ptr::null_mut();
        // SAFETY: the pointer is that of a live message, which `message` borrows. The function writes the
        // address of the headers that the message already has, or nothing, and takes ownership of neither.
        let answer = unsafe { rd_kafka_message_headers(message.ptr(), &raw mut list) };
        match NonNull::new(list) {
            Some(list) if answer == RD_KAFKA_RESP_ERR_NO_ERROR => {
                // SAFETY: the message owns `list`. It is freed with the message, and rdkafka offers no way
                // to change it for a borrowed message.
                let count = unsafe { rd_kafka_header_cnt(list.as_ptr()) };
                Self { list: Some(list), count, ..none }
            }
            _ => none,
        }
    }

    /// Returns the header at this index: its name as bytes, and its value.
    fn get(&self, index: usize) -> Option<(&'m [u8], Option<&'m [u8]>)> {
        let list = self.list?;
        let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
        // SAFETY: `list` lives for `'m`, as in `of`. The function checks the bounds, and writes to the
        // three places.
        let answer = unsafe {
            rd_kafka_header_get_all(list.as_ptr(), index, &raw mut name, &raw mut value, &raw mut length)
        };
        if answer != RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return None;
        }
        // SAFETY: librdkafka stores each name with a NUL at its end. It is part of the list, lives for
        // `'m`, and is not written to.
        let name = unsafe { CStr::from_ptr(name) }.to_bytes();
        if value.is_null() {
            return Some((name, None));
        }
        // SAFETY: a value that is not null has `length` bytes in the list, which live for `'m` and are not
        // written to. A length beyond `isize::MAX` cannot have been allocated.
        Some((name, Some(unsafe { slice::from_raw_parts(value.cast(), length) })))
    }
}

impl<'m> Iterator for Native<'m> {
    type Item = Header<'m>;

    fn next(&mut self) -> Option<Header<'m>> {
        while self.next < self.count {
            let index = self.next;
            self.next = index.saturating_add(1);
            let (name, value) = self.get(index)?;
            match std::str::from_utf8(name) {
                Ok(name) => return Some((name, value)),
                Err(_) => tracing::debug!(index, "the name of a header is not UTF-8"),
            }
        }
        None
    }
}
