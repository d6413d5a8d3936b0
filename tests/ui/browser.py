# tests/ui/browser.py - Chromium without a window, driven through the pipe of its DevTools protocol. No package but Python's own.
#
# Everything a page does wrong is remembered: errors and warnings on the console, exceptions, what its policy blocked, requests
# that fail or leave the page's own origin. at_peace() raises when there was any.
import base64
import itertools
import json
import os
import select
import subprocess
import tempfile
import time
import urllib.parse

PROGRAM = os.environ.get("CHROMIUM", "chromium")
DEADLINE = 20.0


class Failed(Exception):
    """A check that did not hold."""


class Browser:
    def __init__(self, width=1280, height=900, dark=False):
        self.profile = tempfile.TemporaryDirectory(prefix="berth-browser-", ignore_cleanup_errors=True)
        to_browser, self.out = os.pipe()
        self.input, from_browser = os.pipe()
        # The child finds its ends at 3 and 4.
        command = ["bash", "-c", f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"', "bash", PROGRAM, "--headless=new", "--no-sandbox",
                   "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
                   "--disable-component-update", "--disable-default-apps", "--disable-extensions", "--hide-scrollbars",
                   f"--user-data-dir={self.profile.name}", f"--window-size={width},{height}", "--remote-debugging-pipe", "about:blank"]
        self.process = subprocess.Popen(command, pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": self.profile.name})
        os.close(to_browser)
        os.close(from_browser)
        self.numbers = itertools.count(1)
        self.buffer = b""
        self.wrongs = []
        self.requests = []
        self.origin = None
        self.ignoring = False
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility", "DOM", "Audits"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.prefer(dark)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.input)
        self.profile.cleanup()

    # -- the protocol

    def call(self, method, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        end = time.monotonic() + DEADLINE
        while True:
            answer = self.receive(end - time.monotonic())
            if answer is None:
                raise Failed(f"the browser did not answer {method}")
            if answer.get("id") == number:
                if "error" in answer:
                    raise Failed(f"{method}: {answer['error']}")
                return answer["result"]

    def receive(self, seconds):
        """The next message; None when none came in time. Events are taken note of, and returned too."""
        end = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.input], [], [], left)[0]:
                return None
            data = os.read(self.input, 1 << 20)
            if not data:
                raise Failed("the browser ended")
            self.buffer += data
        raw, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(raw)
        if "method" in message:
            self.note(message["method"], message.get("params", {}))
        return message

    def note(self, method, params):
        if method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            self.requests.append(url)
            if self.origin and not url.startswith((self.origin + "/", "data:", "about:", "chrome")):
                self.wrongs.append(f"a request to elsewhere: {url}")
        if self.ignoring:
            return
        if method == "Runtime.exceptionThrown":
            self.wrongs.append("exception: " + json.dumps(params["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.wrongs.append("console: " + json.dumps(params["args"])[:600])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.wrongs.append("log: " + params["entry"]["text"][:300] + " " + params["entry"].get("url", ""))
        elif method == "Audits.issueAdded" and params["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.wrongs.append("policy: " + json.dumps(params["issue"])[:600])
        elif method == "Page.javascriptDialogOpening":
            self.wrongs.append("a dialog opened: " + params["message"])

    # -- what a person does

    def open(self, url):
        parts = urllib.parse.urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        result = self.call("Page.navigate", url=url)
        if "errorText" in result:
            raise Failed(f"open {url}: {result['errorText']}")

    def prefer(self, dark, reduced_motion=True):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"}])

    KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "End": 35, " ": 32}

    def key(self, name, shift=False):
        text = {"Enter": "\r", " ": " "}.get(name)
        common = {"key": name, "code": {" ": "Space"}.get(name, name), "windowsVirtualKeyCode": self.KEYS[name], "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.call("Input.insertText", text=text)

    # -- what a person sees

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise Failed(f"{expression}: {json.dumps(result['exceptionDetails'])[:600]}")
        return result["result"].get("value")

    def wait(self, what, expression, seconds=DEADLINE):
        """Until the expression is true; what it was then."""
        end = time.monotonic() + seconds
        while True:
            try:  # what it looks at may not be there yet
                value = self.js(expression)
            except Failed:
                value = None
            if value:
                return value
            if time.monotonic() > end:
                raise Failed(f"not within {seconds:.0f} s: {what} ({expression})\n{self.js('document.body.innerText')[:3000]}\n{self.wrongs}")
            time.sleep(0.05)

    def shoot(self, path, clip=None):
        data = self.call("Page.captureScreenshot", format="png", **({"clip": {**clip, "scale": 1}} if clip else {}))["data"]
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def tree(self):
        """The accessibility tree: [(role, name)] of what is not ignored."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(node.get("role", {}).get("value", ""), node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")]

    def nameless(self):
        """Controls and regions that a screen reader could not name."""
        named = {"button", "link", "textbox", "searchbox", "checkbox", "combobox", "region", "dialog", "img", "image", "table", "figure",
                 "heading", "list_box", "MenuListPopup"}
        return [role for role, name in self.tree() if role in named and not name.strip() and role != "MenuListPopup" and role != "table"]

    def at_peace(self):
        while self.receive(0.05) is not None:
            pass
        if self.wrongs:
            raise Failed("the page did what it must not:\n  " + "\n  ".join(self.wrongs[:20]))


# WCAG 2's contrast of every text that is seen against what lies behind it; [(ratio, text)] of what is too faint.
FAINT = """(() => {
  const parse = (text) => { const m = text.match(/[\\d.]+/g).map(Number); return {rgb: m.slice(0, 3), a: m.length > 3 ? m[3] : 1}; };
  const light = (rgb) => { const [r, g, b] = rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (node) => { for (let at = node; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor); if (c.a > 0.99) return c.rgb; }
    return [255, 255, 255]; };
  const out = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
    if (!text || node.closest('[hidden], .unseen, .skip, noscript, [aria-hidden]') || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(parse(style.color).rgb), light(behind(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) out.push([ratio.toFixed(2), text.slice(0, 40)]);
  }
  return out;
})()"""
