"""``airworthy ledger``: read the ledger, check it, send its head to the anchors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_to_stderr, user_name
from airworthy.cli.completion import complete_models
from airworthy.cli.json_output import Json, print_json, print_lines
from airworthy.environment import load_environment
from airworthy.errors import TerminalError, TransientError
from airworthy.shown_text import one_line

if TYPE_CHECKING:
    from airworthy.anchors import AnchorCheck
    from airworthy.environment import Environment
    from airworthy.ledger import Entry

_ALLOWED = (
    "airworthy ledger MODEL [--at TIME] [--json], airworthy ledger verify MODEL [--head FILE], "
    'airworthy ledger anchor MODEL [--accept --reason "..."]'
)
_ACTIONS = ("verify", "anchor")


@dataclass(frozen=True)
class _Options:
    """The options of the command."""

    at: str | None
    as_json: bool
    heads: list[Path]
    accept: bool
    reason: str


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("ledger")(ledger)


def ledger(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[verify | anchor] MODEL",
            autocompletion=complete_models,
            help="With verify: check hash chain and anchors. With anchor: send the head to them.",
        ),
    ],
    at: Annotated[
        str | None, typer.Option(help="A time or a day's first moment, UTC: what served then?")
    ] = None,
    as_json: Json = False,
    head: Annotated[
        list[Path] | None,
        typer.Option(help="verify: a kept mail, or lines of a webhook's receiver, with heads."),
    ] = None,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="anchor: in your name, earlier heads count no more."),
    ] = False,
    reason: Annotated[str, typer.Option(help="Why it is accepted; the anchors keep it.")] = "",
) -> None:
    """Print MODEL's decisions, oldest first; or its champion at a time; or check the ledger."""
    from airworthy.cli.model_names import require_known_model

    options = _Options(at, as_json, head or [], accept, reason.strip())
    action = words[0] if len(words) == 2 and words[0] in _ACTIONS else "print"
    _require_fitting(words, action, options)
    model, environment = words[-1], load_environment()
    require_known_model(environment, model)
    actions: dict[str, Callable[[Environment, str, _Options], None]] = {
        "verify": _verify,
        "anchor": _anchor,
        "print": _print if at is None else _print_served,
    }
    actions[action](environment, model, options)


def _require_fitting(words: list[str], action: str, options: _Options) -> None:
    """Check that words and options fit together."""
    fits = len(words) == (1 if action == "print" else 2)
    fits = fits and (action == "print" or options.at is None)
    fits = fits and (action == "verify" or not options.heads)
    fits = fits and (action == "anchor" or not (options.accept or options.reason))
    if not fits:
        given = {"--at": options.at, "--head": options.heads, "--accept": options.accept}
        given |= {"--reason": options.reason}
        received = [*words, *(f"{name} {value}" for name, value in given.items() if value)]
        raise TerminalError(
            "the ledger command takes one model",
            received=" ".join(received),
            allowed=_ALLOWED,
        )
    if options.accept != bool(options.reason):
        raise TerminalError(
            "a ledger is accepted as it is only with a reason",
            received="--accept" if options.accept else "--reason",
            allowed='--accept --reason "..."',
            next_step="airworthy ledger verify MODEL",
        )


def _verify(environment: Environment, model: str, options: _Options) -> None:
    from airworthy.anchors import check_anchors, read_kept_heads

    # Before the ledger: an entry appended meanwhile is no missing one.
    kept = read_kept_heads(environment, model, {str(path): _read(path) for path in options.heads})
    entries = _unbroken_entries(environment, model)
    check = check_anchors(kept, [entry.hash for entry in entries])
    for note in check.notes:
        typer.echo(one_line(f"note: {note}"), err=True)
    if check.problems:
        raise _anchors_disagree(model, check)
    if options.as_json:
        result = {"model": model, "whole": True, "entries": len(entries)}
        head = check.newest.head.sequence if check.newest else None
        print_json({**result, "anchored": head, "notes": check.notes})
        return
    for line in _verified(model, entries, check):
        typer.echo(one_line(line))


