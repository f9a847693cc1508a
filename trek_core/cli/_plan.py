"""`trek plan`: what would run."""

from __future__ import annotations

import io
import sys

import click

from trek_core.cli._complete import targets
from trek_core.cli._options import common, examples, given, transaction
from trek_core.cli._output import complain, count, document, say, table, warn
from trek_core.model import Action
from trek_core.plans import Plan
from trek_core.script import goes_on_at


@click.command(
    short_help="Show what `migrate` would do.",
    epilog=examples("trek plan", "trek plan -1", "trek plan --sql > deploy.sql"),
)
@click.argument("target", default="head", shell_complete=targets)
@click.option("--sql", "as_sql", is_flag=True, help="The exact SQL, history writes included, and nothing else.")
@transaction
@common
@click.pass_context
def plan(context: click.Context, target: str, as_sql: bool) -> None:
    """Shows what `trek migrate TARGET` would do. It only reads."""
    from trek_core.cli import _database  # noqa: PLC0415 - asyncio and pluggy, only where a database is wanted

    found = _database.run(_database.migrator(given(context).settings()).plan(target))
    warn(found.warnings)
    show(found, as_sql=as_sql, as_json=given(context).json)


def show(found: Plan, *, as_sql: bool, as_json: bool) -> None:
    """A plan as it was asked for."""
    if as_json:
        document(_as_json(found, as_sql=as_sql))
    elif as_sql:
        _script(found.sql())
    elif found:
        _show(found)
    else:
        say(f"nothing to do: the database is at {place(found)}")


def _show(found: Plan) -> None:
    rows = [(a.verb, a.revision, a.entry.title, _files(a), a.mode if a.body else "") for a in found.actions]
    runs = None if any(row[-1] for row in rows) else -1  # marks have no mode
    table(("verb", "revision", "title", "file", "mode")[:runs], [row[:runs] for row in rows])
    for action in found.actions:
        if action.resume:
            say(f"resumes {action.revision} at statement {goes_on_at(action)}")
    if found.goes_down:
        complain(f"This goes down: {count(sum(a.verb == 'revert' for a in found.actions), 'migration')} to revert.")


def _files(action: Action) -> str:
    return ", ".join(map(str, action.entry.files))


def _script(sql: str) -> None:
    """As UTF-8 whatever the terminal speaks: escaping a character would change what runs."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    say(sql)


def _as_json(found: Plan, *, as_sql: bool) -> dict[str, object]:
    actions = [
        {
            "verb": action.verb,
            "revision": action.revision,
            "title": action.entry.title,
            "files": [str(file) for file in action.entry.files],
            "mode": action.mode,
            "checksum": action.checksum,
            "resumes_at": goes_on_at(action) or None,
        }
        for action in found.actions
    ]
    shown: dict[str, object] = {"target": found.target, "actions": actions, "warnings": found.warnings}
    return shown | ({"sql": found.sql()} if as_sql else {})


def place(plan: Plan) -> str:
    """Where the database is if nothing has to be done."""
    if plan.target != "head" or plan.origin is None:
        return plan.target
    entries = reversed(plan.origin.catalog(plan.history.facts).entries)
    counting = (entry for entry in entries if entry.skip is None and entry.recorded)
    newest: dict[str, str] = {}
    for entry in counting:
        newest.setdefault(entry.series, entry.revision)
        if not entry.series:  # then it is the only one, and there may be ten thousand
            break
    return " and ".join(reversed(newest.values())) or plan.target
