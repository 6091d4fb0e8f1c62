// Finds the sections that hold every word of the query; those with a word in their heading come first.
const box = document.getElementById("search"), list = document.getElementById("found");

function find(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const scored = [];
  for (const [path, title, heading, place, text] of INDEX) {
    const above = (title + " " + heading).toLowerCase(), below = text.toLowerCase();
    if (!words.every(word => above.includes(word) || below.includes(word))) continue;
    const score = words.reduce((sum, word) => sum + (above.includes(word) ? 20 : 0) + Math.min(below.split(word).length - 1, 9), 0);
    const at = Math.max(0, below.indexOf(words.find(word => below.includes(word)) ?? "") - 50);
    scored.push({ score, path, title, heading, place, snippet: text.slice(at, at + 150) });
  }
  return scored.sort((a, b) => b.score - a.score).slice(0, 12);
}

function show() {
  const found = find(box.value);
  list.hidden = !box.value.trim();
  list.replaceChildren(...found.map(hit => {
    const item = document.createElement("li"), link = document.createElement("a"), words = document.createElement("span");
    link.href = UP + hit.path + "#" + encodeURIComponent(hit.place);
    link.textContent = hit.heading === hit.title ? hit.title : `${hit.title} · ${hit.heading}`;
    words.textContent = `… ${hit.snippet} …`;
    item.append(link, words);
    return item;
  }));
  if (!list.hidden && !found.length) list.textContent = "Nothing found; try fewer or shorter words.";
}

box.addEventListener("input", show);
box.form.addEventListener("submit", event => { event.preventDefault(); list.querySelector("a")?.click(); });
document.addEventListener("keydown", event => {
  if (event.key === "Escape") { box.value = ""; show(); }
  if (event.key === "/" && document.activeElement !== box) { event.preventDefault(); box.focus(); }
});
list.addEventListener("click", () => { list.hidden = true; });
