"""Every kind of object that PostgreSQL keeps: where its rows are, and what in them is its definition."""

from __future__ import annotations

from trek_asyncpg._catalogue import relations
from trek_asyncpg._catalogue.words import LINE, NO_RIGHTS, fields, kind, unowned

# --------------------------------------------------------------------------- functions and types
_AGGREGATE = fields(
    "g",
    "aggfnoid",
    aggtranstype="g.aggtranstype::regtype",
    aggmtranstype="NULLIF(g.aggmtranstype, 0)::regtype",
    aggsortop="NULLIF(g.aggsortop, 0)::regoperator",
)
FUNCTIONS = kind(
    "pg_proc",
    "p",
    "pro",
    "CASE p.prokind WHEN 'a' THEN 'RETURNS ' || pg_get_function_result(p.oid) || E'\\n' ||\n"
    f"    (SELECT {_AGGREGATE} FROM pg_aggregate g WHERE g.aggfnoid = p.oid) ELSE pg_get_functiondef(p.oid) END",
    namespace=True,
    acl="f",
)

TYPES = f"""\
SELECT 'pg_type'::regclass::oid, t.oid, 0, t.typowner, t.typacl, acldefault('T', t.typowner),
  CASE t.typtype
    WHEN 'e' THEN 'ENUM (' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e
      WHERE e.enumtypid = t.oid) || ')'
    WHEN 'd' THEN concat_ws(' ', 'DOMAIN OF', format_type(t.typbasetype, t.typtypmod),
      'COLLATE ' || NULLIF(NULLIF(t.typcollation, b.typcollation), 0)::regcollation, 'DEFAULT ' || t.typdefault,
      CASE WHEN t.typnotnull THEN 'NOT NULL' END)
    WHEN 'c' THEN (SELECT string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
        'COLLATE ' || NULLIF(NULLIF(a.attcollation, y.typcollation), 0)::regcollation), {LINE} ORDER BY a.attnum)
      FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
      WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
    WHEN 'r' THEN (SELECT concat_ws({LINE}, 'RANGE OF ' || r.rngsubtype::regtype, 'MULTIRANGE ' || r.rngmultitypid::regtype,
        (SELECT 'OPERATOR CLASS ' || o.opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc),
        'COLLATE ' || NULLIF(r.rngcollation, 0)::regcollation, 'CANONICAL ' || NULLIF(r.rngcanonical::oid, 0)::regproc,
        'DIFF ' || NULLIF(r.rngsubdiff::oid, 0)::regproc) FROM pg_range r WHERE r.rngtypid = t.oid)
    ELSE {fields("t", "typname typnamespace typowner typacl typarray typrelid", typelem="t.typelem::regtype")} END
FROM pg_type t JOIN own n ON n.oid = t.typnamespace LEFT JOIN pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE COALESCE(c.relkind = 'c', true) AND t.typtype <> 'm' AND NOT EXISTS (SELECT FROM pg_type y WHERE y.typarray = t.oid)"""

OPERATORS = kind(
    "pg_operator",
    "o",
    "opr",
    fields(
        "o",
        "oprname oprnamespace oprowner",
        oprleft="o.oprleft::regtype",
        oprright="o.oprright::regtype",
        oprresult="o.oprresult::regtype",
        oprcom="o.oprcom::regoperator",
        oprnegate="o.oprnegate::regoperator",
    ),
    namespace=True,
)
OPERATOR_CLASSES = kind(
    "pg_opclass",
    "o",
    "opc",
    fields(
        "o",
        "opcname opcnamespace opcowner opcmethod",
        opcfamily="(SELECT f.opfname FROM pg_opfamily f WHERE f.oid = o.opcfamily)",
        opcintype="o.opcintype::regtype",
        opckeytype="o.opckeytype::regtype",
    ),
    namespace=True,
)
_FAMILY = "WHERE {0}.{0}family IN (SELECT f.oid FROM pg_opfamily f JOIN own n ON n.oid = f.opfnamespace)"
CASTS = fields(
    "c",
    "",
    castsource="c.castsource::regtype",
    casttarget="c.casttarget::regtype",
    castfunc="NULLIF(c.castfunc, 0)::regprocedure",
)
LANGUAGES = fields(
    "l",
    "lanname lanowner lanacl",
    lanplcallfoid="l.lanplcallfoid::regprocedure",
    laninline="l.laninline::regprocedure",
    lanvalidator="l.lanvalidator::regprocedure",
)

