"""The baskets that `examples/season` plays: those of the Complete Journey, or invented ones."""

import json
import random
from datetime import datetime, timedelta
from decimal import Decimal

import prepare
from prepare import HERE

BEGINS, ENDS = "2017-10-01", "2018-01-01"


def journey(limit: int) -> list[dict]:
    """The households' baskets of the season, in time order, prepared once."""
    ready = HERE / "data" / "season" / f"{limit}.json"
    if not ready.exists():
        prepare.enter_venv(parquet=True, script=str(HERE / "season"))
        _, orders = prepare.complete_journey(limit)
        baskets = [
            {"at": order.at.isoformat(), "household": order.member, "order": order.order_id, "lines": [
                [line.sku, line.category, line.quantity, str(line.amount)] for line in order.lines]}
            for order in orders if BEGINS <= order.at.isoformat() < ENDS and order.amount > 0]
        ready.parent.mkdir(parents=True, exist_ok=True)
        part = ready.with_suffix(".part")
        part.write_text(json.dumps(baskets))
        part.rename(ready)
    return json.loads(ready.read_text())


def made(limit: int) -> list[dict]:
    """Invented baskets, the same at every run."""
    luck = random.Random(2017)
    shelf = [("1082185", "PRODUCE", 98), ("1029743", "GROCERY", 244), ("995242", "GROCERY", 136),
             ("1070820", "GROCERY", 245), ("840361", "PASTRY", 399), ("1005186", "SALAD BAR", 275),
             ("916122", "MEAT", 801), ("900001", "DRUG GM", 649), ("900002", "FLORAL", 999),
             ("900003", "SPIRITS", 1899)]
    baskets = []
    for n in range(limit * 14):
        at = datetime.fromisoformat(BEGINS + "T08:00:00") + timedelta(minutes=n * 92 * 1440 // (limit * 14))
        lines = []
        for sku, category, cents in luck.sample(shelf, luck.randint(1, len(shelf))):
            quantity = luck.choice((1, 1, 1, 2, 3, 12))
            lines.append([sku, category, quantity, str(Decimal(cents * quantity).scaleb(-2))])
        offset = "-04:00" if at.isoformat() < "2017-11-05T02" else "-05:00"
        baskets.append({"at": at.isoformat() + offset, "household": f"{int(limit * luck.random() ** 2):04}",
                        "order": str(n), "lines": lines})
    return baskets
