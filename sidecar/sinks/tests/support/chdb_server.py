"""Answers ClickHouse's HTTP interface with the current engine, which there is as a library only.

Every query and every row goes to the engine as it came; only what HTTP carries is unpacked here: the query from the
address or the body, gzip, settings from the address, errors with their code in a header, as the server does it.

    python3 chdb_server.py PORT FOLDER
"""

import gzip
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb import session

engine = session.Session(sys.argv[2])
one_at_a_time = threading.Lock()

# What the HTTP interface itself understands and no setting of the engine is.
OWN = {"query", "wait_end_of_query"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        parameters = dict(parse_qsl(urlsplit(self.path).query))
        settings = ", ".join(f"{key} = '{value}'" for key, value in parameters.items() if key not in OWN)
        query = parameters.get("query", "")
        if settings:
            query = re.sub(r"( FORMAT \w+)$", lambda match: f" SETTINGS {settings}{match[1]}", query)
        query = (query + "\n" if query else "") + body.decode()
        try:
            with one_at_a_time:
                status, answer, code = 200, engine.query(query, "TabSeparated").bytes(), "0"
        except Exception as error:  # whatever the engine raises is what the server would say
            answer = str(error).encode(errors="replace")
            code = re.search(r"Code: (\d+)", str(error))
            status, code = 500, code[1] if code else "1000"
        self.send_response(status)
        if code != "0":
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
