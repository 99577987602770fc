"""A web server for one page of metrics, in a thread of its own.

It binds to this machine alone unless it is told otherwise: watts betray what a machine does.
"""

import errno
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Optional, Sequence, Tuple

from edgejoule.devices.exports.openmetrics import Family, negotiated

LOCAL = "127.0.0.1"
PATH = "/metrics"
PATIENCE_S = 10.0  # with a client that has connected and says nothing
HOME = '<p>edgejoule: the metrics are at <a href="{0}">{0}</a></p>\n'.format(PATH)


class Metrics:
    """Serves what was published last, from the moment it is made until it is closed.

    Raises:
        ValueError: the address is none of this machine's, or the port is taken.
    """

    def __init__(self, port: int, address: str = LOCAL):
        self._server = _listening(address, port)
        # A plain thread: it waits for clients, not for time.
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="edgejoule-metrics", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the page is, with the port that was found if any would do."""
        host, port = self._server.server_name, self._server.server_port
        return "http://{}:{}{}".format("[" + host + "]" if ":" in host else host, port, PATH)

    def publish(self, families: Sequence[Family]) -> None:
        """Serve these from now on; a request that is being answered gets all old or all new."""
        self._server.families = tuple(families)

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True  # a client that hangs must not keep the process from ending
    families: Tuple[Family, ...] = ()

    def __init__(self, family: int, place: Tuple[Any, ...]):
        self.address_family = family  # IPv4 or IPv6, as the address is
        super().__init__(place[:2], _Page)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks a name server who we are, which may hang
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is nobody's trouble."""


class _Page(BaseHTTPRequestHandler):
    server_version, sys_version = "edgejoule", ""
    timeout = PATIENCE_S
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 (http.server calls it by this name)
        path = self.path.partition("?")[0]
        if path == PATH:
            kind, text = negotiated(self.headers.get("Accept"))
            self._answer(200, kind, text(self.server.families))
        elif path == "/":
            self._answer(200, "text/html; charset=utf-8", HOME)
        else:
            self._answer(404, "text/plain; charset=utf-8", "not here; see {}\n".format(PATH))

    do_HEAD = do_GET  # noqa: N815 (as above)

    def _answer(self, code: int, kind: str, text: str) -> None:
        body = text.encode("utf8", "replace")
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line every scrape would fill the terminal that is watched."""


def _listening(address: str, port: int) -> _Server:
    try:
        family, _, _, _, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _Server(family, place)
    except (OSError, UnicodeError) as error:
        raise ValueError(_refusal(address, port, error)) from None


def _refusal(address: str, port: int, error: Exception) -> str:
    number: Optional[int] = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return (
            "metrics: asked for port {} of {}, which another program uses; choose another, "
            "or 0 for any that is free".format(port, address)
        )
    if number == errno.EACCES:
        return (
            "metrics: asked for port {} of {}, which this user may not use; choose one above "
            "1023, or 0 for any that is free".format(port, address)
        )
    return (
        "metrics: asked for the address {!r}: {}; it must be one of this machine's, such as {} "
        "(this machine alone) or 0.0.0.0 (everybody)".format(
            address, getattr(error, "strerror", None) or error, LOCAL
        )
    )
