"""`trek new-plugin`: a distribution with a working plugin, its tests and its README, to be changed into one's own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import click

from trek_core.cli._new import write_files
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import document, say
from trek_core.errors import ConfigError
from trek_core.text import nearest

_NAME = re.compile(r"(?!trek-)[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 30  # names of tables are made of it, and PostgreSQL cuts those of more than 63 bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """offers: the word for its offers in `trek plugins`. extras: of trek-migrate, for its tests. proof: what those show."""

    offers: str
    summary: str
    extras: str
    proof: str


_KIT = "The tests are the conformance kit of trek: each carries the number of a sentence of the contract."
_SERVER = " They run on a PostgreSQL of their own, or on that of `TREK_TEST_DSN`."
KINDS = {
    "loader": Kind("loader", "Migrations in files of a new kind", "cli,testing", _KIT),
    "layout": Kind("layout", "Migrations in a folder of another layout", "cli,testing", _KIT),
    "version-store": Kind("store", "A history table of one's own", "cli,embedded,testing", _KIT + _SERVER),
    "executor": Kind("executor", "Connections opened in a way of one's own", "cli,embedded,testing", _KIT + _SERVER),
    "observer": Kind("observer", "An observer of runs", "cli,testing", "The tests are a run without a database."),
}


@click.command(
    short_help="Write a plugin: a distribution with its tests.",
    epilog=examples("trek new-plugin loader sqlx", "trek new-plugin version-store shop --directory ../plugins"),
)
@click.argument("kind")
@click.argument("name")
@click.option("--directory", "parent", metavar="DIR", default=".", help="Where to put its folder.  [.]")
@common
@click.pass_context
def new_plugin(context: click.Context, kind: str, name: str, parent: str) -> None:
    """Writes the folder trek-NAME: a distribution with a complete plugin that works, its tests and its README.

    KIND is loader, layout, version-store, executor or observer. Change the plugin into yours; its tests say what it must
    keep. Nothing that exists is overwritten.
    """
    _check_kind(kind, context)
    _check_name(name, context)
    _refuse_taken(kind, name)
    folder = Path(parent, f"trek-{name}")
    paths = [str(path) for path in _write(folder, _contents(kind, name))]
    steps = [f"cd {shlex.quote(str(folder))}", "pip install -e '.[test]'", "pytest", "trek plugins"]
    if given(context).json:
        document({"created": paths, "next": steps})
    else:
        say("\n".join([*paths, "", "Next:", *(f"  {step}" for step in steps)]))


# --------------------------------------------------------------------------- what was asked for
def _check_kind(kind: str, context: click.Context) -> None:
    if kind not in KINDS:
        meant = next((f" Did you mean {name!r}?" for name, one in KINDS.items() if one.offers == kind), "")
        advice = meant or nearest(kind, KINDS)
        msg = f"there is no kind of plugin {kind!r}.{advice} There are: {', '.join(KINDS)}."
        raise click.UsageError(msg, context)


def _check_name(name: str, context: click.Context) -> None:
    if _NAME.fullmatch(name) and len(name) <= LONGEST:
        return
    better = re.sub(r"[^a-z0-9]+", "-", name.lower().removeprefix("trek-")).lstrip("-0123456789")[:LONGEST].rstrip("-")
    advice = f" Write {better!r}." if _NAME.fullmatch(better) else ""
    msg = (
        f"{name!r} cannot be a plugin's name: small letters, digits and single dashes, a letter first, at most {LONGEST}; "
        f"trek- is put in front of it for the distribution.{advice}"
    )
    raise click.UsageError(msg, context)


def _refuse_taken(kind: str, name: str) -> None:
    """A plugin that is in conflict with an installed one stops every run. Raises `ConfigError`."""
    owner = next(_owners(kind, name), None)
    if owner is not None:
        msg = f"the name {name!r} is taken: {owner}. Take another name, or uninstall that."
        raise ConfigError(msg)


def _owners(kind: str, name: str) -> Iterator[str]:
    from importlib.metadata import distributions  # noqa: PLC0415 - this module is imported for `trek --help` too
    from importlib.util import find_spec  # noqa: PLC0415

    from trek_core._host import PluginHost  # noqa: PLC0415

    module, distribution = _module(name), f"trek-{name}"
    if find_spec(module) is not None:
        yield f"a module {module} is installed"
    if any(distributions(name=distribution)):
        yield f"a distribution {distribution} is installed"
    for info in PluginHost().describe():
        if info.name == name and info.distribution:  # without one: a name in TREK_DISABLE_PLUGINS, and no plugin
            yield f"it is the name of a plugin of {info.distribution}"
        for offer in info.offers:
            word, *names = re.split(r"[ (),]+", offer)
            if word == KINDS[kind].offers and {name, f".{name}"} & {*names}:
                yield f"the plugin {info.name!r} of {info.distribution} offers the {offer}"


# --------------------------------------------------------------------------- what is written
def _module(name: str) -> str:
    return f"trek_{name.replace('-', '_')}"


def _contents(kind: str, name: str) -> Mapping[str, str]:
    """Path below the plugin's folder -> content, from the templates of its kind."""
    from importlib.metadata import version  # noqa: PLC0415

    module = _module(name)
    words = {
        "name": name,
        "kind": kind,
        "module": module,
        "table": f"{module}_steps",
        "Test": "Test" + "".join(part.capitalize() for part in name.split("-")),
        "summary": KINDS[kind].summary,
        "extras": KINDS[kind].extras,
        "proof": KINDS[kind].proof,
        "bounds": _bounds(version("trek-migrate")),
    }
    words["use"] = _filled(f"{kind}/use.md", words)
    return {
        "pyproject.toml": _filled("pyproject.toml", words),
        "README.md": _filled("README.md", words),
        f"src/{module}/__init__.py": _filled(f"{kind}/plugin.py", words),
        f"src/{module}/py.typed": "",
        f"tests/test_{module}.py": _filled(f"{kind}/test.py", words),
    }


def _filled(template: str, words: Mapping[str, str]) -> str:
    from importlib.resources import files  # noqa: PLC0415

    text = files("trek_core.cli").joinpath(f"templates/{template}.tmpl").read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _bounds(version: str) -> str:
    """From this release to before the next that may break plugins: ">=0.1,<0.2", later ">=1.2,<2"."""
    major, minor = map(int, re.findall(r"\d+", version)[:2])
    return f">={major}.{minor},<{f'0.{minor + 1}' if major == 0 else major + 1}"


def _write(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        msg = f"{error.filename} exists already, and nothing is overwritten. Take another name, or another --directory."
        raise ConfigError(msg) from error
    except OSError as error:
        msg = f"{error.filename} cannot be written: {error.strerror}"
        raise ConfigError(msg) from error
    return write_files(folder, contents)
