"""Signs: how the folder and the history table of a tool are known. Data alone, looked at by `trek adopt`."""

from __future__ import annotations

from collections.abc import Mapping

from trek_core._dataclass import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSign:
    """A file by which a tool's folder is known.

    name: a pattern that the path below the folder matches as a whole. text: a pattern that stands somewhere in the file,
    line by line (`^` and `$` are those of a line); empty for any content. says: what it is: "the line `-- +goose Up`".
    own: no other tool has such a file, so that one is enough; else every `.sql` file of the folder must have such a name.
    """

    name: str
    says: str
    text: str = ""
    own: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSign:
    """A history table: its usual name, and its columns with the types that each may have, as `format_type` writes them.

    schema: where the tool always has it, None for anywhere. more: columns that only some releases have. beside, without:
    tables that are, or are not, in the same schema, where two tools make the same table.
    """

    table: str
    columns: Mapping[str, tuple[str, ...]]
    schema: str | None = None
    more: tuple[str, ...] = ()
    beside: str = ""
    without: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """All by which one tool is known.

    tool: as its format is named. folders: where its files usually are, seen from the project's folder.
    instead: of a tool that nobody has a format for: what one can do.
    """

    tool: str
    folders: tuple[str, ...] = ()
    files: tuple[FileSign, ...] = ()
    tables: tuple[TableSign, ...] = ()
    instead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTable:
    """A table of the database that may be a history: column -> type. visible: the search_path finds it by its name."""

    schema: str
    table: str
    columns: Mapping[str, str] = field(default_factory=dict)
    visible: bool = True

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}"
