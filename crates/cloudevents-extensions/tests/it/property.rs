//! What is written is read, breaks no rule, and survives carriers without types.

use cloudevents_core::Event;
use cloudevents_extensions::{
    AuthContext, AuthType, Bam, BuilderExtensions, Claims, Correlation, DataClassification, DataRef,
    Deprecation, DistributedTracing, EventExtensions, ExpiryTime, Extension, NonEmptyText, OpcUa,
    PartitionKey, RecordedTime, Regulations, SampledRate, Sequence, Severity, Text, TraceParent, TraceState,
    Verifiability, check,
};
use cloudevents_testkit::any;
use proptest::{collection::vec, option::of, prelude::*};
use std::fmt::Debug;

/// Writes the first, and the second over it; then reads the second, typed and untyped.
fn comes_back<T: Extension + PartialEq + Debug>(event: Event, (first, second): (T, T)) {
    let event = event.into_builder().write_extension(&first).write_extension(&second).build().unwrap();
    // A value without a single attribute is an event that does not use the extension.
    let is_used = T::ATTRIBUTES.iter().any(|name| event.extension(name).is_some());
    for event in [&untyped(&event), &event] {
        assert_eq!(event.read_extension().unwrap().as_ref(), is_used.then_some(&second), "{event:?}");
        assert!(check(event).is_empty(), "{:?} {event:?}", check(event));
    }
}

/// The event as it comes from a carrier without types.
fn untyped(event: &Event) -> Event {
    let texts: Vec<_> =
        event.extensions().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let builder = event.clone().into_builder();
    texts.into_iter().fold(builder, |builder, (name, text)| builder.extension(name, text)).build().unwrap()
}

fn text() -> impl Strategy<Value = Text> + Clone {
    any::string(0).prop_map(|text| Text::parse(text).unwrap()).boxed()
}

fn non_empty() -> impl Strategy<Value = NonEmptyText> + Clone {
    any::string(1).prop_map(|text| NonEmptyText::parse(text).unwrap()).boxed()
}

fn two<S: Strategy + Clone>(one: S) -> impl Strategy<Value = (S::Value, S::Value)> {
    (one.clone(), one)
}

fn auth_context() -> impl Strategy<Value = AuthContext> + Clone {
    let claims = any::json().prop_filter_map("line breaks", |json| Claims::parse(&json).ok());
    let ty = prop_oneof![text().prop_map(AuthType::from), Just(AuthType::ApiKey), Just(AuthType::System)];
    (ty, of(text()), of(claims))
        .prop_map(|(ty, id, claims)| {
            let mut auth = AuthContext::new(ty);
            (auth.id, auth.claims) = (id, claims);
            auth
        })
        .boxed()
}

fn bam() -> impl Strategy<Value = Bam> + Clone {
    let ids = (non_empty(), non_empty(), non_empty(), non_empty());
    (ids, of(non_empty()), of(any::<bool>()))
        .prop_map(|((transaction, process, process_transaction, step), status, completed)| {
            let mut bam = Bam::new(transaction, process, process_transaction, step);
            (bam.step_status, bam.completed) = (status, completed);
            bam
        })
        .boxed()
}

fn correlation() -> impl Strategy<Value = Correlation> + Clone {
    (of(non_empty()), of(non_empty()))
        .prop_map(|(correlation_id, causation_id)| Correlation { correlation_id, causation_id })
        .boxed()
}

fn data_classification() -> impl Strategy<Value = DataClassification> + Clone {
    let list = vec(" {0,2}[!-+\\--~é]{1,8} {0,2}", 1..4);
    let regulations = list.prop_map(|list| Regulations::parse(&list.join(",")).unwrap());
    (text(), of(regulations), of(non_empty()))
        .prop_map(|(classification, regulations, category)| {
            let mut data = DataClassification::new(classification);
            (data.regulations, data.category) = (regulations, category);
            data
        })
        .boxed()
}

fn deprecation() -> impl Strategy<Value = Deprecation> + Clone {
    (of(any::timestamp()), of(any::timestamp()), of(any::uri()))
        .prop_map(|(from, sunset, migration)| {
            let [from, sunset] = [from, sunset].map(|time| time.map(|time| time.parse().unwrap()));
            let deprecation = Deprecation::new(from.clone(), sunset.clone());
            let deprecation = deprecation.or_else(|_| Deprecation::new(sunset, from)).unwrap();
            match migration {
                Some(uri) => deprecation.with_migration(uri.parse().unwrap()),
                None => deprecation,
            }
        })
        .boxed()
}

