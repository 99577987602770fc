"""Measures a page in a headless Chromium: where its elements lie, at any width, and what it does.

The page is laid out inside a frame, for a window of its own is never narrower than 500 pixels.
"""

import json
import re
import subprocess
from html import escape
from urllib.parse import unquote

from rigs.browser_axe import FLAGS, browser

__all__ = ["boxes", "browser", "run"]

HOLDER = """<!DOCTYPE html><meta charset="utf-8"><style>body {{ margin: 0 }}</style>
<pre id="result"></pre>
<iframe id="page" style="border: 0" width="{width}" height="{height}" srcdoc="{page}"></iframe>
<script>document.getElementById("page").onload = function () {{
  var frame = document.getElementById("page"), view = frame.contentWindow;
  var found = (function (window, document) {{ {script} }})(view, frame.contentDocument);
  document.getElementById("result").textContent = encodeURIComponent(JSON.stringify(found));
}};</script>"""
BOXES = """
var found = [];
%s.forEach(function (selector) {
  document.querySelectorAll(selector).forEach(function (each) {
    var box = each.getBoundingClientRect();
    found.push({selector: selector, left: box.left, top: box.top, right: box.right,
      bottom: box.bottom, scroll: each.scrollWidth});
  });
});
return found;
"""


def boxes(page, selectors, folder, width=1440, height=900):
    """Where everything that matches lies in the frame, in pixels, in the order of the page."""
    return run(page, BOXES % json.dumps(list(selectors)), folder, width, height)


def run(page, script, folder, width=1440, height=900):
    """What a script returns that runs beside the page, with its `window` and `document`."""
    copy = folder / "holder.html"
    copy.write_text(
        HOLDER.format(page=escape(page), script=script, width=width, height=height),
        encoding="utf8",
    )
    command = [browser()] + list(FLAGS) + ["--user-data-dir={}".format(folder / "profile")]
    done = subprocess.Popen(
        command + ["file://{}".format(copy)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    dom = done.communicate()[0].decode("utf8", "replace")
    found = re.findall(r'<pre id="result">([^<]*)</pre>', dom)
    assert found and found[0], "the browser gave no result"
    return json.loads(unquote(found[0]))
