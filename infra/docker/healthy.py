"""Asks a part whether it is healthy: ``python healthy.py URL [PART]``. Exits 0 when it is.

An image has no curl. `PART` is a key of Airflow's ``/api/v2/monitor/health``.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from http import HTTPStatus


def main(url: str, part: str | None = None) -> int:
    """Return 0 when the address answers 200 and, with a part, says that the part is healthy."""
    # Its own parts are asked directly, whatever proxy the container has for the world outside.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=4) as answer:
            body = answer.read()
            healthy = answer.status == HTTPStatus.OK
    except OSError as error:
        print(f"{url}: {error}")
        return 1
    if part is not None:
        healthy = (json.loads(body).get(part) or {}).get("status") == "healthy"
    print(body.decode(errors="replace")[:500])
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
