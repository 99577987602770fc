"""Runs axe-core over a page in a headless Chromium and returns what it complains about.

axe-core is none of our dependencies: `npm install axe-core` anywhere, and name its file in
AXE_PATH or run from a folder above its node_modules.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=60000",
    "--dump-dom",
)
RUN = """<pre id="axe-result"></pre><script>%s</script><script>
var dark = matchMedia("(prefers-color-scheme: dark)").matches;
axe.run(document, {resultTypes: ["violations"]}).then(function (found) {
  document.getElementById("axe-result").textContent = encodeURIComponent(JSON.stringify({
    dark: dark, found:
    found.violations.map(function (each) { return {id: each.id, impact: each.impact,
      help: each.help, nodes: each.nodes.slice(0, 3).map(function (n) { return n.html; })}; })}));
});</script></body>"""


def browser():
    """The path of a Chromium, None if there is none."""
    return next((found for found in map(shutil.which, BROWSERS) if found), None)


def script():
    """The path of axe.min.js, None if there is none."""
    places = [Path(os.environ["AXE_PATH"])] if os.environ.get("AXE_PATH") else []
    here = Path(__file__).resolve()
    places += [
        folder / "node_modules" / "axe-core" / "axe.min.js"
        for folder in list(here.parents) + [Path.cwd(), Path.home()]
    ]
    places = [each / "axe.min.js" if each.is_dir() else each for each in places]
    return next((each for each in places if each.is_file()), None)


def violations(page, folder, dark=False, width=1440):
    """What axe finds in a page, everything folded away unfolded: dicts with impact and nodes."""
    text = page.replace("<details>", "<details open>")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    copy = folder / "copy.html"
    copy.write_text(
        text.replace("</body>", RUN.replace("%s", script().read_text(encoding="utf8"))),
        encoding="utf8",
    )
    command = (
        [browser()]
        + list(FLAGS)
        + ["--user-data-dir={}".format(folder / "profile"), "--window-size={},2000".format(width)]
    )
    command += ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.Popen(
        command + ["file://{}".format(copy)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    result = _result(done.communicate()[0].decode("utf8", "replace"))
    assert result["dark"] is dark, "the browser did not take the colours it was told to"
    return result["found"]


def _result(dom):
    found = re.findall(r'<pre id="axe-result">([^<]*)</pre>', dom)
    assert found and found[0], "axe gave no result"
    return json.loads(unquote(found[0]))
