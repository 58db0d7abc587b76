"""Has schemathesis test a fresh server against docs/openapi.json.

    scripts/check-schemathesis path/to/laurel      makes the environment this needs, and runs it

It sends the same requests each time. Exits 1 if an answer is not as the document says.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ADMIN_KEY = "schemathesis-admin-key-0123456789abcdef"
PROGRAM = {
    "name": "Schemathesis", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
    "brands": [{"id": "acme"}, {"id": "moon", "kind": "partner", "may": ["earn", "redeem", "reverse"]}],
    "points": {"per_unit": "1", "expiry": {"mode": "never"}},
    "growth": {"per_unit": "1"},
    "tiers": [{"id": "basic", "growth": 0}],
    "activities": [{"id": "check_in", "points": 5}],
    "badges": [{"id": "founder"}],
}
# Members that there are; those who are erased or closed are made for that.
MEMBERS = 40
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "ignored_auth",
]
OPTIONS = [
    "--phases", "examples,coverage,fuzzing",
    "--mode", "all",
    "--max-examples", "25",
    "--generation-deterministic",
    # A signature that is made up, beside the key, is refused whatever the rest says.
    "--generation-with-security-parameters", "false",
    "--request-timeout", "20",
    "--continue-on-failure",
    "--suppress-health-check", "all",
    "--warnings", "off",
    "--no-color",
]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def ask(port: int, method: str, target: str, body: object = None) -> dict:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{target}", method=method)
    request.add_header("Authorization", f"Bearer {ADMIN_KEY}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def start(laurel: str, folder: str) -> tuple[subprocess.Popen, int]:
    port = free_port()
    program = os.path.join(folder, "program.json")
    with open(program, "w", encoding="utf-8") as file:
        json.dump(PROGRAM, file)
    command = [laurel, "serve", "--addr", f"127.0.0.1:{port}", "--data", os.path.join(folder, "data"),
               "--program", program]
    process = subprocess.Popen(command, env=os.environ | {"LAUREL_ADMIN_KEY": ADMIN_KEY, "RUST_LOG": "warn"},
                               stdout=subprocess.DEVNULL)
    for _ in range(600):
        try:
            ask(port, "GET", "/healthz")
            return process, port
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                sys.exit("the server did not start")
            time.sleep(0.05)
    process.kill()
    sys.exit("the server does not answer")


def known(port: int) -> dict:
    """What there is, by the names that requests have for it: what schemathesis makes up is never there."""
    members = []
    for number in range(MEMBERS):
        identity = {"kind": "external", "channel": "s", "value": str(number)}
        made = ask(port, "POST", "/register", {"identities": [identity], "brand": "acme"})
        members.append(made["member"]["id"])
        order = {"member_id": members[-1], "brand": "acme", "order_id": f"o-{number}", "amount": "1000"}
        ask(port, "POST", "/earn-points", order)
    keys = [ask(port, "POST", "/keys", {"name": "n", "roles": ["storefront"]})["id"] for _ in range(4)]
    return {"members": members, "keys": keys}


def main() -> None:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with tempfile.TemporaryDirectory() as folder:
        process, port = start(sys.argv[1], folder)
        try:
            known_path = os.path.join(folder, "known.json")
            with open(known_path, "w", encoding="utf-8") as file:
                json.dump(known(port), file)
            hooks = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "LAUREL_KNOWN": known_path}
            paths = {"PYTHONPATH": os.path.join(root, "scripts"), "PYTHONDONTWRITEBYTECODE": "1"}
            command = [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run",
                       os.path.join(root, "docs", "openapi.json"), "--url", f"http://127.0.0.1:{port}",
                       "--header", f"Authorization: Bearer {ADMIN_KEY}", "--checks", ",".join(CHECKS), *OPTIONS]
            # Its settings, if it finds any, would be somebody else's: it runs where there are none.
            code = subprocess.run(command, cwd=folder, env=os.environ | hooks | paths, check=False).returncode
            if process.poll() is not None:
                sys.exit("the server has ended")
        finally:
            process.terminate()
            process.wait()
    sys.exit(code)


if __name__ == "__main__":
    main()
