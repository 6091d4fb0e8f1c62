// What `channel_tiles.py` shows in the browser: a picture on which a box can be dragged, and the channels of a layer as tiles.

const TILE = 60; // pixels on the page
const VIEW = 232;
const STEP = 0.05; // of a side of the picture, for arrow keys

const STYLE = `
.channel-tiles { display: flex; flex-wrap: wrap; gap: 14px; align-items: flex-start; }
.channel-tiles canvas { width: ${VIEW}px; height: ${VIEW}px; border-radius: 4px; cursor: crosshair; touch-action: none; }
.channel-tiles .tiles { flex: 1 1 320px; max-height: 266px; overflow-y: auto; display: flex; flex-wrap: wrap; gap: 3px;
  align-content: flex-start; padding: 3px; }
.channel-tiles .tile { box-sizing: border-box; width: ${TILE}px; height: ${TILE}px; border-radius: 3px; cursor: pointer;
  background-repeat: no-repeat; overflow: hidden; font: 10px/1.2 var(--jp-ui-font-family, sans-serif); }
.channel-tiles .tile span { background: rgba(0, 0, 0, 0.62); color: #fff; padding: 0 3px; border-radius: 0 0 3px 0;
  display: inline-block; max-width: 100%; box-sizing: border-box; }
.channel-tiles .tile.active { outline: 2px dashed var(--jp-ui-font-color1, #222); }
.channel-tiles .tile[aria-selected=true] { outline: 3px solid #e8710a; }
.channel-tiles :focus-visible { outline: 2px solid #1f6f9f; outline-offset: 1px; }
.channel-tiles .hint { font-size: 12px; color: var(--jp-ui-font-color2, #555); margin-top: 2px; max-width: ${VIEW}px; line-height: 1.35; }`;

const addressOf = (bytes, kind) => URL.createObjectURL(new Blob([bytes], { type: kind }));
const clamp = (number) => Math.min(Math.max(number, 0), 1);

// The picture, with the box that was dragged

function pictureView(model, view) {
  const canvas = document.createElement("canvas");
  const dots = Math.round(VIEW * (window.devicePixelRatio || 1));
  canvas.width = canvas.height = dots;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  const pen = canvas.getContext("2d");
  let image = null;
  let box = model.get("box");
  let corner = null; // where dragging began

  const draw = () => {
    pen.clearRect(0, 0, dots, dots);
    if (image) pen.drawImage(image, 0, 0, dots, dots);
    if (box.length < 4) return;
    const [top, left, bottom, right] = box.map((share) => share * dots);
    pen.lineWidth = dots / 90;
    for (const [color, dash] of [["#fff", []], ["#e8710a", [dots / 30, dots / 45]]]) {
      pen.strokeStyle = color;
      pen.setLineDash(dash);
      pen.strokeRect(left, top, right - left, bottom - top);
    }
  };
  const load = () => {
    const address = addressOf(model.get("picture"), "image/jpeg");
    const loaded = new Image();
    loaded.onload = () => { image = loaded; draw(); URL.revokeObjectURL(address); };
    loaded.src = address;
    const how = "Drag a box, or use the arrow keys: they move it, with Shift its lower right corner. Escape takes it away.";
    canvas.setAttribute("aria-label", `${model.get("words")}. ${how}`);
  };
  const tell = () => { draw(); model.set("box", box); model.save_changes(); };
  const place = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [clamp((event.clientY - frame.top) / frame.height), clamp((event.clientX - frame.left) / frame.width)];
  };
  const between = (a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];

  canvas.addEventListener("pointerdown", (event) => { corner = place(event); canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (corner) { box = between(corner, place(event)); draw(); }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!corner) return;
    box = between(corner, place(event));
    corner = null;
    if (box[2] - box[0] < 0.02 || box[3] - box[1] < 0.02) box = []; // a click takes the box away
    tell();
  });
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [-STEP, 0], ArrowDown: [STEP, 0], ArrowLeft: [0, -STEP], ArrowRight: [0, STEP] };
    const move = moves[event.key];
    if (!move && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (!move) { box = []; return tell(); }
    if (box.length < 4) box = [0.35, 0.35, 0.65, 0.65];
    const [down, right] = move;
    const whole = event.shiftKey ? [0, 0, down, right] : [down, right, down, right];
    const moved = box.map((share, side) => share + whole[side]);
    const fits = moved.every((share) => share > -1e-9 && share < 1 + 1e-9) && moved[2] - moved[0] > 0.04 && moved[3] - moved[1] > 0.04;
    if (fits) box = moved;
    tell();
  });
  const heard = () => { box = model.get("box"); draw(); };
  model.on("change:picture", load);
  model.on("change:box", heard);
  load();
  view.append(canvas);
}

