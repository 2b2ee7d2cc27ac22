"""One round of `make bench`."""

from benchmarks import packages, races, report
from benchmarks.__main__ import measure_parts
from benchmarks.races import Contender, Track

CALLS = 2


def test_one_round(package, tmp_path):
    """Each contender responds in each race, and the tables fit the places of the page."""
    five = packages.single_file("five_lines", tmp_path / "five")
    ours = packages.unpacked(package.zip, tmp_path / "ours", package.function["Handler"])
    five_lines = Contender(races.FIVE_LINES, five, races.as_text)
    gateway = Contender(races.GATEWAY, ours, races.as_binary)
    all_races = races.races(
        CALLS,
        [five_lines, gateway],
        sizes=[five_lines, *races.with_tables(ours, tmp_path)],
        authorizers=[five_lines, gateway, races.authorizer(ours)],
    )
    track = Track(tmp_path, packages.runtime(tmp_path / "runtime"))
    track.add_root([five.folder, ours.folder])

    results = {race.name: track.run(race, 1, progress=lambda _: None) for race in all_races}
    parts = measure_parts(gateway, CALLS)
    blocks = report.blocks(all_races, results, parts, report.conditions(1, CALLS))

    assert report.filled(report.PAGE.read_text(encoding="utf-8"), blocks)
    for race in all_races:
        assert results[race.name].keys() == {contender.name for contender in race.contenders}
        for (start,) in results[race.name].values():
            assert min(start.init.cpu, start.init.wall, start.first.cpu, start.first.wall) > 0
            assert len(start.warm) == race.calls
            assert start.peak_bytes > 1_000_000
    for by_part in parts.values():
        assert all(seconds > 0 for part in by_part.values() for seconds in part)
