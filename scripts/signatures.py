"""Signs requests to a fresh server with a client that we did not write, and tampers with them.

    scripts/check-signatures path/to/laurel      makes the environment this needs, and runs it

Prints a row for each request and exits 1 if one was not answered as it should be.
"""

import base64
import datetime
import hashlib
import http.client
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519, HMAC_SHA256

import served

ADMIN_KEY = "signatures-admin-key-0123456789abcdef"
PROGRAM = {
    "name": "Signatures", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
    "brands": [{"id": "acme"}, {"id": "moon", "kind": "partner", "may": ["earn", "redeem", "reverse"]}],
    "points": {"per_unit": "1", "expiry": {"mode": "never"}},
    "growth": {"per_unit": "1"},
    "tiers": [{"id": "basic", "growth": 0}],
}
# What is asked for is not there: past the signature the answer is a 404 that says so.
BODY = json.dumps({"brand": "moon", "order_id": "A-1", "refund": "all"}).encode()
COVERED = ("@method", "@path", "@query", "content-digest", "idempotency-key")
REFUSED = (401, "signature_invalid")
TAKEN = (404, "order_not_found")


@dataclass
class Key:
    """A key of the partner's, as the client knows it."""

    keyid: str
    algorithm: type
    secret: object

    def signer(self) -> HTTPMessageSigner:
        keys = {self.keyid: self.secret}
        resolver = MappingKeyResolver(public_keys={}, private_keys=keys)
        return HTTPMessageSigner(signature_algorithm=self.algorithm, key_resolver=resolver)


@dataclass
class Sent:
    """A request as it goes over the wire; headers may stand twice."""

    method: str
    target: str
    headers: list[list[str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return next(header for header in self.headers if header[0].lower() == name)

    def swap(self, name: str, old: str, new: str) -> None:
        header = self.header(name)
        assert old in header[1], f"{name}: {header[1]} has no {old}"
        header[1] = header[1].replace(old, new)

    def drop(self, name: str) -> None:
        self.header(name)
        self.headers = [header for header in self.headers if header[0].lower() != name]

    def add(self, name: str, value: str) -> None:
        self.headers.append([name, value])


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


class Server(served.Server):
    """A laurel with a partner, and what was found of it."""

    def __init__(self, laurel: str, folder: str):
        program = os.path.join(folder, "program.json")
        with open(program, "w", encoding="utf-8") as file:
            json.dump(PROGRAM, file)
        self.failures: list[str] = []
        self.nonces = itertools.count()
        super().__init__(laurel, ADMIN_KEY, "--data", os.path.join(folder, "data"), "--program", program)

    def url(self, target: str) -> str:
        return f"http://127.0.0.1:{self.port}{target}"

    def sign(self, key: Key, method: str = "POST", target: str = "/reverse", body: bytes = BODY, **options) -> Sent:
        """A request that the client made and signed; `options` are its signer's."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"k-{next(self.nonces)}"}
        headers |= options.pop("headers", {})
        headers["Host"] = f"127.0.0.1:{self.port}"
        request = requests.Request(method, self.url(target), headers=headers, data=body or None).prepare()
        options.setdefault("covered_component_ids", COVERED)
        options.setdefault("nonce", f"nonce-{time.time_ns()}-{next(self.nonces)}")
        options.setdefault("created", datetime.datetime.now(datetime.timezone.utc))
        if "content-digest" in options["covered_component_ids"]:
            options["body"] = body
        elif "Content-Digest" in headers:
            options["use_existing_digest"] = True
        key.signer().sign(request, key_id=key.keyid, **options)
        lines = [[name, value] for name, value in request.headers.items()]
        return Sent(request.method, request.path_url, lines, body)

    def send(self, sent: Sent) -> tuple[int, str, str]:
        """The answer's status, its code, and what else its body says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(sent.method, sent.target, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.headers:
            if name.lower() != "content-length":
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(sent.body)))
        connection.endheaders(sent.body)
        answer = connection.getresponse()
        told = json.loads(answer.read() or b"{}")
        connection.close()
        told.pop("instance", None)
        return answer.status, told.get("code", ""), json.dumps(told, sort_keys=True)

    def check(self, what: str, sent: Sent, wanted: tuple[int, str]) -> None:
        status, code, _ = self.send(sent)
        good = (status, code) == wanted
        print(f"  {'ok ' if good else 'BAD'} {status} {code:20} {what}")
        if not good:
            self.failures.append(f"{what}: {status} {code}, not {wanted[0]} {wanted[1]}")


