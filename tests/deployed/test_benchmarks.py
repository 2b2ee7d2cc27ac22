"""One round of `make bench`."""

from benchmarks import packages, report, scenarios
from benchmarks.__main__ import measure_parts
from benchmarks.scenarios import Candidate, Runner

CALLS = 2


def test_one_round(package, tmp_path):
    """Each candidate responds in each scenario, and the tables fit the places of the page."""
    five = packages.single_file("five_lines", tmp_path / "five")
    ours = packages.unpacked(package.zip, tmp_path / "ours", package.function["Handler"])
    five_lines = Candidate(scenarios.FIVE_LINES, five, scenarios.as_text)
    gateway = Candidate(scenarios.GATEWAY, ours, scenarios.as_binary)
    compared = scenarios.all_scenarios(
        CALLS,
        [five_lines, gateway],
        sizes=[five_lines, *scenarios.with_tables(ours, tmp_path)],
        authorizers=[five_lines, gateway, scenarios.authorizer(ours)],
    )
    runner = Runner(tmp_path, packages.runtime(tmp_path / "runtime"))
    runner.add_root([five.folder, ours.folder])

    results = {
        scenario.name: runner.run(scenario, 1, progress=lambda _: None) for scenario in compared
    }
    parts = measure_parts(gateway, CALLS)
    blocks = report.blocks(compared, results, parts, report.conditions(1, CALLS))

    assert report.filled(report.PAGE.read_text(encoding="utf-8"), blocks)
    for scenario in compared:
        assert results[scenario.name].keys() == {
            candidate.name for candidate in scenario.candidates
        }
        for (start,) in results[scenario.name].values():
            assert min(start.init.cpu, start.init.wall, start.first.cpu, start.first.wall) > 0
            assert len(start.warm) == scenario.calls
            assert start.peak_bytes > 1_000_000
    for by_part in parts.values():
        assert all(seconds > 0 for part in by_part.values() for seconds in part)
