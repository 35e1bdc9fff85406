"""Pages of other libraries, in a sandbox: HTML that holds texts of data.

The page is the content of a frame without an origin of its own: what runs in it reads no other page
and no file. Its policy lets it load nothing but what the page itself holds, and styles and fonts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_POLICY = (
    "default-src 'none'; frame-src about:; img-src data:; base-uri 'none'; form-action 'none'; "
    "style-src 'unsafe-inline' https:; font-src data: https:"
)
_OWN_SCRIPTS = "; script-src 'unsafe-inline' 'unsafe-eval'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>html, body {{ margin: 0; }} iframe {{ border: 0; display: block; width: 100%; height: 100vh; }}</style>
</head>
<body><iframe sandbox="{allowed}" srcdoc="{page}"></iframe></body>
</html>
"""


def content_policy(*, scripts: bool) -> str:
    """Return the Content-Security-Policy of such a page: a server sends it too, with ``sandbox``."""
    return _POLICY + (_OWN_SCRIPTS if scripts else "")


def sandboxed_page(title: str, page: str, *, scripts: bool) -> str:
    """Return a page that shows another one in a sandbox.

    Args:
        title: The title, as text.
        page: The other page, as HTML.
        scripts: Whether scripts in that page run. They reach nothing outside it.
    """
    return _PAGE.format(
        title=escape(title),
        policy=content_policy(scripts=scripts),
        allowed="allow-scripts" if scripts else "",
        page=escape(page),
    )


def escaped_texts(value: Any) -> Any:
    """Return a value with all texts in it escaped for HTML, keys of mappings among them."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, Mapping):
        return {escaped_texts(key): escaped_texts(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [escaped_texts(each) for each in value]
    return value
