"""Images: photographs, digits, painted pictures, and the files that they come from."""

import lazy_loader

# Each name is imported when it is first asked for, so that a notebook waits for nothing that it
# does not use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "decoding": [
            "FORMATS",
            "MAX_BYTES",
            "MAX_PIXELS",
            "BUNDLED",
            "find_picture",
            "imagenet_photo_names",
            "photo_names",
            "decode_image",
            "check_size",
        ],
        "digits": ["load_digits", "load_mnist"],
        "downloads": [
            "DATA",
            "TABLE",
            "TIMEOUT",
            "SHOW_PROGRESS_FROM",
            "fetch",
            "is_here",
            "names",
            "own_folder",
            "cache_folder",
        ],
        "image_sets": [
            "COLORFUL",
            "CLASSES",
            "IMAGENET_CLASSES",
            "ARCHIVES",
            "PictureSet",
            "random_crops",
            "tiny_imagenet_is_here",
            "load_tiny_imagenet",
        ],
        "images": [
            "load_image",
            "load_folder",
            "as_batch",
            "unbatch",
            "to_uint8",
            "encode_png",
            "encode_jpeg",
            "resize_image",
            "fit_within",
            "save_image",
            "save_bytes",
            "strongest_channel",
            "as_map",
        ],
        "paintings": [
            "NIGHT",
            "GLASS",
            "SUMMER",
            "swirls",
            "stained_glass",
            "painted_dots",
            "painted_waves",
        ],
        "synthetic": [
            "stripes",
            "dots",
            "checks",
            "paint_pattern",
            "paint_color",
            "ring",
            "cross",
            "Marked",
            "paint_badges",
        ],
    },
)
