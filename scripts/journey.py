"""Writes Complete Journey's lines of products with a type, as numbers, for the tests of offers (scripts/check-insight).

    python scripts/journey.py transactions.parquet products.parquet complete_journey.csv

Columns: household, basket, day of 2017 (local, 1 is 1 January), product, type. Baskets are in one piece, in time order.
Needs PyPI's arro3-io, which reads Parquet.
"""

import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import arro3.io
from arro3.core import DataType

NEW_YORK = ZoneInfo("America/New_York")


def main() -> None:
    transactions, products, out = sys.argv[1:]
    table = arro3.io.read_parquet(products).read_all()
    typed = zip(table.column("product_id").to_pylist(), table.column("product_type").to_pylist())
    types = {product: name for product, name in typed if name}
    numbers = {name: number for number, name in enumerate(sorted(set(types.values())))}
    columns = ("household_id", "basket_id", "product_id")
    with open(out, "w", newline="") as file:
        print("household,basket,day,product,type", file=file)
        for batch in arro3.io.read_parquet(transactions):
            stamps = batch.column("transaction_timestamp").cast(DataType.int64()).to_pylist()
            rows = zip(stamps, *(batch.column(name).to_pylist() for name in columns))
            for nanoseconds, household, basket, product in rows:
                if product in types:
                    at = datetime.fromtimestamp(nanoseconds // 1_000_000_000, NEW_YORK)
                    day = at.timetuple().tm_yday + (365 if at.year > 2017 else 0)
                    print(f"{household},{basket},{day},{product},{numbers[types[product]]}", file=file)


main()
