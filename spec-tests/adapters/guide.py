#!/usr/bin/env python3
"""Writes the adapter that README.md shows into a folder, with a made-up library to test, so that CI can run it.

guide.py FOLDER    writes FOLDER/adapter.py, which is the first block of Python in README.md, and FOLDER/my_cloudevents.py
"""

import pathlib
import re
import sys

# Small and without types, as such libraries are. It holds what it does not look at: nothing checks attributes but the required ones.
LIBRARY = '''
import base64
import json


class Event:
    def __init__(self, attributes, data):
        self.attributes, self.data = attributes, data


def read_json(octets):
    members = json.loads(octets)
    data = members.pop("data", None)
    if "data_base64" in members:
        data = base64.b64decode(members.pop("data_base64"))
    attributes = {name: value for name, value in members.items() if value is not None}
    for name in ("specversion", "id", "source", "type"):
        if not isinstance(attributes.get(name), str):
            raise ValueError(name)
    return Event(attributes, data)
'''


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    guide = (pathlib.Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    (folder / "adapter.py").write_text(re.search(r"```python\n(.*?)```", guide, re.DOTALL)[1], encoding="utf-8")
    (folder / "my_cloudevents.py").write_text(LIBRARY, encoding="utf-8")


if __name__ == "__main__":
    main()
