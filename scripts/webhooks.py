"""A receiver of another maker's behind a real server that is killed while it works: see scripts/check-webhooks."""

import http.client
import http.server
import pathlib
import random
import sys
import tempfile
import threading
import time

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from served import Server

LAUREL = sys.argv[1]
KEY = "check-webhooks-admin-key-0123456789"
KILLS = 5
MEMBERS = 6


class Receiver(http.server.ThreadingHTTPServer):
    """Verifies what it gets, and notes it."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.secret = None
        self.events = {}
        self.requests = 0
        self.faults = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A server that is killed cuts its connections."""

    def note(self, body, headers):
        try:
            event = Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError as error:
            return self.faults.append(f"not verified: {error}")
        with self.lock:
            self.requests += 1
            known = self.events.setdefault(headers["webhook-id"], event)
            if event["id"] != headers["webhook-id"] or known["data"] != event["data"]:
                self.faults.append(f"one id, two events: {known} {event}")
        try:
            Webhook(self.secret).verify(body + b" ", headers)
            self.faults.append("a body that was changed is verified")
        except WebhookVerificationError:
            pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.note(body, {name.lower(): value for name, value in self.headers.items()})
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def earn(server, members, stop, acknowledged):
    """Orders earn until told to stop; what is not answered is sent again."""
    number = 0
    while not stop.is_set():
        number += 1
        member = random.choice(members)
        order = {"member_id": member, "brand": "acme", "order_id": f"{threading.get_ident()}-{number}", "amount": "10"}
        while not stop.is_set():
            try:
                status, answer = server.ask("POST", "/earn-points", order)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if status == 200:
                acknowledged.add((member, answer["entry"]["seq"]))
            break


def entries(server, member):
    """The numbers of a member's entries."""
    seqs, cursor = set(), ""
    while cursor is not None:
        page = server.ok("GET", f"/members/{member}/ledger?limit=200{cursor}")
        seqs |= {entry["seq"] for entry in page["entries"] if entry["recorded_at"]}
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    return seqs


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="check-webhooks-"))
    server = Server(LAUREL, KEY, "--data", str(folder / "data"), "--allow-local-webhooks")
    receiver = Receiver()
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    receiver.secret = server.ok("POST", "/webhooks", {"url": url, "types": ["*"]})["secret"]
    members = []
    for number in range(MEMBERS):
        identity = {"kind": "external", "channel": "check", "value": f"m-{number}"}
        members.append(server.ok("POST", "/register", {"identities": [identity], "brand": "acme"})["member"]["id"])
    stop, acknowledged = threading.Event(), set()
    workers = [threading.Thread(target=earn, args=(server, members, stop, acknowledged)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(KILLS):
        time.sleep(0.5 + random.random())
        server.kill()
        server.start()
    time.sleep(1)
    stop.set()
    for worker in workers:
        worker.join()
    wanted = {(member, seq) for member in members for seq in entries(server, member)}
    arrived, types = set(), set()
    for _ in range(600):
        told = [event for event in receiver.events.values() if event["seq"] is not None]
        arrived = {(event["member_id"], event["seq"]) for event in told}
        # An entry that ends a trial is told as that too.
        types = {(event["member_id"], event["seq"], event["type"]) for event in told}
        if arrived >= wanted:
            break
        time.sleep(0.1)
    registered = {event["member_id"] for event in receiver.events.values() if event["type"] == "member.registered"}
    faults = receiver.faults[:5]
    if missing := wanted - arrived:
        faults.append(f"{len(missing)} of {len(wanted)} entries did not arrive: {sorted(missing)[:3]}")
    if arrived - wanted or acknowledged - wanted or registered != set(members) or len(told) != len(types):
        faults.append("what arrived is not what is in the ledgers, each once")
    print(f"{len(wanted)} entries of {MEMBERS} members arrived, in {receiver.requests} requests, {KILLS} kills")
    server.kill()
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
