"""The cases of the sender's side: the handshake it begins, its deliveries, and what it does after the responses."""

TITLE = "The requests of a webhook sender, and what it does after the responses"
CASES = []
ORIGIN = "eventemitter.example.com"
TOKEN = "mF_9.B5f-4.1JqM"
TIME = "2026-11-20T10:00:00Z"
DELIVERY = ["WEBHOOK-2.1-b", "WEBHOOK-2.1-c", "WEBHOOK-2.1-d"]
AGREES = {"status": 200, "headers": [["Allow", "POST"], ["WebHook-Allowed-Origin", ORIGIN], ["WebHook-Allowed-Rate", "*"]]}
FROM = ["WebHook-Request-Origin", ORIGIN]
BEARER = ["Authorization", f"Bearer {TOKEN}"]


def text(value, of_type="String"):
    return {"type": of_type, "value": value}


def event(number, data=True):
    attributes = {"id": text(f"A-100{number}"), "source": text("/sensors", "URI-reference"), "type": text("com.example.reading"),
                  "time": text(TIME, "Timestamp")}
    if not data:
        return {"specversion": "1.0", "attributes": attributes}
    return {"specversion": "1.0", "attributes": {**attributes, "datacontenttype": text("application/json")}, "data": {"json": '{"celsius":21}'}}


def status(code, *headers):
    return {"status": code, "headers": list(headers)}


def options(target="/hook", *headers):
    return {"method": "OPTIONS", "target": target, "headers": [FROM, *headers]}


def posts(number, targets=("/hook",), headers=(BEARER,), data=True, origin=(FROM,)):
    """A delivery in binary mode, and in structured mode as JSON, to any of the targets: with a token, without which none may be (section 3). In structured mode,
    it "MAY include the same HTTP headers as defined for the binary mode" (HTTP, section 3.2.3)."""
    found = []
    for target in targets:
        message = {"method": "POST", "target": target}
        marks = [["ce-specversion", "1.0"], ["ce-id", f"A-100{number}"], ["ce-source", "/sensors"], ["ce-type", "com.example.reading"], ["ce-time", TIME]]
        if data:
            found.append({**message, "headers": [*origin, *headers, *marks, ["Content-Type", "application/json"]], "body": {"text": '{"celsius":21}'}})
        payload = ',"datacontenttype":"application/json","data":{"celsius":21}' if data else ""
        document = f'{{"specversion":"1.0","id":"A-100{number}","source":"/sensors","type":"com.example.reading","time":"{TIME}"{payload}}}'
        found += [{**message, "headers": [*origin, *headers, *beside, ["Content-Type", "application/cloudevents+json"]], "body": {"text": document}}
                  for beside in ([], marks)]
    return found


def outcomes(deliveries, delivered, validation=None, wait=None, absent=()):
    more = {"wait": wait} if wait else {}
    validations = [validation or options()] if not isinstance(validation, list) else validation
    return [{"result": {"requests": [first, one], "delivered": delivered, **more}, **({"absent-headers": list(absent)} if absent else {})}
            for first in validations for one in deliveries]


def again(deliveries):
    """The outcomes in which a delivery that failed is tried once more, and succeeds: at once, or after another handshake, which may immediately precede each delivery."""
    return [{"result": {"requests": [options(), one, *more, one], "delivered": 1}} for more in ([], [options()]) for one in deliveries]


def case(name, title, clauses, expect, level="MUST", handshake=AGREES, responses=(status(204),), target="/hook", events=(event(1),), policy=False, note=None, **members):
    request = {"op": "send", "origin": ORIGIN, "target": target, "token": TOKEN, **members, "handshake": handshake, "responses": list(responses), "events": list(events)}
    CASES.append({"id": f"webhook/send/{name}", "title": title, "clauses": clauses, "level": level, "revisions": ["1.0.2", "main"],
                  **({"policy": True} if policy else {}), "request": request, "expect": expect, **({"note": note} if note else {})})


