#!/usr/bin/env python3
"""Writes vectors/json/parsing.json: texts that are JSON and texts that are not, each as the payload of an event.

What is JSON is decided here by RFC 8259, text by text; Python's parser has to agree, where it follows the RFC. `--check` fails when the
vectors differ from what is there. Standard library only.
"""

import base64
import json
import pathlib
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "generators"))
import fair

HEAD = ('{"time":"2018-04-05T17:31:00Z","specversion":"1.0","id":"A-1001","source":"/orders","type":"com.example.order.placed",'
        '"datacontenttype":"application/json","data":')
ATTRIBUTES = {"id": ("String", "A-1001"), "source": ("URI-reference", "/orders"), "type": ("String", "com.example.order.placed"),
              "time": ("Timestamp", "2018-04-05T17:31:00Z"), "datacontenttype": ("String", "application/json")}

# Texts are numbered in their lists and ids are never reused: append, and insert nothing.
ACCEPTED = {
    "number": ["0", "-0", "1", "-1", "10", "1.0", "0.1", "-0.1", "1.10", "1e1", "1E1", "1e+1", "1e-1", "1.5e3", "1.5E-3", "0e0", "0e1", "-0.0", "-0e-0",
               "9007199254740993", "-9223372036854775808", "18446744073709551616", "123456789012345678901234567890", "0.1000000000000000055511151231257827",
               "1e400", "-1e400", "1e-400", "4.9e-324", "1.7976931348623157e308", "100000000000000000000.5", "1E00", "1e007"],
    "string": ['""', '"a"', '"\\""', '"\\\\"', '"\\/"', '"/"', '"\\b\\f\\n\\r\\t"', '"\\u0041"', '"\\u00e9"', '"\\u00E9"', '"\\u20ac"', '"\\ud83d\\ude00"',
               '"\\uD83D\\uDE00"', '"é"', '"€"', '"😀"', '"\u2028\u2029"', '"\x7f"', '"\x80\x9f"', '"\ufeff"', '"\ufffd"', '"\u00a0"', '"\\u0000"', '"\\u001f"',
               '"\\u2028"', '" a "', '"\\"a\\""', '"{\\"a\\":1}"', '"null"', '"\\\\u0041"', '"a\\/b/c"', '"\U0010fffd"', '"e\u0301"', '"\u05e9\u05dc\u05d5\u05dd"'],
    "literal": ["null", "true", "false"],
    "array": ["[]", "[1]", "[1,2]", "[ 1 , 2 ]", "[[]]", "[[],[]]", "[null]", "[\"a\",1,true,null,{}]", "[[[[[[1]]]]]]", "[1.0,1.00]", "[ ]", "[\"\"]"],
    "object": ["{}", '{"a":1}', '{ "a" : 1 }', '{"":0}', '{"a":{}}', '{"a":[]}', '{"a":null}', '{"a":1,"b":2}', '{"b":2,"a":1}', '{"\\u0061":1}', '{"a b":1}',
               '{"é":1}', '{"data":1}', '{"specversion":"9"}', '{"a":{"b":{"c":[{"d":1}]}}}', '{ }', '{"__proto__":1}', '{"a.b":1}', '{"$ref":1}'],
    "white-space": [" 1", "1 ", "\t1", "1\n", "\r\n1\r\n", " \t\r\n[ \t\r\n1 \t\r\n] \t\r\n", "{\n\t\"a\"\r\n:\t1\n}"],
}

REFUSED = {
    "number": ["01", "-01", "00", "+1", "+0", ".5", "-.5", "1.", "-1.", "1.e1", "1e", "1e+", "1e-", "1e1.5", "e1", "-", "--1", "-+1", "- 1", "0x1", "0X1", "0b1", "0o1", "1_000",
               "1,000", "1 000", "1f", "1L", "1n", "NaN", "nan", "-NaN", "Infinity", "-Infinity", "Inf", "1e1e1", "1..2", "1.2.3", "\u0661", "\uff11", "\u00bd", "1%", "$1", "1/2", "0.e1", "1E", "1e+-1"],
    "string": ['"', '"a', "'a'", "a", "`a`", '"\\"', '"\\a"', '"\\c"', '"\\d"', '"\\e"', '"\\v"', '"\\0"', '"\\x41"', '"\\u"', '"\\u1"', '"\\u12"', '"\\u123"', '"\\u123g"', '"\\u{41}"',
               '"\\U0041"', "\"\\'\"", '"\\ "', '"\\\n"', '"a" "b"', '"a""b"', '""a', '"\\N"', '"\\u 041"', '"\\u+041"', '\u201ca\u201d'],
    "control": [f'"a{chr(code)}b"' for code in range(0x20)],
    "literal": ["nul", "nulll", "Null", "NULL", "tru", "True", "TRUE", "fals", "False", "undefined", "None", "nil", "yes", "n", "t", "truefalse", "null null", "nan"],
    "array": ["[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1;2]", "[1:2]", "[}", "{]", "[1}", "[[]", "[]]", "(1)", "[1],[2]", "[\"a\" \"b\"]", "[...]", "[1,2", "[\"a]"],
    "object": ["{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{,"a":1}', '{,}', '{"a" 1}', '{"a"::1}', '{"a"=1}', '{a:1}', "{'a':1}", "{1:1}", "{null:1}", "{true:1}", "{[]:1}", "{{}:1}",
               '{"a":1 "b":2}', '{"a":1;"b":2}', '{"a":1,,"b":2}', '{"a"}', '{"a",1}', '{"a":}', '{:1}', '{"a":1:2}', '{"a":1}{', '{"a":{}', '{"a":[}', '{"a"\x00:1}', '{"a":,1}', '{"a\n":1}'],
    "white-space": ["\x0b1", "\x0c1", "\u00a01", "\u20031", "\ufeff1", "\u20281", "1\x00", "\x001", "\u180e1", "\u30001", "\x851", "[\x0c1]"],
    "comment": ["1//a\n", "/*a*/1", "1/*a*/", "#a\n1", "[1,/*a*/2]", "<!--a-->1", "-- a\n1", "1;"],
    "nothing": ["", " ", ","],
}

