"""What a store writes around each migration, prepared once for all queries of a run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from trek_core.plugin import Form, Sql, dataclass, field


@dataclass(slots=True)
class Prepared:
    """Statements that the session keeps, by their forms. A rollback leaves them; whoever fails takes all of them away."""

    name: str = field(default_factory=lambda: f"trek_{secrets.token_hex(8)}")
    names: dict[Form, str] = field(default_factory=dict)

    def executed(self, form: Form, values: tuple[str, ...]) -> Iterator[Sql]:
        """In front of the first that has this form stands what prepares it: then what it names is there, the table as well."""
        if (name := self.names.get(form)) is None:
            name = self.names[form] = f"{self.name}_{len(self.names)}"
            yield Sql(f"PREPARE {name} AS {form.prepared}")
        given = f"({', '.join(values)})" if values else ""
        yield Sql(f"EXECUTE {name}{given}")

    @property
    def away(self) -> list[str]:
        """The statements that take them away. Whoever has run them empties `names`."""
        return [f"DEALLOCATE {name}" for name in self.names.values()]
