"""What two catalogues of a database have not in common, as a value and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from trek_core._dataclass import dataclass

Change = Literal["appeared", "vanished", "changed"]
WORDS: Mapping[Change, str] = {"appeared": "appeared", "vanished": "vanished", "changed": "changed"}
SHOWN, CONTEXT = 12, 2  # lines of a definition, and around a change in one


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is in one catalogue alone, or not the same in both. `before` and `after` are definitions."""

    object: str
    before: str | None
    after: str | None

    @property
    def change(self) -> Change:
        if self.before is None:
            return "appeared"
        return "vanished" if self.after is None else "changed"

    @property
    def lines(self) -> tuple[str, ...]:
        """The definition of an object that appeared or vanished; of one that changed the lines as a unified diff has them."""
        if self.before is None or self.after is None:
            every = (self.before or self.after or "").splitlines()
            more = [f"… {len(every) - SHOWN} more lines"] if len(every) > SHOWN + 1 else []
            return tuple(every[:SHOWN] + more if more else every)
        from difflib import unified_diff  # noqa: PLC0415 - where something differs, and nowhere else

        found = list(unified_diff(self.before.splitlines(), self.after.splitlines(), n=CONTEXT, lineterm=""))
        return tuple(f"{line[:1]} {line[1:]}".rstrip() for line in found[2:] if not line.startswith("@@"))


@dataclass(frozen=True, slots=True)
class Drift:
    """All differences, by object. False: the catalogues are the same."""

    differences: tuple[Difference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.differences)

    def __iter__(self) -> Iterator[Difference]:
        return iter(self.differences)

    def __len__(self) -> int:
        return len(self.differences)

    def __str__(self) -> str:
        return self.text()

    def text(self, words: Mapping[Change, str] = WORDS) -> str:
        """For people: an object a paragraph, what belongs to a table that came or went in one line with it.

        words: what to say of an object that appeared, vanished or changed: "stays", "is missing", "is another".
        """
        wholes = [one for one in self if one.change != "changed" and one.object.startswith(TABLES)]
        parts: dict[Difference, list[Difference]] = {}
        for one in self:
            home = _home(one, wholes)
            parts.setdefault(home or one, []).extend([one] if home else [])
        return "\n".join(_paragraph(one, belongs, words) for one, belongs in parts.items())


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> Drift:
    """What differs between two catalogues, such as `trek_asyncpg.catalogue` gives: object -> definition."""
    every = sorted({*before, *after})
    found = (Difference(name, before.get(name), after.get(name)) for name in every)
    return Drift(tuple(one for one in found if one.before != one.after))


# --------------------------------------------------------------------------- words
TABLES = ("table ", "foreign table ", "view ", "materialized view ")


def _paragraph(one: Difference, parts: list[Difference], words: Mapping[Change, str]) -> str:
    belongs = [f"    with {', '.join(_short(part, one) for part in parts)}"] if parts else []
    return "\n".join((f"  {words[one.change]}: {one.object}", *(f"    {line}" for line in one.lines), *belongs))


def _short(part: Difference, whole: Difference) -> str:
    name = _relation(whole)
    return part.object.removesuffix(f" on {name}").replace(f"column {name}.", "column ", 1)


def _relation(whole: Difference) -> str:
    return whole.object.removeprefix(next(kind for kind in TABLES if whole.object.startswith(kind)))


def _home(part: Difference, wholes: list[Difference]) -> Difference | None:
    """The relation that it came or went with. A part of one that was there before and after stands for itself."""
    text = part.before or part.after or ""
    for whole in wholes:
        name = _relation(whole)
        if whole.change == part.change and (
            part.object.startswith(f"column {name}.")
            or part.object.endswith(f" on {name}")
            or (part.object.startswith("index ") and f" ON {name} " in text)
            or (part.object.startswith("sequence ") and f"\nOWNED BY {name}." in text)
        ):
            return whole
    return None
