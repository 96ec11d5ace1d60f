"""A small catalogue of products, kept in memory: python3 api.py [PORT]

GET    /v1/products       all of them
POST   /v1/products       a new one, which gets an id
GET    /v1/products/ID    one
DELETE /v1/products/ID    removes it

Whoever asks says `Authorization: Bearer TOKEN`, with the TOKEN of the variable CATALOGUE_TOKEN.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = os.environ.get("CATALOGUE_TOKEN", "a-token-for-trying-out")
PRODUCTS = {1: {"id": 1, "name": "Field guide", "price": "24.90"}, 2: {"id": 2, "name": "Binoculars", "price": "189.00"}}


class Catalogue(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": "who are you?"})
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] != ["v1", "products"] or len(parts) > 3:
            return self.answer(404, {"error": "there is no such path"})
        number = int(parts[2]) if len(parts) == 3 and parts[2].isdigit() else None
        if len(parts) == 3 and number not in PRODUCTS:
            return self.answer(404, {"error": "there is no such product"})
        if self.command in ("GET", "HEAD"):
            return self.answer(200, {"data": PRODUCTS[number] if number else list(PRODUCTS.values())})
        if self.command == "POST" and number is None:
            product = json.loads(body)
            if any(known["name"] == product.get("name") for known in PRODUCTS.values()):
                return self.answer(409, {"error": "there is a product of this name"})
            product["id"] = max(PRODUCTS, default=0) + 1
            PRODUCTS[product["id"]] = product
            return self.answer(201, {"data": product})
        if self.command == "DELETE" and number is not None:
            del PRODUCTS[number]
            return self.answer(204)
        return self.answer(405, {"error": "that is not possible"})

    do_GET = do_HEAD = do_POST = do_DELETE = handle_request

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    server = ThreadingHTTPServer(("127.0.0.1", port), Catalogue)
    print(f"the catalogue is at http://127.0.0.1:{server.server_port}/v1/", flush=True)
    server.serve_forever()
