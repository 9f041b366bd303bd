"""The cases of deliveries, from the receiver's side."""

TITLE = "Deliveries to a webhook receiver: its responses, and what its application gets"
CASES = []
ORIGIN = "eventemitter.example.com"
TOKEN = "mF_9.B5f-4.1JqM"
ALLOWING = {"origins": [ORIGIN], "token": TOKEN}
WITH_TOKEN = {"token": TOKEN}
BEARER = ["Authorization", f"Bearer {TOKEN}"]
FROM = ["WebHook-Request-Origin", ORIGIN]
DOCUMENT = '{"specversion":"1.0","id":"A-1001","source":"/sensors","type":"com.example.reading","time":"2026-11-20T10:00:00Z","datacontenttype":"application/json","data":{"celsius":21}}'
STRUCTURED = ["Content-Type", "application/cloudevents+json"]
BINARY = [["ce-specversion", "1.0"], ["ce-id", "A-1001"], ["ce-source", "/sensors"], ["ce-type", "com.example.reading"], ["Content-Type", "application/json"]]
PROCESSED, NO_REDIRECT, NO_EVENT = "WEBHOOK-2.2-f", "WEBHOOK-2.2-b", "CE-Context-Attributes-a"
UNKNOWN = "202 says that the processing status is unknown."


def case(name, title, clauses, allowed, headers, expect, level="MUST", method="POST", target="/hook", body=DOCUMENT, earlier=None, **more):
    message = {"method": method, "target": target, "headers": headers}
    if body is not None:
        message["body"] = {"text": body}
    request = {"op": "deliver", "policy": allowed, "request": message, **({"earlier": earlier} if earlier else {})}
    CASES.append({"id": f"webhook/deliver/{name}", "title": title, "clauses": clauses, "level": level, "revisions": ["1.0.2", "main"], **more,
                  "request": request, "expect": expect})


def response(status, delivered, *headers):
    return {"result": {"response": {"status": status, "headers": list(headers)}, "delivered": delivered}}


def any_of(statuses, delivered, *headers):
    return [response(status, delivered, *headers) for status in statuses]


WITHOUT_PAYLOAD = any_of((204, 201), 1)
# "All further error status codes apply as specified in RFC 7231", and 202 says that the processing status is unknown.
REFUSED = [response("4xx", 0), response(202, 0), response("5xx", 0)]
# "Other methods MAY be permitted on the resource, but their function is outside the scope of this specification" (section 4.2): whatever they do, they deliver nothing.
OUTSIDE = [response(status, 0) for status in ("4xx", "5xx", "2xx", "3xx")]

# ---- Accepted
for mode, headers, body in (("structured", [STRUCTURED], DOCUMENT), ("binary", BINARY, '{"celsius":21}')):
    case(f"accepted-{mode}", f"A delivery in {mode} mode that was processed gets 201 or 204", [PROCESSED, NO_REDIRECT, "WEBHOOK-3-b"], ALLOWING,
         [FROM, BEARER, *headers], WITHOUT_PAYLOAD, body=body)
case("reply", "A payload of the response comes with 200 or 201, and a content type", ["WEBHOOK-2.2-d", "WEBHOOK-2.2-e"],
     {**WITH_TOKEN, "handler": {"reply": {"content-type": "text/plain", "body": {"text": "stored"}}}}, [BEARER, STRUCTURED],
     [outcome for charset in ("", "; charset=utf-8", "; charset=iso-8859-1", "; charset=us-ascii") for outcome in any_of((200, 201), 1, ["Content-Type", f"text/plain{charset}"])],
     note="No sentence says which content type it is. Web frameworks add the charset of text that they send.")
case("queued", "A delivery that was accepted and not yet processed gets 202", ["WEBHOOK-2.2-g"], {**WITH_TOKEN, "handler": "queue"}, [BEARER, STRUCTURED],
     [response(202, 1)])

