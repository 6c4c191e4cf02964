"""Paired timing: what an answer's speed is, as a multiple of the reference's.

The ratio of CPU times, each the minimum over interleaved rounds, each sample in a
process of its own, read from the kernel by the trusted side. Growth is the slope of
log(ratio) over log(n): the machine and its load cancel out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from graders.candidate import Answer, Candidate, NotDone
from graders.contract import Contract
from graders.outcome import GraderFault
from graders.results import Check, SizePoint, Timing, Verdict
from graders.sandbox.host import AnswerStopped, Patience, Worker, Zygote

GROWTH_LIMIT = 0.35
BORDERLINE = (0.25, 0.45)
GROWTH_POINTS = 0.25
SMALLEST_MS = 1.0
"""A size that costs the reference less is too small to compare."""
PREDICTED_S = 1.5
"""A size that would cost the answer more CPU is left out."""
SAMPLE_S = 6.0
"""The answer's own seconds for one sample."""
ROUNDS = (2, 5)
AGREEMENT = 1.03
TIERS = (("A", 1.5), ("B", 3.0), ("C", 6.0), ("D", math.inf))

Work = Callable[[Candidate, int, int], Any]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_RUN, _FETCH = _pack([["run"]]), _pack([["fetch"]])


class Different(Exception):
    """The answer's results in a timed run are not those of the reference."""


@dataclass
class Tape:
    """The requests of one piece of work, as they travel, and the right replies."""

    requests: list[bytes] = field(default_factory=list)
    replies: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Sample:
    """CPU nanoseconds of one run of a tape."""

    total: float
    """From when the answer was loaded until its process ended."""
    working: float
    """Of these, between a request being decoded and its result being there."""

    @property
    def around(self) -> float:
        """What it takes to bring requests in and results out."""
        return self.total - self.working


@dataclass
class Samples:
    """All that was measured at one size, nanoseconds."""

    n: int
    tape: Tape
    answer: list[Sample] = field(default_factory=list)
    reference: list[Sample] = field(default_factory=list)

    def costs(self, side: list[Sample]) -> list[float]:
        """Return what each sample cost beyond the transport of its data.

        Transport is measured on the reference, which has no reason to work there.
        """
        transport = min(sample.around for sample in self.reference)
        return [max(sample.total - transport, 1.0) for sample in side]

    def agree(self) -> bool:
        return all(agree(self.costs(side)) for side in (self.answer, self.reference))

    @property
    def point(self) -> SizePoint:
        answer, reference = self.costs(self.answer), self.costs(self.reference)
        rounds = len(self.answer)
        return SizePoint(self.n, min(answer) / 1e6, min(reference) / 1e6, rounds)


def agree(costs: list[float]) -> bool:
    """Tell whether the two best samples are within the noise of each other."""
    best = sorted(costs)[:2]
    return len(best) == 2 and best[1] <= best[0] * AGREEMENT


