"""Members' cards as others read and make them: a second implementation of their codes, by libraries that we did not write.

    scripts/check-cards path/to/laurel      makes the environment this needs, and runs it

Prints a row for each code and exits 1 if one was not as it should be.
"""

import base64
import datetime
import hashlib
import hmac
import re
import sys
import tempfile

import numpy
import zxingcpp
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from served import Checks, Server

ADMIN_KEY = "cards-admin-key-0123456789abcdef"
BEGIN = datetime.datetime(2026, 3, 2, 10, 0, tzinfo=datetime.timezone.utc)
PROGRAM = {
    "name": "Cards", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
    "brands": [{"id": "acme"}],
    "points": {"per_unit": "1", "expiry": {"mode": "never"}},
    "growth": {"per_unit": "1"},
    "tiers": [{"id": "basic", "growth": 0}, {"id": "silver", "growth": 100}],
    "card": {"offline_points": 70_000},
}
BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def base32(number: int, digits: int) -> str:
    return "".join(BASE32[number >> 5 * place & 31] for place in reversed(range(digits)))


def online(device_key: bytes, reference: str, at: datetime.datetime) -> str:
    """What an app makes of its key, the reference's 16 digits and its clock."""
    said = f"L1{reference}{base32(int(at.timestamp()) // 30, 7)}"
    code = hmac.new(device_key, said.encode(), hashlib.sha256).digest()[:10]
    return said + base32(int.from_bytes(code), 16)


def read_base45(text: str) -> bytes:
    out = bytearray()
    for part in (text[at:at + 3] for at in range(0, len(text), 3)):
        value = sum(BASE45.index(letter) * 45**place for place, letter in enumerate(part))
        out += value.to_bytes(len(part) - 1)
    return bytes(out)


def offline(token: str, keys: dict, at: datetime.datetime) -> dict | None:
    """What a till without a network makes of a code: nothing, if it is not to be trusted."""
    said = read_base45(token[2:])
    try:
        key = Ed25519PublicKey.from_public_bytes(keys[str(said[0])])
        key.verify(said[20:], b"L2" + said[:20])
    except (KeyError, InvalidSignature):
        return None
    minute, tier, points = int.from_bytes(said[11:15]), said[15], int.from_bytes(said[16:20])
    good = 0 <= at.timestamp() - minute * 60 < 300
    return {"reference": base32(int.from_bytes(said[1:11]), 16), "tier": tier, "points": points} if good else None


def read_image(svg: str) -> str:
    """What a scanner reads off the image."""
    width, height = (int(re.search(rf'\b{name}="(\d+)"', svg)[1]) for name in ("width", "height"))
    pixels = numpy.full((height, width), 255, numpy.uint8)
    for x, y, w, h in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)", svg):
        pixels[int(y):int(y) + int(h), int(x):int(x) + int(w)] = 0
    found = zxingcpp.read_barcodes(pixels)
    return found[0].text if len(found) == 1 else f"{len(found)} codes"


def main() -> int:
    check = Checks()
    with tempfile.TemporaryDirectory() as data:
        server = Server(sys.argv[1], ADMIN_KEY, "--data", data, "--test-clock", BEGIN.isoformat())
        try:
            run(server, check)
        finally:
            server.stop()
    return 1 if check.failures else 0


def run(server: Server, check) -> None:
    def ask(method, path, body=None, at=None, key=ADMIN_KEY):
        """The answer's status and body; the clock is at that moment from then on."""
        return server.ask(method, path, body, {"Test-Clock": at.isoformat()} if at else None, key)

    ask("PUT", "/program", PROGRAM)
    person = {"identities": [{"kind": "phone", "value": "138 0013 8000"}], "brand": "acme"}
    member = ask("POST", "/register", person)[1]["member"]["id"]
    ask("POST", "/earn-points", {"member_id": member, "brand": "acme", "order_id": "A-1", "amount": "500"})
    seconds = lambda number: BEGIN + datetime.timedelta(seconds=number)
    path = f"/members/{member}/card"
    scan = lambda token, **more: ask("POST", "/scan", {"token": token, "brand": "acme"} | more)
    whose = lambda token, **more: scan(token, **more)[1].get("member", {}).get("id")

    _, card = ask("GET", f"{path}?device=true")
    device_key, reference = base64.b64decode(card["device_key"]), card["token"][2:18]
    check("a code of ours is what an app would make", online(device_key, reference, BEGIN), card["token"])
    for ahead, good in ((-30, True), (0, True), (30, True), (-60, False), (60, False)):
        made = online(device_key, reference, seconds(300 + ahead))
        ask("GET", path, at=seconds(300))
        check(f"a code that an app made {ahead} s ahead is {'good' if good else 'none'}", whose(made), member if good else None)
    made = online(device_key, reference, seconds(300))
    check("and pays once", [scan(made, spend=True)[0], scan(made, spend=True)[0]], [200, 409])
    check("another key makes none", whose(online(bytes(32), reference, seconds(300))), None)

    _, jwks = ask("GET", "/card-keys", key=None)
    public = lambda key: base64.urlsafe_b64decode(key["x"] + "=")
    keys = {key["kid"]: public(key) for key in jwks["keys"] if (key["kty"], key["crv"]) == ("OKP", "Ed25519")}
    _, card = ask("GET", f"{path}?offline=true")
    token, said = card["token"], {"reference": reference, "tier": 1, "points": 70_000}
    check("an offline code is verified without the server", offline(token, keys, seconds(300)), said)
    check("to its end", [offline(token, keys, seconds(at)) for at in (599, 600)], [said, None])
    for at in range(2, 128, 9):
        changed = token[:at] + ("1" if token[at] == "0" else "0") + token[at + 1:]
        check(f"and not with another letter {at}", (offline(changed, keys, seconds(300)), whose(changed)), (None, None))
    later = (seconds(300) + datetime.timedelta(hours=2)).isoformat()
    check("it is told late", whose(token, spend=True, occurred_at=seconds(599).isoformat()), member)
    ask("GET", path, at=datetime.datetime.fromisoformat(later))
    check("once", scan(token, spend=True, occurred_at=seconds(500).isoformat())[0], 409)
    # Somebody who fetched the keys once verifies half a year of codes, as long as they fetch once in 90 days.
    for days in (80, 160):
        moment = BEGIN + datetime.timedelta(days=days)
        _, card = ask("GET", f"{path}?offline=true", at=moment)
        check(f"{days} days later, with the keys from then and before", offline(card["token"], keys, moment) is not None, True)
        _, jwks = ask("GET", "/card-keys", key=None)
        keys = {key["kid"]: public(key) for key in jwks["keys"]}

    for query in ("", "?offline=true"):
        _, card = ask("GET", path + query)
        _, image = ask("GET", f"{path}.svg{query}")
        check(f"the image{query} is read by a scanner of another maker", read_image(image), card["token"])


if __name__ == "__main__":
    sys.exit(main())
