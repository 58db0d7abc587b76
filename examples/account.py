"""What an autumn of offers should come to, added up from the baskets and the answers alone.

`examples/season` stops at the first answer that is not as it should be, and compares the rest with what Laurel says.
Nothing in here asks Laurel anything.
"""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

NEAR = timedelta(days=3)  # how far the birthday's offers reach
TOLD_BEFORE = timedelta(days=30)  # a birthday counts that was told so long before its day


class Wrong(Exception):
    """Something is not as it should be."""


def cents(text: str | None) -> int:
    return int(Decimal(text or 0).scaleb(2))


def birthday_near(member: dict, day: datetime, reach: timedelta = NEAR) -> int | None:
    """The year of the birthday that is so near; None where there is none, or where it was told too late."""
    _, month, date = (int(part) for part in member["born"].split("-"))
    for year in (day.year - 1, day.year, day.year + 1):
        own = datetime(year, month, 28 if (month, date) == (2, 29) else date)
        if abs(day - own) <= reach:
            return year if own - member["told"] >= TOLD_BEFORE else None
    return None


class Account:
    """A second account of the season, by offer and by member."""

    def __init__(self, documents: dict[str, dict], excluded: set[str], referral: dict):
        self.documents, self.excluded, self.referral = documents, excluded, referral
        # By offer: what its `uses` should have counted, and what of that came back; what it took off.
        self.used, self.back, self.given, self.returned = Counter(), Counter(), Counter(), Counter()
        self.of_member = Counter()  # by member and offer
        self.kept: set[tuple[str, str, int]] = set()  # birthdays: member, offer, year
        self.friends: dict[str, dict] = {}

    # ------------------------------------------------------------ uses

    def use(self, answer: dict, member: str) -> None:
        """A use that is final."""
        self._note(answer, member, 1)
        for (who, offer), count in self.of_member.items():
            limit = self.documents[offer].get("per_member", {})
            if who == member and limit.get("per") == "ever" and count > limit["n"]:
                raise Wrong(f"{who} has used {offer} {count} times")

    def come_back(self, answer: dict, told: dict, member: str) -> None:
        """A use of which all came back: no more and no less than was paid."""
        back = sum(cents(line["net"]) for line in told["lines"]) + cents((told["delivery"] or {}).get("net"))
        if told["state"] != "returned" or back != cents(answer["total"]):
            raise Wrong(f"an order of {answer['total']} was wholly returned, and {back} cents came back")
        self._note(answer, member, -1)
        for each in [each for each in self.kept if each[0] == member and self.of_member[each[:2]] == 0]:
            self.kept.remove(each)

    def _note(self, answer: dict, member: str, sign: int) -> None:
        counts, amounts = (self.used, self.given) if sign > 0 else (self.back, self.returned)
        for told in [*answer["offers"], *answer["coupons"]]:
            offer = told["offer"]
            if told["applied"] and (sign > 0 or self.documents[offer].get("restore") != "never"):
                pieces = told.get("quantity") or 1
                counts[offer] += pieces
                amounts[offer] += Decimal(told.get("amount") or 0)
                self.of_member[member, offer] += sign * pieces

    def priced(self, draft: dict, answer: dict) -> None:
        """What is paid is the list prices less what is said to be taken off, and no line is below nothing."""
        prices = [line["amount"] for line in draft["lines"]] + [draft.get("delivery")]
        off = [one.get("amount") for one in [*answer["offers"], *answer["coupons"]] if one["applied"]]
        if sum(map(cents, prices)) - sum(map(cents, off)) != cents(answer["total"]):
            raise Wrong(f"{prices} less {off} is not {answer['total']}")
        if any(cents(line["net"]) < 0 for line in answer["lines"]):
            raise Wrong(f"a line is below nothing: {answer['lines']}")

    def birthday(self, answer: dict, member: dict, day: datetime, asked: bool) -> None:
        """A birthday's offers come when they are due, once each; the cake always, where it was asked for."""
        year = birthday_near(member, day)
        applied = {one["offer"] for one in [*answer["offers"], *answer["coupons"]] if one["applied"]}
        for offer in ("birthday-cake", "birthday-tenth"):
            due = year is not None and (member["id"], offer, year) not in self.kept
            if (offer in applied) > due or (offer == "birthday-cake" and asked and due and offer not in applied):
                raise Wrong(f"{offer} of {member['born']}, {'due' if due else 'not due'} on {day:%Y-%m-%d}: {applied}")
            if offer in applied:
                self.kept.add((member["id"], offer, year))

    # ------------------------------------------------------------ friends

    def brought(self, friend: str, at: str, alike: bool) -> None:
        """A friend has come, who has the device of who brought it, or not."""
        until = datetime.fromisoformat(at) + timedelta(days=self.referral["window_days"])
        self.friends[friend] = {"state": "open", "alike": alike, "until": until, "order": None}

    def earned(self, member: str, order: str, at: str, lines: list[dict], told: dict | None) -> bool:
        """An order was told, and what is said of its friendship; whether somebody is to look at it."""
        edge = self.friends.get(member)
        amount = sum(cents(line["amount"]) for line in lines if line["category"] not in self.excluded)
        counts = (edge and edge["state"] == "open" and datetime.fromisoformat(at) < edge["until"]
                  and amount >= cents(self.referral["min_amount"]))
        want = ("review" if edge["alike"] else "held") if counts else None
        if (told or {}).get("state") != want:
            raise Wrong(f"order {order} of {amount} cents by {member}, {edge}: {told}, not {want}")
        if want:
            edge |= {"state": want, "order": order}
        return want == "review"

    def order_came_back(self, member: str, order: str) -> None:
        """Nothing remains of an order: a reward for it is taken back, and another order may earn it."""
        edge = self.friends.get(member)
        if edge and edge["order"] == order and edge["state"] == "held":
            edge |= {"state": "open", "order": None}

    def friends_in_the_end(self) -> Counter:
        """After all times are over: rewards that were held are theirs, and what was open is void."""
        ends = {"held": "done", "open": "void"}
        return Counter(ends.get(edge["state"], edge["state"]) for edge in self.friends.values())
