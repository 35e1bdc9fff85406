"""Clients of a model server; they keep every answer."""

from __future__ import annotations

from typing import Any

import httpx

from ..core.eventually import eventually  # noqa: TID252 - tests are no installed package

ROWS = 24


class Callers:
    """All clients of one model, on whatever server is up.

    Attributes:
        bodies: The requests, of one row each.
        answers: By version: its prediction for each of the requests.
        logged: By prediction id: every answered prediction.
        labels: By prediction id: every sent label.
        shadowed: How many requests of `ask` went to a version in shadow as well.
    """

    def __init__(self, model: str) -> None:
        """Know nothing yet."""
        self.bodies: list[dict[str, Any]] = []
        self.answers: dict[str, list[float]] = {}
        self.logged: dict[str, float] = {}
        self.labels: dict[str, float] = {}
        self.shadowed = 0
        self._model = model

    def ask(self, url: str, version: str) -> None:
        """Send every request, assert the answering version, and send a label for every other
        answer.
        """
        answers = [self._post(url, body) for body in self._requests(url)]
        assert {answer["version"] for answer in answers} == {version}
        self.answers[version] = [answer["predictions"][0] for answer in answers]
        self._label(url, [f"{answer['id']}:0" for answer in answers[::2]])

    def ask_beside_a_shadow(self, url: str, version: str) -> None:
        """Ask everything, and wait until the version in shadow has answered it too."""
        self.ask(url, version)
        self.shadowed += len(self.bodies)
        eventually("the shadow answers", lambda: self._asked_of_challenger(url) == self.shadowed)

    def ask_one(self, url: str) -> None:
        """Ask one row of whichever version answers it."""
        self._post(url, self._requests(url)[len(self.logged) % ROWS])

    def rollout(self, url: str) -> dict[str, Any]:
        """Return the server's rollout."""
        return dict(httpx.get(f"{url}/models/{self._model}/rollout").raise_for_status().json())

    def is_shadowed_by(self, url: str, version: str) -> bool:
        """Tell whether the server asks a version in shadow."""
        rollout_now = self.rollout(url)
        loaded = httpx.get(f"{url}/models/{self._model}").raise_for_status().json()["candidates"]
        return (rollout_now["step"], rollout_now["challenger"]) == (
            "shadow",
            version,
        ) and version in loaded

    def _asked_of_challenger(self, url: str) -> int:
        return int(self.rollout(url)["arms"]["challenger"]["requests"])

    def _requests(self, url: str) -> list[dict[str, Any]]:
        if not self.bodies:
            split = (
                httpx.get(f"{url}/models/{self._model}/example")
                .raise_for_status()
                .json()["dataframe_split"]
            )
            self.bodies = bodies(dict(zip(split["columns"], split["data"][0], strict=True)))
        return self.bodies

    def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"x-targeting-key": f"caller {len(self.logged)}"}
        reply = httpx.post(f"{url}/models/{self._model}/invocations", json=body, headers=headers)
        answer: dict[str, Any] = reply.raise_for_status().json()
        self.logged[f"{answer['id']}:0"] = answer["predictions"][0]
        return answer

    def _label(self, url: str, ids: list[str]) -> None:
        labels = {each: 20.0 + number for number, each in enumerate(ids)}
        sent = [{"id": each, "label": label} for each, label in labels.items()]
        httpx.post(f"{url}/models/{self._model}/labels", json={"labels": sent}).raise_for_status()
        self.labels |= labels


def bodies(example: dict[str, Any]) -> list[dict[str, Any]]:
    """Return requests of one row each: many values of every column, missing and unknown ones too."""
    cities, vehicles, weathers = (
        ("berlin", "oslo", "atlantis"),
        ("bike", "scooter", "van"),
        ("clear", "rain", None),
    )
    rows = [
        {
            **example,
            "picked_up_at": f"2026-03-{1 + n:02d}T{n:02d}:{2 * n:02d}:00Z",
            "city": cities[n % 3],
            "vehicle": vehicles[n // 3 % 3],
            "weather": weathers[n // 2 % 3],
            "distance_km": None if n % 8 == 7 else round(0.3 + 0.7 * n, 3),
            "stops": 1 + n % 5,
            "temperature_c": round(-4.0 + 1.3 * n, 1),
        }
        for n in range(ROWS)
    ]
    return [
        {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}} for row in rows
    ]
