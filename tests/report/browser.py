"""A headless Chromium spoken to over a pipe in the DevTools protocol: looks at a page, at any width."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")


def executable() -> str | None:
    """Path of the first Chromium on PATH; None without one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab; ``complaints`` holds what the console and the loader have said against the page."""

    def __init__(self, reads: int, writes: int) -> None:
        self._in, self._out = os.fdopen(reads, "rb", buffering=0), os.fdopen(writes, "wb", buffering=0)
        self._numbers, self._rest = itertools.count(1), b""
        self.session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and give its answer."""
        number = next(self._numbers)
        call = {"id": number, "method": method, "params": parameters}
        self._out.write(
            json.dumps(call | ({"sessionId": self.session} if self.session else {})).encode() + b"\0"
        )
        while (message := self._next()).get("id") != number:
            self.events.append(message)
        assert "error" not in message, (method, message["error"])
        return dict(message["result"])

    def open(self, path: Path, width: int, height: int = 844, dark: bool = False) -> None:
        """Show a file in a window of so many CSS pixels, and wait until it is loaded."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.send("Page.navigate", url=path.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        return self.send("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def screenshot(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def pdf(self) -> bytes:
        """The page as printed on A4."""
        paper = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": False}
        return base64.b64decode(self.send("Page.printToPDF", **paper)["data"])

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of scripts, styles and the loader, since the page was opened."""
        bad = {"Runtime.exceptionThrown", "Network.loadingFailed"}
        told = {"Runtime.consoleAPICalled", "Log.entryAdded"}
        return [json.dumps(event["params"]) for event in self.events if event["method"] in bad | told]

    @property
    def requests(self) -> list[str]:
        """Addresses that the page asked for, itself included."""
        sent = (event for event in self.events if event["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = self._in.read(1 << 16)
            assert read, "the browser has gone"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a profile folder of its own, ended with the block."""
    ends = [*os.pipe(), *os.pipe()]
    their_in, our_out, our_in, their_out = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    command = f'exec "$0" "$@" 3<&{their_in} 4>&{their_out}'
    call = ["bash", "-c", command, str(executable()), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        call, pass_fds=(their_in, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(their_in)
    os.close(their_out)
    try:
        tab = Browser(our_in, our_out)
        yield tab
        tab.session = None
        tab.send("Browser.close")
        process.wait(10)
    finally:
        process.kill()
        process.wait()
