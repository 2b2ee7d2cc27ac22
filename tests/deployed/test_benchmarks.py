"""`make bench`, a single round of it: everything in it runs, and its tables fit the page."""

from benchmarks import contenders, packages, page, split, tables
from benchmarks.contenders import Contender
from benchmarks.race import Track

CALLS = 2


def test_one_round(package, tmp_path):
    """Each contender answers in each race, and every place of the page gets its table."""
    five = packages.alone("five_lines", tmp_path / "five")
    ours = packages.unpacked(package.zip, tmp_path / "ours", package.function["Handler"])
    five_lines = Contender(contenders.FIVE_LINES, five, contenders.as_text)
    gateway = Contender(contenders.GATEWAY, ours, contenders.as_binary)
    races = contenders.races(
        CALLS,
        [five_lines, gateway],
        sizes=[five_lines, *contenders.with_tables(ours, tmp_path)],
        authorizers=[five_lines, gateway, contenders.authorizer(ours)],
    )
    track = Track(tmp_path, packages.runtime(tmp_path / "runtime"))
    track.trusted_by([five.folder, ours.folder])

    measured = {race.name: track.run(race, rounds=1, note=lambda _: None) for race in races}
    parts = split.measured(gateway, CALLS)
    blocks = tables.blocks(races, measured, parts, tables.conditions(1, CALLS))

    assert page.filled(page.PAGE.read_text(encoding="utf-8"), blocks)
    for race in races:
        assert measured[race.name].keys() == {one.name for one in race.contenders}
        for (start,) in measured[race.name].values():
            assert min(start.init.cpu, start.init.wall, start.first.cpu, start.first.wall) > 0
            assert len(start.warm) == race.calls
            assert start.peak_bytes > 1_000_000
    for taken in parts.values():
        assert all(seconds > 0 for part in taken.values() for seconds in part)
