"""Paired timing: what an answer's speed is, as a multiple of the reference's.

The ratio of CPU times, each the minimum over interleaved rounds, each sample in a
process of its own, read from the kernel by the trusted side. Growth is the slope of
log(ratio) over log(n): the machine and its load cancel out.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from graders.candidate import Answer, Candidate
from graders.checks import GraderFault, Outcome
from graders.contract import Contract
from graders.raising import NotDone
from graders.results import SizePoint, Timing, Verdict
from graders.sandbox.host import AnswerStopped, Patience, Worker, Zygote
from graders.sandbox.protocol import Malformed

GROWTH_LIMIT = 0.35
BORDERLINE = (-0.2, 0.25)
"""How far from its limit a growth is in doubt."""
MORE_ROUNDS = 4
"""At each of the last sizes, while the growth is in doubt."""
SETUP_FACTOR = 16
"""How many times the reference's preparing is always allowed."""
SETUP_GROWTH = 2
"""And how many times what the answer's took at the smallest size, next to it."""
MOST_SETUP = 200
"""Most times the reference's preparing, whatever the answer's took there."""
GROWTH_POINTS = 0.25
SMALLEST_MS = 0.5
"""A size that costs the reference less is too small to compare."""
PREDICTED_S = 1.0
"""A size that would cost the answer more CPU is left out, if the growth is known."""
MOST_PREDICTED_S = 3.0
"""And one that would cost this much is left out in any case."""
SAMPLE_S = 6.0
"""The answer's own seconds for one sample."""
TIERS = (("A", 1.5), ("B", 3.0), ("C", 6.0), ("D", math.inf))

Work = Callable[[Candidate, int, int], Any]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_RUN, _FETCH = _pack([["run"]]), _pack([["fetch"]])


class Different(Exception):
    """The answer's results in a timed run are not those of the reference."""


@dataclass(frozen=True)
class Request:
    """One message of a tape, as it travels, and the right replies to it."""

    payload: bytes
    timed: bool
    replies: list[bytes]


Tape = list[Request]


@dataclass(frozen=True)
class Sample:
    """CPU nanoseconds of one run of a tape."""

    total: float
    """From when the answer was loaded until its process ended."""
    timed: float
    """Of these, in timed requests, between their arrival and their result."""
    setup: float
    """Of these, likewise, in the requests that only prepare what is timed."""

    @property
    def transport(self) -> float:
        """What it takes to bring requests in and results out."""
        return self.total - self.timed - self.setup


@dataclass
class Samples:
    """All that was measured at one size, nanoseconds."""

    n: int
    tape: Tape
    answer: list[Sample] = field(default_factory=list)
    reference: list[Sample] = field(default_factory=list)
    setup_factor: float = SETUP_FACTOR

    @property
    def allowance(self) -> float:
        """What a sample may use outside of timed requests without being charged.

        Known from the reference, which has no reason to work there. Preparing may
        take an answer many times as long: how long a request takes is what counts.
        """
        transport = min(sample.transport for sample in self.reference)
        return transport + self.setup_factor * least_setup(self.reference)

    def fair_setup_factor(self) -> float:
        """Return what preparing may take at larger sizes, by what it takes at this one.

        Heavier objects are no fault; preparing that grows faster than it should is.
        """
        reference = max(least_setup(self.reference), 1.0)
        fair = SETUP_GROWTH * least_setup(self.answer) / reference
        return min(max(fair, SETUP_FACTOR), MOST_SETUP)

    def costs(self, side: list[Sample]) -> list[float]:
        allowance = self.allowance
        return [
            sample.timed + max(sample.total - sample.timed - allowance, 0.0)
            for sample in side
        ]

    @property
    def point(self) -> SizePoint:
        answer, reference = self.costs(self.answer), self.costs(self.reference)
        rounds = len(self.answer)
        return SizePoint(self.n, min(answer) / 1e6, min(reference) / 1e6, rounds)


def least_setup(side: list[Sample]) -> float:
    return min(sample.setup for sample in side)


