-- A line for each table: its name, the number of its rows, and the sum of their hashes, which no order of rows changes.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET extra_float_digits = 1;
SET bytea_output = 'hex';
SELECT format(
  'SELECT %L, count(*), coalesce(sum((''x'' || left(encode(sha256(convert_to(whole_row::text, ''UTF8'')), ''hex''), 16))::bit(64)::bigint::numeric), 0) FROM ONLY %I.%I AS whole_row',
  format('%I.%I', nspname, relname), nspname, relname
)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname <> 'information_schema' AND nspname !~ '^pg_'
ORDER BY format('%I.%I', nspname, relname) COLLATE "C"
\gexec
