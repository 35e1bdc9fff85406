"""A long command tells how far it is: in lines that a log can keep, or on a terminal by a bar that goes away."""

from __future__ import annotations

import io

import pytest

from airworthy.cli.progress import progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(("stream", "bar"), [(io.StringIO, False), (Terminal, True)])
def test_progress_is_told_on_standard_error(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stream: type[io.StringIO],
    bar: bool,
) -> None:
    """Square brackets in a text are text; nothing goes to standard output, which is for results."""
    monkeypatch.setenv("TERM", "xterm")
    told = stream()
    monkeypatch.setattr("sys.stderr", told)
    with progress() as tell:
        tell(0, 2, "first [of two]")
        tell(2, 2, "done")
    assert ("\x1b[" in told.getvalue()) == bar
    if bar:
        assert "2/2" in told.getvalue()
    else:
        assert told.getvalue() == "0/2  first [of two]\n2/2  done\n"
    assert capsys.readouterr().out == ""
