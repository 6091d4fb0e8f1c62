"""What arrays are called in the signatures of the course, with the names of their axes.

An annotation such as `Map` is read as "an array of height times width numbers". The tests check
these shapes at run time; in a notebook they cost nothing.
"""

from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Float, Integer

# Named, not imported: Keras takes seconds, and what handles images alone does not need it.
Network = Annotated[Any, "keras.Model: images (N, H, W, C) in [0, 1] -> logits (N, classes)"]

Image = Float[np.ndarray, "height width channels"]
Images = Float[np.ndarray, "images height width channels"]
ImageOrImages = Float[np.ndarray, "*images height width channels"]  # one image or a batch
# As large as a network sees them: those of many megapixels are made smaller first.
SeenImage = Float[np.ndarray, "seen_height seen_width channels"]
SeenImages = Float[np.ndarray, "images seen_height seen_width channels"]
SeenImageOrImages = Float[np.ndarray, "*images seen_height seen_width channels"]
Activations = Float[np.ndarray, "*images rows columns features"]  # of a layer
Filters = Float[np.ndarray, "filters kernel_height kernel_width inputs"]
Map = Float[np.ndarray, "height width"]  # one number for each pixel
Mask = Bool[np.ndarray, "height width"]
Values = Float[np.ndarray, "images"]  # one number for each image
Labels = Integer[np.ndarray, "images"]  # one class index for each image
Classes = int | Integer[np.ndarray, "*images"]  # one class index for all images, or one for each

# Tensors live inside compiled graphs, where some sides are not known yet: named, not checked.
Tensor = Any
TensorImages = Annotated[Any, "(N, H, W, C)"]
TensorValues = Annotated[Any, "(N,)"]