# ---- Consent
VALIDATION = ["WEBHOOK-4.1-a", "WEBHOOK-4.1.2-a"]
NOTHING = [{"result": {"requests": [options()], "delivered": 0}}]
case("validation-exact-target", "The validation request goes to the exact target, with its query", VALIDATION,
     outcomes(posts(1, ["/hook/a%2Fb?x=1&y=2"]), 1, options("/hook/a%2Fb?x=1&y=2")), target="/hook/a%2Fb?x=1&y=2")
case("validation-rate", "The requested rate, if there is one, is a number of requests per minute", ["WEBHOOK-4.1.4-a", "WEBHOOK-4.1.4-b"],
     [*outcomes(posts(1), 1, options("/hook", ["WebHook-Request-Rate", "120"])), *outcomes(posts(1), 1, absent=["WebHook-Request-Rate"])], rate=120,
     note="The header MAY be there.")
case("origin", "With consent, a delivery has the origin of the handshake", [*DELIVERY, "WEBHOOK-2.1-e", "WEBHOOK-4.1.2-b"], outcomes(posts(1), 1))
case("any-origin", "After consent to all origins, a delivery has the origin of the handshake", [*DELIVERY, "WEBHOOK-4.2.1-b", "WEBHOOK-4.1.2-b"], outcomes(posts(1), 1),
     handshake=status(200, ["WebHook-Allowed-Origin", "*"], ["WebHook-Allowed-Rate", "100"]))
case("status-ignored", "Consent is in the headers, with the status 204, too", ["WEBHOOK-4.2-c", "WEBHOOK-4.2.1-a"], outcomes(posts(1), 1),
     handshake={**AGREES, "status": 204})
# "If a target does not support the feature, the sender MAY choose not to send to the target, at all, or send only at a very low request rate" (section 4): one event,
# and then a pause, of which no length is said. Without permission, no sentence asks for the origin in a delivery.
# The handshake may be "a "pre-flight" request immediately preceding a delivery": one for each of the two events.
SLOWLY = [*outcomes(posts(1), 1, wait=1), *outcomes(posts(1, origin=()), 1, wait=1)]
SELDOM = [*NOTHING, {"result": {"requests": [options(), options()], "delivered": 0}}, *SLOWLY,
          *({**slow, "result": {**slow["result"], "requests": [*slow["result"]["requests"], options()]}} for slow in SLOWLY)]
LITTLE = {"events": (event(1), event(2)), "note": "A target that does not take part in the handshake MAY get deliveries at a very low rate."}
BOTH_EVENTS = [{"result": {"requests": [options(), first, *more, second], "delivered": 2}} for origin in ((FROM,), ()) for more in ([], [options()])
               for first, second in zip(posts(1, origin=origin), posts(2, origin=origin))]
case("validation", "The validation request is OPTIONS to the target, with the origin", VALIDATION, [*SELDOM, *BOTH_EVENTS], handshake=status(403), **LITTLE)
# What a response without consent means is said by "ought not", and by a MAY.
for code in (200, 202, 204, 405):
    case(f"no-consent-{code}", f"The status {code} without the headers of consent is no consent", ["WEBHOOK-4.2-c", "WEBHOOK-4-b"], SELDOM, handshake=status(code), level="SHOULD", **LITTLE)
case("no-consent-allow", "An Allow header without those of consent is no consent", ["WEBHOOK-4.2-c", "WEBHOOK-4-b"], SELDOM,
     handshake=status(200, ["Allow", "POST, OPTIONS"], ["Access-Control-Allow-Origin", "*"]), level="SHOULD", **LITTLE)
for name, other in (("other", "other.example"), ("prefix", f"{ORIGIN}.attacker.example"), ("suffix", "*.example.com"), ("parent", "example.com"), ("url", f"https://{ORIGIN}")):
    case(f"no-consent-{name}-origin", f"Consent to {other} is none for {ORIGIN}", ["WEBHOOK-4.2.1-b", "WEBHOOK-4.2-c"], [*NOTHING, *SLOWLY],
         handshake=status(200, ["WebHook-Allowed-Origin", other], ["WebHook-Allowed-Rate", "*"]), level="SHOULD",
         note="A target whose consent is to another origin MAY get deliveries at a very low rate, as one that does not take part in the handshake.")

