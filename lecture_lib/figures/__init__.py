"""Figures: arrays in, pictures with words out; the only folder that knows matplotlib."""

import lazy_loader

# Each name is imported when it is first asked for, so that a notebook waits for nothing that it does not use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "charts": [
            "CURVE_COLORS",
            "show_values",
            "show_bars",
            "show_curves",
            "chart",
            "label_ends",
            "show_matrix",
            "show_intervals",
        ],
        "html": [
            "as_pictures",
            "as_curves",
            "check_count",
            "layout",
            "tile",
            "width_on_page",
            "image_tag",
            "curve_svg",
            "picture_bundle",
        ],
        "images": ["INK", "show", "show_map", "show_maps", "heat", "overlay", "publish"],
        "video": ["save_film"],
    },
)