// The channels

function tilesView(model, view) {
  const list = document.createElement("div");
  list.className = "tiles";
  list.tabIndex = 0;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Channels of the layer");
  let active = 0; // the place in the order that the arrow keys have reached
  let address = "";

  const nameOf = (channel) => model.get("names")[channel] ?? "";
  const choose = (place) => {
    active = place;
    model.set("chosen", model.get("order")[place]);
    model.save_changes();
    mark();
  };
  const mark = () => {
    const chosen = model.get("chosen");
    [...list.children].forEach((tile, place) => {
      tile.classList.toggle("active", place === active && document.activeElement === list);
      tile.setAttribute("aria-selected", String(Number(tile.dataset.channel) === chosen));
    });
    if (list.children[active]) list.setAttribute("aria-activedescendant", list.children[active].id);
  };
  // Scroll the list, and not the page, until a tile is seen.
  const reveal = (tile) => {
    if (!tile) return;
    const below = tile.offsetTop + TILE - list.offsetTop - list.clientHeight;
    const above = tile.offsetTop - list.offsetTop;
    if (below > list.scrollTop) list.scrollTop = below + 3;
    if (above < list.scrollTop) list.scrollTop = above - 3;
  };
  const arrange = () => {
    const order = model.get("order");
    const columns = model.get("columns");
    const rows = Math.ceil(model.get("count") / columns);
    while (list.children.length > order.length) list.lastChild.remove();
    while (list.children.length < order.length) {
      const tile = document.createElement("div");
      tile.className = "tile";
      tile.id = `${model.get("_model_name")}-${Math.random().toString(36).slice(2)}`;
      tile.setAttribute("role", "option");
      tile.append(document.createElement("span"));
      list.append(tile);
    }
    order.forEach((channel, place) => {
      const tile = list.children[place];
      tile.dataset.channel = channel;
      tile.firstChild.textContent = nameOf(channel) || channel;
      tile.setAttribute("aria-label", `channel ${channel}${nameOf(channel) && `, ${nameOf(channel)}`}`);
      tile.style.backgroundSize = `${columns * TILE}px ${rows * TILE}px`;
      tile.style.backgroundPosition = `-${(channel % columns) * TILE}px -${Math.floor(channel / columns) * TILE}px`;
      tile.style.imageRendering = model.get("side") < TILE / 2 ? "pixelated" : "auto";
    });
    active = Math.min(Math.max(order.indexOf(model.get("chosen")), 0), order.length - 1);
    mark();
  };
  const paint = () => {
    const before = address;
    address = addressOf(model.get("sheet"), "");
    for (const tile of list.children) tile.style.backgroundImage = `url(${address})`;
    if (before) setTimeout(() => URL.revokeObjectURL(before), 2000);
  };
  const show = () => { arrange(); paint(); };

  list.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (tile) choose([...list.children].indexOf(tile));
  });
  list.addEventListener("keydown", (event) => {
    const across = Math.max(1, Math.floor((list.clientWidth - 6) / (TILE + 3)));
    const last = list.children.length - 1;
    const places = {
      ArrowRight: active + 1, ArrowLeft: active - 1, ArrowDown: active + across, ArrowUp: active - across, Home: 0, End: last,
    };
    const isChoice = event.key === "Enter" || event.key === " ";
    if (!isChoice && places[event.key] === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (isChoice) return choose(active);
    active = Math.min(Math.max(places[event.key], 0), last);
    mark();
    reveal(list.children[active]);
  });
  list.addEventListener("focus", mark);
  list.addEventListener("blur", mark);
  model.on("change:order change:names change:chosen", arrange);
  model.on("change:chosen", () => reveal(list.children[active]));
  model.on("change:sheet", show);
  show();
  view.append(list);
  requestAnimationFrame(() => reveal(list.children[active])); // when it has a size
}

export default { render({ model, el }) {
  const style = document.createElement("style");
  style.textContent = STYLE;
  const view = document.createElement("div");
  view.className = "channel-tiles";
  if (model.get("picture").byteLength) {
    const left = document.createElement("div");
    const hint = document.createElement("div");
    hint.className = "hint";
    hint.textContent = "Drag a box: which channels fire there?";
    pictureView(model, left);
    left.append(hint);
    view.append(left);
  }
  tilesView(model, view);
  view.dataset.lmSuppressShortcuts = "true"; // arrow keys and Enter are the tiles' own, not JupyterLab's
  el.append(style, view);
} };