# --------------------------------------------------------------------------- text search, collations, what lies elsewhere
CONFIGURATIONS = kind(
    "pg_ts_config",
    "c",
    "cfg",
    "(SELECT 'PARSER ' || p.prsname FROM pg_ts_parser p WHERE p.oid = c.cfgparser) || COALESCE(\n"
    "    (SELECT string_agg(E'\\n' || m.alias || ' WITH ' || m.dicts, '' ORDER BY m.alias) FROM (\n"
    "      SELECT k.alias, string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno) AS dicts\n"
    "      FROM pg_ts_config_map m JOIN ts_token_type(c.cfgparser) k ON k.tokid = m.maptokentype\n"
    "      WHERE m.mapcfg = c.oid GROUP BY k.alias) m), '')",
    namespace=True,
)
DICTIONARIES = kind(
    "pg_ts_dict",
    "d",
    "dict",
    "concat_ws(E'\\n', 'TEMPLATE ' || (SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = d.dicttemplate),"
    " d.dictinitoption)",
    namespace=True,
)
COLLATIONS = kind(
    "pg_collation",
    "c",
    "coll",
    fields("c", "collname collnamespace collowner collversion"),  # the version is of a library of the machine
    namespace=True,
)
CONVERSIONS = kind("pg_conversion", "c", "con", fields("c", "conname connamespace conowner"), namespace=True)
WRAPPERS = fields(
    "w",
    "fdwname fdwowner fdwacl",
    fdwhandler="NULLIF(w.fdwhandler, 0)::regprocedure",
    fdwvalidator="NULLIF(w.fdwvalidator, 0)::regprocedure",
)
SERVERS = fields(
    "s",
    "srvname srvowner srvacl",
    srvfdw="(SELECT w.fdwname FROM pg_foreign_data_wrapper w WHERE w.oid = s.srvfdw)",
)
# What a role uses to log in elsewhere may be a password: it is compared, and not shown.
MAPPINGS = f"""\
SELECT 'pg_user_mapping'::regclass::oid, u.umid, 0, NULL, {NO_RIGHTS}, 'OPTIONS with md5 ' || md5(u.umoptions::text)
FROM pg_user_mappings u"""

EXTENSIONS = f"""\
SELECT 'pg_extension'::regclass::oid, e.oid, 0, e.extowner, {NO_RIGHTS},
  'VERSION ' || e.extversion || ' SCHEMA ' || e.extnamespace::regnamespace
FROM pg_extension e"""

DEFAULT_RIGHTS = """\
SELECT 'pg_default_acl'::regclass::oid, d.oid, 0, NULL, d.defaclacl, CASE d.defaclnamespace WHEN 0 THEN
  acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) END, NULL
FROM pg_default_acl d"""

# --------------------------------------------------------------------------- publications, subscriptions, events
PUBLICATIONS = fields("p", "pubname pubowner")
PUBLISHED = f"""\
SELECT 'pg_publication_rel'::regclass::oid, r.oid, 0, NULL, {NO_RIGHTS},
  (SELECT concat_ws({LINE}, '(' || CASE WHEN to_jsonb(r) ->> 'prattrs' IS NOT NULL THEN to_jsonb(v) ->> 'attnames' END || ')',
     'WHERE ' || (to_jsonb(v) ->> 'rowfilter')) FROM pg_publication_tables v
   WHERE v.pubname = p.pubname AND format('%I.%I', v.schemaname, v.tablename)::regclass = r.prrelid)
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN rel c ON c.oid = r.prrelid"""
SUBSCRIPTIONS = """\
SELECT 'pg_subscription'::regclass::oid, s.oid, 0, s.subowner, NULL, NULL, concat_ws(E'\\n',
  'PUBLICATIONS ' || array_to_string(s.subpublications, ', '), CASE WHEN NOT s.subenabled THEN 'DISABLED' END)
FROM pg_subscription s WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())"""
EVENTS = (
    "concat_ws(E'\\n', 'ON ' || t.evtevent, 'TAGS ' || array_to_string(t.evttags, ', '),"
    f" 'EXECUTE ' || t.evtfoid::regprocedure, {relations.FIRING.format('t.evtenabled')})"
)

KINDS: tuple[tuple[int, str], ...] = (
    (0, relations.SCHEMAS),
    (0, EXTENSIONS),
    (0, relations.RELATIONS),
    (0, relations.COLUMNS),
    (0, relations.INDEXES),
    (0, relations.CONSTRAINTS),
    (0, relations.TRIGGERS),
    (0, relations.RULES),
    (0, relations.POLICIES),
    (0, relations.STATISTICS),
    (0, FUNCTIONS),
    (0, TYPES),
    (0, OPERATORS),
    (0, OPERATOR_CLASSES),
    (0, kind("pg_opfamily", "f", "opf", "NULL", namespace=True)),
    (0, unowned("pg_amop", "amop", "amop.amopopr::regoperator::text", _FAMILY.format("amop"))),
    (0, unowned("pg_amproc", "amproc", "amproc.amproc::text", _FAMILY.format("amproc"))),
    (0, unowned("pg_am", "a", fields("a", "amname"))),
    (0, unowned("pg_cast", "c", CASTS)),
    (0, unowned("pg_transform", "t", "concat_ws(E'\\n', t.trffromsql::text, t.trftosql::text)")),
    (0, kind("pg_language", "l", "lan", LANGUAGES, acl="l")),
    (0, CONFIGURATIONS),
    (0, DICTIONARIES),
    (0, unowned("pg_ts_parser", "p", fields("p", "prsname prsnamespace"))),
    (0, unowned("pg_ts_template", "t", fields("t", "tmplname tmplnamespace"))),
    (0, COLLATIONS),
    (0, CONVERSIONS),
    (0, kind("pg_foreign_data_wrapper", "w", "fdw", WRAPPERS, acl="F")),
    (0, kind("pg_foreign_server", "s", "srv", SERVERS, acl="S")),
    (0, MAPPINGS),
    (0, DEFAULT_RIGHTS),
    (0, kind("pg_publication", "p", "pub", PUBLICATIONS)),
    (0, PUBLISHED),
    (15, unowned("pg_publication_namespace", "n", "NULL")),
    (0, SUBSCRIPTIONS),
    (0, kind("pg_event_trigger", "t", "evt", EVENTS)),
)
"""Since which major version of PostgreSQL each is there, and its SELECT."""
