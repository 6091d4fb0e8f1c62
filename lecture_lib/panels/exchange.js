// What `exchange.py` does in the browser: it keeps pictures for the lists of pictures of other panels.

const KEY = "lecture-pictures";

const kept = () => {
  try { return JSON.parse(sessionStorage.getItem(KEY) ?? "[]"); } catch { return []; }
};
const keep = (pictures) => {
  try { sessionStorage.setItem(KEY, JSON.stringify(pictures)); } catch { }
};
const isHere = (notebook) => notebook && location.pathname.endsWith(`/${notebook}.ipynb`);

// In JupyterLab the other notebook opens beside this one; on a page by itself the link does.
const open = (event) => {
  const link = event.target.closest?.("a[data-notebook]");
  const folder = location.pathname.match(/\/tree\/(.*)\/[^/]*$/);
  if (!link || !folder) return;
  const path = `${decodeURIComponent(folder[1])}/${link.dataset.notebook}.ipynb`;
  link.dataset.commandlinkerCommand = "docmanager:open";
  link.dataset.commandlinkerArgs = JSON.stringify({ path });
};

export default { render({ model, el }) {
  const store = () => {
    const { most, ...picture } = model.get("given");
    const others = kept().filter((other) => other.name !== picture.name);
    keep([...others, picture].slice(-most));
    dispatchEvent(new Event(KEY));
  };

  // Every list gets to know all pictures; the one they were meant for chooses the newest.
  const look = () => {
    const pictures = kept();
    if (!model.get("listens") || !pictures.length) return;
    model.set("found", pictures.map(({ name, data }) => ({ name, data })));
    const wanted = pictures.findLast((picture) => isHere(picture.notebook));
    const isChosen = wanted && model.get("chooses");
    if (isChosen) model.set("wanted", wanted.name);
    model.save_changes();
    if (!isChosen) return; // what was meant for here waits for another list
    const heard = (picture) => isHere(picture.notebook) ? { ...picture, notebook: "" } : picture;
    keep(pictures.map(heard));
  };

  // The panel around this element is there a moment later.
  const timer = setInterval(() => {
    const panel = el.closest(".lecture-panel");
    if (!panel) return;
    clearInterval(timer);
    panel.addEventListener("click", open, true);
    const isSeen = (entries) => entries.some((entry) => entry.isIntersecting);
    new IntersectionObserver((entries) => isSeen(entries) && look()).observe(panel);
  }, 250);

  model.on("change:given", store);
  addEventListener(KEY, look);
  look();
  return () => { clearInterval(timer); removeEventListener(KEY, look); };
} };
