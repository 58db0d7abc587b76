"""Makes the requests that schemathesis generates name existing things: otherwise nearly all would get a 404 or a 422.

The document does not say which members exist, that one of two fields is required, or what an identity of a kind
looks like. Only values with the right form are replaced, so that wrong ones stay wrong.
"""

import json
import os
import re
import zlib

import schemathesis

with open(os.environ["LAUREL_KNOWN"], encoding="utf-8") as file:
    KNOWN = json.load(file)
# Erased members are gone, so these are not the members in other requests.
ERASED, MEMBERS = KNOWN["members"][:5], KNOWN["members"][5:]
ID = re.compile(r"^[a-z]{2,3}_[0-7][0-9A-HJKMNP-TV-Z]{25}$")
WORD = re.compile(r"^[A-Za-z0-9._:-]{1,64}$")
NAMES_MEMBER = {"/adjust", "/earn-points", "/issue-badge", "/redeem"}
WORDS = {"brand": ["acme", "acme", "acme", "moon"], "badge": ["founder"], "activity": ["check_in"]}


def pick(names: list[str], value: object) -> str:
    """One of these, always the same for the same value; in one of eight cases the value stays."""
    number = zlib.crc32(repr(value).encode("utf-8", "surrogatepass"))
    return str(value) if number % 8 == 0 else names[number % len(names)]


def identified(identity: object) -> None:
    """An identity of its kind."""
    if not isinstance(identity, dict) or not isinstance(identity.get("value"), str):
        return
    number = zlib.crc32(identity["value"].encode("utf-8", "surrogatepass"))
    kind = identity.get("kind")
    if kind == "external":
        identity.setdefault("channel", "s")
    elif kind in ("phone", "email"):
        identity.pop("channel", None)
        identity["value"] = f"138{number % 10**8:08}" if kind == "phone" else f"m{number}@example.cn"


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    value = (path_parameters or {}).get("id")
    if not isinstance(value, str):
        return path_parameters
    path = context.operation.path
    if path.startswith("/members/"):
        erased = path == "/members/{id}" and context.operation.method.upper() == "DELETE"
        path_parameters["id"] = pick(ERASED if erased else MEMBERS, value)
    elif path.startswith("/keys/"):
        path_parameters["id"] = pick(KNOWN["keys"], value)
    elif path.startswith("/partners/"):
        path_parameters["id"] = pick(["moon", "moon", "acme"], value)
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    path = context.operation.path
    if not isinstance(body, dict) or path == "/program":
        return body
    if path in NAMES_MEMBER:
        # By its id alone: two names at once are refused.
        named = body.pop("identity", None), body.pop("member_ref", None), body.get("member_id")
        if named[2] is None or isinstance(named[2], str) and ID.match(named[2]):
            body["member_id"] = pick(MEMBERS, named)
    identified(body.get("identity"))
    identities = body.get("identities")
    for identity in identities if isinstance(identities, list) else []:
        identified(identity)
    for name, values in WORDS.items():
        if isinstance(body.get(name), str) and WORD.match(body[name]):
            body[name] = pick(values, body[name])
    if path == "/earn-points":
        # An order or an activity, not both.
        for name in ["order_id", "amount", "lines"] if "activity" in body else ["activity_ref"]:
            body.pop(name, None)
    if path == "/adjust" and not (isinstance(body.get("points"), int) and body["points"] > 0):
        # Only added points expire.
        body.pop("expires_at", None)
    if path == "/reverse" and "redemption_id" in body:
        for name in ["order_id", "refund", "refund_id"]:
            body.pop(name, None)
    return body
