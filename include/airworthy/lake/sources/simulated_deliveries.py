"""A simulated parcel-delivery service: always the same rows for the same day.

Every day has its own seed, so days can be generated alone, in any order, with any number of rows.
Trips have rush hours, a weekly season, weather lasting for days, and interactions (traffic slows
vans; rain and hills slow bikes). A mean by group cannot model the interactions. As in real feeds,
there are missing values, a few bad rows and repeated keys. A drift can start on a date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.days import midnight
from airworthy.spec.sources_part import SimulatorSource

CITIES = ("amsterdam", "berlin", "lisbon", "madrid", "milan", "oslo", "paris")
CITY_SHARE = np.array([0.13, 0.20, 0.11, 0.17, 0.14, 0.07, 0.18])
CITY_DRIFT = np.array([-0.05, -0.08, 0.10, 0.02, 0.0, 0.06, -0.05])
TRAFFIC = np.array([0.55, 0.80, 0.70, 0.95, 0.90, 0.45, 1.10])
HILLS = np.array([0.0, 0.15, 1.0, 0.45, 0.20, 0.60, 0.35])
MEAN_TEMPERATURE = np.array([10.5, 10.0, 17.5, 15.0, 13.5, 6.5, 12.0])
SEASON_SWING = np.array([7.5, 10.0, 5.5, 10.0, 11.0, 11.0, 8.0])

VEHICLES = ("bike", "scooter", "van")
SPEED_KMH = np.array([15.0, 24.0, 30.0])
WEATHERS = ("clear", "rain", "snow", "wind")
CLEAR, RAIN, SNOW, WIND = range(4)
WEATHER_SLOWDOWN = np.array(
    [[0.0, 0.28, 0.65, 0.22], [0.0, 0.18, 0.55, 0.10], [0.0, 0.07, 0.35, 0.02]]
)

HOUR_WEIGHT = np.array(
    [2, 1, 1, 1, 1, 2, 6, 14, 26, 34, 40, 58, 74, 60, 42, 38, 46, 66, 84, 78, 52, 28, 12, 5.0]
)
HOUR_TRAFFIC = (
    np.array([0, 0, 0, 0, 0, 1, 4, 9, 10, 6, 4, 5, 6, 5, 4, 5, 8, 10, 10, 7, 4, 2, 1, 0.0]) / 10
)
WEEKDAY_TRAFFIC = np.array([1.0, 1.05, 1.05, 1.1, 1.25, 0.7, 0.5])
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class _Trips:
    """One day's trips as arrays of shape (rows,); categories are codes into the tuples above."""

    city: Array
    vehicle: Array
    weather: Array
    temperature: Array
    offset_us: Array
    distance: Array
    stops: Array
    kilograms: Array
    experience: Array


def generate_deliveries(source: SimulatorSource, day: date) -> pl.DataFrame:
    """Return the raw deliveries of one UTC day, before `conform`.

    Args:
        source: Seed, number of rows, shares of missing and bad values, drift.
        day: The UTC day of the pick-ups.

    Returns:
        ``source.rows_per_day`` rows. `distance_km` is text, like a hand-typed field; `picked_up_at`
        is in UTC microseconds; `minutes` is a label of regression, `late` of classification.
    """
    rng = np.random.default_rng(np.random.SeedSequence([source.seed, day.toordinal()]))
    strength = source.drift_strength if source.has_drift(day) else 0.0
    trips = _draw_trips(rng, source, day, strength)
    promised = np.ceil((7.5 + 3.1 * trips.distance + 2.7 * trips.stops) / 5.0) * 5.0
    minutes = _minutes(rng, trips, day, strength)
    flipped = rng.random(minutes.size) < 0.01
    columns = {
        "promised_minutes": promised,
        "minutes": minutes,
        "late": (minutes > promised) ^ flipped,
    }
    frame = _frame(source, day, trips, columns)
    return _add_bad_values(rng, frame, source)