class Recorder(Candidate):
    """A candidate that runs on the reference and notes each request as a tape."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.tape: Tape = []
        self.timed = True
        self.begun = 0
        self.used = {True: 0, False: 0}

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """Make calls that only prepare what is timed."""
        self.timed = False
        try:
            yield
        finally:
            self.timed = True

    def _ask(self, operation: list[Any], limit_s: float | None = None) -> list[Any]:
        payload = _pack([*self._pending, ["stage", operation]])
        self._pending = []
        if self._worker is None:
            self._worker = started(self._zygote, self._answer, self._contract)
            self.begun = self._worker.cpu_ns()
        used_ns, replies = exchange(self._worker, payload, self.patience)
        self.used[self.timed] += used_ns
        self.tape.append(Request(payload, self.timed, replies))
        outcome: list[Any] = _unpack(replies[-1])[-1]
        return outcome

    def finish(self) -> Sample:
        """End the worker; return what the recorded run has cost."""
        assert self._worker is not None
        total = self._worker.close().cpu_s * 1e9 - self.begun
        return Sample(total, self.used[True], self.used[False])

    def play(self, clock: Any, steps: Any) -> list[Any]:
        """Send the calls; nobody looks at the results here."""
        self._ask(self._play_operation(clock, steps))
        return []


def started(zygote: Zygote, answer: Answer, contract: Contract) -> Worker:
    """Return a worker with the answer imported and its garbage collector at rest."""
    worker = zygote.fork()
    operations = [answer.load_operation(contract), ["settle"]]
    outcomes = worker.request(operations, Patience(zygote.limits.load_s))
    if not outcomes or outcomes[-1][0] != "ok":
        raise worker.stop(Verdict.ERROR, "Your code could not be imported again.")
    return worker


def exchange(
    worker: Worker, request: bytes, patience: Patience
) -> tuple[int, list[bytes]]:
    """Make one timed request; return its CPU nanoseconds and the replies."""
    staged = worker.exchange(request, patience)
    before = worker.cpu_ns()
    ran = worker.exchange(_RUN, patience)
    used = worker.cpu_ns() - before
    return used, [staged, ran, worker.exchange(_FETCH, patience)]


class Speed:
    """What a performance check holds: compares the answer with the reference."""

    def __init__(
        self,
        contract: Contract,
        zygote: Zygote,
        *,
        answer: Answer,
        reference: Answer,
        budget: float,
        seed: int,
    ) -> None:
        self.contract = contract
        self.zygote = zygote
        self.answer = answer
        self.reference = reference
        self.budget = budget
        self.seed = seed
        self.limit = GROWTH_LIMIT
        self.measured: list[Samples] = []

    def compare(
        self, work: Work, sizes: Sequence[int], limit: float = GROWTH_LIMIT
    ) -> None:
        """Time `work(candidate, n, seed)` at each size, on both sides in turn.

        Sizes rise by the same factor. A size too small for the reference, or that
        would take the answer too long, is left out. `limit` is for the growth.
        """
        self.limit = limit
        for n in sizes:
            if len(self.measured) >= 2 and self._is_left_out(n):
                break
            tape, sample = self.record(work, n)
            samples = Samples(n, tape, reference=[sample])
            if self.measured:
                samples.setup_factor = self.measured[0].setup_factor
            try:
                samples.answer.append(self.sample(self.answer, tape))
            except AnswerStopped as stopped:
                if len(self.measured) < 2 or stopped.verdict is not Verdict.TIMEOUT:
                    raise
                self.measured.append(samples)
                return self._note_at_least(samples, stopped.used_s)
            if not self.measured:
                samples.setup_factor = samples.fair_setup_factor()
            if samples.point.reference_ms >= SMALLEST_MS:
                self.measured.append(samples)
        self._measure_again()

    def _note_at_least(self, samples: Samples, used_s: float) -> None:
        """Take what a sample had used when it was stopped for all that it needs."""
        used = used_s * 1e9
        samples.answer.append(Sample(total=used, timed=used, setup=0.0))

    def _measure_again(self) -> None:
        """Add rounds at the last sizes while the growth is in doubt."""
        for round_number in range(MORE_ROUNDS):
            if not self._is_in_doubt(round_number, machine_busy()):
                return
            for samples in self.measured[-3:]:
                sides = [
                    (self.reference, samples.reference),
                    (self.answer, samples.answer),
                ]
                for answer, kept in sides[:: -1 if round_number % 2 else 1]:
                    kept.append(self.sample(answer, samples.tape))

    def record(self, work: Work, n: int) -> tuple[Tape, Sample]:
        """Do the work on the reference; return what was sent, and its cost."""
        patience = Patience(SAMPLE_S * 4)
        recorder = Recorder(self.contract, self.reference, self.zygote, patience)
        try:
            work(recorder, n, self.seed)
            return recorder.tape, recorder.finish()
        except (Exception, AnswerStopped, NotDone) as error:
            raise GraderFault(f"the reference fails at n={n}: {error}") from error
        finally:
            recorder.close()

    def sample(self, answer: Answer, tape: Tape) -> Sample:
        """Play a tape once in a fresh worker."""
        worker = started(self.zygote, answer, self.contract)
        patience, begun, used = Patience(SAMPLE_S), worker.cpu_ns(), {True: 0, False: 0}
        try:
            for request in tape:
                used_ns, replies = exchange(worker, request.payload, patience)
                used[request.timed] += used_ns
                self._compare_replies(replies, request.replies)
        except AnswerStopped as stopped:
            stopped.used_s = patience.used_s
            raise
        finally:
            ending = worker.close()
        return Sample(ending.cpu_s * 1e9 - begun, used[True], used[False])

    def _compare_replies(self, got: list[bytes], want: list[bytes]) -> None:
        if got == want:
            return
        reader = Candidate(self.contract, self.answer, self.zygote, Patience(0))
        for ours, theirs in zip(got, want, strict=True):
            # the same set may travel in another order
            if ours != theirs and not same(reader, ours, theirs):
                raise Different

    # From samples to a verdict

    def _is_left_out(self, n: int) -> bool:
        in_doubt = self._is_in_doubt(MORE_ROUNDS, busy=False)
        return self._predicted_s(n) > (MOST_PREDICTED_S if in_doubt else PREDICTED_S)

    def _predicted_s(self, n: int) -> float:
        """Return the answer's cost at a larger size, by its own growth so far."""
        points = [samples.point for samples in self.measured[-2:]]
        if not points:
            return 0.0
        last = points[-1]
        growth = max(slope([(p.n, p.answer_ms) for p in points]) or 1.0, 1.0)
        return last.answer_ms / 1e3 * math.pow(n / last.n, growth)

    def _is_in_doubt(self, rounds: int, busy: bool) -> bool:
        """Tell whether to measure again, after so many rounds more.

        A single sample accuses nobody, and on a busy machine it clears nobody: what is
        done by others at that moment may make it take several times as long.
        """
        growth = self.growth()
        if growth is None:
            return False
        low, high = (self.limit + away for away in BORDERLINE)
        if rounds < (2 if busy else 1):
            return busy or growth >= low
        return low <= growth <= high

    def growth(self) -> float | None:
        points = [samples.point for samples in self.measured[-3:]]
        return slope([(point.n, point.ratio) for point in points])

    @property
    def timing(self) -> Timing | None:
        """All figures; None where nothing could be compared."""
        if not self.measured:
            return None
        points = tuple(samples.point for samples in self.measured)
        last, growth = self.measured[-1], self.growth()
        return Timing(
            check="",
            law="",
            sizes=points,
            growth=growth,
            answer_growth=slope([(p.n, p.answer_ms) for p in points[-3:]]),
            reference_growth=slope([(p.n, p.reference_ms) for p in points[-3:]]),
            ratio=points[-1].ratio,
            tier=tier_of(points[-1].ratio, growth, self.limit),
            answer_samples_ms=in_ms(last.costs(last.answer)),
            reference_samples_ms=in_ms(last.costs(last.reference)),
        )

    def outcome(self, error: BaseException | None) -> Outcome:
        """Return verdict, points and message of what was compared.

        Raises GraderFault for an error that no answer can cause.
        """
        if isinstance(error, Different):
            message = "Your results in this run are wrong; a wrong answer has no speed."
            return Outcome(Verdict.FAIL, message)
        if isinstance(error, AnswerStopped):
            return Outcome(error.verdict, error.message)
        if error is not None:
            raise GraderFault(f"{type(error).__name__}: {error}") from error
        return outcome_of(self.timing, self.budget, self.limit)