def ed25519(server: Server) -> Key:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    told = {"alg": "ed25519", "public_key": base64.b64encode(public).decode()}
    made = server.ok("POST", "/partners/moon/keys", told)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Key(made["keyid"], ED25519, pem)


def hmac(server: Server) -> Key:
    made = server.ok("POST", "/partners/moon/keys", {"alg": "hmac-sha256"})
    return Key(made["keyid"], HMAC_SHA256, base64.b64decode(made["secret"]))


def good(server: Server, key: Key) -> None:
    """What the client signs is taken, however it likes to sign."""
    more = (*COVERED, "@authority", "@scheme", "@target-uri", "@request-target", "content-type", "host")
    turned = tuple(reversed(COVERED))
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=60)
    early = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=290)
    for what, sent, wanted in [
        ("as it is", server.sign(key), TAKEN),
        ("components in another order", server.sign(key, covered_component_ids=turned), TAKEN),
        ("more components", server.sign(key, covered_component_ids=more), TAKEN),
        ("another label", server.sign(key, label="moon-1"), TAKEN),
        ("an expiry and a tag", server.sign(key, expires=soon, tag="laurel"), TAKEN),
        ("almost five minutes ago", server.sign(key, created=early), TAKEN),
        ("a slash at the end", server.sign(key, target="/reverse/"), TAKEN),
        ("a query", server.sign(key, "GET", "/keys?limit=2", b"", covered_component_ids=(*COVERED[:3], "idempotency-key")),
         (403, "forbidden")),
        ("a digest of no body", server.sign(key, "GET", "/keys", b""), (403, "forbidden")),
    ]:
        server.check(what, sent, wanted)


def changed(server: Server, key: Key, other: Key) -> None:
    """Somebody on the way changes what was signed."""
    alg, another = key.algorithm.algorithm_id, other.algorithm.algorithm_id
    upper = BODY.upper()

    def second(label: str) -> Callable[[Sent], None]:
        def change(sent: Sent) -> None:
            more = server.sign(key, label=label)
            sent.add("Signature-Input", more.header("signature-input")[1])
            sent.add("Signature", more.header("signature")[1])
        return change

    def both(sent: Sent) -> None:
        sent.body = upper
        sent.header("content-digest")[1] = digest(upper)

    rows: list[tuple[str, Callable[[Sent], None]]] = [
        ("method", lambda sent: setattr(sent, "method", "PUT")),
        ("path", lambda sent: setattr(sent, "target", "/redeem")),
        ("path's end", lambda sent: setattr(sent, "target", "/reverse/")),
        ("path's spelling", lambda sent: setattr(sent, "target", "/reverse/%2e")),
        ("query", lambda sent: setattr(sent, "target", "/reverse?limit=1")),
        ("body", lambda sent: setattr(sent, "body", upper)),
        ("no body", lambda sent: setattr(sent, "body", b"")),
        ("body and digest", both),
        ("digest", lambda sent: sent.header("content-digest").__setitem__(1, digest(b"other"))),
        ("a second digest", lambda sent: sent.add("Content-Digest", digest(b"other"))),
        ("no digest", lambda sent: sent.drop("content-digest")),
        ("idempotency key", lambda sent: sent.swap("idempotency-key", "k-", "K-")),
        ("no idempotency key", lambda sent: sent.drop("idempotency-key")),
        ("created", lambda sent: sent.swap("signature-input", "created=1", "created=2")),
        ("nonce", lambda sent: sent.swap("signature-input", "nonce-", "nonce_")),
        ("algorithm", lambda sent: sent.swap("signature-input", alg, another)),
        ("the other key", lambda sent: sent.swap("signature-input", key.keyid, other.keyid)),
        ("nobody's key", lambda sent: sent.swap("signature-input", key.keyid, "pk_01ARZ3NDEKTSV4RRFFQ69G5FAV")),
        ("label", lambda sent: sent.swap("signature-input", "pyhms=", "other=")),
        ("signature", lambda sent: sent.swap("signature", "pyhms=:", "pyhms=:AAAA")),
        ("no signature", lambda sent: sent.drop("signature")),
        ("no input", lambda sent: sent.drop("signature-input")),
        ("a second signature", second("second")),
        ("a duplicate label", second("pyhms")),
        ("a duplicate parameter", lambda sent: sent.swap("signature-input", ";alg=", f';alg="{alg}";alg=')),
        ("a component flag", lambda sent: sent.swap("signature-input", '"content-digest"', '"content-digest";sf')),
        ("a component less", lambda sent: sent.swap("signature-input", '"@query" ', "")),
        ("a bearer key beside it", lambda sent: sent.add("Authorization", f"Bearer {ADMIN_KEY}")),
    ]
    answers = set()
    for what, change in rows:
        sent = server.sign(key)
        change(sent)
        # Another method or path may be none of ours, before anybody is asked for.
        elsewhere = {"method": (405, "method_not_allowed"), "path's spelling": (404, "not_found")}
        server.check(what, sent, elsewhere.get(what, REFUSED))
        if what not in elsewhere:
            answers.add(server.send(sent))
    if len(answers) != 1:
        server.failures.append(f"why a signature is refused is told: {answers}")


