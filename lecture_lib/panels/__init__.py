"""Panels: sliders, lists and buttons around a function; the only folder that knows ipywidgets."""

import lazy_loader

# Each name is imported when it is first asked for, so that a notebook waits for nothing that it
# does not use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "availability": ["missing_models"],
        "camera": ["Camera", "camera_picture", "cameras_of"],
        "camera_views": ["channel_tiles", "classes_and_map", "live_camera", "live_camera_panel"],
        "compare": ["another_picture", "compared"],
        "controls": [
            "channel_slider_for",
            "class_box",
            "class_box_for",
            "layer_dropdown_for",
            "learning_rate_slider",
            "net_dropdown",
            "power_slider",
        ],
        "image_map": [
            "explore_map",
            "framed",
            "pictures_at",
            "pictures_on_grid",
            "query_row",
            "tinted",
        ],
        "image_picker": ["picture_dropdown"],
        "interactive": ["explore", "explore_panel"],
        "judge": ["judge_channels", "read_answers", "shares"],
        "microscope": ["explore_channels"],
        "quiz": ["detection", "real_or_changed", "sensitivity"],
        "runs": ["run_live", "run_live_panel"],
        "saving": ["save_page"],
        "teach": ["teach_two_classes"],
        "tile_chooser": ["explore_tiles"],
    },
)