def _draw_trips(
    rng: np.random.Generator, source: SimulatorSource, day: date, drift: float
) -> _Trips:
    n = source.rows_per_day
    city = _choose(rng, np.clip(CITY_SHARE + drift * CITY_DRIFT, 0.01, None), n)
    distance = np.clip(
        rng.lognormal(0.95 + 0.12 * drift, 0.62, n) * (1 + 0.25 * TRAFFIC[city]), 0.2, 60.0
    ).round(3)
    weather, temperature = _weather(source.seed, day)
    return _Trips(
        city=city,
        vehicle=_vehicles(rng, distance, HILLS[city]),
        weather=weather[city],
        temperature=(temperature[city] + rng.normal(0.0, 1.2, n)).round(1),
        offset_us=_pickup_times(rng, n, day.weekday() >= 5),
        distance=distance,
        stops=1 + rng.poisson(1.6, n),
        kilograms=np.clip(rng.lognormal(1.1, 0.75, n), 0.1, 80.0).round(2),
        experience=np.floor(rng.gamma(1.4, 170.0, n)),
    )


def _choose(rng: np.random.Generator, weights: Array, n: int) -> Array:
    """Draw `n` codes by cumulative weight: much faster than ``rng.choice`` with probabilities."""
    shares = np.cumsum(weights / weights.sum())
    codes: Array = np.minimum(
        np.searchsorted(shares, rng.random(n), side="right"), weights.size - 1
    )
    return codes


def _vehicles(rng: np.random.Generator, distance: Array, hills: Array) -> Array:
    """Draw vehicle codes: bikes for short and flat trips, vans for long ones."""
    bike = np.exp(0.9 - 0.34 * distance - 0.5 * hills)
    van = np.exp(-1.5 + 0.22 * distance)
    draw = rng.random(distance.size) * (bike + 1.0 + van)
    return np.where(draw < bike, 0, np.where(draw < bike + 1.0, 1, 2))


def _pickup_times(rng: np.random.Generator, n: int, weekend: bool) -> Array:
    """Return microseconds since midnight, later in the day at the weekend."""
    weights = np.roll(HOUR_WEIGHT, 1) if weekend else HOUR_WEIGHT
    hour = _choose(rng, weights, n)
    return np.minimum(((hour + rng.random(n)) * 3_600_000_000).astype(np.int64), DAY_US - 1)


def _weather(seed: int, day: date) -> tuple[Array, Array]:
    """Return each city's weather code and mean temperature on a day.

    Both follow a weighted mean of this and the 7 earlier days' draws. Weather lasts for days, and
    still any day can be generated without the rows of earlier days.
    """
    decay = 0.65 ** np.arange(8)
    draws = np.stack([_daily_draws(seed, day.toordinal() - age) for age in range(decay.size)])
    wet, windy, warm = np.tensordot(decay / np.sqrt((decay**2).sum()), draws, axes=1)
    season = np.cos(2 * np.pi * (day.timetuple().tm_yday - 200) / 365.25)
    temperature = MEAN_TEMPERATURE + SEASON_SWING * season + 3.0 * warm
    precipitation = wet > 0.75 + 0.3 * season
    code = np.where(
        precipitation, np.where(temperature < 1.0, SNOW, RAIN), np.where(windy > 1.1, WIND, CLEAR)
    )
    return code, temperature


def _daily_draws(seed: int, ordinal: int) -> Array:
    return np.random.default_rng(np.random.SeedSequence([seed, ordinal, 7])).standard_normal(
        (3, len(CITIES))
    )


