"""Writes amounts of money and other exact numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

DIGITS = 6
"""The decimals of an amount that has no end, such as a third."""
LEAST = 0.005


def in_units(cents: int) -> str:
    """Write cents as units with two decimals, such as `1,234.50`."""
    return f"{cents // 100:,}.{cents % 100:02}"


def plain(cents: int) -> str:
    """Write cents as units for other programs, such as `1234.50`."""
    return f"{cents // 100}.{cents % 100:02}"


def with_cents(amount: float) -> str:
    """Write an estimate with two decimals; what is above 0 is not written as 0."""
    return "less than 0.01" if 0 < amount < LEAST else f"{amount:,.2f}"


def exact(amount: Fraction) -> str:
    """Write an amount with all of its decimals, such as `0.102`; at most six."""
    rounded = round(amount * 10**DIGITS)
    number = (Decimal(rounded) / 10**DIGITS).normalize()
    text = f"{number:f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2}"


def number(value: Fraction) -> str:
    """Write a number of hours with at most one decimal."""
    text = f"{float(value):,.1f}"
    return text.removesuffix(".0")
