// What every panel does in the browser: it names its sliders, and notices that its kernel has ended.

// ipywidgets leaves out the names of sliders for readers of a screen: each gets its label.
const nameSliders = (el) => {
  let tries = 40;
  const timer = setInterval(() => {
    const panel = el.closest(".lecture-panel");
    const sliders = panel?.querySelectorAll(".widget-slider [role=slider]") ?? [];
    for (const slider of sliders) {
      const label = slider.closest(".widget-slider").querySelector("label");
      slider.setAttribute("aria-label", label.textContent);
    }
    if (sliders.length || !--tries) clearInterval(timer);
  }, 250);
};

// ipywidgets disconnects the widgets of a kernel that the user restarts, but not those of one that
// was killed, which Jupyter starts anew by itself, nor those of one that was shut down.
const ENDED = ["autorestarting", "terminating", "dead"];

const noticeTheEnd = (manager) => {
  const kernel = manager?.kernel;
  const end = () => manager.disconnect();
  const look = (_, status) => ENDED.includes(status) && end();
  kernel?.statusChanged?.connect(look);
  kernel?.disposed?.connect(end);
  return () => {
    kernel?.statusChanged?.disconnect(look);
    kernel?.disposed?.disconnect(end);
  };
};

export default { render({ model, el }) {
  nameSliders(el);
  return noticeTheEnd(model.widget_manager);
} };
