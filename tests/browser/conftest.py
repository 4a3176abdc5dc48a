"""A real browser: Chromium driven by playwright, JupyterLab and Voilà on free ports, and a page that records every error and every request.

These tests run by `make test-browser` (pytest tests/browser), not by a plain `pytest`: they start servers and take minutes.
They need the Python package playwright (any 1.4x or newer, no browser of its own) and a Chromium: Debian's and Ubuntu's `chromium`, or the one that MSAN_CHROMIUM names.
Screenshots and the measured times are kept in tests/browser/shots/, or in the folder that MSAN_SHOTS names.
"""
import json
import logging
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHOTS = Path(os.environ.get("MSAN_SHOTS") or HERE / "shots")
PATIENCE = float(os.environ.get("MSAN_PATIENCE", 1))  # a factor on all waiting, for slow machines
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
METHODS = ("student", "views", "kd", "gkd")


def pytest_ignore_collect(collection_path, config):
    "Only where the folder, or a file of it, is named."
    return None if any("browser" in Path(a.split("::")[0]).parts for a in map(str, config.args)) else True


def seconds(n):
    "Milliseconds, for playwright."
    return 1000 * n * PATIENCE


def lacking():
    "What is not installed, with how to install it; empty when all is there."
    said = []
    try: import playwright.sync_api  # noqa: F401
    except ImportError: said.append("the Python package playwright is missing: `pip install playwright`")
    if not chromium_path(): said.append("no Chromium found: `apt-get install chromium`, or set MSAN_CHROMIUM to the program")
    return "; ".join(said)


def chromium_path():
    "The browser's program."
    return os.environ.get("MSAN_CHROMIUM") or next((p for p in map(shutil.which, NAMES) if p), None)


def pytest_terminal_summary(terminalreporter):
    "A skip that nobody overlooks."
    if why := lacking(): terminalreporter.write_line(f"BROWSER TESTS WERE SKIPPED: {why}", red=True, bold=True)
    elif (SHOTS / "timings.json").is_file(): terminalreporter.write_line("measured in the browser, milliseconds (median): " + (SHOTS / "timings.json").read_text(encoding="utf-8"))


# ── a run to look at ─────────────────────────────────────────────────────────
@pytest.fixture(scope="session")
def run(tmp_path_factory):
    "A small synthetic run: networks that have learnt a little, so that no two images are alike. MSAN_BROWSER_RUN names a finished one to use instead."
    if given := os.environ.get("MSAN_BROWSER_RUN"): return Path(given)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    from msan_nb.repro.recipes import make_recipe
    from msan_nb.repro.run import reproduce
    from msan_nb.train.loop import Plan
    tiny = make_recipe("vessel", "tiny", methods=METHODS)
    recipe = replace(tiny, teacher_plan=Plan(90, 4e-3), student_plan=Plan(60, 4e-3), psae_plans=(Plan(30, 4e-3), Plan(30, 4e-3)), act_plan=Plan(20, 2e-3), distill_plan=Plan(24, 2e-3), foreground=1.0)
    return reproduce(recipe, None, (0,), tmp_path_factory.mktemp("run") / "tiny", None, "cpu", progress=False)


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    "A run with more than 500 vectors of each network, which is what the times are promised for; its networks have learnt nothing. MSAN_BROWSER_LARGE names a finished one to use instead."
    if given := os.environ.get("MSAN_BROWSER_LARGE"): return Path(given)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    from msan_nb.repro.recipes import make_recipe
    from msan_nb.repro.run import reproduce
    recipe = make_recipe("vessel", "tiny", methods=("student", "views", "gkd"), images=64, fsd_tiles=8)
    return reproduce(recipe, None, (0,), tmp_path_factory.mktemp("run") / "large", None, "cpu", progress=False)


@pytest.fixture(scope="session")
def large_page(large, tmp_path_factory):
    "Its microscope as a file."
    from msan_nb.inspectors.export import write_microscope
    return write_microscope(large, tmp_path_factory.mktemp("page") / "large.html")


@pytest.fixture(scope="session")
def data(run):
    "What the microscope shows."
    from msan_nb.inspectors.microscope import microscope_data
    return microscope_data(run)


@pytest.fixture(scope="session")
def exported(run, tmp_path_factory):
    "The microscope as a file."
    from msan_nb.inspectors.export import write_microscope
    return write_microscope(run, tmp_path_factory.mktemp("page") / "microscope.html")


# ── the browser ──────────────────────────────────────────────────────────────
@pytest.fixture(scope="session")
def chromium():
    "A headless Chromium."
    if why := lacking(): pytest.skip(f"NO BROWSER TEST RUNS: {why}")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def inside(url):
    "Whether an address stays on this machine."
    parts = urlsplit(url)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname in ("127.0.0.1", "localhost", "::1")