class Recorder(Candidate):
    """A candidate that notes each request as a tape and runs it on the reference."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.tape = Tape()

    def _ask(self, operation: list[Any], limit_s: float | None = None) -> list[Any]:
        request = _pack([*self._pending, ["stage", operation]])
        self._pending = []
        assert self._worker is not None
        self.tape.requests.append(request)
        self.tape.replies += exchange(self._worker, request, self.patience)[1]
        outcome: list[Any] = _unpack(self.tape.replies[-1])[-1]
        return outcome

    def _note_played(self, *_: Any) -> None:
        """Tell no story: nobody will read it."""

    def _results(self, name: Any, body: Any) -> list[Any]:
        return []

    def start(self) -> None:
        self._worker = started(self._zygote, self._answer, self._contract)


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
        self.measured: list[Samples] = []

    def compare(self, work: Work, sizes: Sequence[int]) -> None:
        """Time `work(candidate, n, seed)` at each size, on both sides in turn.

        Sizes rise by the same factor. A size too small for the reference, or that
        would take the answer too long, is left out.
        """
        for n in sizes:
            if self._predicted_s(n) > PREDICTED_S:
                break
            samples = Samples(n, self.record(work, n))
            self._measure(samples, *ROUNDS)
            if samples.point.reference_ms >= SMALLEST_MS:
                self.measured.append(samples)
        if len(self.measured) >= 2 and self._is_borderline():
            for samples in self.measured[-2:]:
                rounds = len(samples.answer) + 5
                self._measure(samples, rounds, rounds)

    def record(self, work: Work, n: int) -> Tape:
        patience = Patience(SAMPLE_S * 4)
        recorder = Recorder(self.contract, self.reference, self.zygote, patience)
        try:
            recorder.start()
            work(recorder, n, self.seed)
        except (Exception, AnswerStopped, NotDone) as error:
            raise GraderFault(f"the reference fails at n={n}: {error}") from error
        finally:
            recorder.close()
        return recorder.tape

    def _measure(self, samples: Samples, fewest: int, most: int) -> None:
        """Add rounds until the best samples of both sides agree."""
        while len(samples.answer) < most:
            if len(samples.answer) >= fewest and samples.agree():
                return
            sides = [
                (self.reference, samples.reference),
                (self.answer, samples.answer),
            ]
            for answer, kept in sides[:: -1 if len(samples.answer) % 2 else 1]:
                kept.append(self.sample(answer, samples.tape))

    def sample(self, answer: Answer, tape: Tape) -> Sample:
        """Play a tape once in a fresh worker."""
        worker, patience = self._started(answer), Patience(SAMPLE_S)
        begun, working = worker.cpu_ns(), 0
        replies: list[bytes] = []
        try:
            for request in tape.requests:
                used, replied = exchange(worker, request, patience)
                working += used
                replies += replied
        finally:
            ending = worker.close()
        self._compare_replies(replies, tape.replies)
        return Sample(ending.cpu_s * 1e9 - begun, working)

    def _started(self, answer: Answer) -> Worker:
        return started(self.zygote, answer, self.contract)

    def _compare_replies(self, got: list[bytes], want: list[bytes]) -> None:
        if got == want:
            return
        reader = Candidate(self.contract, self.answer, self.zygote, Patience(0))
        for ours, theirs in zip(got, want, strict=True):
            # the same set may travel in another order
            if ours != theirs and not same(reader, ours, theirs):
                raise Different

    # From samples to a verdict

    def _predicted_s(self, n: int) -> float:
        """Return the answer's cost at a larger size, by its own growth so far."""
        points = [samples.point for samples in self.measured[-2:]]
        if not points:
            return 0.0
        last = points[-1]
        growth = max(slope([(p.n, p.answer_ms) for p in points]) or 1.0, 1.0)
        return last.answer_ms / 1e3 * math.pow(n / last.n, growth)

    def _is_borderline(self) -> bool:
        growth = self.growth()
        return growth is not None and BORDERLINE[0] <= growth <= BORDERLINE[1]

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
            tier=tier_of(points[-1].ratio, growth),
            answer_samples_ms=in_ms(last.costs(last.answer)),
            reference_samples_ms=in_ms(last.costs(last.reference)),
        )

    def judge(self, check: Check, error: BaseException | None) -> Check:
        """Return the check with its verdict, points and message.

        Raises GraderFault for an error that no answer can cause.
        """
        if isinstance(error, Different):
            message = "Your results in this run are wrong; a wrong answer has no speed."
            return replace(check, verdict=Verdict.FAIL, message=message)
        if isinstance(error, AnswerStopped):
            return replace(check, verdict=error.verdict, message=error.message)
        if error is not None:
            raise GraderFault(f"{type(error).__name__}: {error}") from error
        timing = self.timing
        if timing is None or timing.growth is None:
            message = "Too few sizes could be measured on this machine; run it again."
            return replace(check, verdict=Verdict.NOT_MEASURED, message=message)
        return judged(check, timing, self.budget)


def judged(check: Check, timing: Timing, budget: float) -> Check:
    """Return the check with the verdict that its timing deserves."""
    assert timing.growth is not None and timing.ratio is not None
    if timing.growth > GROWTH_LIMIT:
        first, last = timing.sizes[-2:]
        message = (
            f"Grows too fast: {last.n / first.n:.3g}x the input takes "
            f"{last.answer_ms / first.answer_ms:.3g}x the time "
            f"(the reference: {last.reference_ms / first.reference_ms:.3g}x)."
        )
        return replace(
            check, verdict=Verdict.FAIL, points=GROWTH_POINTS, message=message
        )
    points = points_of(timing.ratio, budget)
    message = f"{timing.ratio:.2f}x the reference's time"
    return replace(check, verdict=Verdict.PASS, points=points, message=message)


def points_of(ratio: float, budget: float) -> float:
    """Return 0.5 to 1: full marks up to the budget, then 0.15 less per doubling."""
    if ratio <= budget:
        return 1.0
    return max(0.5, 1.0 - 0.15 * math.log2(ratio / budget))


def tier_of(ratio: float, growth: float | None) -> str:
    if growth is not None and growth > GROWTH_LIMIT:
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
        left, right = _unpack(ours), _unpack(theirs)
        return bool(reader._decode(left) == reader._decode(right))
    except (AnswerStopped, msgspec.DecodeError):
        return False