BROKEN_UTF8 = ["80", "bf", "c0af", "c1bf", "c2", "e282", "e0809f", "e08080", "eda080", "edbfbf", "edbfbfeda080", "f0808080", "f08282ac", "f4908080", "f5808080", "f888808080", "fe", "ff", "fffe", "c220",
               "e28220", "f09f98", "f09f9820", "6180", "f8", "fc8480808080"]


def shown(text):
    """The text, with code points for what does not show, or looks like something else. Escapes would look like those of JSON, which are another text."""
    def shows(character):
        return character.isprintable() and not unicodedata.combining(character) and (character.isascii() or not character.isnumeric())
    named = "".join(character if shows(character) else f"(U+{ord(character):04X})" for character in text)
    return named if named.strip() else "white space alone" if named else "no text at all"


def case(name, title, body, expect, **more):
    return {"id": f"json/parsing/{name}", "title": title, "clauses": ["JSON-3.1.2-d", "CE-Overview-a"], "level": "MUST", "revisions": ["1.0.2", "main"],
            "request": {"op": "decode", "via": "json", "message": {"body": body}}, "expect": expect, **more}


def strictly(text):
    """What Python's parser makes of a text, with what it adds to JSON taken away."""
    def refuse(constant):
        raise ValueError(constant)
    return json.loads(text, parse_constant=refuse)


def main():
    cases = []
    for kind, texts in ACCEPTED.items():
        for number, text in enumerate(texts, 1):
            strictly(text)
            event = {"specversion": "1.0", "attributes": {name: {"type": ty, "value": value} for name, (ty, value) in ATTRIBUTES.items()},
                     "data": {"json": text.strip(" \t\r\n")}}
            more = {"policy": True, "note": "What a parser does with a number beyond its range is its own choice."} if "e400" in text or "e-400" in text else {}
            expect = [{"result": {"mode": "structured", "format": "json", "events": [event]}}] + ([{"error": {}}] if more else [])
            if text == "4.9e-324":
                # The smallest double: a parser that scales by a power of ten makes 0 of it, as JSON::XS does.
                expect.append({"result": {"mode": "structured", "format": "json", "events": [{**event, "data": {"json": "0"}}]}})
            if "e400" in text:
                # Infinity, which JSON cannot write, becomes null in many a library; or the largest double stands for it.
                for other in ("null", text.replace("1e400", "1.7976931348623157e308")):
                    expect.append({"result": {"mode": "structured", "format": "json", "events": [{**event, "data": {"json": other}}]}})
            limited = more or any(map(fair.beyond_limits, fair.NUMBER.findall(text)))
            title = f"This is JSON{', which a parser may refuse' if limited else ''}: {shown(text)}"
            cases.append(case(f"{kind}-{number}", title, {"text": HEAD + text + "}"}, expect, **({"compare": {"json": "double"}} if kind == "number" or "1.0" in text else {}), **more))
    for kind, texts in REFUSED.items():
        for number, text in enumerate(texts, 1):
            whole = HEAD + text + "}"
            try:
                strictly(whole)
            except ValueError:
                pass
            else:
                raise AssertionError(text)
            cases.append(case(f"{kind}-refused-{number}", f"This is not JSON: {shown(text)}", {"text": whole}, [{"error": {}}]))
    for number, octets in enumerate(BROKEN_UTF8, 1):
        whole = HEAD.encode() + b'"' + bytes.fromhex(octets) + b'"}'
        try:
            whole.decode()
            raise AssertionError(octets)
        except UnicodeDecodeError:
            pass
        body = {"base64": base64.b64encode(whole).decode()}
        cases.append(case(f"utf-8-refused-{number}", f"A string with the octets {octets} is not UTF-8, and so not JSON", body, [{"error": {}}]))
    document = {"area": "json", "topic": "parsing", "title": "What is JSON and what is not", "cases": cases}
    path, text = ROOT / "vectors/json/parsing.json", fair.text(document)
    if "--check" in sys.argv[1:]:
        sys.exit((not path.exists() or path.read_text(encoding="utf-8") != text) and "the vectors are not what this script writes")
    path.write_text(text, encoding="utf-8")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
