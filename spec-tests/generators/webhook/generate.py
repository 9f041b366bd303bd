#!/usr/bin/env python3
"""Writes the vectors of webhooks: the handshake here, deliveries from the receiver's side in deliver.py, the sender's side in send.py.

    python3 generators/webhook/generate.py           # writes vectors/webhook/
    python3 generators/webhook/generate.py --check   # fails when a document would change
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import deliver  # noqa: E402
import fair  # noqa: E402
import send  # noqa: E402

GRANTS = ["WebHook-Allowed-Origin", "WebHook-Allowed-Rate"]
CASES = []


def case(name, title, clauses, allowed, headers, expect, level="MUST", method="OPTIONS", **more):
    CASES.append({"id": f"webhook/handshake/{name}", "title": title, "clauses": clauses, "level": level, "revisions": ["1.0.2", "main"], **more,
                  "request": {"op": "handshake", "policy": allowed, "request": {"method": method, "headers": headers}},
                  "expect": expect if isinstance(expect, list) else [expect]})


def origin(*names):
    return [["WebHook-Request-Origin", name] for name in names]


def granted(name, rate):
    return {"result": {"response": {"headers": [["WebHook-Allowed-Origin", name], *([["WebHook-Allowed-Rate", rate]] if rate else [])]}}}


REFUSED = {"result": {"response": {"headers": []}}, "absent-headers": GRANTS[:1]}
EXACT = {"origins": ["trusted.example.com"], "rate": 100}
BELOW = {"origins": ["*.partner.example"], "rate": 100}

CONSENT = ["WEBHOOK-4.2-a", "WEBHOOK-4.2.1-a", "WEBHOOK-4.2.1-b"]
case("allowed-origin", "An allowed origin gets its own name, with a rate or without", CONSENT, EXACT, origin("trusted.example.com"),
     granted("trusted.example.com", "100"))
case("any-origin", "A receiver of all origins replies with the origin, or with an asterisk", CONSENT, {"origins": ["*"], "rate": 100}, origin("anybody.example"),
     [granted("anybody.example", "100"), granted("*", "100")])
case("letter-case", "An allowed origin in another letter case gets consent, or none", CONSENT, EXACT, origin("Trusted.Example.COM"),
     [granted("Trusted.Example.COM", "100"), granted("trusted.example.com", "100"), REFUSED], policy=True)
case("below-a-suffix", "An origin below an allowed suffix gets its own name", CONSENT, BELOW, origin("eu.partner.example"),
     granted("eu.partner.example", "100"))
case("far-below-a-suffix", "An origin several labels below an allowed suffix gets its own name", CONSENT, BELOW, origin("a.b.partner.example"),
     granted("a.b.partner.example", "100"))
for name, title, policy, other in (
        ("other-origin", "Another origin gets no consent", EXACT, "attacker.example"),
        ("prefix", "A name that begins with an allowed origin gets no consent", EXACT, "trusted.example.com.attacker.example"),
        ("ending", "A name that ends with an allowed origin gets no consent", EXACT, "attackertrusted.example.com"),
        ("parent", "The parent of an allowed origin gets no consent", EXACT, "example.com"),
        ("child", "A name below an allowed origin gets no consent", EXACT, "a.trusted.example.com"),
        ("suffix-itself", "The name of an allowed suffix itself, which is not below it, gets no consent", BELOW, "partner.example"),
        ("suffix-without-a-dot", "A name that ends with an allowed suffix, and not at a dot, gets no consent", BELOW, "attacker-partner.example"),
        ("suffix-in-the-middle", "A name with an allowed suffix in its middle gets no consent", BELOW, "a.partner.example.attacker.example"),
        ("asterisk", "An origin that is an asterisk gets no consent", EXACT, "*"),
        ("url", "An origin that is a URL gets no consent", EXACT, "https://trusted.example.com"),
        ("empty", "An empty origin gets no consent", EXACT, "")):
    case(f"no-consent-{name}", title, ["WEBHOOK-4.2-a"], policy, origin(other), REFUSED, **({"traps": ["W1"]} if name == "prefix" else {}))
case("no-consent-two-origins", "Two origins get no consent, or consent to the one that is allowed", ["WEBHOOK-4.2-a"], EXACT,
     origin("trusted.example.com", "attacker.example"), [REFUSED, granted("trusted.example.com", "100")], policy=True)
# Whoever passes a request on may make one header of two (RFC 7230, section 3.2.2).
case("no-consent-list", "A list of origins gets no consent, or consent to the one that is allowed", ["WEBHOOK-4.2-a"], EXACT,
     origin("trusted.example.com, attacker.example"), [REFUSED, granted("trusted.example.com", "100")], policy=True)
case("no-consent-no-origins", "A receiver that allows no origin consents to none", ["WEBHOOK-4.2-a"], {"origins": []}, origin("trusted.example.com"), REFUSED)
case("no-origin", "A request without WebHook-Request-Origin, which is no validation request, gets no consent", ["WEBHOOK-4.1.2-a", "WEBHOOK-4.2-a"], EXACT,
     [["Origin", "https://trusted.example.com"]], REFUSED)
for method in ("POST", "GET", "PUT"):
    case(f"method-{method.lower()}", f"{method} is no validation request: no consent, or the one that the origin has", ["WEBHOOK-4.1-a", "WEBHOOK-4.2-a"], EXACT,
         origin("trusted.example.com"), [REFUSED, granted("trusted.example.com", "100")], method=method, policy=True,
         note="No sentence forbids the headers of consent in other responses to an origin that has it.")
RATE = ["WEBHOOK-4.2.2-a", "WEBHOOK-4.2.2-e"]
for name, title, policy, requested, rate in (
        ("lower", "A rate below the highest is granted as requested, or as the highest", 100, "40", "40"),
        ("equal", "The highest rate is granted as requested", 100, "100", "100"),
        ("higher", "A rate above the highest is granted as the highest", 100, "5000", "100"),
        ("unlimited", "Without a highest rate, the requested one is granted, or no limit", "*", "120", "120")):
    # The rate is the receiver's to choose, up to its own limit.
    outcomes = [granted("trusted.example.com", other) for other in dict.fromkeys((rate, str(policy)))]
    case(f"rate-{name}", title, [*RATE, "WEBHOOK-4.1.4-a"], {"origins": ["trusted.example.com"], "rate": policy},
         origin("trusted.example.com") + [["WebHook-Request-Rate", requested]], outcomes, **({"policy": True} if len(outcomes) > 1 else {}))
case("rate-not-requested", "An origin that requests no rate gets one", ["WEBHOOK-4.2.2-b"], EXACT, origin("trusted.example.com"),
     granted("trusted.example.com", "100"), level="SHOULD")
case("rate-not-requested-unlimited", "An origin that requests no rate gets an asterisk of a receiver without a limit", ["WEBHOOK-4.2.2-b", "WEBHOOK-4.2.2-e"],
     {"origins": ["trusted.example.com"], "rate": "*"}, origin("trusted.example.com"), granted("trusted.example.com", "*"), level="SHOULD")
# Many a parser of numbers reads a plus sign, or what is before a point or an exponent, or rounds. What is too low may become the lowest rate there is.
for name, rate, read in (("zero", "0", "1"), ("negative", "-1", "1"), ("fraction", "1.5", "12"), ("asterisk", "*", ""), ("text", "many", ""), ("plus", "+5", "5"),
                         ("exponent", "1e3", "1"), ("huge", "99999999999999999999", "")):
    said, cited = ("is not a positive integer in decimal digits", "WEBHOOK-4.1.4-b") if name != "huge" else ("is beyond 64 bits", "WEBHOOK-4.2.2-a")
    lower = "".join(f", or to {other}" for other in read)
    case(f"rate-{name}", f"The rate {rate} {said}: no consent, or one to the rate of the receiver's policy{lower}", [cited, "WEBHOOK-4.2.2-e"], EXACT,
         origin("trusted.example.com") + [["WebHook-Request-Rate", rate]],
         [REFUSED, granted("trusted.example.com", "100"), *(granted("trusted.example.com", other) for other in read)], policy=True)
case("callback", "A receiver that consents by callback withholds the headers", ["WEBHOOK-4.2-b", "WEBHOOK-4.1.3-a"],
     {**EXACT, "callback": True}, origin("trusted.example.com") + [["WebHook-Request-Callback", "https://sender.example/confirm?key=abc"]], REFUSED)
case("callback-not-wanted", "An allowed origin gets its own name, whatever the callback that the receiver does not use", [*CONSENT, "WEBHOOK-4.1.3-a"], EXACT,
     origin("trusted.example.com") + [["WebHook-Request-Callback", "https://sender.example/confirm?key=abc"]], granted("trusted.example.com", "100"))
case("allow", "The response says that POST is permitted", ["WEBHOOK-4.2-e"], EXACT, origin("trusted.example.com"),
     [{"result": {"response": {"headers": granted("trusted.example.com", "100")["result"]["response"]["headers"] + [["Allow", "POST"]]}}}], level="SHOULD")


DOCUMENTS = {"handshake": ("The webhook handshake: consent to deliveries", CASES), "deliver": (deliver.TITLE, deliver.CASES),
             "send": (send.TITLE, send.CASES)}


def main():
    documents = [{"area": "webhook", "topic": topic, "title": title, "cases": cases}
                 for topic, (title, cases) in DOCUMENTS.items()]
    fair.write([(fair.path_of(document), document) for document in documents], "webhook/generate.py")


if __name__ == "__main__":
    main()