ELSEWHERE = re.compile(r"^(?!file:|data:|blob:|about:)\w+://(?!127\.0\.0\.1[:/]|localhost[:/]|\[::1\][:/])")


class Watch:
    "Everything that a page must not do."
    def __init__(self): self.external, self.errors = [], []

    def follow(self, context, page):
        "Record errors; record and refuse requests to other machines."
        context.on("request", lambda request: inside(request.url) or self.external.append(request.url))
        context.route(ELSEWHERE, lambda route: route.abort())  # an expression is judged by the browser's side: requests to our servers do not wait for Python
        page.on("websocket", lambda socket: inside(socket.url.replace("ws", "http", 1)) or self.external.append(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(f"{message.text} ({message.location.get('url', '')})"))

    def check(self):
        assert not self.external, f"requests to other machines: {self.external}"
        assert not self.errors, f"errors on the console: {self.errors}"


@pytest.fixture
def browse(chromium, request):
    "Open a page: browse(url, dark=False, width=1400). At the end of the test: no error, no request to another machine, and a screenshot."
    opened = []
    def go(url, dark=False, width=1400, height=1000):
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", accept_downloads=True, permissions=["clipboard-read", "clipboard-write"])
        page, watch = context.new_page(), Watch()
        page.set_default_timeout(seconds(60))
        watch.follow(context, page)
        opened.append((context, page, watch))
        page.goto(str(url), timeout=seconds(180))
        page.watch = watch
        return page
    yield go
    SHOTS.mkdir(parents=True, exist_ok=True)
    for i, (context, page, watch) in enumerate(opened):
        page.screenshot(path=SHOTS / f"{request.node.name.removeprefix('test_')}{i or ''}.png", full_page=True)
        context.close()
    for _, _, watch in opened: watch.check()


@pytest.fixture(scope="session")
def timings():
    "name -> list of milliseconds; medians are kept in shots/timings.json."
    found = {}
    yield found
    SHOTS.mkdir(parents=True, exist_ok=True)
    (SHOTS / "timings.json").write_text(json.dumps({k: round(statistics.median(v), 1) for k, v in found.items() if v}, ensure_ascii=False), encoding="utf-8")


# ── servers ──────────────────────────────────────────────────────────────────
def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def served(command, env, port, log, cwd):
    "Start a server and wait until it answers."
    with open(log, "w") as out: process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT, cwd=cwd)
    ends = time.time() + 120 * PATIENCE
    while time.time() < ends and process.poll() is None:
        try: socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError: time.sleep(0.3)
        else: return process
    process.kill()
    raise RuntimeError(f"the server does not answer:\n{Path(log).read_text()[-3000:]}")


def stopped(process):
    "End a server."
    process.terminate()
    try: process.wait(20)
    except subprocess.TimeoutExpired: process.kill()


@pytest.fixture(scope="session")
def jupyter_env(tmp_path_factory):
    "An environment in which no setting of this machine's user counts."
    home = tmp_path_factory.mktemp("jupyter")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "MSAN_DATA"))}
    own = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")}
    for folder in own.values(): Path(folder).mkdir()
    return {**env, **own, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}


@pytest.fixture(scope="session")
def voila(chromium, run, jupyter_env, tmp_path_factory):
    "The address of the app, served by Voilà."
    pytest.importorskip("voila", reason="the Python package voila is missing: `pip install voila`")
    from msan_nb.inspectors.app import app_command
    port, folder = free_port(), tmp_path_factory.mktemp("voila")
    command, env = app_command(run, port, browser=False)
    process = served(command, {**env, **jupyter_env, "JUPYTER_PATH": env["JUPYTER_PATH"]}, port, folder / "voila.log", folder)
    yield f"http://127.0.0.1:{port}/"
    stopped(process)


LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


@pytest.fixture(scope="session")
def lab(chromium, run, jupyter_env, tmp_path_factory):
    "JupyterLab: its address and its folder."
    pytest.importorskip("jupyterlab", reason="the Python package jupyterlab is missing: `pip install jupyterlab`")
    folder, port = tmp_path_factory.mktemp("lab"), free_port()
    (folder / "settings").mkdir(), (folder / "work").mkdir()
    (folder / "settings" / "overrides.json").write_text(json.dumps(LAB_SETTINGS))
    (folder / "settings" / "page_config.json").write_text(json.dumps({"disabledExtensions": {"@jupyterlab/extensionmanager-extension": True, "jupyterlab-jupytext": True, "@voila-dashboards/jupyterlab-preview": True}}))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={folder / 'work'}", f"--LabApp.app_settings_dir={folder / 'settings'}", "--ServerApp.port_retries=0"]
    if os.geteuid() == 0: command.append("--allow-root")
    process = served(command, jupyter_env, port, folder / "lab.log", folder)
    yield f"http://127.0.0.1:{port}/", folder / "work"
    stopped(process)
