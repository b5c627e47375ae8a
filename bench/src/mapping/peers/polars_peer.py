"""The bench's file by polars: arguments are input, output and threads."""

import os
import sys

source, target, threads = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads

import polars as pl  # noqa: E402  it reads the number of threads when it is imported


def instant(column: str, ambiguous: str) -> pl.Expr:
    local = pl.col(column).str.to_datetime("%d.%m.%Y %H:%M", strict=True)
    zoned = local.dt.replace_time_zone("Europe/Oslo", ambiguous=ambiguous, non_existent="raise")
    return zoned.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")


pl.scan_csv(source, separator=";", infer_schema=False).select(
    pl.col("Id").alias("id"),
    pl.col("Ansatt").alias("employee"),
    pl.col("Navn").alias("name"),
    instant("Inn", "earliest").alias("in"),
    instant("Ut", "latest").alias("out"),
    pl.col("Timer").str.replace(",", ".", literal=True).cast(pl.Decimal(18, 2)).cast(pl.String).alias("hours"),
    pl.col("Lønn").replace_strict({"J": True, "N": False}, return_dtype=pl.Boolean).alias("paid"),
    pl.col("Prosjekt").cast(pl.Int64).alias("project"),
).sink_ndjson(target)
