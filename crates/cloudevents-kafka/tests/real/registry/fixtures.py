"""Writes frames.json: payloads as Confluent's own serializers frame them.

    pip install 'confluent-kafka[avro,json,protobuf]==2.16.0' grpcio-tools
    python3 fixtures.py > frames.json

The registry is the mock that comes with confluent-kafka.
"""

import importlib
import json
import pathlib
import sys
import tempfile

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from grpc_tools import protoc

HERE = pathlib.Path(__file__).resolve().parent
client = SchemaRegistryClient.new_client({"url": "mock://"})
context = SerializationContext("orders", MessageField.VALUE)
frames = []


def frame(what, serializer, value):
    payload = serializer(value, context)
    frames.append({"what": what, "schema_id": int.from_bytes(payload[1:5], "big"), "frame": payload.hex()})


# Other schemas, so that the ids have more than one byte.
for number in range(300):
    text = {"type": "fixed", "name": f"Filler{number}", "size": 1}
    client.register_schema(f"filler-{number}", Schema(json.dumps(text), "AVRO"))

avro = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "number", "type": "int"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "items", "type": {"type": "array", "items": "string"}},
    ],
}
serializer = AvroSerializer(client, json.dumps(avro))
frame("avro", serializer, {"number": 42, "note": "Größe", "items": ["a", "b"]})

schema = {"title": "Order", "type": "object", "properties": {"number": {"type": "integer"}}}
frame("json", JSONSerializer(json.dumps(schema), client), {"number": 42})

with tempfile.TemporaryDirectory() as folder:
    protoc.main(["protoc", f"-I{HERE}", f"--python_out={folder}", "orders.proto"])
    sys.path.insert(0, folder)
    orders = importlib.import_module("orders_pb2")


def protobuf(what, message):
    frame(what, ProtobufSerializer(type(message), client, {"use.deprecated.format": False}), message)


protobuf("protobuf [0]", orders.Ping(text="hi"))
line = orders.Order.Line(sku="a", count=3, note=orders.Order.Line.Note(text="n"))
protobuf("protobuf [1]", orders.Order(number=42, size=1, lines=[line]))
protobuf("protobuf [1, 0]", line)
protobuf("protobuf [1, 0, 0]", line.note)

json.dump({"avro_schema": avro, "json_schema": schema, "frames": frames}, sys.stdout, indent=2, ensure_ascii=False)
print()
