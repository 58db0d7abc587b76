"""What the checks in this folder share: a server of their own that is asked, and rows of what was found."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time


class Server:
    """A laurel, until it is stopped or killed; it can be started again."""

    def __init__(self, laurel: str, key: str, *words: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.key = key
        self.command = [laurel, "serve", "--addr", f"127.0.0.1:{self.port}", *words]
        self.start()

    def start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LAUREL_")}
        environment |= {"LAUREL_ADMIN_KEY": self.key, "RUST_LOG": "off"}
        self.process = subprocess.Popen(self.command, env=environment, stdout=subprocess.DEVNULL)
        for _ in range(600):
            try:
                if self.answer("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        sys.exit("the server does not come up")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def answer(self, method: str, path: str, body=None, headers=None, key: str | None = "") -> tuple[int, str, str]:
        """The answer's status, type and text; asked by the admin, unless another key is told, or none."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        key = self.key if key == "" else key
        sent |= {"Authorization": f"Bearer {key}"} if key else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, None if body is None else json.dumps(body), sent | (headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.getheader("content-type") or "", text

    def ask(self, method: str, path: str, body=None, headers=None, key: str | None = ""):
        """The answer's status and body: JSON as what it says, and anything else as text."""
        status, kind, text = self.answer(method, path, body, headers, key)
        return status, json.loads(text) if "json" in kind else text

    def ok(self, method: str, path: str, body=None):
        """The body of a success."""
        status, answer = self.ask(method, path, body)
        if status >= 300:
            sys.exit(f"{method} {path}: {status} {answer}")
        return answer


class Checks:
    """Prints a row for each check, and counts those that failed."""

    def __init__(self):
        self.failures = 0

    def __call__(self, what: str, got, want) -> None:
        good = got == want
        print(f"  {'ok ' if good else 'BAD'} {what}" + ("" if good else f": {got!r}, not {want!r}"))
        self.failures += not good
