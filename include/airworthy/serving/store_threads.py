"""The threads for calls of the record and of reports: a slow store holds up no request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_THREADS = 8


class StoreThreads:
    """Threads besides those that score large requests."""

    def __init__(self) -> None:
        """Start without a thread: each starts with its first call."""
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="record")

    async def call(
        self,
        function: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Result:
        """Return the result of a blocking function.

        Args:
            function: The function.
            *args: Its arguments.
            **kwargs: Its arguments by name.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Start no further call. A call under way ends by the store's time limits."""
        self._executor.shutdown(wait=False, cancel_futures=True)
