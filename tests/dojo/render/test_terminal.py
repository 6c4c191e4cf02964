"""What a learner reads in a terminal."""

from __future__ import annotations

from dataclasses import replace

from dojo.render.terminal import WIDTH, Terminal, joined, shortened
from graders.kata import ROOT, Kata
from graders.results import Report, Verdict


def test_every_line_fits_eighty_columns(tiny: Kata, report: Report) -> None:
    """No line of a report is wider than 80 columns, whatever the values in it."""
    example = report.checks[1].counterexample
    assert example is not None
    wide = replace(example, got="x" * 500, expected="y " * 300, printed="z\n" * 99)
    checks = [replace(report.checks[1], counterexample=wide, law="word " * 40)]
    text = Terminal(tiny).report(replace(report, checks=(*report.checks, *checks)))
    assert max(map(len, text.splitlines())) <= WIDTH


def test_no_colour_unless_asked(tiny: Kata, report: Report) -> None:
    """Escape sequences are there in colour, and only then."""
    assert "\x1b" not in Terminal(tiny).report(report)
    assert "\x1b[31m" in Terminal(tiny, colour=True).report(report)


def test_counterexample_is_short_and_complete(tiny: Kata, report: Report) -> None:
    """A broken law shows its statements, what came and what was expected."""
    lines = Terminal(tiny).report(report).splitlines()
    at = next(i for i, line in enumerate(lines) if "Law of broken." in line)
    assert [line.strip() for line in lines[at + 1 : at + 6]] == [
        "clock = Clock(3); counter = Counter(5, clock)",
        "counter.add(1)  # Reading(4, False)",
        "counter.add(1)",
        "got       Reading(count=4, full=False)",
        "expected  count=5: the sum so far",
    ]


def test_untouched_level_is_one_line(tiny: Kata, report: Report) -> None:
    """A level of which nothing is filled in is one line, not a list."""
    assert "Level 2  Counters: to do (1 laws)" in Terminal(tiny).report(report)


def test_growth_is_shown_where_it_fails(tiny: Kata, report: Report) -> None:
    """A growth that fails shows the doubling table and the plot."""
    text = Terminal(tiny).report(report)
    assert "x4 input -> x16 time" in text
    assert "y you   r reference" in text


def test_last_words_are_the_next_step(tiny: Kata, report: Report) -> None:
    """The last lines tell what to do now: the first broken law, or where to begin."""
    assert "Next: level 1, “Law of broken.”" in Terminal(tiny).report(report)
    todo = tuple(
        replace(check, verdict=Verdict.TODO, message="double is still to do")
        for check in report.checks
    )
    text = Terminal(tiny).report(replace(report, checks=todo))
    words = "Next: level 1, double is still to do in katas/tiny/stub.py"
    assert words in " ".join(text.split())


def test_what_is_not_timed_yet_is_no_next_step(tiny: Kata, report: Report) -> None:
    """A law of speed that waits for others is not what is to be done next."""
    waiting = replace(report.checks[2], verdict=Verdict.NOT_MEASURED, law="Fast.")
    text = Terminal(tiny).report(replace(report, checks=(waiting, *report.checks[:2])))
    assert "Next: level 1, “Law of broken.”" in text


def test_a_slow_answer_is_sent_to_the_profiler(tiny: Kata, report: Report) -> None:
    """When all that is wrong is the speed, the next step is a page that there is."""
    slow = replace(report, checks=(report.checks[0], report.checks[2]))
    assert "docs/how-to/find-what-is-slow.md" in Terminal(tiny).report(slow)
    assert (ROOT / "docs/how-to/find-what-is-slow.md").exists()
    assert "find-what-is-slow" not in Terminal(tiny).report(report)


def test_a_name_that_is_missing_is_told(tiny: Kata, report: Report) -> None:
    """What the file does not have at all is said so, and not to be still to do."""
    missing = replace(
        report.checks[1], verdict=Verdict.TODO, message="your file has no Counter"
    )
    text = Terminal(tiny).report(replace(report, checks=(missing,)))
    assert "Next: level 1, your file has no Counter; katas/tiny/README.md" in text


def test_command_to_go_on_is_whole(tiny: Kata, report: Report) -> None:
    """The last line is the very command that grades the same once more."""
    text = Terminal(tiny, again="make check KATA=tiny LEVEL=1").report(report)
    assert text.splitlines()[-1] == "  make check KATA=tiny LEVEL=1"


def test_one_cause_is_told_once(tiny: Kata, report: Report) -> None:
    """What stops every check is told once, without a list of all laws."""
    stopped = tuple(
        replace(c, verdict=Verdict.ERROR, message="line 4: oh", counterexample=None)
        for c in report.checks
    )
    text = Terminal(tiny).report(replace(report, checks=stopped))
    assert text.count("line 4: oh") == 1
    assert "Law of" not in text


def test_same_failure_is_shown_once(tiny: Kata, report: Report) -> None:
    """A second law broken in the same way points to the first."""
    again = replace(report.checks[1], name="again", law="Another law.")
    text = Terminal(tiny).report(replace(report, checks=(*report.checks, again)))
    assert text.count("counter.add(1)  #") == 1
    assert "the same as in" in text


def test_weak_isolation_is_said(tiny: Kata, report: Report) -> None:
    """A run that could not isolate the answer says that its grade is not verified."""
    text = Terminal(tiny).report(replace(report, protection=()))
    assert "grade not verified" in text


def test_long_stories_keep_their_end() -> None:
    """Of a long story the first line and the last ones are shown, and how many not."""
    lines = shortened([f"step({n})" for n in range(20)])
    assert lines[0] == "step(0)"
    assert lines[1] == "# ... 16 more in the file"
    assert lines[-1] == "step(19)"


def test_clock_joins_the_call_it_is_for() -> None:
    """Setting the clock stands on the line of the call that it is for."""
    assert joined(("clock.set(4)", "window.check('a')")) == [
        "clock.set(4); window.check('a')"
    ]


def test_wide_calls_stay_apart_from_the_clock() -> None:
    """What would not fit beside the setting of the clock stands below it, whole."""
    wide = ("clock = Clock(0)", f"window = SlidingWindow({'9' * 40}, 1, clock)")
    assert joined(wide) == list(wide)


def test_a_verdict_stands_apart_from_its_law(tiny: Kata, report: Report) -> None:
    """Between a verdict's word and the law is a space, however long the word is."""
    for verdict in Verdict:
        check = replace(report.checks[1], verdict=verdict, law="word " * 40)
        report = replace(report, checks=(*report.checks, check))
        lines = Terminal(tiny).report(report).splitlines()
        assert not any("Kword" in line for line in lines)
        assert max(map(len, lines)) <= WIDTH
