"""Figures: arrays in, pictures with words out; the only folder that knows matplotlib."""

import lazy_loader

# Each name is imported when it is first asked for, so that a notebook waits for nothing that it
# does not use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "charts": ["show_values", "show_bars", "show_curves", "show_matrix", "show_intervals"],
        "html": ["tile"],
        "images": ["show", "show_map", "show_maps", "show_overlays", "heat", "overlay"],
        "printing": ["printable_page"],
        "video": ["save_film", "show_film"],
    },
)
