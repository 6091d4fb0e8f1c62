// Gives every slider of a panel its label as a name, for readers of a screen.

export default { render({ el }) {
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
} };
