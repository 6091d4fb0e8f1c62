// Widgets on slides. The manager of ipywidgets 8 asks for @jupyterlab/console, which JupyterLab shares and the slides of
// jupyterlab-rise 0.43 do not, and gives up without it; slides then show a widget's words only. It needs no more of a console
// than a name to ask for and a class that nothing is an instance of. The pictures of a slide also take what its code and words
// leave of the screen, the film of the first cell stands beside its text, and a tab of slides begins with the first: the cell
// chosen in the notebook, after Run All the last one, is taken out of its address. The notebook's speaker's notes become those
// of every slide: S shows them in a window of their own. Where the real console is there, this is no slide, and nothing is done.
async function giveNotes() {
  const settings = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const path = settings.notebookPath.split("/").filter(Boolean).map(encodeURIComponent).join("/");
  const headers = settings.token ? { Authorization: `token ${settings.token}` } : {};
  const answer = await fetch(`${settings.baseUrl}api/contents/${path}`, { headers });
  const notes = (await answer.json()).content?.metadata?.speaker_notes;
  const give = () => document.querySelectorAll(".reveal .slides section:not([data-notes])")
    .forEach((slide) => slide.setAttribute("data-notes", notes));
  if (!notes) return;
  give();
  new MutationObserver(give).observe(document.body, { childList: true, subtree: true });
}

const SMALLEST = 160; // pixels of all pictures of a slide, one below the other

function fitPictures() {
  const slide = [...document.querySelectorAll(".reveal .slides section.present")].at(-1);
  const seen = (what) => [...(slide?.querySelectorAll(what) ?? [])].filter((part) => part.offsetParent);
  const pictures = seen(".jp-OutputArea img").filter((picture) => !picture.closest(".lecture-panel"));
  const limit = (picture, height) => picture.style.setProperty("max-height", height, "important");
  pictures.forEach((picture) => limit(picture, "none"));
  const heights = pictures.map((picture) => picture.getBoundingClientRect().height);
  const boxes = seen("img, pre, table, p, .jp-Cell").map((part) => part.getBoundingClientRect());
  const all = Math.max(...boxes.map((box) => box.bottom)) - Math.min(...boxes.map((box) => box.top));
  const total = heights.reduce((sum, height) => sum + height, 0);
  const left = Math.max(SMALLEST, innerHeight - 40 - (all - total));
  pictures.forEach((picture, index) => limit(picture, `${Math.min(1, left / total) * heights[index]}px`));
}

function keepFitting() {
  let asked = 0;
  const soon = () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(fitPictures); };
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, attributeFilter: ["class"] });
  addEventListener("resize", soon);
}

window._JUPYTERLAB = window._JUPYTERLAB ?? {};
window._JUPYTERLAB["lecture-slides"] = {
  init(scope) {
    if (scope["@jupyterlab/console"]) return;
    const console = { IConsoleTracker: { name: "no console on slides" }, CodeConsole: class {} };
    const [version] = Object.keys(scope["@jupyterlab/notebook"]);
    scope["@jupyterlab/console"] = { [version]: { get: async () => () => console, from: "lecture-slides", eager: false } };
    if (window === window.top) {
      const address = new URL(location.href);
      address.searchParams.delete("activeCellIndex");
      history.replaceState(null, "", address);
    }
    const style = document.createElement("style");
    style.textContent = ".jp-RenderedHTMLCommon img { max-height: calc(100vh - 370px); object-fit: contain; object-position: left }"
      + ".jp-RenderedHTMLCommon video { float: right; width: auto; height: 45vh; margin: 0 0 12px 24px }";
    document.head.append(style);
    keepFitting();
    giveNotes();
  },
  get: async () => () => ({}),
};
