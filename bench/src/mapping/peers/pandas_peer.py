"""The bench's file by pandas: arguments are input, output and threads, of which it has one."""

import sys
from decimal import Decimal

import numpy as np
import pandas as pd

source, target, _ = sys.argv[1:]
frame = pd.read_csv(source, sep=";", dtype=str, keep_default_na=False)


def instant(column: str, is_summer: bool) -> pd.Series:
    local = pd.to_datetime(frame[column], format="%d.%m.%Y %H:%M")
    ambiguous = np.full(len(frame), is_summer)
    zoned = local.dt.tz_localize("Europe/Oslo", ambiguous=ambiguous, nonexistent="raise")
    return zoned.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")


pd.DataFrame({
    "id": frame["Id"],
    "employee": frame["Ansatt"],
    "name": frame["Navn"],
    "in": instant("Inn", True),
    "out": instant("Ut", False),
    "hours": frame["Timer"].str.replace(",", ".").map(lambda cell: str(Decimal(cell))),
    "paid": frame["Lønn"].map({"J": True, "N": False}),
    "project": frame["Prosjekt"].astype("int64"),
}).to_json(target, orient="records", lines=True, force_ascii=False)
