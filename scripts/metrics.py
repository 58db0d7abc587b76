"""Asks a fresh server, and a copy that follows it, for GET /metrics, has a parser of another maker read it, and compares it
with what was done.

    scripts/check-metrics path/to/laurel      makes the environment this needs, and runs it

Prints a row for each check and exits 1 if one failed.
"""

import os
import socket
import sys
import tempfile
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from served import Checks, Server

ADMIN_KEY = "metrics-admin-key-0123456789abcdef"
BEGIN = "2026-03-02T10:00:00+08:00"
BEGIN_SECONDS = 1_772_416_800
KINDS = {
    "laurel_build": "info",
    "laurel_requests": "counter",
    "laurel_request_duration_seconds": "histogram",
    "laurel_requests_in_flight": "gauge",
    "laurel_sweep_finished_timestamp_seconds": "gauge",
    "laurel_feed_reader_commits_behind": "gauge",
    "laurel_webhook_deliveries": "counter",
    "laurel_webhook_failures": "counter",
    "laurel_webhook_unreadable_records": "counter",
    "laurel_store_commits": "counter",
    "laurel_store_syncs": "counter",
    "laurel_store_journal_switches": "counter",
    "laurel_store_commits_waiting": "gauge",
    "laurel_store_records_active": "gauge",
    "laurel_store_records_frozen": "gauge",
    "laurel_store_takes_commits": "gauge",
    "laurel_store_file_bytes": "gauge",
    "laurel_store_disk_free_bytes": "gauge",
}
# Of a copy; and of a server, once a copy follows it.
COPY = {
    "laurel_build": "info",
    "laurel_copy_behind_seconds": "gauge",
    "laurel_copy_commits_behind": "gauge",
    "laurel_copy_changes": "counter",
    "laurel_copy_begun_anew": "counter",
    "laurel_copy_server_reached": "gauge",
}
FOLLOWED = {"laurel_copy_question_age_seconds": "gauge"}


class Copy(Server):
    """A copy that follows that server."""

    def __init__(self, laurel: str, server: Server, data: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.key = server.key
        own = f"127.0.0.1:{self.port}"
        self.command = [laurel, "follow", "--from", f"http://127.0.0.1:{server.port}", "--data", data, "--addr", own]
        self.start()


def metrics(server: Server) -> tuple[dict, dict]:
    """The kinds of all families by name, and the values of all samples by name and labels."""
    status, kind, text = server.answer("GET", "/metrics")
    assert (status, kind.split(";")[0]) == (200, "application/openmetrics-text"), (status, kind, text)
    families = list(text_string_to_metric_families(text))
    samples = {(sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples}
    return {family.name: family.type for family in families}, samples


def main() -> int:
    check = Checks()
    with tempfile.TemporaryDirectory() as data:
        server = Server(sys.argv[1], ADMIN_KEY, "--data", data, "--test-clock", BEGIN)
        try:
            run(server, data, check)
            with tempfile.TemporaryDirectory() as copied:
                copy = Copy(sys.argv[1], server, copied)
                try:
                    follow(server, copy, check)
                finally:
                    copy.stop()
        finally:
            server.stop()
    return 1 if check.failures else 0


def run(server: Server, data: str, check) -> None:
    operator = server.ok("POST", "/keys", {"name": "desk", "roles": ["operator"]})["key"]
    for who, key, want in (("nobody", None, 401), ("an operator", operator, 403), ("an admin", ADMIN_KEY, 200)):
        check(f"{who} asks", server.ask("GET", "/metrics", key=key)[0], want)
    kinds, before = metrics(server)
    swept = "laurel_sweep_finished_timestamp_seconds"
    check("every family but of sweeps, of which there was none", kinds | {swept: "gauge"}, KINDS)
    check("that one is absent", swept in kinds, False)
    for number in range(5):
        identity = {"kind": "external", "channel": "metrics", "value": str(number)}
        server.ask("POST", "/register", {"identities": [identity], "brand": "acme"})
    server.ask("POST", "/register", {"identities": []})
    server.ask("GET", "/nothing/here")
    check("a sweep ends", server.ok("POST", "/expire-points", {})["done"], True)
    kinds, after = metrics(server)
    check("every family", kinds, KINDS)
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    requests = lambda function, status: ("laurel_requests_total", ("function", function), ("status", status))
    duration = lambda what, function: (f"laurel_request_duration_seconds_{what}", ("function", function))
    for what, name, want in (
        ("registrations", requests("register", "201"), 5),
        ("refusals", requests("register", "422"), 1),
        ("of no function", requests("none", "404"), 1),
        ("durations of registrations", duration("count", "register"), 6),
        ("nothing is waiting", ("laurel_store_commits_waiting",), 0),
    ):
        check(what, grown.get(name), want)
    check("registrations are commits", grown[("laurel_store_commits_total",)] >= 5, True)
    check("they take time", after[duration("sum", "register")] > 0, True)
    check("commits are taken", after[("laurel_store_takes_commits",)], 1)
    check("when the sweep ended", after[("laurel_sweep_finished_timestamp_seconds", ("function", "expire-points"))], BEGIN_SECONDS)
    check("the build", [name for name in after if name[0] == "laurel_build_info"][0][1][0], "version")
    # Between the page and this the journal may have gone on in the file that is preallocated, of a fixed length.
    sizes = {name[1][1]: value for name, value in after.items() if name[0] == "laurel_store_file_bytes"}
    there = {file: os.path.getsize(os.path.join(data, file)) for file in os.listdir(data) if os.path.isfile(os.path.join(data, file))}
    check("the folder's files", sizes.keys(), there.keys())
    check("and their sizes", {k: v for k, v in sizes.items() if k.startswith("journal")}, {k: v for k, v in there.items() if k.startswith("journal")})


def follow(server: Server, copy: Server, check) -> None:
    for who, key, want in (("nobody", None, 401), ("another", "another-key-0123456789", 401), ("an admin", ADMIN_KEY, 200)):
        check(f"{who} asks a copy", copy.ask("GET", "/metrics", key=key)[0], want)
    for number in range(5):
        identity = {"kind": "external", "channel": "copied", "value": str(number)}
        server.ok("POST", "/register", {"identities": [identity], "brand": "acme"})
    for _ in range(600):
        kinds, samples = metrics(copy)
        if kinds == COPY and samples[("laurel_copy_commits_behind",)] == 0:
            break
        time.sleep(0.05)
    check("every family of a copy", kinds, COPY)
    for what, name, want in (("is reached", "laurel_copy_server_reached", 1), ("was followed without a gap", "laurel_copy_begun_anew_total", 0)):
        check(f"the server {what}", samples[(name,)], want)
    check("it is 5 seconds behind at most", samples[("laurel_copy_behind_seconds",)] <= 5, True)
    kinds, samples = metrics(server)
    check("every family of a server that is followed", kinds, KINDS | FOLLOWED)
    ages = {name[1][1]: value for name, value in samples.items() if name[0] == "laurel_copy_question_age_seconds"}
    check("it names the copy", [name[:5] for name in ages], ["copy-"])
    check("which has asked just now", [age <= 5 for age in ages.values()], [True])


if __name__ == "__main__":
    sys.exit(main())