def machine_busy() -> bool:
    """Tell whether more processes want to run than there are processors."""
    with suppress(OSError, AttributeError):
        return os.getloadavg()[0] > (os.cpu_count() or 1) + 0.5
    return False


def outcome_of(
    timing: Timing | None, budget: float, limit: float = GROWTH_LIMIT
) -> Outcome:
    """Return what a timing deserves."""
    if timing is None or timing.growth is None or timing.ratio is None:
        message = "Too few sizes could be measured on this machine; run it again."
        return Outcome(Verdict.NOT_MEASURED, message)
    if timing.growth > limit:
        first, last = timing.sizes[-2:]
        message = (
            f"Grows too fast: {last.n / first.n:.3g}x the input takes "
            f"{last.answer_ms / first.answer_ms:.3g}x the time "
            f"(the reference: {last.reference_ms / first.reference_ms:.3g}x)."
        )
        return Outcome(Verdict.FAIL, message, points=GROWTH_POINTS)
    message = f"{timing.ratio:.2f}x the reference's time"
    return Outcome(Verdict.PASS, message, points=points_of(timing.ratio, budget))


def points_of(ratio: float, budget: float) -> float:
    """Return 0.5 to 1: full marks up to the budget, then 0.15 less per doubling."""
    if ratio <= budget:
        return 1.0
    return max(0.5, 1.0 - 0.15 * math.log2(ratio / budget))


def tier_of(ratio: float, growth: float | None, limit: float = GROWTH_LIMIT) -> str:
    if growth is not None and growth > limit:
        return "E"
    return next(tier for tier, most in TIERS if ratio <= most)


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the least-squares slope of log(y) over log(x); None for one point."""
    if len(points) < 2:
        return None
    xs = [math.log(x) for x, _ in points]
    ys = [math.log(y) for _, y in points]
    mean_x, mean_y = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    rise = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return rise / math.fsum((x - mean_x) ** 2 for x in xs)


def in_ms(costs: list[float]) -> tuple[float, ...]:
    return tuple(round(cost / 1e6, 4) for cost in costs)


def same(reader: Candidate, ours: bytes, theirs: bytes) -> bool:
    """Tell whether two replies mean the same values."""
    try:
        return bool(reader.read(_unpack(ours)) == reader.read(_unpack(theirs)))
    except (Malformed, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
