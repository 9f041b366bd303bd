"""What the documents under cloudevents/extensions say of each attribute: one entry for each document.

`clauses`: those that name the types, cited by the cases of the carriers. `events`: name of an event, its title, its attributes as (type, value)
by name. `valid`: what a rule allows, and so has to be carried. `broken`: what a rule forbids those who write: a consumer that knows the extension may
refuse it, any other carries it as it is. `refusable`: why an implementation that knows the extension may refuse valid events, by operation.
"""

ENVELOPE = "eyJwYXlsb2FkIjoiZTMwPSJ9"  # {"payload":"e30="}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BAM = {"bamtxid": ("String", "7f3a-0001"), "bampid": ("String", "order_to-cash.2"), "bamptxid": ("String", "payment"), "bamptxsid": ("String", "start")}
UA = {"type": ("String", "ua-deltaframe"), "sequence": ("String", "0007"), "traceparent": ("String", PARENT), "recordedtime": ("Timestamp", "2018-04-05T17:31:01Z")}
SUBJECT = {"subject": ("String", "energy-consumption-asset")}


def text(**values):
    return {name: ("String", value) for name, value in values.items()}



EXTENSIONS = {
    "authcontext": {
        "title": "Auth context: who triggered the occurrence", "clauses": ["AUTHCTX-authtype-a"],
        "events": {"all": text(authtype="service_account", authid="8f14e45f", authclaims="{}")},
        "valid": [("AUTHCTX-authtype-b", "authtype-" + value.replace("_", "-"), f"The recommended value {value} of authtype is carried as it is", text(authtype=value))
                  for value in ("app_user", "user", "service_account", "api_key", "system", "unauthenticated", "unknown")],
        "broken": [("AUTHCTX-authtype-a", "authtype-missing", "authid without authtype is refused, or carried", text(authid="8f14e45f")),
                   ("AUTHCTX-authtype-b", "authtype-other", "A value of authtype that is not recommended is refused, or carried", text(authtype="robot"))],
    },
    "bam": {
        "title": "Business activity monitoring", "clauses": ["BAM-bamtxid-a", "BAM-bampid-a", "BAM-bamptxid-a", "BAM-bamptxsid-a", "BAM-Usage-a"],
        # The required attributes alone do not show it.
        "more": {"all": ["BAM-bamptxcompleted-b"]},
        "events": {"required": BAM, "all": {**BAM, **text(bamptxsstatus="waiting"), "bamptxcompleted": ("Boolean", False)}},
        "valid": [(f"BAM-{name}-c", f"{name}-characters", f"The recommended characters of {name} are carried as they are",
                   {**BAM, **text(**{name: "Step-1_a.b"})}) for name in ("bampid", "bamptxid", "bamptxsid", "bamptxsstatus")],
        "broken": [(f"BAM-{name}-a", f"{name}-missing", f"An event of the extension without {name} is refused, or carried",
                    {other: value for other, value in BAM.items() if other != name}, "BAM-Usage-a") for name in BAM]
        + [(f"BAM-{name}-b", f"{name}-empty", f"An empty {name} is refused, or carried as it is", {**BAM, **text(**{name: ""})})
           for name in (*BAM, "bamptxsstatus")]
        + [("BAM-bamptxcompleted-b", "bamptxcompleted-text", "A bamptxcompleted that is text is refused, or stays text", {**BAM, **text(bamptxcompleted="yes")})],
    },
    "correlation": {
        "title": "Correlation and causation", "clauses": ["CORR-correlationid-a", "CORR-causationid-a"],
        "events": {"all": text(correlationid="txn-abc-123", causationid="order-123")}, "valid": [],
        "broken": [(f"CORR-{name}-b", f"{name}-empty", f"An empty {name} is refused, or carried as it is", text(**{name: ""}))
                   for name in ("correlationid", "causationid")],
    },
    "data-classification": {
        "title": "Classification of data",
        "refusable": {"decode": "A consumer that knows the extension rejects what it has no policy for (DATACLASS-Usage-d, DATACLASS-Usage-f)."},
        "clauses": ["DATACLASS-dataclassification-a", "DATACLASS-Usage-a", "DATACLASS-dataregulation-a", "DATACLASS-datacategory-a"],
        "events": {"all": text(dataclassification="confidential", dataregulation="GDPR,HIPAA", datacategory="pii")},
        "valid": [("DATACLASS-dataclassification-b", f"dataclassification-{value}", f"The label {value} is carried as it is", text(dataclassification=value))
                  for value in ("public", "internal", "confidential", "restricted")],
        "broken": [("DATACLASS-dataclassification-a", "dataclassification-missing", "dataregulation without dataclassification is refused, or carried",
                    text(dataregulation="GDPR"), "DATACLASS-Usage-a"),
                   *[(f"DATACLASS-{name}-b", f"{name}-empty", f"An empty {name} is refused, or carried as it is", text(dataclassification="public", **{name: ""}))
                     for name in ("dataregulation", "datacategory")]],
    },
    "dataref": {
        "title": "References to data", "clauses": ["DATAREF-dataref-a"],
        "events": {"absolute": {"dataref": ("URI-reference", "https://example.com/events/A-1.xml")}, "relative": {"dataref": ("URI-reference", "../events/A-1.xml")}},
        "valid": [], "broken": [],
    },
    "deprecation": {
        "title": "Deprecation of events",
        "refusable": {"decode": "The sunset is in the past: a consumer that knows the extension should not process the event (DEPREC-Usage-c).",
                      "encode": "The sunset is in the past: a producer that knows the extension should not emit the event (DEPREC-Usage-d)."},
        "clauses": ["DEPREC-deprecated-a", "DEPREC-deprecated-b", "DEPREC-Usage-a"],
        "events": {"all": {"deprecated": ("Boolean", True), "deprecationfrom": ("Timestamp", "2018-10-11T00:00:00Z"),
                           "deprecationsunset": ("Timestamp", "2019-11-12T00:00:00Z"), "deprecationmigration": ("URI", "https://example.com/migrate-to-new-evt")}},
        "valid": [("DEPREC-deprecationsunset-b", "sunset-at-once", "A deprecationsunset that is the same as deprecationfrom is carried",
                   {"deprecated": ("Boolean", True), **text(deprecationfrom="2018-10-11T00:00:00Z", deprecationsunset="2018-10-11T00:00:00Z")})],
        "broken": [("DEPREC-deprecated-a", "deprecated-missing", "deprecationfrom without deprecated is refused, or carried", text(deprecationfrom="2018-10-11T00:00:00Z")),
                   ("DEPREC-deprecated-b", "deprecated-false", "A deprecated that is false is refused, or carried", {"deprecated": ("Boolean", False)}, "DEPREC-Usage-a"),
                   ("DEPREC-deprecationsunset-b", "sunset-first", "A deprecationsunset before deprecationfrom is refused, or carried",
                    {"deprecated": ("Boolean", True), **text(deprecationfrom="2018-10-11T00:00:00Z", deprecationsunset="2018-10-10T23:59:59Z")})],
    },
    "distributed-tracing": {
        "title": "Distributed tracing", "clauses": ["TRACE-traceparent-a"],
        "events": {"all": text(traceparent=PARENT, tracestate="rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")}, "valid": [],
        "broken": [("TRACE-traceparent-a", "traceparent-missing", "tracestate without traceparent is refused, or carried", text(tracestate="congo=t61rcWkgMzE")),
                   ("TRACE-traceparent-b", "traceparent-empty", "An empty traceparent is refused, or carried as it is", text(traceparent=""))],
    },
    "expirytime": {
        "title": "Expiry time",
        "refusable": {"decode": "The expirytime is in the past: a consumer that knows the extension may discard the event (EXPIRY-Usage-b)."},
        "clauses": ["EXPIRY-expirytime-a", "EXPIRY-Usage-a"],
        "events": {"all": {"expirytime": ("Timestamp", "2018-04-05T18:31:00Z")}},
        "valid": [("EXPIRY-expirytime-b", "expirytime-is-time", "An expirytime that is the same as time is carried", text(expirytime="2018-04-05T17:31:00Z"))],
        "broken": [("EXPIRY-expirytime-b", "expirytime-before-time", "An expirytime before time is refused, or carried", text(expirytime="2018-04-05T17:30:59Z"))],
    },
    "opcua": {
        "title": "OPC UA", "carriers": ["http"], "payload": '{"EnergyPeak":{"Value":54}}',
        "clauses": ["OPCUA-opcuametadatamajorversion-a", "OPCUA-opcuametadataminorversion-a", "OPCUA-Other-a", "OPCUA-General-a",
                    "OPCUA-datacontenttype-a"],
        "events": {"data-message": {**UA, **SUBJECT, "opcuametadatamajorversion": ("Integer", 672338910),
                                    "opcuametadataminorversion": ("Integer", 672341762), "opcuastatus": ("Integer", 1073741824)},
                   "data-message-with-schema": {**UA, **SUBJECT, "dataschema": ("URI", "https://example.com/schemas/energy/v1.8")}},
        "more": {"data-message": ["OPCUA-opcuastatus-a"]},
        "valid": [],
        "broken": [("OPCUA-Other-a", f"{name}-missing", f"A data message without {name} is refused, or carried",
                    {other: value for other, value in {**UA, **SUBJECT}.items() if other != name}) for name in ("sequence", "traceparent", "recordedtime")]
        + [(f"OPCUA-{name}-a", f"{name}-beside-dataschema", f"{name} beside dataschema is refused, or carried",
            {**UA, **SUBJECT, "dataschema": ("URI", "https://example.com/schemas/energy/v1.8"), name: ("Integer", 1)})
           for name in ("opcuametadatamajorversion", "opcuametadataminorversion")]
        + [("OPCUA-General-a", "structured", "A data message in structured mode is refused, or carried", {**UA, **SUBJECT})],
    },
    "partitioning": {
        "title": "Partitioning", "clauses": ["PART-partitionkey-a"], "events": {"all": text(partitionkey="order-42")}, "valid": [],
        "broken": [("PART-partitionkey-b", "partitionkey-empty", "An empty partitionkey is refused, or carried as it is", text(partitionkey=""))],
    },
    "recordedtime": {
        "title": "Recorded time", "clauses": ["RECTIME-recordedtime-a", "RECTIME-recordedtime-b"],
        "events": {"all": {"recordedtime": ("Timestamp", "2018-04-05T17:31:05Z")}},
        "valid": [("RECTIME-recordedtime-c", "recordedtime-is-time", "A recordedtime that is the same as time is carried", text(recordedtime="2018-04-05T17:31:00Z"))],
        "broken": [("RECTIME-recordedtime-b", "recordedtime-no-timestamp", "A recordedtime that is no timestamp is refused, or stays text", text(recordedtime="just now")),
                   ("RECTIME-recordedtime-c", "recordedtime-before-time", "A recordedtime before time is refused, or carried", text(recordedtime="2018-04-05T17:30:59Z"))],
    },
    "sampledrate": {
        "title": "Sampled rate", "clauses": ["SAMPLE-sampledrate-a"], "events": {"all": {"sampledrate": ("Integer", 30)}},
        "valid": [("SAMPLE-sampledrate-b", "sampledrate-one", "The least sampledrate is carried", {"sampledrate": ("Integer", 1)})],
        "broken": [("SAMPLE-sampledrate-b", f"sampledrate-{name}", f"A sampledrate of {value} is refused, or carried as it is", {"sampledrate": ("Integer", value)})
                   for name, value in (("zero", 0), ("negative", -1))],
    },
    "sequence": {
        "title": "Sequence", "clauses": ["SEQ-sequence-a"], "more": {"typed": ["SEQ-sequencetype-a"]},
        "events": {"all": text(sequence="0042"), "typed": text(sequence="1", sequencetype="Integer")},
        "valid": [("SEQ-sequence-b", f"sequence-{name}", f"{title}: the order of texts is kept", text(sequence=value)) for name, title, value in (
            ("zeros", "Leading zeros stay", "0000000000"), ("capitals", "Letter case stays", "00aZ"), ("long", "A long number stays", "00018446744073709551616"))],
        "broken": [("SEQ-sequence-b", "sequence-empty", "An empty sequence is refused, or carried as it is", text(sequence=""))],
        "of_release": [("SEQ-sequencetype-b", "sequencetype-empty", "An empty sequencetype is carried as it is, or refused: release 1.0.2 alone has this attribute",
                        text(sequence="1", sequencetype=""))],
    },
    "severity": {
        "title": "Severity", "clauses": ["SEV-severitynumber-a"],
        "events": {"all": {"severitynumber": ("Integer", 17), **text(severitytext="ERROR")}},
        "valid": [("SEV-severitytext-e", f"severitytext-{value.lower()}", f"The recommended value {value} of severitytext is carried as it is",
                   {"severitynumber": ("Integer", number), **text(severitytext=value)}, "SEV-severitytext-d")
                  for value, number in (("TRACE", 1), ("DEBUG", 5), ("INFO", 9), ("WARN", 13), ("ERROR", 17), ("FATAL", 21))]
        + [("SEV-severitynumber-d", "severitynumber-zero", "The least severitynumber is carried", {"severitynumber": ("Integer", 0)})],
        "broken": [("SEV-severitynumber-a", "severitynumber-missing", "severitytext without severitynumber is refused, or carried", text(severitytext="ERROR")),
                   ("SEV-severitynumber-d", "severitynumber-negative", "A negative severitynumber is refused, or carried as it is", {"severitynumber": ("Integer", -1)}),
                   ("SEV-severitytext-c", "severitytext-empty", "An empty severitytext is refused, or carried as it is",
                    {"severitynumber": ("Integer", 17), **text(severitytext="")}),
                   ("SEV-severitytext-d", "severitytext-lower-case", "A severitytext in lower case is refused, or stays in lower case",
                    {"severitynumber": ("Integer", 17), **text(severitytext="error")})],
    },
    "verifiability": {
        "title": "Verifiability",
        "refusable": {"decode": "A consumer that knows the extension discards material that does not verify (VERIFY-Verification-d).",
                      "encode": "A producer that knows the extension makes the material itself, and this is none (VERIFY-Overview-a)."},
        "clauses": ["VERIFY-dssematerial-a", "VERIFY-Constraints-c"],
        "events": {"all": {"dssematerial": ("Binary", ENVELOPE)}}, "valid": [], "broken": [],
    },
}
