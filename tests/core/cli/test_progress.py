"""A long command reports its progress: in lines for a log, or on a terminal by a passing bar."""

from __future__ import annotations

import io

import pytest

from airworthy.cli.progress_bar import progress


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

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
    """Square brackets in a text are text; nothing goes to standard output, the place of results."""
    monkeypatch.setenv("TERM", "xterm")
    output = stream()
    monkeypatch.setattr("sys.stderr", output)
    with progress() as report:
        report(0, 2, "first [of two]")
        report(2, 2, "done")
    assert ("\x1b[" in output.getvalue()) == bar
    if bar:
        assert "2/2" in output.getvalue()
    else:
        assert output.getvalue() == "0/2  first [of two]\n2/2  done\n"
    assert capsys.readouterr().out == ""