fn distributed_tracing() -> impl Strategy<Value = DistributedTracing> + Clone {
    let parent = "(00-[0-9a-f]{31}1-[0-9a-f]{15}1-[0-9a-f]{2}|[0-9a-e]1-[0-9a-f]{31}1-[0-9a-f]{15}1-0[01](-[a-z.-]*)?)"
        .prop_map(|text| TraceParent::parse(&text).unwrap());
    let state = vec("[a-z0-9][a-z0-9_*/@-]{1,4}", 0..5).prop_map(|keys| {
        let entry = |(at, key)| format!("{key}{at}=!v {at}");
        let text = keys.iter().enumerate().map(entry).collect::<Vec<_>>().join(", ");
        TraceState::parse(&text).unwrap()
    });
    (parent, of(state)).prop_map(|(parent, state)| DistributedTracing { parent, state }).boxed()
}

fn opc_ua() -> impl Strategy<Value = OpcUa> + Clone {
    (of(any::<i32>()), of(any::<i32>()), of(any::<i32>()))
        .prop_map(|(metadata_major_version, metadata_minor_version, status)| OpcUa {
            metadata_major_version,
            metadata_minor_version,
            status,
        })
        .boxed()
}

fn severity() -> impl Strategy<Value = Severity> + Clone {
    (0..=i32::MAX, of(non_empty()))
        .prop_map(|(number, text)| {
            let severity = Severity::new(number).unwrap();
            text.into_iter().fold(severity, Severity::with_text)
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn texts_and_flags(
        event in any::event(),
        auth in two(auth_context()),
        bam in two(bam()),
        correlation in two(correlation()),
        data in two(data_classification()),
    ) {
        comes_back(event.clone(), auth);
        comes_back(event.clone(), bam);
        comes_back(event.clone(), correlation);
        comes_back(event, data);
    }

    #[test]
    fn references_and_times(
        event in any::event(),
        reference in two(any::uri_reference().boxed()),
        deprecation in two(deprecation()),
        tracing in two(distributed_tracing()),
        times in two(any::timestamp().boxed()),
    ) {
        let each = |(first, second): (String, String)| [first, second];
        let [first, second] = each(reference).map(|reference| DataRef(reference.parse().unwrap()));
        comes_back(event.clone(), (first, second));
        let [first, second] = each(times.clone()).map(|time| ExpiryTime(time.parse().unwrap()));
        comes_back(event.clone(), (first, second));
        let [first, second] = each(times).map(|time| RecordedTime(time.parse().unwrap()));
        comes_back(event.clone(), (first, second));
        comes_back(event.clone(), deprecation);
        comes_back(event, tracing);
    }

    #[test]
    fn numbers_and_keys(
        event in any::event_of_1_0(),
        opc_ua in two(opc_ua()),
        keys in two(non_empty()),
        rates in two((1..=i32::MAX).boxed()),
        severity in two(severity()),
        materials in two(vec(any::<u8>(), 0..40).boxed()),
    ) {
        comes_back(event.clone().into_builder().without("dataschema").build().unwrap(), opc_ua);
        comes_back(event.clone(), (PartitionKey(keys.0.clone()), PartitionKey(keys.1.clone())));
        comes_back(event.clone(), (Sequence(keys.0), Sequence(keys.1)));
        comes_back(event.clone(), (SampledRate::new(rates.0).unwrap(), SampledRate::new(rates.1).unwrap()));
        comes_back(event.clone(), severity);
        comes_back(event, (Verifiability(materials.0), Verifiability(materials.1)));
    }

    #[test]
    fn numbers_order_as_their_sequences(numbers in any::<(u64, u64)>()) {
        prop_assert_eq!(
            Sequence::numbered(numbers.0).cmp(&Sequence::numbered(numbers.1)),
            numbers.0.cmp(&numbers.1)
        );
    }

    /// Any text in any of the attributes is either read or a violation: nothing panics.
    #[test]
    fn any_text_is_read_or_refused(values in vec((proptest::sample::select(NAMES), any_text()), 1..6)) {
        let start = Event::builder().id("1").source("/s").ty("ua-event");
        let builder = values.iter().fold(start, |builder, (name, text)| builder.extension(name, text));
        let event = builder.build().unwrap();
        for violation in check(&event) {
            prop_assert!(violation.attribute().is_some() && violation.clause().is_some());
        }
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::string(0), any::timestamp(), "[-0-9a-fé]{0,60}", "[a-z=, é]{0,20}", any::json()]
        .prop_filter("line breaks", |text| Text::parse(text.as_str()).is_ok())
}

const NAMES: &[&str] = &[
    "authtype",
    "authclaims",
    "bamtxid",
    "bamptxcompleted",
    "correlationid",
    "dataclassification",
    "dataregulation",
    "dataref",
    "deprecated",
    "deprecationfrom",
    "deprecationsunset",
    "deprecationmigration",
    "traceparent",
    "tracestate",
    "expirytime",
    "opcuastatus",
    "partitionkey",
    "recordedtime",
    "sampledrate",
    "sequence",
    "severitynumber",
    "severitytext",
    "dssematerial",
];