# ---- Tokens
case("token-header", "A token in the header Authorization is accepted", ["WEBHOOK-3-b", PROCESSED], WITH_TOKEN, [BEARER, STRUCTURED], WITHOUT_PAYLOAD)
for name, said, query in (("alone", "is accepted", f"access_token={TOKEN}"), ("first", "is accepted before another parameter", f"access_token={TOKEN}&p=q"),
                          ("last", "is accepted after another parameter", f"p=q&access_token={TOKEN}"),
                          ("escaped", "is accepted with a character that is percent-encoded", "access_token=mF%5F9.B5f-4.1JqM")):
    case(f"token-query-{name}", f"A token in the query parameter access_token {said}",
         ["WEBHOOK-3-b", "WEBHOOK-3.2-a", *(["WEBHOOK-3.2-c"] if "&" in query else []), PROCESSED],
         WITH_TOKEN, [STRUCTURED], WITHOUT_PAYLOAD, target=f"/hook?{query}")
case("token-query-cache-control", "The response to a delivery with a token in its query has Cache-Control: private", ["WEBHOOK-3.2-e"], WITH_TOKEN,
     [STRUCTURED], any_of((204, 201), 1, ["Cache-Control", "private"]), target=f"/hook?access_token={TOKEN}", level="SHOULD")
for place, said, target, headers in (
        ("header", "another token in its header", "/hook", [["Authorization", f"Bearer {TOKEN}x"]]),
        ("query", "another token in its query", f"/hook?access_token={TOKEN}x", []),
        ("header-prefix", "the beginning of the token in its header", "/hook", [["Authorization", f"Bearer {TOKEN[:-1]}"]]),
        ("header-empty", "an empty token in its header", "/hook", [["Authorization", "Bearer "]]),
        ("query-empty", "an empty token in its query", "/hook?access_token=", [])):
    case(f"wrong-token-{place}", f"A delivery with {said} is refused", ["WEBHOOK-3-b", NO_REDIRECT], WITH_TOKEN, [*headers, STRUCTURED], REFUSED, target=target,
         note="That another token is refused is a rule of the model on which both methods lean (RFC 6750, section 3.1).")
case("other-scheme", "A token under the scheme Basic is refused", ["WEBHOOK-3.1-a"], WITH_TOKEN, [["Authorization", f"Basic {TOKEN}"], STRUCTURED], REFUSED)
case("no-token", "A delivery without a token is refused", ["WEBHOOK-3-a"], WITH_TOKEN, [STRUCTURED], REFUSED)
case("other-parameter", "A token in a parameter of another name is none", ["WEBHOOK-3.2-a"], WITH_TOKEN, [STRUCTURED], REFUSED, target=f"/hook?token={TOKEN}")
case("two-tokens", "A delivery with a token in both places is refused", ["WEBHOOK-3-a"], WITH_TOKEN, [BEARER, STRUCTURED], REFUSED,
     target=f"/hook?access_token={TOKEN}")
case("two-tokens-one-wrong", "A delivery with the token in its header, and another in its query, is refused", ["WEBHOOK-3-a"], WITH_TOKEN, [BEARER, STRUCTURED], REFUSED,
     target="/hook?access_token=other")

# ---- Origins
BELOW = {"origins": ["*.partner.example"], "token": TOKEN}
case("origin-below-a-suffix", "A delivery of an origin below an allowed suffix is accepted", ["WEBHOOK-4.1.2-b", PROCESSED], BELOW,
     [["WebHook-Request-Origin", "eu.partner.example"], BEARER, STRUCTURED], WITHOUT_PAYLOAD)
for name, title, policy, origins in (
        ("none", "A delivery without an origin is refused", ALLOWING, []),
        ("other", "A delivery of another origin is refused", ALLOWING, ["attacker.example"]),
        ("prefix", "A name that begins with an allowed origin is refused", ALLOWING, [f"{ORIGIN}.attacker.example"]),
        ("ending", "A name that ends with an allowed origin is refused", ALLOWING, [f"attacker{ORIGIN}"]),
        ("suffix-without-a-dot", "A name that ends with an allowed suffix, and not at a dot, is refused", BELOW, ["attacker-partner.example"]),
        ("asterisk", "A delivery whose origin is an asterisk is refused", ALLOWING, ["*"]),
        ("two", "A delivery of two origins is refused", ALLOWING, [ORIGIN, "attacker.example"])):
    # A sender that has consent uses the name that got it.
    case(f"origin-{name}", title, ["WEBHOOK-2.1-e", *(["WEBHOOK-4.1.2-b"] if origins else [])], policy, [*(["WebHook-Request-Origin", one] for one in origins), BEARER, STRUCTURED], REFUSED)

