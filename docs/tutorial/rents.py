"""Writes the tutorial's CSV: 6,000 offers of flats in the last seven weeks, as real files are.

``python docs/tutorial/rents.py rents.csv``. The rows are the same each time, but for their dates:
they end yesterday.
"""

import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

ROWS, DAYS = 6000, 49
DISTRICTS = {"Altstadt": 4.5, "Hafen": 3.0, "Nord": 0.0, "Sued": 1.5, "Westend": 2.5}
PRICE_OF_HEATING = {"district": 0.5, "gas": 0.0, "heat pump": 1.0, "oil": -0.5}


def offers(seed: int = 13) -> pl.DataFrame:
    """Return the offers: a rent by area, district, age and season, and what nobody can know."""
    random = np.random.default_rng(seed)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first_day = today - timedelta(days=DAYS)
    minutes = np.sort(random.integers(0, DAYS * 1440, ROWS))
    area = np.clip(random.gamma(9, 8, ROWS), 18, 220).round(1)
    district = random.choice(list(DISTRICTS), ROWS, p=[0.15, 0.15, 0.3, 0.25, 0.15])
    heating = random.choice(list(PRICE_OF_HEATING), ROWS, p=[0.3, 0.45, 0.15, 0.1])
    built, floor = random.integers(1890, 2024, ROWS), random.integers(0, 9, ROWS)
    to_station = random.gamma(2, 4, ROWS).round(1)
    square_metre = 11 + np.vectorize(DISTRICTS.get)(district) + (built > 2000) * 2.5
    square_metre += np.vectorize(PRICE_OF_HEATING.get)(heating) - to_station * 0.12 + floor * 0.1
    square_metre -= np.clip(area - 60, 0, 100) * 0.02
    rent = (area * square_metre + 80 + random.normal(0, 45, ROWS)).round(0)
    return pl.DataFrame(
        {
            "offer no": np.arange(ROWS) + 20_001,
            "offered at": [
                f"{first_day + timedelta(minutes=int(each)):%d.%m.%Y %H:%M}" for each in minutes
            ],
            "area [m2]": area,
            "rooms": np.clip((area / 24).round(), 1, 7).astype(int),
            "floor": floor,
            "district": district,
            "heating": heating,
            "built": built,
            "minutes to station": to_station,
            "rent": rent,
            "deposit": rent * 3,
            "portal": ["flats.example"] * ROWS,
        }
    )


def with_faults(table: pl.DataFrame, seed: int = 14) -> pl.DataFrame:
    """Return the offers as a file has them: gaps, a word for no value, a few rows twice."""
    random = np.random.default_rng(seed)
    built, heating = random.random(ROWS) < 0.04, random.random(ROWS) < 0.03
    table = table.with_columns(
        pl.when(pl.Series(built)).then(None).otherwise("built").alias("built"),
        pl.when(pl.Series(heating)).then(pl.lit("n/a")).otherwise("heating").alias("heating"),
    )
    return pl.concat([table, table.sample(12, seed=seed)]).sort("offer no")


if __name__ == "__main__":
    with_faults(offers()).write_csv(sys.argv[1], separator=";", decimal_comma=True)
