"""Firefox driven by WebDriver BiDi, which it speaks itself, so that nothing but the browser is needed.

Playwright drives builds of its own, or by BiDi a Firefox that is newer than what Debian has: 1.65 sets emulated media,
which Firefox 153 does not know.
"""

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import websocket

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
NEEDS_FIREFOX = pytest.mark.skipif(FIREFOX is None, reason="no Firefox here: apt install firefox-esr")
_KEYS = {"Enter": "\ue007", "ArrowLeft": "\ue012"}
_CENTRES = """((...elements) => {
  elements[0].scrollIntoView({ block: "center", behavior: "instant" });
  const boxes = elements.map((element) => element.getBoundingClientRect());
  return boxes.map((box) => [box.x + box.width / 2, box.y + box.height / 2].map(Math.round));
})"""


class Firefox:
    """A Firefox without a window, with one page. ``asked``: the addresses it loaded; ``said``: its pages' errors."""

    def __init__(self, home: Path):
        command = [str(FIREFOX), "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(home)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        address = next(line.split()[-1] for line in self.process.stderr if "BiDi listening on" in line)
        self.socket = websocket.create_connection(f"{address}/session", timeout=60, suppress_origin=True)
        self.numbers = itertools.count()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["network.beforeRequestSent", "log.entryAdded"])
        self.page = self.send("browsingContext.create", type="tab")["context"]  # the first one has no focus for keys

    def send(self, method, **parameters):
        """Give a command and return its result; what happens meanwhile is noted."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            about = answer.get("params", {})
            if answer.get("method") == "network.beforeRequestSent":
                self.asked.append(about["request"]["url"])
            elif answer.get("method") == "log.entryAdded" and about["level"] == "error":
                self.said.append(about["text"])
            elif answer.get("id") == number:
                assert answer["type"] == "success", (method, answer)
                return answer["result"]

    def goto(self, url):
        """Load a page, with nothing noted yet."""
        self.asked, self.said = [], []
        self.send("browsingContext.navigate", context=self.page, url=url, wait="complete")

    def ask(self, expression):
        """Return what a piece of JavaScript gives, once it is there."""
        done = self.send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self.page},
            awaitPromise=True,
        )
        assert done["type"] == "success", done
        return json.loads(done["result"].get("value", "null"))

    def act(self, kind, *actions, **parameters):
        """Carry out actions of a mouse, a finger or a keyboard."""
        source = {"type": kind, "id": f"{kind} {parameters}", "actions": list(actions)}
        source |= {"parameters": parameters} if parameters else {}
        self.send("input.performActions", context=self.page, actions=[source])

    def key(self, name):
        """Press and release a key."""
        self.act("key", *({"type": f"key{way}", "value": _KEYS[name]} for way in ("Down", "Up")))

    def press(self, element, hand="pointer", to=None):
        """Press an element, an expression of JavaScript; ``to`` is another one onto which it is dragged."""
        if hand == "keyboard":
            self.ask(f"({element}).focus()")
            self.key("Enter")
            return
        places = self.ask(f"{_CENTRES}({', '.join(filter(None, (element, to)))})")
        start, *end = [{"type": "pointerMove", "x": x, "y": y, "duration": 50} for x, y in places]
        down, up = ({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))
        self.act("pointer", start, down, *end, up, pointerType="touch" if hand == "touch" else "mouse")

    def texts(self, selector):
        """Return the texts of all elements of a selector."""
        return self.ask(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.textContent)")

    def close(self):
        """End it."""
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)
