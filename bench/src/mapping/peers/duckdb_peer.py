"""The bench's file by DuckDB: arguments are input, output and threads."""

import sys

import duckdb

source, target, threads = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"SET threads={int(threads)}; SET TimeZone='UTC'")


def instant(column: str) -> str:
    local = f"""timezone('Europe/Oslo', strptime("{column}", '%d.%m.%Y %H:%M'))"""
    return f"strftime(timezone('UTC', {local}), '%Y-%m-%dT%H:%M:%SZ')"


connection.execute(f"""
    COPY (
        SELECT "Id" AS id, "Ansatt" AS employee, "Navn" AS name,
            {instant("Inn")} AS "in", {instant("Ut")} AS "out",
            CAST(CAST(replace("Timer", ',', '.') AS DECIMAL(18, 2)) AS VARCHAR) AS hours,
            CASE "Lønn" WHEN 'J' THEN true WHEN 'N' THEN false ELSE error('neither J nor N') END AS paid,
            CAST("Prosjekt" AS BIGINT) AS project
        FROM read_csv('{source}', delim = ';', header = true, all_varchar = true, quote = '"')
    ) TO '{target}' (FORMAT JSON)
""")
