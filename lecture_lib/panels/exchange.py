"""Pictures handed on from one notebook's panel to another's: the browser keeps them, as long as its tab is open.

Nothing is written to a disk, and no visitor of a shared server sees what another handed on.
"""

import base64
import html

import anywidget
import traitlets

KEPT = 3  # pictures; a browser's store is a few megabytes
HANDED_ON = " (handed on)"  # what follows a name in lists of pictures

SCRIPT = """
const KEY = "lecture-pictures";
const kept = () => { try { return JSON.parse(sessionStorage.getItem(KEY) ?? "[]") } catch { return [] } };
const keep = (pictures) => { try { sessionStorage.setItem(KEY, JSON.stringify(pictures)) } catch { } };
const isHere = (notebook) => notebook && location.pathname.endsWith(`/${notebook}.ipynb`);

export default { render({ model, el }) {
  const store = () => {
    const { most, ...picture } = model.get("given");
    keep([...kept().filter((other) => other.name !== picture.name), picture].slice(-most));
    dispatchEvent(new Event(KEY));
  };
  const look = () => {  // every list of pictures gets to know them; the one they were meant for chooses the newest
    const pictures = kept(), wanted = pictures.findLast((picture) => isHere(picture.notebook));
    if (!model.get("listens") || !pictures.length) return;
    model.set("found", pictures.map(({ name, data }) => ({ name, data })));
    if (wanted) model.set("wanted", wanted.name);
    model.save_changes();
    keep(pictures.map((picture) => isHere(picture.notebook) ? { ...picture, notebook: "" } : picture));
  };
  const open = (event) => {  // in JupyterLab the other notebook opens beside this one, on a page by itself the link does
    const link = event.target.closest?.("a[data-notebook]"), folder = location.pathname.match(/\\/tree\\/(.*)\\/[^/]*$/);
    if (!link || !folder) return;
    link.dataset.commandlinkerCommand = "docmanager:open";
    link.dataset.commandlinkerArgs = JSON.stringify({ path: `${decodeURIComponent(folder[1])}/${link.dataset.notebook}.ipynb` });
  };
  const timer = setInterval(() => {
    const panel = el.closest(".lecture-panel");
    if (!panel) return;
    clearInterval(timer);
    panel.addEventListener("click", open, true);
    const seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && look());
    seen.observe(panel);
  }, 250);
  model.on("change:given", store);
  addEventListener(KEY, look);
  look();
  return () => { clearInterval(timer); removeEventListener(KEY, look); };
} };"""


class Exchange(anywidget.AnyWidget):
    """What a panel tells the browser and hears from it; it shows nothing.

    given: the picture to keep, {"name", "data": a PNG in base64, "notebook": whom it is for, "most": how many are kept}. listens:
    whether to ask for pictures; found: those that are kept, [{"name", "data"}, ...]; wanted: the name of the one meant for this notebook.
    """

    _esm = SCRIPT
    given = traitlets.Dict().tag(sync=True)
    listens = traitlets.Bool(False).tag(sync=True)
    found = traitlets.List().tag(sync=True)
    wanted = traitlets.Unicode().tag(sync=True)


def hidden(**traits):
    """An Exchange that takes no room on the page."""
    return Exchange(layout={"display": "none"}, **traits)


def give(exchange, png, *, name, notebook):
    """Let the browser keep the bytes of a PNG under a name, for a notebook such as "05_saliency"."""
    exchange.given = {
        "name": name,
        "data": base64.b64encode(png).decode(),
        "notebook": notebook,
        "most": KEPT,
    }


def pictures_found(exchange):
    """{name: bytes of a PNG} of the pictures that the browser keeps."""
    return {picture["name"]: base64.b64decode(picture["data"]) for picture in exchange.found}


def link_to(notebook):
    """The HTML of a link to another notebook of the same folder, or to its page."""
    name = html.escape(notebook)
    return f' <a href="{name}.ipynb" target="_blank" rel="opener" data-notebook="{name}">Open {name[:2]} {name[3:].replace("_", " ")}</a>'
