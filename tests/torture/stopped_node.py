"""A node that takes one job of a ten second lease, and reports it when it is told to.

``python stopped_node.py URL NAME`` registers; for a line it asks for a job, and writes what it was
leased; for another it reports, and writes the status of the answer. It is nothing but a socket, so
that hundreds fit on one machine.
"""

import http.client
import json
import sys
from typing import Any
from urllib.parse import urlsplit


def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(sys.argv[1]).netloc, timeout=60)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = None if body is None else json.dumps(body).encode()
    if raw is not None:
        sent["Content-Type"] = "application/json"
    connection.request(method, path, raw, sent)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def main() -> None:
    name = sys.argv[2]
    ask("POST", "/register", {"node_id": name, "profile": {"os": "Linux"}})
    print("registered", flush=True)
    sys.stdin.readline()
    _, lease = ask("GET", "/job?lease_s=10", X_Node_ID=name)
    print(json.dumps(lease), flush=True)
    sys.stdin.readline()
    body = {"job_id": lease["job_id"], "node_id": name, "result": f"late, of {name}"}
    if name.endswith("-epoch"):
        body["epoch"] = lease["epoch"]
    status, _ = ask("POST", "/result", body)
    print(status, flush=True)


main()
