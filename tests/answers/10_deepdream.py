"""Answers to the exercises on DeepDream; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong: the scale four times
height = 25

# %% task 1, wrong: cut off
height = 34

# %% task 1, right
height = np.int64(round(96 / 1.4**3))


# %% task 2, wrong: the gradient of the sum of squares
def set_equal(images, *, layer="block2"):
    activations = layer_outputs(model, layer)(images)[layer]
    return tf.reduce_sum(activations**2, axis=[1, 2, 3])


# %% task 2, wrong: both constant
def set_equal(images, *, layer="block2"):
    activations = tf.stop_gradient(layer_outputs(model, layer)(images)[layer])
    return tf.reduce_sum(activations * activations, axis=[1, 2, 3])


# %% task 2, wrong: over the images, too
def set_equal(images, *, layer="block2"):
    activations = layer_outputs(model, layer)(images)[layer]
    return tf.reduce_sum(tf.stop_gradient(activations) * activations)


# %% task 2, right: half of the squares
def set_equal(images, *, layer="block2"):
    activations = layer_outputs(model, layer)(images)[layer]
    return 0.5 * tf.reduce_sum(tf.square(activations), axis=[1, 2, 3])


# %% task 3, wrong: squares
def plain_sum(images, *, layer="block3_relu"):
    return tf.reduce_mean(layer_outputs(model, layer)(images)[layer] ** 2, axis=[1, 2, 3])


# %% task 3, wrong: a sum
def plain_sum(images, *, layer="block3_relu"):
    return tf.reduce_sum(layer_outputs(model, layer)(images)[layer], axis=[1, 2, 3])


# %% task 3, right: divided by the count
def plain_sum(images, *, layer="block3_relu"):
    activations = layer_outputs(model, layer)(images)[layer]
    count = np.prod(activations.shape[1:])
    return tf.reduce_sum(activations, axis=[1, 2, 3]) / count


# %% task 3, right: flat
def plain_sum(images, *, layer="block3_relu"):
    activations = layer_outputs(model, layer)(images)[layer]
    return tf.reduce_mean(tf.reshape(activations, [images.shape[0], -1]), axis=1)


# %% task 4, wrong: without the lost detail
def next_octave(dreamed, small, larger):
    return np.clip(resize(dreamed, larger.shape[:2]), 0, 1)


# %% task 4, wrong: the detail taken away
def next_octave(dreamed, small, larger):
    size = larger.shape[:2]
    return np.clip(resize(dreamed, size) - (larger - resize(small, size)), 0, 1)


# %% task 4, wrong: the photograph alone
def next_octave(dreamed, small, larger):
    return larger


# %% task 4, wrong: not within [0, 1]
def next_octave(dreamed, small, larger):
    return larger + resize(dreamed - small, larger.shape[:2])


# %% task 4, right: the change enlarged
def next_octave(dreamed, small, larger):
    changed = larger + np.asarray(resize(dreamed - small, larger.shape[:2]))
    return np.minimum(1, np.maximum(0, changed))


# %% task 5, wrong: another class
def dream_of(name, image):
    score = class_score(model, class_index(model, "lemon"))
    return maximize_octaves(score, image, octaves=3, steps=15).images


# %% task 5, wrong: the whole Ascent
def dream_of(name, image):
    score = class_score(model, class_index(model, name))
    return maximize_octaves(score, image, octaves=3, steps=15)


# %% task 5, wrong: nothing done
def dream_of(name, image):
    return image


# %% task 5, right: a plain function
def dream_of(name, image):
    number = class_index(model, name)

    def score(images):
        return model(images)[:, number]

    return maximize_octaves(score, image, steps=15, octaves=3).images