def _verified(model: str, entries: list[Entry], check: AnchorCheck) -> list[str]:
    from airworthy.ledger.ledger_queries import clocks_behind

    if not entries:
        lines = [f"{model}: the ledger is empty: nothing was recorded yet"]
    else:
        lines = [f"{model}: the ledger is whole: {len(entries)} entries"]
    if check.newest is not None:
        head = check.newest.head
        since = len(entries) - head.sequence
        more = f"; the {since} since then are in no anchor" if since else ""
        lines.append(f"  anchored up to entry {head.sequence} in {check.newest.anchor}{more}")
    elif entries:
        lines.append("  no anchor has a head of it: entries cut from its end would not be noticed")
        lines.append(f"  next:     airworthy ledger anchor {model}")
    lines += [
        f"  entry {each.sequence} was written by a clock that was behind: {each.time}"
        for each in clocks_behind(entries)
    ]
    return lines


def _anchors_disagree(model: str, check: AnchorCheck) -> TerminalError:
    return TerminalError(
        "the ledger does not fit what its anchors have kept",
        model=model,
        received="\n".join(check.problems),
        allowed="every kept head, and nothing taken away since",
        next_step="compare with a backup of the ledger's table; only when you know why it differs: "
        f'airworthy ledger anchor {model} --accept --reason "..."',
    )


def _anchor(environment: Environment, model: str, options: _Options) -> None:
    from airworthy.anchors import check_anchors, read_kept_heads, send_head
    from airworthy.ledger.ledger import head_of

    log_to_stderr()
    kept = read_kept_heads(environment, model)
    entries = _unbroken_entries(environment, model)
    if not entries:
        raise TerminalError(
            "the ledger is empty, so there is no head to keep",
            model=model,
            received="no entry",
            allowed="a ledger with an entry",
            next_step=f"airworthy run {model}",
        )
    check = check_anchors(kept, [entry.hash for entry in entries])
    if check.problems and not options.accept:
        raise _anchors_disagree(model, check)
    head = head_of(environment, entries[-1])
    if options.accept:
        head = head.model_copy(update={"accepted_by": user_name(), "reason": options.reason})
    results = send_head(environment, head)
    for name, problem in results.items():
        line = one_line(f"{model}: entry {head.sequence} -> {name}: {problem or 'kept'}")
        sent = {"model": model, "sequence": head.sequence, "anchor": name, "problem": problem}
        print_lines(options.as_json, [sent], [line])
    failed = [name for name, problem in results.items() if problem is not None]
    if failed or not results:
        raise TransientError(
            "not every anchor has the head" if results else "the environment has no anchor",
            model=model,
            received=", ".join(failed) or "anchors: []",
            allowed="anchors that take it",
            next_step="see the environment's key `anchors`",
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TerminalError(
            "this file with heads cannot be read",
            received=f"{path}: {error.strerror}",
            allowed="a mail, or lines of JSON",
        ) from None


def _unbroken_entries(environment: Environment, model: str) -> list[Entry]:
    """Return a ledger's entries. An answer from a changed ledger would be no evidence."""
    from airworthy.ledger import changed_entry_error, first_broken_entry, open_ledger

    entries = open_ledger(environment, model).entries()
    broken = first_broken_entry(entries, model)
    if broken is not None:
        raise changed_entry_error(f"{broken.sequence} ({broken.entry_id})", model)
    return entries


def _print_served(environment: Environment, model: str, options: _Options) -> None:
    from airworthy.cli.ledger_lines import served_lines
    from airworthy.ledger.ledger_queries import parse_moment, served_at

    moment = parse_moment(str(options.at))
    service = served_at(_unbroken_entries(environment, model), moment)
    if options.as_json:
        served = asdict(service) if service else None
        print_json({"model": model, "at": moment.isoformat(), "served": served})
        return
    for line in served_lines(model, moment, service):
        typer.echo(line)


def _print(environment: Environment, model: str, options: _Options) -> None:
    from airworthy.cli.ledger_lines import ledger_line
    from airworthy.ledger import open_ledger

    entries = open_ledger(environment, model).entries()
    if not entries and not options.as_json:
        typer.echo(f"{model}: the ledger is empty: nothing was recorded yet")
    for entry in entries:
        print_lines(options.as_json, [entry.stored], [ledger_line(entry)])
