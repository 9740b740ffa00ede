"""A registry that asks for tokens as GHCR does, answers in pages of two tags, and may be busy: in front of a real one, which
answers for it at http://upstream:5000.

BUSY, RETRY_AFTER   how many lists of tags are refused at first with 429, and the header of that
USERNAME, PASSWORD  who gets a token; PUBLIC=1: everybody
MAY_READ=0          gives tokens, and then refuses them
"""

import base64
import os
import secrets
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

setting = lambda name, default="": os.environ.get(name, default)
token = secrets.token_urlsafe()
busy = int(setting("BUSY", "0"))
lists = 0


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global busy, lists
        url = urlsplit(self.path)
        if url.path == "/lists":
            return self.answer(200, str(lists))
        if url.path == "/token":
            return self.give_token()
        if self.headers.get("Authorization") != f"Bearer {token}":
            challenge = 'Bearer realm="http://registry:5000/token",service="ghcr.io",scope="repository:a/b:pull"'
            return self.refuse(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge})
        if setting("MAY_READ", "1") == "0" and url.path != "/v2/":
            return self.refuse(403, "DENIED")
        query = dict(parse_qsl(url.query))
        if url.path.endswith("/tags/list"):
            lists += 1
            if busy > 0:
                busy -= 1
                return self.refuse(429, "TOOMANYREQUESTS", {"Retry-After": setting("RETRY_AFTER")})
            query["n"] = "2"
        self.forward(f"{url.path}?{urlencode(query)}" if query else url.path)

    do_HEAD = do_GET

    def give_token(self):
        login = base64.b64encode(f"{setting('USERNAME')}:{setting('PASSWORD')}".encode()).decode()
        if setting("PUBLIC") != "1" and self.headers.get("Authorization") != f"Basic {login}":
            return self.refuse(401, "UNAUTHORIZED")
        self.answer(200, f'{{"token": "{token}"}}')

    def forward(self, path):
        asked = urllib.request.Request(f"http://upstream:5000{path}", method=self.command)
        asked.add_header("Accept", self.headers.get("Accept", "*/*"))
        try:
            answer = urllib.request.urlopen(asked)
        except urllib.error.HTTPError as error:
            answer = error
        kept = ("Content-Type", "Link", "Docker-Content-Digest")
        self.answer(answer.status, answer.read(), {name: answer.headers[name] for name in kept if name in answer.headers})

    def refuse(self, status, code, headers={}):
        self.answer(status, f'{{"errors": [{{"code": "{code}", "message": "{code.lower()}"}}]}}', headers)

    def answer(self, status, body, headers={}):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": len(body)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", 5000), Registry).serve_forever()
