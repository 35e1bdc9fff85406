"""``airworthy render`` and ``apply``: the manifests of an environment, and their rollout."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.json_output import Json, print_json, print_lines, print_result

if TYPE_CHECKING:
    from airworthy.kubernetes.workloads import Progress

EnvironmentName = Annotated[
    str, typer.Option("--env", help="The environment: a folder overlays/ENV of infra/kubernetes.")
]
Parts = Annotated[
    list[str] | None,
    typer.Option("--part", help="This part alone, such as model_server; may be repeated."),
]
Images = Annotated[
    list[str] | None,
    typer.Option("--image", metavar="NAME=IMAGE", help="Another image; may be repeated."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("render")(render)
    app.command("apply")(apply)


def render(
    environment: EnvironmentName,
    output: Annotated[
        Path | None,
        typer.Option(help="A folder: one file a part. Without it they are printed."),
    ] = None,
    parts: Parts = None,
    images: Images = None,
    as_json: Json = False,
) -> None:
    """Render an environment's Kubernetes manifests. It needs kubectl, and no cluster."""
    from airworthy.kubernetes.manifests import objects_of

    rendered = _rendered(environment, parts, images)
    if output is None:
        for text in rendered.values():
            if as_json:
                print_lines(True, objects_of(text), [])
            else:
                print_result(f"---\n{text.rstrip()}")
        return
    output.mkdir(parents=True, exist_ok=True)
    for part, text in rendered.items():
        file = output / f"{part}.yaml"
        file.write_text(text, encoding="utf-8")
        count = len(objects_of(text))
        print_lines(as_json, [{"file": str(file), "objects": count}], [f"{file}: {count} objects"])


def apply(  # noqa: PLR0913 - the options of one command
    environment: EnvironmentName,
    parts: Parts = None,
    images: Images = None,
    context: Annotated[
        str | None, typer.Option(help="A context of the kubeconfig; else its current one.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the rollout.")
    ] = 600.0,
    force_conflicts: Annotated[
        bool,
        typer.Option("--force-conflicts", help="Take over fields that somebody else has set."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Apply an environment's Kubernetes manifests, and wait for the rollout.

    It says what does not come up, and why. Nothing of the models is pushed: the model servers
    follow the record. Stopping it stops the waiting alone.
    """
    from airworthy.kubernetes.kubectl import Kubectl
    from airworthy.kubernetes.manifests import in_order
    from airworthy.kubernetes.rollout import LastingFaults, apply_manifests, wait_for_rollout

    kubectl = Kubectl(context)
    manifests = in_order(list(_rendered(environment, parts, images).values()))
    for line in apply_manifests(kubectl, manifests, force=force_conflicts):
        typer.echo(line, err=True)
    states = wait_for_rollout(
        kubectl,
        manifests,
        timedelta(seconds=timeout),
        lambda line: typer.echo(line, err=True),
        LastingFaults(),
    )
    _print_states(environment, states, as_json)


def _rendered(
    environment: str, parts: list[str] | None, images: list[str] | None
) -> dict[str, str]:
    from airworthy.kubernetes.manifests import parse_images, parts_of, render
    from airworthy.project import project_folder

    wanted = parse_images(images or [])
    overlays = parts_of(project_folder(), environment, parts or [])
    return {part: render(folder, wanted) for part, folder in overlays.items()}


def _print_states(environment: str, states: list[Progress], as_json: bool) -> None:
    if as_json:
        for state in states:
            names = dict(state.workload._asdict())
            print_json({**names, "ready": state.done, "wanted": state.wanted})
        return
    pods = sum(state.done for state in states)
    typer.echo(f"{environment}: {len(states)} workloads with {pods} pods are up")
