#!/usr/bin/env python3
"""A registry of npm with the packages of one folder, for tests: packaging/registry.py FOLDER

FOLDER has the files of `npm pack`. The address is the only line of standard output. What is not there is not found, and nothing is fetched.
"""

import base64
import hashlib
import http.server
import json
import pathlib
import sys
import tarfile
import urllib.parse


def main():
    folder = pathlib.Path(sys.argv[1])
    packages = {}
    for path in sorted(folder.glob("*.tgz")):
        with tarfile.open(path) as archive:
            manifest = json.load(archive.extractfile("package/package.json"))
        packages[manifest["name"]] = (manifest, path)

    class Registry(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = urllib.parse.unquote(self.path[1:])
            if name in packages:
                self.answer(json.dumps(packument(*packages[name], server.server_port)).encode(), "application/json")
            elif any(path.name == name for _, path in packages.values()):
                self.answer((folder / name).read_bytes(), "application/octet-stream")
            else:
                self.send_error(404)

        def answer(self, body, kind):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


def packument(manifest, path, port):
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    dist = {"tarball": f"http://127.0.0.1:{port}/{path.name}", "integrity": f"sha512-{digest}"}
    version = manifest["version"]
    return {"name": manifest["name"], "dist-tags": {"latest": version}, "versions": {version: {**manifest, "dist": dist}}}


if __name__ == "__main__":
    main()
