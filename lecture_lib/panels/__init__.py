"""Panels: sliders, lists and buttons around a function; the only folder that knows ipywidgets."""

import lazy_loader

# Each name is imported when it is first asked for, so that a notebook waits for nothing that it does not use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "availability": ["missing_models", "unfit_layers"],
        "controls": ["Control", "as_control", "power_slider", "learning_rate_slider", "layer_dropdown", "net_dropdown", "set_options", "class_box", "find_class", "dropdown_of", "labeled"],
        "exchange": ["KEPT", "HANDED_ON", "SCRIPT", "Exchange", "hidden", "give", "pictures_found", "link_to"],
        "image_map": ["COLORS", "SYMBOLS", "colors_of", "tinted", "framed", "query_row", "pictures_at", "pictures_on_grid", "explore_map", "explore_map_panel"],
        "image_picker": ["picture_dropdown"],
        "interactive": ["explore", "run_live", "explore_panel", "latest", "run_live_panel"],
        "panel": ["STYLE", "GRAY", "Panel", "build", "values_of", "words_for", "show", "say", "sentence", "save", "made", "chosen", "hand", "publish"],
        "quiz": ["Detection", "Quiz", "sensitivity", "detection", "real_or_changed", "quiz_of", "summary"],
    },
)
