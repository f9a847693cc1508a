"""What a project's configuration says of its migrations, for a database that it does not name; and what they follow from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trek_core import Migrator, Rules
from trek_core.plugin import configured, fingerprint
from trek_core.testing import memory_backend

if TYPE_CHECKING:
    from pathlib import Path

DSN = "postgresql:///elsewhere"
CONFIGURATION = """
[databases.shop]
directory = "sql"
dsn = "postgresql:///the-real-one"
expect-database = "the-real-one"
out-of-order = "allow"
[databases.log]
dsn = "${NOWHERE_SET}"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "trek.toml").write_text(CONFIGURATION)
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql/0001_a.sql").write_text("SELECT 1;")
    return tmp_path


def test_a_configured_migrator_is_the_projects_on_another_database(project: Path) -> None:
    made = configured(DSN, project, database="shop")
    assert made.directory == str(project / "sql")
    assert made.rules == Rules(out_of_order="allow")
    assert made.backend.expect_database == ""


def test_the_folder_may_be_another_and_the_dsns_variables_need_not_be_set(project: Path) -> None:
    assert configured(DSN, project, directory="other", database="log").directory == "other"


def test_the_fingerprint_is_that_of_the_files_and_of_how_they_are_read(project: Path) -> None:
    def found(**options: Rules) -> str:
        return fingerprint(Migrator(memory_backend(), project / "sql", **options))

    seen = {found()}
    assert found() in seen
    seen.add(found(rules=Rules(out_of_order="allow")))
    (project / "sql/0001_a.sql").write_text("SELECT 2;")
    seen.add(found())
    (project / "sql/0001_a.sql").rename(project / "sql/0002_a.sql")
    seen.add(found())
    assert len(seen) == 4
