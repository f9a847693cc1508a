from trek_shop_j2 import load, trek_register_loaders

from trek_core.plugin import File, Source
from trek_core.testing import LoaderCase, LoaderSuite, check_plugin

GRANTS = """\
-- who may read
GRANT SELECT ON orders TO {{ reader }};
{% for tenant in tenants %}
CREATE SCHEMA {{ tenant }} AUTHORIZATION {{ owner }};
{% endfor %}
-- trek: down
DROP SCHEMA {{ tenants | join(', ') }};
"""


class TestShopJ2(LoaderSuite):
    def case(self) -> LoaderCase:
        (loader,) = trek_register_loaders()
        bad = {"1_typo.sql.j2": "GRANT SELECT ON orders TO {{ raeder }};", "2_open.sql.j2": "SELECT 1;\n{% if owner %}"}
        good = {"1_grants.sql.j2": GRANTS, "2_more.up.sql.j2": "GRANT INSERT ON orders TO {{ owner }};"}
        return LoaderCase(loader, good=good, bad=bad)


def test_the_values_of_the_shop_are_filled_in():
    script = load(Source(File("1_grants.sql.j2"), GRANTS.encode()))
    assert [statement.text for statement in script.up.statements] == [
        "GRANT SELECT ON orders TO shop_reader",
        "CREATE SCHEMA north AUTHORIZATION shop_owner",
        "CREATE SCHEMA south AUTHORIZATION shop_owner",
    ]


def test_it_is_found():
    """Where trek's own plugin `jinja` is switched off, as the README says."""
    check_plugin("shop-j2", offers=["loader shop-j2 (.sql.j2)"])
