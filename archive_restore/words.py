"""Counts in words."""


def counted(number: int, noun: str) -> str:
    """A count with its noun: 1 photograph, 2,000 photographs."""
    return f"{number:,} {either(number, noun, noun + 's')}"


def either(number: int, one: str, several: str) -> str:
    """The words that go with a count: 1 is, 2 are."""
    return one if number == 1 else several
