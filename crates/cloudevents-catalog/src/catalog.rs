//! Catalogs: definitions of messages, found by the type of an event.

use crate::matching::{Failure, Steps, is_expansion, solve};
use crate::raw::RawRule;
use crate::read::{Attribute, Found};
use crate::schema::Payload;
use crate::verdict::{Breach, Fault, Judge, NotJudged, Verdict};
use crate::{Leniency, Template};
use cloudevents_core::Event;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// A catalog of message definitions and schemas: an xRegistry document.
///
/// ```
/// use cloudevents_catalog::Catalog;
///
/// let catalog = Catalog::parse(r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
///     "envelope": "CloudEvents/1.0", "envelopemetadata": {"subject": {"required": true}}, "owner": "sales"
/// }}}}}"#)?;
/// let message = catalog.messages().next().unwrap();
/// assert_eq!(message.xid(), "/messagegroups/shop/messages/com.example.order");
/// assert_eq!(message.members()["owner"], "sales");
/// # Ok::<(), cloudevents_catalog::LoadError>(())
/// ```
#[derive(Debug, Default)]
pub struct Catalog {
    document: Value,
    messages: Vec<Message>,
    /// Definitions of events by the constant value of `type`.
    by_type: HashMap<String, Vec<usize>>,
    /// Definitions of events whose `type` is a template.
    templates: Vec<usize>,
}

/// The definition of a message, with its base messages merged.
#[derive(Debug)]
pub struct Message {
    pub(crate) id: String,
    pub(crate) xid: Arc<str>,
    pub(crate) is_event: bool,
    pub(crate) members: Map<String, Value>,
    /// Messages that inherit it share it: it may be large.
    pub(crate) dataschema: Option<Arc<Value>>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) schema: Found,
    /// The rules of its protocol for messages that are no CloudEvents.
    pub(crate) raw: Vec<RawRule>,
}

impl Catalog {
    pub(crate) fn new(messages: Vec<Message>, document: Value) -> Self {
        let (mut by_type, mut templates): (HashMap<String, Vec<usize>>, _) = (HashMap::new(), Vec::new());
        for (index, message) in messages.iter().enumerate().filter(|(_, message)| message.is_event) {
            match message.constant_type() {
                None => templates.push(index),
                Some(ty) => by_type.entry(ty.to_owned()).or_default().push(index),
            }
        }
        Self { document, messages, by_type, templates }
    }

    /// The whole document as it was read, with the members that this crate does not know.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The definitions, groups first, then endpoints.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter()
    }

    /// The definition with this xid, or with this id if no other one has it.
    ///
    /// ```
    /// # let catalog = cloudevents_catalog::Catalog::parse(r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {}}}}}"#)?;
    /// assert!(catalog.message("com.example.order").is_some());
    /// assert!(catalog.message("/messagegroups/shop/messages/com.example.order").is_some());
    /// # Ok::<(), cloudevents_catalog::LoadError>(())
    /// ```
    pub fn message(&self, name: &str) -> Option<&Message> {
        let mut with_id = self.messages.iter().filter(|message| message.id == name);
        let only = with_id.next().filter(|_| with_id.next().is_none());
        self.messages.iter().find(|message| &*message.xid == name).or(only)
    }

    /// The definitions for the type of an event. Definitions with this very type are first.
    ///
    /// A definition without a value for `type` is for the type that is its id.
    pub fn candidates<'c>(&'c self, event: &'c Event) -> impl Iterator<Item = &'c Message> {
        let exact = self.by_type.get(event.ty()).into_iter().flatten();
        let steps = Steps::default();
        let templates = self.templates.iter().filter(move |index| {
            let rule = self.messages.get(**index).and_then(|message| message.attribute("type"));
            let template = rule.and_then(Attribute::template);
            template.is_some_and(|template| solve(&[(template, event.ty())], &steps).is_ok())
        });
        exact.chain(templates).filter_map(|index| self.messages.get(*index))
    }

    /// The definitions with this value of `type`, and the definitions whose `type` is a template.
    pub(crate) fn of_type(&self, ty: &str) -> impl Iterator<Item = &Message> {
        let exact = self.by_type.get(ty).into_iter().flatten();
        exact.chain(&self.templates).filter_map(|index| self.messages.get(*index))
    }

    /// Judges by the definitions that this function accepts.
    pub(crate) fn judge_among(&self, event: &Event, accepts: impl Fn(&Message) -> bool) -> Verdict {
        let payload = Payload::new(event);
        let mut best: Option<Verdict> = None;
        for message in self.candidates(event).filter(|message| accepts(message)) {
            let verdict = message.verdict(event, &payload);
            if verdict.faults.is_empty() {
                return verdict;
            }
            if best.as_ref().is_none_or(|best| verdict.faults.len() < best.faults.len()) {
                best = Some(verdict);
            }
        }
        best.unwrap_or_default()
    }
}

