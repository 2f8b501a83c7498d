"""How long until the page answers, until it can be used, and until the first point is on the curve; and what it weighs.

    python -m tests.benchmarks.startup [repeats]

Each repeat starts `autotrain up` on a data home of its own, opens the page in Chromium with an empty cache, then
submits the built-in sample with the preset Fast over HTTP. The page can be used when its file drop, its model and its
presets are there; that time runs from the first paint, and in a second figure from the request. Printed are medians
and their ratio to the goal: below 1 is within it.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import sync_playwright

from autotrain.recipe import presets
from tests.app import free_port
from tests.browser.conftest import ARGUMENTS, CHROMIUM

GOALS = {
    "up to page answers, s": 8.0,
    "first paint to usable, s": 2.0,
    "request to usable, s": 3.0,
    "web process, MB": 500.0,
    "start to first point, s": 15.0,
}
USABLE = """() => document.querySelector("input[type=file]") && document.querySelector("input[type=radio]:checked")
  && document.querySelector("[role=combobox]") ? performance.now() : false"""


def main(repeats: int = 3) -> None:
    """Repeat, then print each figure with its goal."""
    figures: dict[str, list[float]] = {name: [] for name in GOALS}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(prefix="at-") as home:
            for name, value in measure(Path(home)).items():
                figures[name].append(value)
    for name, values in figures.items():
        median = statistics.median(values)
        every = ", ".join(f"{value:.1f}" for value in values)
        print(f"{name:<28} median {median:7.1f}  goal {GOALS[name]:6.0f}  ratio {median / GOALS[name]:.2f}  ({every})")


def measure(home: Path) -> dict[str, float]:
    """One start, one run, one stop."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environment = os.environ | {"AUTOTRAIN_HOME": str(home), "AUTOTRAIN_PORT": str(port)}
    began = time.perf_counter()
    command = [sys.executable, "-c", "from autotrain.cli import main; main()", "up"]
    app = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: get(base + "/"), 60)
        answered = time.perf_counter() - began
        painted, usable = page_times(base)
        weight = web_memory(app.pid)
        recipe = presets("text-classification")["fast"].with_data(
            "sample:language-identification", text="text", label="label"
        )
        began = time.perf_counter()
        run = post(base + "/api/runs", {"recipe": recipe.to_yaml()})
        until(lambda: get(f"{base}/api/runs/{run['id']}/live").get("points"), 120)
        first = time.perf_counter() - began
        post(f"{base}/api/runs/{run['id']}/wish", {"wish": "cancel"})
    finally:
        app.send_signal(signal.SIGINT)
        app.wait(90)
    return dict(zip(GOALS, (answered, usable - painted, usable, weight, first), strict=True))


def page_times(base: str) -> tuple[float, float]:
    """Seconds from the request of the page to its first paint, and until it can be used."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = chromium.new_page()
        page.goto(base, wait_until="commit")
        usable = float(page.wait_for_function(USABLE, polling="raf", timeout=30_000).json_value())
        painted = float(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        chromium.close()
    return painted / 1000, usable / 1000


def web_memory(pid: int) -> float:
    """Resident megabytes of the process that serves the page."""
    children = psutil.Process(pid).children(recursive=True)
    return sum(p.memory_info().rss for p in children if any(part.endswith("app.py") for part in p.cmdline())) / 1e6


def get(url: str) -> Any:
    """The answer, parsed when it is JSON, or nothing when there is none yet."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            body = answer.read()
            return json.loads(body) if "json" in answer.headers["content-type"] else body
    except OSError:
        return {}


def post(url: str, body: dict[str, Any]) -> Any:
    """The JSON answer to a JSON question."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def until(answer: Any, seconds: float) -> None:
    """Ask until there is an answer. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not answer():
        if time.monotonic() > end:
            raise TimeoutError(f"no answer within {seconds} s")
        time.sleep(0.05)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