# ---- Not a delivery
for name in ("GET", "PUT", "DELETE"):
    case(f"method-{name.lower()}", f"{name} delivers nothing", ["WEBHOOK-2.1-b", "WEBHOOK-4.2-f"], WITH_TOKEN, [BEARER, STRUCTURED], OUTSIDE, method=name)
case("no-content-type", "A delivery without a content type is refused", ["WEBHOOK-2.1-c"], WITH_TOKEN, [BEARER, *BINARY[:-1]], REFUSED, body='{"celsius":21}')
# Of text, no octets are a payload; of JSON, they would be none for a second reason.
case("no-payload", "A delivery without a payload is refused", ["WEBHOOK-2.1-d"], WITH_TOKEN, [BEARER, *BINARY[:-1], ["Content-Type", "text/plain"]], REFUSED, body=None)
for name, media_type in (("event-format", "application/cloudevents+unheard-of"), ("batch-format", "application/cloudevents-batch+unheard-of")):
    case(f"unknown-{name}", f"A notification of the type {media_type}, which the target does not understand, gets 415, or is accepted before it is looked at",
         ["WEBHOOK-2.2-m", "WEBHOOK-2.2-g"], WITH_TOKEN, [BEARER, ["Content-Type", media_type]], [response(415, 0), response(202, 0)], body="id=1", note=UNKNOWN)
for name, media_type in (("text", "text/plain"), ("form", "application/x-www-form-urlencoded")):
    case(f"unknown-{name}", f"A notification of the type {media_type} that is no event is refused, or accepted before it is looked at", ["WEBHOOK-2.2-m", "WEBHOOK-2.2-g", NO_REDIRECT, NO_EVENT], WITH_TOKEN,
         [BEARER, ["Content-Type", media_type]], [response(415, 0), *REFUSED], body="id=1", policy=True,
         note="By the binding for HTTP, a message of another type is in binary mode: one without attributes may be a malformed event of a known format, for which all further error codes are those "
              f"of RFC 7231. {UNKNOWN}")
for name, said, body in (("not-json", "A document that is not JSON", "{"),
                         ("no-id", "An event without an id", '{"specversion":"1.0","source":"/sensors","type":"com.example.reading","data":1}')):
    case(f"malformed-{name}", f"{said} is refused, or accepted before it is looked at", ["WEBHOOK-2.2-g", NO_REDIRECT, NO_EVENT], WITH_TOKEN, [BEARER, STRUCTURED],
         REFUSED, body=body, policy=True,
         note=f"All further error codes are those of RFC 7231. {UNKNOWN}")

# ---- Rates, and the end of a target
SLOW = {**ALLOWING, "rate": 1}
DELIVERY = [FROM, BEARER, STRUCTURED]
THROTTLED = response(429, 0, ["Retry-After", "60"])
case("rate", "A delivery beyond the rate gets 429", ["WEBHOOK-2.2-j", "WEBHOOK-2.2-k"], SLOW, DELIVERY, [THROTTLED], earlier=3, level="SHOULD")
case("rate-retry-after", "A delivery beyond the rate that is refused, with 429 or another status, gets Retry-After", ["WEBHOOK-2.2-k"], SLOW, DELIVERY, [THROTTLED, response("4xx", 0, ["Retry-After", "60"]), response("5xx", 0, ["Retry-After", "60"]), response("2xx", 1), response("2xx", 0)],
     earlier=3)
# The earlier requests have the same event.
case("within-the-rate", "A delivery within the rate is accepted, and its event, which was delivered before, may be dropped", [PROCESSED, "CE-id-f"], {**ALLOWING, "rate": 600}, DELIVERY,
     [*WITHOUT_PAYLOAD, *any_of((204, 201), 0), response(429, 0, ["Retry-After", "60"])], earlier=3,
     note="A target may space the deliveries of a minute, and refuse one that comes too early.")
case("retired", "A target that has retired responds with 410", ["WEBHOOK-2.2-h"], {**ALLOWING, "retired": True}, DELIVERY, [response(410, 0)], level="SHOULD")
case("no-handshake", "A target without the handshake responds to OPTIONS with 405, or handles it and does not consent", ["WEBHOOK-4.2-d"], WITH_TOKEN, [FROM],
     any_of((405, "2xx", 400, 401, 403, 404, 415, 422, 501), 0), level="SHOULD", method="OPTIONS", body=None)
