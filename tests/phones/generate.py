"""Writes numbers of all regions in many spellings to standard output, a line each: text, region, the right number,
class, spelling, and what the PyPI package phonenumbers makes of it.

Class `known` is in a range of its metadata, `possible` of a possible length alone, as new ranges are; a third of these
begin with a trunk prefix, a calling code or an exit code on purpose. Seeded: the same each time.
"""
import random
import sys

import phonenumbers as p
from phonenumbers import PhoneNumberFormat as F, phonenumberutil as u
from phonenumbers.phonemetadata import PhoneMetadata

R = random.Random(18)
# The regions of programmes, and how one dials abroad from there.
DEFAULTS = {"CN": "00", "US": "011", "IT": "00", "SG": "001", "RU": "810", "FR": "00"}
PER_REGION, PER_DEFAULT = 215, 900


def e164(n):
    return p.format_number(n, F.E164)


def number(cc, nsn):
    n = p.PhoneNumber(country_code=cc, national_number=int(nsn or "0"))
    zeros = len(nsn) - len(nsn.lstrip("0"))
    if zeros and len(nsn) > 1:
        n.italian_leading_zero = True
        if zeros > 1:
            n.number_of_leading_zeros = min(zeros, len(nsn) - 1)
    return n


def klass(n):
    if p.is_valid_number(n):
        return "known"
    if u.is_possible_number_with_reason(n) == u.ValidationResult.IS_POSSIBLE:
        return "possible"


def numbers(region, count):
    """(number, class) of a region: an example of each type, then variations of them."""
    if isinstance(region, int):
        cc, meta = region, PhoneMetadata.metadata_for_nongeo_region(region)
        examples = [p.example_number_for_non_geo_entity(region)]
    else:
        cc, meta = p.country_code_for_region(region), PhoneMetadata.metadata_for_region(region)
        examples = [p.example_number_for_type(region, t) for t in range(11)]
    examples = [e for e in examples if e]
    seeds = [u.national_significant_number(e) for e in examples]
    lengths = [x for x in (meta.general_desc.possible_length or ()) if x > 0]
    seen, out = set(), []
    for s in seeds:
        n = number(cc, s)
        if s not in seen and klass(n):
            seen.add(s)
            out.append((n, klass(n)))
    tries = 0
    while len(out) < count and tries < count * 40:
        tries += 1
        s = R.choice(seeds)
        kind = R.random()
        if kind < 0.5:      # the same range
            k = R.randint(1, min(6, len(s) - 1))
            s = s[:-k] + "".join(R.choice("0123456789") for _ in range(k))
        elif kind < 0.85:   # any digits of a possible length, mostly valid beginnings
            k = R.choice(lengths or [len(s)])
            s = (s + "0123456789" * 2)[:k]
            h = R.randint(0, 3)
            s = s[:h] + "".join(R.choice("0123456789") for _ in range(k - h))
        else:               # beginnings that look like a trunk prefix or a calling code
            k = R.choice(lengths or [len(s)])
            head = R.choice([str(cc), meta.national_prefix or "1", "8", "1", "0", "06", "15", "86", "39", "810", "00"])
            s = (head + "".join(R.choice("0123456789") for _ in range(k)))[:k]
        if s in seen or set(s) == {"0"}:
            continue
        n = number(cc, s)
        c = klass(n)
        if not c:
            continue
        # A national number begins with 0 only where the metadata says so.
        if c == "possible" and s.startswith("0"):
            continue
        if c == "possible" and sum(1 for _, x in out if x == "possible") > count * 0.4:
            continue
        seen.add(s)
        out.append((n, c))
    return out


def pypi(text, region):
    try:
        n = p.parse(text, region)
    except p.NumberParseException:
        return "-"
    if n.extension or u.is_possible_number_with_reason(n) != u.ValidationResult.IS_POSSIBLE:
        return "-"
    return e164(n)


def groups(s):
    """The digits in spaced groups of 2 to 4."""
    out, i = [], 0
    while i < len(s):
        k = R.choice([2, 3, 3, 4])
        out.append(s[i:i + k])
        i += k
    return " ".join(out)


def say(text, region, right, c, spelling):
    print(text, region, right, c, spelling, pypi(text, region), sep="\t")


distinct = set()
for region in sorted(p.SUPPORTED_REGIONS) + sorted(p.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
    for n, c in numbers(region, PER_DEFAULT if region in DEFAULTS else PER_REGION):
        right, nsn, cc = e164(n), u.national_significant_number(n), n.country_code
        distinct.add(right)
        spaced = R.choice([f"(+{cc}) {groups(nsn)}", f"+{cc}-{groups(nsn).replace(' ', R.choice('-.'))}",
                           f" +{cc} {groups(nsn)} "])
        for d in DEFAULTS:
            say(right, d, right, c, "international")
            say(p.format_number(n, F.INTERNATIONAL), d, right, c, "international, grouped")
            say(spaced, d, right, c, "international, spaced")
        d = R.choice(list(DEFAULTS))
        say(f"{DEFAULTS[d]} {cc} {groups(nsn)}", d, right, c, "exit code")
        if isinstance(region, int):
            continue
        say(nsn, region, right, c, "national, bare")
        say(groups(nsn), region, right, c, "national, bare, spaced")
        national = p.format_number(n, F.NATIONAL)
        say(national, region, right, c, "national")
        say("".join(x for x in national if x.isdigit()), region, right, c, "national, digits")
        say(f"{cc} {groups(nsn)}", region, right, c, "calling code without +")
print("metadata", p.__version__, "distinct numbers", len(distinct), file=sys.stderr)