def _minutes(rng: np.random.Generator, trips: _Trips, day: date, drift: float) -> Array:
    """Return each delivery's minutes: driving with its interactions, then stops, then noise."""
    hour = trips.offset_us // 3_600_000_000
    traffic = (
        HOUR_TRAFFIC[hour]
        * WEEKDAY_TRAFFIC[day.weekday()]
        * TRAFFIC[trips.city]
        * (1 + 0.35 * drift)
    )
    congestion = traffic * np.array([0.08, 0.35, 0.95])[trips.vehicle]
    slowdown = WEATHER_SLOWDOWN[trips.vehicle, trips.weather] * (1 + 0.5 * traffic)
    bike = trips.vehicle == 0
    uphill = HILLS[trips.city] * np.where(bike, 0.35 + 0.02 * trips.kilograms, 0.03)
    learning = 0.30 * np.exp(-trips.experience / 90.0)
    driving = (
        trips.distance
        / SPEED_KMH[trips.vehicle]
        * 60
        * (1 + congestion + slowdown + uphill + learning)
    )
    parking = np.array([0.6, 1.1, 2.6])[trips.vehicle] * (1 + 0.8 * traffic)
    carrying = 0.035 * np.maximum(trips.kilograms - 10.0, 0.0)
    stopping = trips.stops * (1.5 + parking + carrying) * (1 + 0.5 * learning)
    cold = np.where(bike, 0.02 * np.maximum(3.0 - trips.temperature, 0.0), 0.0)
    noise = rng.lognormal(0.0, 0.09, trips.distance.size)
    total = (3.0 + driving * (1 + cold) + stopping + 2.0 * drift * (trips.stops - 1)) * noise
    minutes: Array = np.maximum(total + rng.normal(0.0, 1.2, total.size), 2.0).round(2)
    return minutes


def _frame(
    source: SimulatorSource, day: date, trips: _Trips, columns: dict[str, Array]
) -> pl.DataFrame:
    midnight_us = int(midnight(day).timestamp()) * 1_000_000
    frame = pl.DataFrame(
        {
            "delivery_id": day.toordinal() * 100_000_000 + np.arange(source.rows_per_day),
            "picked_up_at": pl.Series(midnight_us + trips.offset_us).cast(pl.Datetime("us", "UTC")),
            "city": _names(CITIES, trips.city),
            "vehicle": _names(VEHICLES, trips.vehicle),
            "weather": _names(WEATHERS, trips.weather),
            "distance_km": trips.distance,
            "stops": trips.stops.astype(np.int64),
            "parcel_kg": trips.kilograms,
            "courier_experience_days": trips.experience,
            "temperature_c": trips.temperature,
            **columns,
        }
    )
    return frame.with_columns(pl.col("distance_km").cast(pl.String))


def _names(names: tuple[str, ...], codes: Array) -> pl.Series:
    return pl.Series(names).gather(pl.Series(codes))


def _add_bad_values(
    rng: np.random.Generator, frame: pl.DataFrame, source: SimulatorSource
) -> pl.DataFrame:
    """Add missing numbers, unusable rows, values out of range and repeated keys."""
    n = frame.height
    for name in ("parcel_kg", "temperature_c", "courier_experience_days"):
        missing = pl.Series(rng.random(n) < source.missing_share)
        frame = frame.with_columns(pl.when(missing).then(None).otherwise(pl.col(name)).alias(name))
    draw = rng.random(n)
    if source.bad_share <= 0.0:
        return frame
    kind = pl.Series(
        np.where(draw < source.bad_share, np.floor(draw / source.bad_share * 6), -1.0).astype(
            np.int8
        )
    )
    outside = pl.col("picked_up_at") + pl.duration(days=2)
    return frame.with_columns(
        pl.when(kind == 0)
        .then(None)
        .when(kind == 5)
        .then(pl.col("delivery_id").shift(1))
        .otherwise("delivery_id")
        .alias("delivery_id"),
        pl.when(kind == 1)
        .then(None)
        .when(kind == 2)
        .then(outside)
        .otherwise("picked_up_at")
        .alias("picked_up_at"),
        pl.when(kind == 3)
        .then(pl.lit("n/a"))
        .when(kind == 4)
        .then(pl.lit("-1.0"))
        .otherwise("distance_km")
        .alias("distance_km"),
    )
