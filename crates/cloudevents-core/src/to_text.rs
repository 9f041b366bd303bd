//! Arguments of setters of optional attributes.

/// The argument of a setter of an optional attribute: text, or an `Option` of text. `None` removes the attribute.
///
/// Text is any type that implements `AsRef<str>`: `&str`, `String`, the leaf types of this crate, the URLs of the crate `url`. The
/// parameter `How` keeps the two implementations apart; the compiler infers it.
///
/// ```
/// use cloudevents_core::Event;
///
/// let (known, unknown) = (Some("orders/42"), None::<String>);
/// let event = Event::builder().id("1").source("/s").ty("t").subject(known).datacontenttype(unknown).build()?;
/// assert_eq!((event.subject(), event.datacontenttype()), (Some("orders/42"), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither text nor an `Option` of text",
    note = "`&str`, `String` and everything else that implements `AsRef<str>` is text; for other types, use `.to_string()`",
    note = "write `None::<&str>` for an absent value whose type the compiler cannot find out"
)]
pub trait ToText<How> {
    /// The text, if any.
    fn to_text(&self) -> Option<&str>;
}

/// The text is present: see [`ToText`].
#[derive(Debug)]
pub enum Always {}

/// The text may be absent: see [`ToText`].
#[derive(Debug)]
pub enum Sometimes {}

impl<T: AsRef<str> + ?Sized> ToText<Always> for T {
    #[inline]
    fn to_text(&self) -> Option<&str> {
        Some(self.as_ref())
    }
}

impl<T: AsRef<str>> ToText<Sometimes> for Option<T> {
    #[inline]
    fn to_text(&self) -> Option<&str> {
        self.as_ref().map(AsRef::as_ref)
    }
}
