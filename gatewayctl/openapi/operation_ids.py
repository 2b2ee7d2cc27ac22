"""Names for operations that generated clients can use as they are.

    iris                  predictIris
    house-price/{city}    predictHousePriceByCity

A name depends on nothing but the model's own, so no other model can change it, and no two models
have the same: what cannot become a capital letter, and a `by` that would read as a parameter's,
keeps its hyphen as an underscore.
"""

import re

_NEXT_WORD = re.compile(r"-(?!by-)([a-z])")


def operation_id(verb: str, model_name: str) -> str:
    """The operation that does this with a model."""
    first, *parameters = model_name.split("/")
    words = _NEXT_WORD.sub(lambda found: found[1].upper(), f"-{first}").replace("-", "_")
    return f"{verb}{words}{''.join(f'By{_capitalised(name[1:-1])}' for name in parameters)}"


def _capitalised(name: str) -> str:
    return name[:1].upper() + name[1:]
