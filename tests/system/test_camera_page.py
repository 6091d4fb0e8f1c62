"""The camera's part in the browser alone: real refusals, a page that is not secure, lights.

The kernel is played by the page, so that time can be moved on and every case takes a second.
"""

import functools
import http.server
import shutil
import threading

import pytest
from browsing import needs_chromium, started_chromium
from camera_film import KEEP_STREAMS, lights
from course_files import LIBRARY
from waiting import wait_until

pytestmark = needs_chromium
PAGE = """<!doctype html><meta charset="utf-8"><title>A camera</title>
<link rel="stylesheet" href="camera.css"><div id="panel"></div><div style="height: 3000px"></div>
<script type="module">
import camera from "./camera.js";
const traits = { shape: [96, 128], offers_live: true, per_second: 15,
  only_live: location.hash === "#live" };
const listeners = {};
window.kernel = { answers: true, frames: [], hear(kind, message) {
  for (const listener of listeners[kind] ?? []) listener(message);
} };
const model = {
  get: (name) => traits[name],
  on: (kind, listener) => { (listeners[kind] ??= []).push(listener); },
  off: (kind, gone) => { listeners[kind] = listeners[kind].filter((one) => one !== gone); },
  send: (message) => {
    if (message.kind === "frame") window.kernel.frames.push(message.number);
    const answer = { ...message, kind: message.kind === "frame" ? "answered" : "pong", text: "" };
    if (window.kernel.answers) setTimeout(() => window.kernel.hear("msg:custom", answer), 50);
  },
};
window.leave = camera.render({ model, el: document.getElementById("panel") });
</script>"""
CAMERA = "use-fake-device-for-media-stream"
ALLOWED = "use-fake-ui-for-media-stream"
SOMEWHERE = "host-resolver-rules=MAP course.test 127.0.0.1"  # a name that is not this computer's


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *given):
        pass


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Where the page is served."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    for name in ("camera.js", "camera.css"):
        shutil.copy(LIBRARY / "panels" / name, folder)
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def opened(browser, port, *, host="127.0.0.1", live=False):
    page = browser.new_page()
    page.add_init_script(KEEP_STREAMS)
    page.goto(f"http://{host}:{port}/index.html{'#live' if live else ''}")
    page.get_by_role("button", name="Start camera").wait_for()
    return page


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


# Why there is no camera, as the browser itself says it


@pytest.mark.parametrize(
    "flags, host, words",
    [
        ([CAMERA], "127.0.0.1", "not allowed to use the camera; allow it"),
        ([ALLOWED], "127.0.0.1", "No camera was found; plug one in"),
        ([CAMERA, ALLOWED, SOMEWHERE], "course.test", "only to pages that come by https"),
    ],
    ids=["not allowed", "none there", "not secure"],
)
def test_why_there_is_no_camera_is_one_sentence_with_a_way_out(port, flags, host, words):
    with started_chromium(*flags) as browser:
        page = opened(browser, port, host=host)
        if ALLOWED not in flags:
            page.context.grant_permissions([])  # this one and all others are refused
        press(page, "Start camera")
        alert = page.get_by_role("alert")
        alert.filter(has_text=words).wait_for()
        said = alert.inner_text()
        assert said.count(".") == 1 and said.endswith(", or upload a picture instead.")
        assert page.get_by_role("button", name="Start camera").is_enabled()


# Where the light goes out


@pytest.fixture(scope="module")
def browser():
    with started_chromium(CAMERA, ALLOWED) as browser:
        yield browser


@pytest.fixture
def page(browser, port):
    """A page whose camera is on and live; its clock can be moved on."""
    page = browser.new_page()
    page.clock.install()
    page.add_init_script(KEEP_STREAMS)
    page.goto(f"http://127.0.0.1:{port}/index.html#live")
    press(page, "Start camera")
    wait_until(lambda: len(page.evaluate("kernel.frames")) > 1, "frames are sent")
    assert lights(page) == ["live"]
    yield page
    page.close()


def goes_out(page, words):
    """Wait until the light is out, and see that a sentence says why."""
    wait_until(lambda: lights(page) == ["ended"], "the light is out")
    alert = page.get_by_role("alert")
    alert.filter(has_text=words).wait_for()
    assert page.locator("video").is_hidden()
    sent = len(page.evaluate("kernel.frames"))
    page.wait_for_timeout(300)
    assert len(page.evaluate("kernel.frames")) <= sent + 1  # one that was on its way


def test_on_stop(page):
    press(page, "Stop camera")
    wait_until(lambda: lights(page) == ["ended"], "the light is out")
    assert page.get_by_role("alert").count() == 0


LEAVING = {
    "the page is left": ("dispatchEvent(new PageTransitionEvent('pagehide'))", "The page was left"),
    "it is unplugged": (
        "streams[0].getTracks()[0].dispatchEvent(new Event('ended'))",
        "The camera is gone; plug it in",
    ),
    "the kernel is restarted": ("kernel.hear('comm_live_update')", "run the cell again"),
    "its cell runs again": ("kernel.hear('destroy')", "run the cell again"),
    "another picture is chosen": (
        "kernel.hear('msg:custom', { kind: 'stop' })",
        "Another picture was chosen",
    ),
    "the output is taken away": ("leave()", "The page was left"),
}


@pytest.mark.parametrize("event, words", LEAVING.values(), ids=LEAVING)
def test_when(page, event, words):
    page.evaluate(f"() => {{ {event}; }}")
    goes_out(page, words)


def stop_clock(page, *, later):
    """Let a page's clock go on by so many seconds at once and stand still then."""
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + later)


def test_when_the_kernel_is_silent_for_half_a_minute(page):
    page.evaluate("() => { kernel.answers = false; }")
    stop_clock(page, later=5)
    page.clock.run_for(20_000)
    assert lights(page) == ["live"]
    page.clock.run_for(8_000)
    page.clock.resume()
    goes_out(page, "did not answer for half a minute")


def test_when_the_panel_is_out_of_view_for_twenty_seconds(page):
    page.evaluate("scrollTo(0, 3000)")
    page.wait_for_timeout(500)
    stop_clock(page, later=5)
    page.clock.run_for(10_000)
    assert lights(page) == ["live"]
    page.clock.run_for(8_000)
    page.clock.resume()
    goes_out(page, "The panel was out of view")


def test_a_frame_is_sent_only_when_the_one_before_was_answered(page):
    page.evaluate("() => { kernel.answers = false; }")
    page.wait_for_timeout(500)
    before = page.evaluate("kernel.frames.length")
    page.wait_for_timeout(1000)
    assert page.evaluate("kernel.frames.length") == before