def wrong(server: Server, key: Key, other: Key) -> None:
    """The client itself signs what is not taken."""
    now = datetime.datetime.now(datetime.timezone.utc)
    seconds = lambda count: now + datetime.timedelta(seconds=count)  # noqa: E731
    for name in COVERED:
        fewer = tuple(own for own in COVERED if own != name)
        headers = {"Content-Digest": digest(BODY)} if name == "content-digest" else {}
        server.check(f"without {name}", server.sign(key, covered_component_ids=fewer, headers=headers), REFUSED)
    flagged = ('"content-digest";sf', *(own for own in COVERED if own != "content-digest"))
    for what, options in [
        ("the client's own choice of components", {"covered_component_ids": ("@method", "@authority", "@target-uri")}),
        ("a flag that is signed", {"covered_component_ids": flagged, "headers": {"Content-Digest": digest(BODY)}}),
        ("too old", {"created": seconds(-301)}),
        ("too early", {"created": seconds(302)}),
        ("expired", {"created": seconds(-60), "expires": seconds(-2)}),
        ("no nonce", {"nonce": None}),
        ("a long nonce", {"nonce": "n" * 129}),
        ("no algorithm", {"include_alg": False}),
    ]:
        server.check(what, server.sign(key, **options), REFUSED)
    swapped = Key(other.keyid, key.algorithm, key.secret)
    server.check("one's own key under another's name", server.sign(swapped), REFUSED)


def again(server: Server, key: Key) -> None:
    """A request is taken once, and its nonce with it."""
    sent = server.sign(key)
    server.check("the first time", sent, TAKEN)
    server.check("the same request again", sent, REFUSED)
    server.check("the same nonce, signed afresh", server.sign(key, nonce=sent_nonce(sent)), REFUSED)
    server.check("another nonce", server.sign(key), TAKEN)


def sent_nonce(sent: Sent) -> str:
    return sent.header("signature-input")[1].split('nonce="')[1].split('"')[0]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(sys.argv[1], folder)
        try:
            keys = [ed25519(server), hmac(server)]
            for key, other in [keys, keys[::-1]]:
                print(f"{key.algorithm.algorithm_id}: taken")
                good(server, key)
                print(f"{key.algorithm.algorithm_id}: changed on the way")
                changed(server, key, other)
                print(f"{key.algorithm.algorithm_id}: signed wrongly")
                wrong(server, key, other)
                print(f"{key.algorithm.algorithm_id}: again")
                again(server, key)
            print("revoked")
            for key in keys:
                server.check("before", server.sign(key), TAKEN)
                server.ok("DELETE", f"/partners/moon/keys/{key.keyid}")
                server.check("after", server.sign(key), REFUSED)
        finally:
            server.stop()
    print("\n".join(server.failures) if server.failures else "every request was answered as it should be")
    sys.exit(1 if server.failures else 0)


if __name__ == "__main__":
    main()
