"""Builds every image of docker-compose.yaml without a registry of images, Grafana's left out.

The base is made by debootstrap, from the mirror of this machine's own apt. It needs root.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
BASE = "airworthy-offline-base"
STAND_INS = ("postgres", "redis", "nginx", "prometheus", "s3")
OWN = ("airworthy-stage", "airworthy-server", "airworthy-airflow")
_PACKAGES = "python3,python3-venv,ca-certificates"
_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_TARGETS = ("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)")


def build_all() -> None:
    """Build the base if it is missing, and every other image. What has not changed takes seconds."""
    if not output("docker", "images", "--quiet", BASE):
        build_base()
    subprocess.run(["make", "images", f"BASE={BASE}"], cwd=PROJECT, check=True)
    for name in STAND_INS:
        build_stand_in(name)


def build_base() -> None:
    """Make the image of a small Debian with Python, and with this machine's certificates."""
    mirror, codename = apt_mirror()
    with tempfile.TemporaryDirectory(prefix="airworthy-base-") as folder:
        root = Path(folder) / "root"
        options = ("--variant=minbase", f"--include={_PACKAGES}")
        subprocess.run(["debootstrap", *options, codename, str(root), mirror], check=True)
        own = [str(path) for path in _CERTIFICATES.glob("*.crt")]
        subprocess.run(
            ["cp", "--target-directory", f"{root}{_CERTIFICATES}", *own], check=bool(own)
        )
        subprocess.run(["chroot", str(root), "update-ca-certificates"], check=True)
        subprocess.run(["chroot", str(root), "apt-get", "clean"], check=True)
        import_root(root)


def import_root(root: Path) -> None:
    """Import a root folder as the base image. Python's installers trust the machine's certificates."""
    trust = [f"--change=ENV SSL_CERT_FILE={_BUNDLE} PIP_CERT={_BUNDLE}", "--change=CMD bash"]
    with subprocess.Popen(
        ["tar", "--directory", str(root), "--create", "."], stdout=subprocess.PIPE
    ) as archive:
        subprocess.run(["docker", "import", *trust, "-", BASE], stdin=archive.stdout, check=True)
    if archive.returncode:
        raise subprocess.CalledProcessError(archive.returncode, "tar")


def build_stand_in(name: str) -> None:
    """Build the image of one service that is not ours."""
    options = ["--file", "infra/docker/offline/Dockerfile", "--build-arg", f"BASE={BASE}"]
    tag = ["--target", name, "--tag", f"airworthy-offline-{name}"]
    subprocess.run(["docker", "build", "--quiet", *options, *tag, "."], cwd=PROJECT, check=True)


def apt_mirror() -> tuple[str, str]:
    """Return the mirror of this machine's distribution, and the distribution's name.

    Raises:
        LookupError: when apt names no mirror of it.
    """
    codename = output("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME")
    for line in output(*_TARGETS).splitlines():
        uri, *rest = line.split()
        if rest == [codename, "main"]:
            return uri, codename
    raise LookupError(f"apt names no mirror of {codename}: apt-get update, then try again")


def output(*command: str) -> str:
    """Return the output of a command."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    build_all()
