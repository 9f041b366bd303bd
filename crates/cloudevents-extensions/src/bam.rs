//! Business activity monitoring.

use crate::{Extension, Fields, NonEmptyText};
use cloudevents_core::{Error, Event, EventBuilder};

/// The step of a business process that the event belongs to (`bam.md`).
///
/// Intermediaries must not change the four ids.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{Bam, BuilderExtensions, EventExtensions};
///
/// let mut bam = Bam::new("7f3a-0001".parse()?, "order-to-cash".parse()?, "payment".parse()?, "start".parse()?);
/// bam.step_status = Some("waiting".parse()?);
/// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&bam).build()?;
/// assert_eq!(event.extension("bamptxsid").unwrap(), "start");
/// assert_eq!(event.read_extension()?, Some(bam));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Bam {
    /// The instance of a transaction: `bamtxid`, required.
    pub transaction_id: NonEmptyText,
    /// The model of the business process: `bampid`, required.
    pub process_id: NonEmptyText,
    /// The model of the transaction: `bamptxid`, required.
    pub process_transaction_id: NonEmptyText,
    /// The step of the transaction: `bamptxsid`, required.
    pub step_id: NonEmptyText,
    /// The status of the step: `bamptxsstatus`.
    pub step_status: Option<NonEmptyText>,
    /// Whether the transaction has completed, or failed: `bamptxcompleted`.
    pub completed: Option<bool>,
}

impl Bam {
    /// Creates a value of the four ids, in the order of the document: `bamtxid`, `bampid`, `bamptxid`, `bamptxsid`.
    pub fn new(
        transaction_id: NonEmptyText,
        process_id: NonEmptyText,
        process_transaction_id: NonEmptyText,
        step_id: NonEmptyText,
    ) -> Self {
        Self {
            transaction_id,
            process_id,
            process_transaction_id,
            step_id,
            step_status: None,
            completed: None,
        }
    }
}

impl Extension for Bam {
    const ATTRIBUTES: &'static [&'static str] =
        &["bamtxid", "bampid", "bamptxid", "bamptxsid", "bamptxsstatus", "bamptxcompleted"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let transaction_id = fields.required_text("bamtxid", "BAM-bamtxid-a", "BAM-bamtxid-b");
        let process_id = fields.required_text("bampid", "BAM-bampid-a", "BAM-bampid-b");
        let process_transaction_id = fields.required_text("bamptxid", "BAM-bamptxid-a", "BAM-bamptxid-b");
        let step_id = fields.required_text("bamptxsid", "BAM-bamptxsid-a", "BAM-bamptxsid-b");
        let step_status = fields.optional_text("bamptxsstatus", "BAM-bamptxsstatus-a", "BAM-bamptxsstatus-b");
        let completed = fields.optional("bamptxcompleted", "BAM-bamptxcompleted-b");
        fields.finish(|| {
            Some(Self {
                transaction_id: transaction_id?,
                process_id: process_id?,
                process_transaction_id: process_transaction_id?,
                step_id: step_id?,
                step_status,
                completed,
            })
        })
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder
            .extension("bamtxid", &self.transaction_id)
            .extension("bampid", &self.process_id)
            .extension("bamptxid", &self.process_transaction_id)
            .extension("bamptxsid", &self.step_id)
            .extension("bamptxsstatus", &self.step_status)
            .extension("bamptxcompleted", self.completed)
    }
}
