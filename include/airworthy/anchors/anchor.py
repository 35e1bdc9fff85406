"""The protocol of anchors, and the anchors of an environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from airworthy.anchor_settings import (
    AnchorSettings,
    BucketAnchor,
    EmailAnchor,
    FileAnchor,
    WebhookAnchor,
)
from airworthy.anchors.head import SignedHead


class Anchor(Protocol):
    """A place outside the lake that keeps heads."""

    def keep(self, model: str, sequence: int, signed: SignedHead) -> None:
        """Keep a head.

        Args:
            model: The model.
            sequence: The number of the head's entry.
            signed: The signed head.

        Raises:
            AirworthyError: when the place cannot be reached or refuses.
            OSError: likewise.
        """

    def lines(self, model: str) -> Iterator[str] | None:
        """Yield the lines that it has kept for a model; None: it cannot be read from here.

        Raises:
            AirworthyError: when the place cannot be reached or refuses.
            OSError: likewise.
        """


def open_anchor(settings: AnchorSettings) -> Anchor:
    """Return the anchor of some settings. Nothing is read or sent yet."""
    from airworthy.anchors import kept_anchors, sent_anchors

    match settings:
        case FileAnchor():
            return kept_anchors.FolderOfHeads(settings.path)
        case BucketAnchor():
            return kept_anchors.BucketOfHeads(settings.uri)
        case WebhookAnchor():
            return sent_anchors.HeadWebhook(settings.url)
        case EmailAnchor():
            return sent_anchors.HeadMail(settings)
