-- Names, texts, bodies and rows that a dump, and who reads it, may trip over.
CREATE SCHEMA "odd ""schema";
CREATE TYPE mood AS ENUM ('sad', 'it''s ok; really');
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "full Name" text NOT NULL DEFAULT 'no; name',
    note text CHECK (note <> E'\\.'),
    raw bytea,
    tags text[],
    mood mood
);
CREATE TABLE "odd ""schema"."Orders; all" (
    id serial PRIMARY KEY, user_id bigint REFERENCES users, total numeric(10, 2), at timestamptz, data jsonb
);
CREATE TABLE nothing (a int, b int GENERATED ALWAYS AS (a * 2) STORED);
CREATE VIEW rich AS SELECT u.*, $$a;b$$::text AS "say ""hi""" FROM users u;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  NEW.note := coalesce(NEW.note, 'none; $$ quoted $$'); -- comment; with '
  RETURN NEW;
END; $body$;
CREATE FUNCTION two(a int) RETURNS int LANGUAGE sql AS 'SELECT a; SELECT 2 -- ''x''';
CREATE TRIGGER touched BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE twice AS ON INSERT TO nothing DO ALSO (SELECT 1; SELECT 2);
COMMENT ON TABLE users IS E'it''s; a \\ comment\nin two lines';
INSERT INTO users ("full Name", note, raw, tags, mood) VALUES
    (E'tab\tand\nline', E'\\N', '\xdeadbeef', ARRAY[NULL, 'a,b', '"q"', E'\\'], 'sad'),
    ('ünïcödé 🐘', '', NULL, NULL, 'it''s ok; really'),
    ('; DROP TABLE users; --', E'\\.x', '', '{}', NULL),
    ('$$ $a$ /* -- ', E'ends with \\', NULL, NULL, NULL),
    ('E''\', 'INSERT INTO users VALUES (1);', NULL, NULL, NULL);
INSERT INTO "odd ""schema"."Orders; all" (user_id, total, at, data)
    SELECT 1 + mod(i, 5), i / 7.0, '2026-01-01'::timestamptz + i * interval '1 h', jsonb_build_object('n', i, 'b', E'\\"')
    FROM generate_series(1, 500) i;
CREATE INDEX ON "odd ""schema"."Orders; all" (total) WHERE total > -1;
GRANT SELECT ON users TO PUBLIC;
