"""One HTML page from JavaScript modules, a style sheet and data: no network, no build tool, no kernel.

The modules in js/ are ordinary ES modules, so that tests can import them one by one. In a page they become one plain
script: each module a function that returns its exports. Modules inside a page would need addresses of their own, which
neither a notebook's output nor a file on disk can give them.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_IMPORT = re.compile(r"^import \{ ([\w, ]+) \} from '\./(\w+)\.js';$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)  # that fill their lines
_EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)


def bundle(entry: str, sources: Mapping[str, str]) -> str:
    """All modules that `entry` needs as one script; `sources` maps names to module texts. ValueError: not bundlable."""
    order: list[str] = []
    _visit(entry, sources, order, ())
    return "'use strict';\nconst modules = {};\n" + "\n".join(_wrap(name, sources[name]) for name in order)


def _visit(name: str, sources: Mapping[str, str], order: list[str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"modules import each other in a circle: {' -> '.join([*above, name])}")
    if name in order:
        return
    if name not in sources:
        raise ValueError(f"{above[-1] if above else 'the page'} imports {name}.js, which does not exist")
    for _, needed in _IMPORT.findall(sources[name]):
        _visit(needed, sources, order, (*above, name))
    order.append(name)


def _wrap(name: str, source: str) -> str:
    exports = _EXPORT.findall(source)
    for names, needed in _IMPORT.findall(source):
        if not names.strip():
            raise ValueError(f"{name}.js imports nothing from {needed}.js")
    body = _IMPORT.sub(r"const { \1 } = modules.\2;", source)
    body = _COMMENT.sub("", body)  # a lesson holds ten players: a page carries no more than it needs
    body = _EXPORT.sub(lambda found: found.group().removeprefix("export "), body)
    left = re.search(r"^(import|export)\b.*$", body, flags=re.MULTILINE)
    if left:
        raise ValueError(f"{name}.js: only `import {{ a }} from './b.js';` can be bundled, found: {left.group()}")
    return f"modules.{name} = (() => {{\n{body}\nreturn {{ {', '.join(exports)} }};\n}})();"


def javascript(entry: str) -> str:
    """The script of a player: its entry module in js/ and everything that module needs."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted((HERE / "js").glob("*.js"))}
    return bundle(entry, sources)


def stylesheet() -> str:
    """The players' style sheet."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((HERE / "css").glob("*.css")))


def as_json(data: Mapping[str, Any]) -> str:
    """Data as JSON that may stand inside a <script> element: no character there can end it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def document(entry: str, data: Mapping[str, Any], *, title: str, alt: str, standalone: bool) -> str:
    """A complete HTML document that shows one player; `standalone` gives it a background and margins of its own."""
    script = javascript(entry)
    if "</script" in script.lower():
        raise ValueError("a module contains </script>, which would end the page's script")
    kind = ' class="page"' if standalone else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en"{kind}>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{stylesheet()}</style>\n</head>\n<body>\n"
        f'<main class="player" id="player"><noscript><p>{html.escape(alt)}</p></noscript></main>\n'
        f'<script type="application/json" id="data">{as_json(data)}</script>\n'
        f"<script>\n(() => {{\n{script}\n"
        "window.player = modules." + entry + "." + entry + "(document.getElementById('player'), "
        "JSON.parse(document.getElementById('data').textContent));\n"
        "window.player.catch((error) => {\n"
        "  document.getElementById('player').prepend(`This player could not start: ${error.message}`);\n"
        "  throw error;\n"
        "});\n})();\n</script>\n</body>\n</html>\n"
    )


def frame(page: str, *, title: str, alt: str, height: int) -> str:
    """A page as a fragment for a notebook's output: an inline frame, so that neither side's styles or keys leak.

    The frame grows to its content and follows the theme of the page around it (js/frame.js, js/theme.js).
    """
    inside = page.replace("&", "&amp;").replace('"', "&quot;")
    return (
        f'<figure role="group" aria-label="{html.escape(alt)}" style="margin:0">'
        f'<iframe title="{html.escape(title)}" allow="autoplay" '
        f'style="display:block;width:100%;height:{height}px;border:0;background:transparent" '
        f'srcdoc="{inside}"></iframe><noscript><p>{html.escape(alt)}</p></noscript></figure>'
    )
