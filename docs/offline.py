"""That the built pages ask nothing of the network: no fonts, scripts, styles or pictures."""

import re
from pathlib import Path
from typing import List

LOADING = (  # what a browser fetches by itself; a link that a reader clicks is no request
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc\s*=\s*[\"']?((?:https?:)?//[^\"'\s>]+)",
    r"<link\b(?=[^>]*\brel\s*=\s*[\"']?(?:stylesheet|icon|preload|preconnect|dns-prefetch))"
    r"[^>]*\bhref\s*=\s*[\"']?((?:https?:)?//[^\"'\s>]+)",
    r"url\(\s*[\"']?((?:https?:)?//[^\"')\s]+)",
    r"@import\s+[\"']((?:https?:)?//[^\"']+)",
)


def requests(text: str) -> List[str]:
    """Addresses that a page or a style sheet would fetch from elsewhere."""
    return [found for pattern in LOADING for found in re.findall(pattern, text, re.IGNORECASE)]


def of_site(folder: Path) -> List[str]:
    """Sentences, one per file and address; none if the site is whole in itself."""
    pages = [path for path in sorted(folder.rglob("*")) if path.suffix in (".html", ".css")]
    return [
        "{} fetches {}".format(path.relative_to(folder), address)
        for path in pages
        for address in requests(path.read_text(encoding="utf8"))
    ]


def refuse(app, exception) -> None:
    """Ends a build whose pages would go to the network."""
    found = [] if exception else of_site(Path(app.outdir))
    if found:
        raise RuntimeError("the site is not self-contained: " + "; ".join(found))
