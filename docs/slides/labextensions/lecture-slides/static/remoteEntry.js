// Widgets on slides. The manager of ipywidgets 8 asks for @jupyterlab/console, which JupyterLab shares and the slides of
// jupyterlab-rise 0.43 do not, and gives up without it; slides then show a widget's words only. It needs no more of a console
// than a name to ask for and a class that nothing is an instance of. Where the real one is there, this does nothing.
window._JUPYTERLAB = window._JUPYTERLAB ?? {};
window._JUPYTERLAB["lecture-slides"] = {
  init(scope) {
    if (scope["@jupyterlab/console"]) return;
    const console = { IConsoleTracker: { name: "no console on slides" }, CodeConsole: class {} };
    const [version] = Object.keys(scope["@jupyterlab/notebook"]);
    scope["@jupyterlab/console"] = { [version]: { get: async () => () => console, from: "lecture-slides", eager: false } };
  },
  get: async () => () => ({}),
};