# ---- Deliveries
case("no-payload", "An event without a payload is delivered in structured mode, or not at all, because a delivery has a payload", ["WEBHOOK-2.1-d", "WEBHOOK-2.1-c"],
     [*outcomes(posts(1, data=False), 1), {"result": {"requests": [options()], "delivered": 0}}, {"error": {}}], events=[event(1, data=False)], policy=True)
case("token-header", "The token is a bearer token in the header Authorization, and not in the URL", ["WEBHOOK-3-a", "WEBHOOK-3.1-a"],
     outcomes(posts(1), 1))
REGISTERED = [options(), options(f"/hook?access_token={TOKEN}")]
WHOLE = "The handshake goes to \"the exact resource target URI that is being registered\" (section 4.1), which may have the token in its query."
case("token-query", "A token in the query is the parameter access_token, and is not in a header", ["WEBHOOK-3-a", "WEBHOOK-3.2-a"],
     outcomes(posts(1, [f"/hook?access_token={TOKEN}"], ()), 1, REGISTERED, absent=["Authorization"]), note=WHOLE, **{"token-in": "query"})
case("token-query-with-others", "Other parameters of the query stay, separated with an ampersand", ["WEBHOOK-3.2-a", "WEBHOOK-3.2-b", "WEBHOOK-3.2-c"],
     outcomes(posts(1, [f"/hook?p=q&access_token={TOKEN}", f"/hook?access_token={TOKEN}&p=q"], ()), 1,
              [options(target) for target in ("/hook?p=q", f"/hook?p=q&access_token={TOKEN}", f"/hook?access_token={TOKEN}&p=q")], absent=["Authorization"]),
     target="/hook?p=q", note=WHOLE, **{"token-in": "query"})
case("token-query-cache-control", "A delivery with the token in the query has Cache-Control: no-store", ["WEBHOOK-3.2-d"],
     outcomes(posts(1, [f"/hook?access_token={TOKEN}"], [["Cache-Control", "no-store"]]), 1, REGISTERED), level="SHOULD", note=WHOLE, **{"token-in": "query"})

# ---- Responses
for code, clause in ((200, "WEBHOOK-2.2-d"), (201, "WEBHOOK-2.2-f"), (202, "WEBHOOK-2.2-g"), (204, "WEBHOOK-2.2-f")):
    case(f"accepted-{code}", f"The status {code} means that the delivery was accepted", [*DELIVERY, clause], outcomes(posts(1), 1),
         responses=[{**status(code, ["Content-Type", "text/plain"]), "body": {"text": "stored"}} if code == 200 else status(code)])
for code in (301, 302, 303, 307, 308):
    case(f"redirect-{code}", f"The redirect {code} is not followed", ["WEBHOOK-2.2-c"], [*outcomes(posts(1), 0), *outcomes(posts(1), 1), *again(posts(1))],
         responses=[status(code, ["Location", "/elsewhere"]), status(204)],
         note="No sentence forbids that the target itself is tried again, and none says whether a delivery counts that was redirected.")
case("gone", "After 410, nothing more is sent", ["WEBHOOK-2.2-i"], outcomes(posts(1), 0), responses=[status(410), status(204)], events=[event(1), event(2)], level="SHOULD")
for name, value, wait in (("seconds", "121", 121), ("date", "Fri, 31 Dec 9999 23:59:59 GMT", 86400)):
    case(f"retry-after-{name}", "After 429, nothing is sent before the time of Retry-After", ["WEBHOOK-2.2-l"], outcomes(posts(1), 0, wait=wait),
         responses=[status(429, ["Retry-After", value]), status(204)], events=[event(1), event(2)])
