"""Writes resolution.json: data that fastavro resolves from a writer's schema to a reader's.

    pip install fastavro==1.13.1
    python3 resolution.py > resolution.json
"""

import io
import json
import sys

import fastavro


def record(name, *fields, **more):
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name, type, **more):
    return {"name": name, "type": type, **more}


def enum(*symbols, **more):
    return {"type": "enum", "name": "Size", "symbols": list(symbols), **more}


TREE = record("Tree", field("value", "int"), field("children", {"type": "array", "items": "Tree"}))
WIDE = record("Tree", field("children", {"type": "array", "items": "Tree"}), field("value", "double"),
              field("color", "string", default="green"))
A, B = record("A", field("a", "int")), record("B", field("b", "string"))

CASES = [
    ("int to long", "int", "long", -7),
    ("int to float", "int", "float", 3),
    ("int to double", "int", "double", 2**31 - 1),
    ("long to float", "long", "float", 2**40),
    ("long to double", "long", "double", -(2**53)),
    ("float to double", "float", "double", 0.5),
    ("bytes to string", "bytes", "string", b"abc"),
    ("long to itself", "long", "long", -(2**63)),
    ("fields in another order", record("R", field("x", "int"), field("y", "string")),
     record("R", field("y", "string"), field("x", "int")), {"x": 1, "y": "two"}),
    ("a field the reader does not know", record("R", field("x", {"type": "map", "values": "long"}), field("y", "int")),
     record("R", field("y", "int")), {"x": {"a": 1, "b": 2}, "y": 3}),
    ("a field with an alias", record("R", field("old", "int")), record("R", field("new", "long", aliases=["old"])), {"old": 5}),
    ("defaults of every type", record("R", field("x", "int")), record(
        "R",
        field("x", "int"),
        field("none", "null", default=None),
        field("flag", "boolean", default=True),
        field("int", "int", default=-1),
        field("long", "long", default=2**40),
        field("double", "double", default=0.25),
        field("float", "float", default=1),
        field("text", "string", default="Größe"),
        field("size", enum("S", "M"), default="M"),
        field("list", {"type": "array", "items": "int"}, default=[1, 2]),
        field("empty", {"type": "array", "items": "int"}, default=[]),
        field("map", {"type": "map", "values": "int"}, default={"a": 1}),
        field("record", A, default={"a": 9}),
        field("option", ["null", "int"], default=None),
        field("other", ["string", "null"], default="s"),
    ), {"x": 1}),
    ("symbols by name", enum("S", "M", "L"), enum("L", "M", "S"), "L"),
    ("a symbol the reader does not know", enum("S", "XL"), enum("S", "M", default="M"), "XL"),
    ("no union to a union", "int", ["null", "string", "int"], 4),
    ("no union to a wider variant", "int", ["string", "long", "null"], 4),
    ("a union to none", ["null", "int"], "long", 4),
    ("a union to another", ["int", "string", "null"], ["null", "string", "long"], 4),
    ("records of a union by name", [A, B], ["null", B, A], ("B", {"b": "x"})),
    ("a recursive type", TREE, WIDE,
     {"value": 1, "children": [{"value": 2, "children": [{"value": 3, "children": []}]}, {"value": 4, "children": []}]}),
    ("a map of arrays", {"type": "map", "values": {"type": "array", "items": "int"}},
     {"type": "map", "values": {"type": "array", "items": "double"}}, {"a": [1, 2, 3], "b": []}),
    ("a fixed", {"type": "fixed", "name": "F", "size": 2}, {"type": "fixed", "name": "F", "size": 2}, b"\x01\xff"),
]

REFUSED = [
    ("long to int", "long", "int", 1),
    ("string to int", "string", "int", "1"),
    ("a symbol the reader does not know", enum("S", "XL"), enum("S", "M"), "XL"),
    ("a field without a default", record("R", field("x", "int")), record("R", field("x", "int"), field("y", "int")), {"x": 1}),
    ("a variant the reader does not know", ["null", "int"], "int", None),
    ("a fixed of another size", {"type": "fixed", "name": "F", "size": 2}, {"type": "fixed", "name": "F", "size": 3}, b"\x01\xff"),
]


def datum(schema, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema, named_schemas={}), value)
    return out.getvalue()


def plain(value):
    """Bytes as JSON has them in the test: lists of numbers."""
    return list(value) if isinstance(value, bytes) else value


def resolved(writer, reader, data):
    return fastavro.schemaless_reader(io.BytesIO(data), writer, reader)


cases = []
for what, writer, reader, value in CASES:
    data = datum(writer, value)
    cases.append({"what": what, "writer": writer, "reader": reader, "datum": data.hex(),
                  "value": plain(resolved(writer, reader, data))})
refused = []
for what, writer, reader, value in REFUSED:
    data = datum(writer, value)
    try:
        sys.exit(f"{what}: {resolved(writer, reader, data)} where a refusal is expected")
    except (fastavro.read.SchemaResolutionError, EOFError):
        refused.append({"what": what, "writer": writer, "reader": reader, "datum": data.hex()})

json.dump({"cases": cases, "refused": refused}, sys.stdout, indent=1, ensure_ascii=False)
print()