/// Judges by the first definition that the event fulfils, otherwise by the definition with the fewest faults.
impl Judge for Catalog {
    fn judge(&self, event: &Event) -> Verdict {
        self.judge_among(event, |_| true)
    }
}

impl Message {
    /// The id: by convention the type of the event.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The XID: the path in the catalog, `/messagegroups/G/messages/M`.
    pub fn xid(&self) -> &str {
        &self.xid
    }

    /// Whether it defines a CloudEvent.
    pub fn is_event(&self) -> bool {
        self.is_event
    }

    /// All members but [`dataschema`](Self::dataschema), also unknown ones, with the members of the base messages.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The schema of the payload that is in the message itself, or in a base message.
    pub fn dataschema(&self) -> Option<&Value> {
        self.dataschema.as_deref()
    }

    /// The type of its events, unless that is a template.
    pub(crate) fn constant_type(&self) -> Option<&str> {
        let rule = self.attribute("type");
        let has_template = rule.and_then(Attribute::template).is_some();
        (!has_template).then(|| rule.and_then(Attribute::constant).unwrap_or(&self.id))
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    fn verdict(&self, event: &Event, payload: &Payload<'_>) -> Verdict {
        let mut faults = Vec::new();
        let texts: Vec<_> = self
            .attributes
            .iter()
            .filter_map(|rule| Some((rule, rule.check(event, &mut faults)?)))
            .filter_map(|(rule, text)| Some((rule, rule.template()?, text)))
            .collect();
        let placeholders = placeholders(&texts, &payload.steps, &mut faults);
        let not_judged = match faults.is_empty() {
            true => self.schema.schema.judge(payload, &self.schema.place, &mut faults),
            false => Some(NotJudged::Attributes),
        };
        let is_wide = placeholders.iter().any(|(_, value)| !is_expansion(value));
        let repairs = if is_wide && faults.is_empty() { vec![Leniency::WidePlaceholder] } else { Vec::new() };
        Verdict { definition: Some(self.xid.clone()), faults, not_judged, placeholders, repairs }
    }
}

/// Judges by this definition alone, also if it is for another type.
impl Judge for Message {
    fn judge(&self, event: &Event) -> Verdict {
        self.verdict(event, &Payload::new(event))
    }
}

type Text<'m, 'e> = (&'m Attribute, &'m Template, std::borrow::Cow<'e, str>);

/// The values of all templates together.
fn placeholders(texts: &[Text<'_, '_>], steps: &Steps, faults: &mut Vec<Fault>) -> Vec<(Arc<str>, String)> {
    let pairs: Vec<(&Template, &str)> =
        texts.iter().map(|(_, template, text)| (*template, &**text)).collect();
    match solve(&pairs, steps) {
        Ok(values) => values.into_iter().map(|(name, value)| (Arc::from(name), value.to_owned())).collect(),
        Err(failure @ (Failure::At(index) | Failure::Steps(index))) => {
            if let Some((rule, template, text)) = texts.get(index) {
                let message = match (solve(&[(*template, &**text)], steps), failure) {
                    (Err(Failure::At(_)), _) => format!("`{text}` does not match `{template}`"),
                    (Err(Failure::Steps(_)), _) | (Ok(_), Failure::Steps(_)) => {
                        format!("it takes too long to find out whether `{text}` matches `{template}`")
                    }
                    (Ok(_), Failure::At(_)) => {
                        format!("a placeholder of `{template}` has another value in another attribute")
                    }
                };
                faults.push(rule.fault(Breach::Template, message));
            }
            Vec::new()
        }
    }
}
