"""Texts that would control a terminal if they were printed as they are."""

from __future__ import annotations

from hypothesis import strategies as st

HOSTILE = {
    "line end": "a\nrouting.yaml: 1 model, no findings",
    "carriage return": "a\rgatewayctl: fine",
    "clears the screen": "\x1b[2J\x1b[31mred\x1b[0m",
    "title of the window": "\x1b]0;title\x07",
    "controls of one byte": "\x9b31mred\x9d0;title\x9c",
    "backspace": "no\b\b\byes",
    "nul": "a\x00b",
    "delete": "a\x7fb",
    "tab": "a\tb",
    "other line ends": "a\vb\fc\x1cd\x85e\u2028f\u2029g",
    "right to left": "\u202egnp.\u2066\u2069\u202c",
    "invisible": "a\u200b\u200d\u2060\ufeffb\U000e0041",
    "blank": "a\xa0b\u3000c",
    "surrogate": "a\udc9bb",
    "markup of rich": "[red]a[/red]",
    "quotes": "'\"`\\",
    "YAML": "a: [b, {c: d}] # e",
    "long": "\x1b[31mx" * 1_000,
}
TEXTS = st.lists(
    st.sampled_from([*"ab: \"'\\#[]{}%", *{one for text in HOSTILE.values() for one in text}]),
    min_size=1,
    max_size=12,
).map("".join)


def in_yaml(text: str) -> str:
    """Write a text in YAML's quotes, each character as an escape."""
    return '"{}"'.format("".join(f"\\U{ord(one):08X}" for one in text))


def tag(text: str) -> str:
    """Write a tag that stands for this text."""
    return "!<{}>".format("".join(f"%{byte:02X}" for byte in text.encode(errors="ignore")))


def assert_printable(text: str) -> None:
    """Check that every line has printable characters only."""
    odd = [line for line in text.split("\n") if not line.isprintable()]
    assert not odd, odd[:3]
