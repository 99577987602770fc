"""What every page is held to: tags that close, colours that can be read, hostile text."""

import re
from html.parser import HTMLParser

from edgejoule.reports import markup
from edgejoule.reports.history import nightly_page, pages, past

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>' {{ 7*7 }} \x1b[31m\u202e"


class Outline(HTMLParser):
    """Every tag with its attributes; complains about tags that do not close in order."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, "</{}> closes {}".format(tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        """What a reader reads, on one line."""
        return " ".join(" ".join(self.words).split())


def write_history(folder, night=None, **options):
    """Writes the pages of a history into its folder `report`; their paths by name."""
    history = past.gather(folder, folder / "report", **options)
    return pages.write(history, nightly_page.nights(history, night), night)


def outline(text):
    """The parsed page, whole."""
    parsed = Outline()
    parsed.feed(text)
    parsed.close()
    assert not parsed.open
    return parsed


def bare(text):
    """The page without the one script that its policy allows; it must allow this and no other."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    own = [each for each in scripts if each == markup.script()]
    assert len(own) == 1 and "script-src '{}';".format(markup.digest(own[0])) in policy
    assert policy.count("script-src") == 1 and policy.count("sha256-") == 1
    return text.replace("<script>{}</script>".format(own[0]), "")


def palettes():
    """The colours of style.css: light, dark."""
    css = (markup.TEMPLATES / "style.css").read_text(encoding="utf8")
    found = [
        dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.S)
    ]
    return found[:2]


def contrast(one, two):
    """WCAG 2.1 contrast ratio of two colours, 1 to 21."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)
