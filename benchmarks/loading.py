"""An answer, ready to be called as a check calls it."""

from __future__ import annotations

from typing import Any

from graders.candidate import Answer, Candidate
from graders.contract import Contract
from graders.sandbox.host import Patience, Zygote


def loaded(
    contract: Contract, source: str, zygote: Zygote, allowed_s: float, **options: Any
) -> Candidate:
    """Return a candidate of a source that was compiled beforehand, as grading does."""
    first = Candidate(contract, Answer(source), zygote, Patience(allowed_s))
    compiled, _ = first.first_load()
    first.close()
    return Candidate(contract, compiled, zygote, Patience(allowed_s), **options)
