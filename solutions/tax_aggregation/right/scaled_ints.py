"""All rates as integers over one power of ten; rules found by day, remembered."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Line:
    """One line of a sale, or of a return if `qty` is negative."""

    id: str
    invoice: str
    day: date
    unit_price: int
    qty: int
    category: str
    jurisdictions: tuple[str, ...]
    original_day: date | None = None


@dataclass(frozen=True)
class Rule:
    """Say what a jurisdiction takes from `start` to `end`, both days included."""

    id: str
    jurisdiction: str
    rate: Decimal
    start: date
    end: date | None
    category: str | None = None
    kind: str = "rate"
    limit: int | None = None


@dataclass(frozen=True)
class Rejected:
    """Stand for a line of the stream that could not be read."""

    number: int
    reason: str


ONE_DAY = timedelta(days=1)


def read_lines(stream: Iterable[str]) -> Iterator[Line | Rejected]:
    """Yield what each text is; a text at a time."""
    lines = iter(stream)
    first = next(lines, "")
    yield from read_one(1, first[1:] if first.startswith("\ufeff") else first)
    for number, text in enumerate(lines, 2):
        yield from read_one(number, text)


def read_one(number: int, text: str) -> list[Line | Rejected]:
    if not text or text.isspace():
        return []
    try:
        data = json.loads(text, parse_float=refuse, parse_constant=refuse)
        line = Line(**{**data, "jurisdictions": as_tuple(data["jurisdictions"])})
        for name in ("id", "invoice", "category"):
            if not isinstance(asdict(line)[name], str):
                raise ValueError(f"{name} is no text")
        for value in (line.unit_price, line.qty):
            if type(value) is not int:
                raise ValueError(f"{value} is no int")
        if line.unit_price < 0:
            raise ValueError("negative price")
        data["day"] = as_day(data["day"])
        if data.get("original_day") is not None:
            data["original_day"] = as_day(data["original_day"])
        return [Line(**{**data, "jurisdictions": line.jurisdictions})]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return [Rejected(number, f"{error}")]


def refuse(text: str) -> None:
    raise ValueError(f"{text} is no int")


def as_tuple(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or [v for v in value if not isinstance(v, str)]:
        raise ValueError(f"{value} is no list of texts")
    return tuple(value)


def as_day(text: Any) -> date:
    if not isinstance(text, str) or len(text) != 10 or text[4] + text[7] != "--":
        raise ValueError(f"{text} is no day")
    if not (text[:4] + text[5:7] + text[8:]).isdecimal() or not text.isascii():
        raise ValueError(f"{text} is no day")
    return date.fromisoformat(text)


class Code:
    """The rules, as integers: base, then times `scaled`, over 10 ** `places`."""

    def __init__(self, rules: Sequence[Rule], rounding: str) -> None:
        if rounding not in ("line", "invoice"):
            raise ValueError(f"rounding: {rounding}")
        self.rounding = rounding
        self.rules = {rule.id: rule for rule in rules}
        for rule in rules:
            self.check(rule)
        if len(self.rules) < len(rules):
            ids = [rule.id for rule in rules]
            raise ValueError(f"twice: {sorted({i for i in ids if ids.count(i) > 1})}")
        self.places = max([0, *(-exponent(rule.rate) for rule in rules)])
        self.scaled = {
            rule.id: to_int(rule.rate, self.places) for rule in self.rules.values()
        }
        self.unit = int("1" + "0" * self.places)
        self.index: dict[str, dict[str | None, list[Rule]]] = {}
        for rule in sorted(rules, key=lambda rule: (rule.start, rule.id)):
            own = self.index.setdefault(rule.jurisdiction, {})
            own.setdefault(rule.category, []).append(rule)
        self.spans: dict[tuple[str, str | None], Any] = {
            (name, category): spans(group)
            for name, own in self.index.items()
            for category, group in own.items()
        }
        self.known: dict[tuple[str, str, date], list[Rule]] = {}

    def check(self, rule: Rule) -> None:
        needs_limit = rule.kind in ("exempt_below", "exempt_up_to", "cap")
        if not needs_limit and rule.kind != "rate":
            raise ValueError(f"{rule.id}: unknown kind {rule.kind}")
        if needs_limit and (rule.limit is None or rule.limit < 0):
            raise ValueError(f"{rule.id}: limit {rule.limit}")
        if rule.rate < 0:
            raise ValueError(f"{rule.id}: rate {rule.rate}")
        if rule.end is not None and rule.start > rule.end:
            raise ValueError(f"{rule.id}: {rule.start} to {rule.end}")

    def best(self, name: str, category: str, day: date) -> list[Rule]:
        key = (name, category, day)
        if key not in self.known:
            found = self.on(name, category, day) or self.on(name, None, day)
            self.known[key] = found
        return self.known[key]

    def on(self, name: str, category: str | None, day: date) -> list[Rule]:
        if (name, category) not in self.spans:
            return []
        firsts, lists = self.spans[name, category]
        place = bisect_right(firsts, day)
        return lists[place - 1] if place else []

    def scaled_taxes(self, line: Line) -> Iterator[tuple[str, int]]:
        day = day_that_counts(line)
        for name in dict.fromkeys(line.jurisdictions):
            best = self.best(name, line.category, day)
            if best:
                base = taxed_part(line.unit_price, best[0])
                yield name, base * line.qty * self.scaled[best[0].id]

    def whole(self, scaled: int) -> int:
        if scaled < 0:
            return -self.whole(-scaled)
        whole, rest = divmod(scaled, self.unit)
        return whole + (2 * rest >= self.unit)

    def totals(self, lines: Iterable[Line]) -> dict[str, int]:
        result: dict[str, int] = {}
        bills: dict[str, dict[str, int]] = {}
        for line in lines:
            bill = bills.setdefault(line.invoice, {})
            for name, scaled in self.scaled_taxes(line):
                if self.rounding == "line":
                    result[name] = result.get(name, 0) + self.whole(scaled)
                else:
                    bill[name] = bill.get(name, 0) + scaled
        for bill in bills.values():
            for name, cents in self.shared(bill).items():
                result[name] = result.get(name, 0) + cents
        return result

    def shared(self, bill: dict[str, int]) -> dict[str, int]:
        total = sum(bill.values())
        if total < 0:
            flipped = self.shared({name: -part for name, part in bill.items()})
            return {name: -cents for name, cents in flipped.items()}
        cents = {name: part // self.unit for name, part in bill.items()}
        missing = self.whole(total) - sum(cents.values())
        by_rest = sorted(
            bill.items(), key=lambda item: (-(item[1] % self.unit), item[0])
        )
        for name, _ in by_rest[:missing]:
            cents[name] += 1
        return cents


def exponent(rate: Decimal) -> int:
    return int(rate.as_tuple().exponent)


def to_int(rate: Decimal, places: int) -> int:
    numerator, denominator = rate.as_integer_ratio()
    return numerator * (int("1" + "0" * places) // denominator)


def spans(rules: list[Rule]) -> tuple[list[date], list[list[Rule]]]:
    firsts: set[date] = set()
    for rule in rules:
        firsts.add(rule.start)
        if rule.end is not None and rule.end < date.max:
            firsts.add(rule.end + ONE_DAY)
    days, place, open_rules = sorted(firsts), 0, list[Rule]()
    lists = []
    for day in days:
        while place < len(rules) and rules[place].start <= day:
            open_rules.append(rules[place])
            place += 1
        open_rules = [r for r in open_rules if r.end is None or r.end >= day]
        lists.append(open_rules[::-1])
    return days, lists


def day_that_counts(line: Line) -> date:
    is_return = line.qty < 0
    if is_return and line.original_day is not None:
        return line.original_day
    return line.day


def taxed_part(price: int, rule: Rule) -> int:
    if rule.kind == "rate":
        return price
    assert rule.limit is not None
    above = max(0, price - rule.limit)
    if rule.kind == "cap":
        return price - above
    if rule.kind == "exempt_up_to":
        return above
    return price if price >= rule.limit else 0


def totals(
    lines: Iterable[Line], rules: Sequence[Rule], *, rounding: str = "line"
) -> dict[str, int]:
    return Code(rules, rounding).totals(lines)


class Aggregator:
    """Keep an entry for each id: how strong it is, and its line."""

    def __init__(self, rules: Sequence[Rule], *, rounding: str = "line") -> None:
        self.code = Code(rules, rounding)
        self.entries: dict[str, tuple[int, Line]] = {}

    def add(self, line: Line) -> None:
        self.put(1, line)

    def correct(self, line: Line) -> None:
        self.put(2, line)

    def put(self, strength: int, line: Line) -> None:
        held, _ = self.entries.get(line.id, (0, None))
        if strength > held or strength == 2:
            self.entries[line.id] = (strength, line)

    def merge(self, other: Aggregator) -> None:
        if self.code.rules != other.code.rules:
            raise ValueError("the rules are not the same")
        if self.code.rounding != other.code.rounding:
            raise ValueError(f"rounding: {other.code.rounding}")
        for strength, line in tuple(other.entries.values()):
            self.put(strength, line)

    def totals(self) -> dict[str, int]:
        return self.code.totals(line for _, line in self.entries.values())

    def conflicts(self) -> list[tuple[str, date, str, str]]:
        result: set[tuple[str, date, str, str]] = set()
        for _, line in self.entries.values():
            day = day_that_counts(line)
            for name in line.jurisdictions:
                best = self.code.best(name, line.category, day)
                result.update((name, day, best[0].id, rule.id) for rule in best[1:])
        return sorted(result)
