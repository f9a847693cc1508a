"""The query behind `catalogue`: what is asked of every object alike. The kinds of objects are in `kinds`."""

from __future__ import annotations

from collections.abc import Sequence

from trek_asyncpg._catalogue.kinds import KINDS
from trek_core.plugin import quote_literal

# `own`: schemas of users. `part`: what an extension, or a range type, brought. `rel`: relations without what is left out.
WITH = """\
WITH own AS MATERIALIZED (
  SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), part AS MATERIALIZED (
  SELECT d.classid, d.objid FROM pg_depend d
  WHERE d.deptype = 'e' OR d.deptype = 'i' AND d.classid IN ('pg_proc'::regclass, 'pg_cast'::regclass)
), named AS MATERIALIZED (
  SELECT c.oid FROM pg_class c JOIN own n ON n.oid = c.relnamespace
  WHERE c.relname = ANY ({without}::text[]) OR n.nspname || '.' || c.relname = ANY ({without}::text[])
), rel AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN own n ON n.oid = c.relnamespace
  WHERE c.oid NOT IN (SELECT oid FROM named)
    AND NOT EXISTS (SELECT FROM part p WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid)
    AND NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM named))
)
"""
# An object's own lines, then those that any object may have.
EACH = """\
SELECT jsonb_build_object(
  'object', regexp_replace(i.type, '^.* (column|constraint)$', '\\1') || ' ' || replace(i.identity, 'pg_catalog.', ''),
  'definition', concat_ws(E'\\n', NULLIF(rtrim(x.def, E'\\n'), ''),
    'OWNER TO ' || quote_ident(pg_get_userbyid(x.owner)), {grants},
    'COMMENT ' || quote_literal(d.description),
    (SELECT string_agg('SECURITY LABEL ' || s.provider || ': ' || s.label, E'\\n' ORDER BY s.provider)
     FROM pg_seclabel s WHERE s.classoid = x.classid AND s.objoid = x.objid AND s.objsubid = x.sub)))
FROM (
{kinds}
) x (classid, objid, sub, owner, acl, base, def)
CROSS JOIN LATERAL pg_identify_object(x.classid, x.objid, x.sub) i
LEFT JOIN pg_description d ON d.classoid = x.classid AND d.objoid = x.objid AND d.objsubid = x.sub
LEFT JOIN pg_init_privs p ON p.classoid = x.classid AND p.objoid = x.objid AND p.objsubid = x.sub
WHERE NOT EXISTS (SELECT FROM part e WHERE e.classid = x.classid AND e.objid = x.objid)
  OR x.classid = 'pg_extension'::regclass
UNION ALL
SELECT jsonb_build_object('object', concat_ws(' ', 'database settings', 'of role ' || quote_ident(r.rolname)),
  'definition', (SELECT string_agg(s, E'\\n' ORDER BY s) FROM unnest(g.setconfig) s))
FROM pg_db_role_setting g LEFT JOIN pg_roles r ON r.oid = g.setrole
WHERE g.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
"""
# Against what the owner of a new object gives: no rights at all, and rights that say the same, are the same.
GRANTS = """\
CASE WHEN x.acl IS NOT NULL THEN (
  SELECT string_agg(g.line, E'\\n' ORDER BY g.line) FROM (
    SELECT v.verb || ' ' || string_agg(v.privilege_type, ', ' ORDER BY v.privilege_type)
      || CASE v.verb WHEN 'GRANT' THEN ' TO ' ELSE ' FROM ' END
      || CASE v.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(v.grantee)) END
      || CASE WHEN v.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS line
    FROM (
      (SELECT 'GRANT' AS verb, a.grantee, a.privilege_type, a.is_grantable FROM aclexplode(x.acl) a
       EXCEPT SELECT 'GRANT', a.grantee, a.privilege_type, a.is_grantable
       FROM aclexplode(COALESCE(p.initprivs, x.base)) a)
      UNION ALL
      (SELECT 'REVOKE', a.grantee, a.privilege_type, a.is_grantable FROM aclexplode(COALESCE(p.initprivs, x.base)) a
       EXCEPT SELECT 'REVOKE', a.grantee, a.privilege_type, a.is_grantable FROM aclexplode(x.acl) a)
    ) v GROUP BY v.verb, v.grantee, v.is_grantable
  ) g) END"""


def query(without: Sequence[str], major: int) -> str:
    """One SELECT that gives a JSON object a row, `object` and `definition`."""
    names = "ARRAY[" + ", ".join(map(quote_literal, without)) + "]"
    kinds = "\nUNION ALL\n".join(text for since, text in KINDS if since <= major)
    with_ = WITH.replace("{without}", names)
    return with_ + EACH.replace("{grants}", GRANTS).replace("{kinds}", kinds)
