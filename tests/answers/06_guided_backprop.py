"""Answers to the exercises on guided backpropagation; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong: plain and deconvnet exchanged
plain, deconvnet, guided = [0, 4, 2, 0], [-1, 0, 2, 0], [0, 0, 2, 0]

# %% task 1, wrong: guided lets everything pass that one of the two lets pass
plain, deconvnet, guided = [-1, 0, 2, 0], [0, 4, 2, 0], [-1, 4, 2, 0]

# %% task 1, right
plain, deconvnet, guided = np.array([[-1.0, 0, 2, 0], [0, 4, 2, 0], [0, 0, 2, 0]])

# %% task 2, wrong: no rule looks at the picture
deconvnet_lite0 = deconvnet_mnist = guided_lite0 = "same"

# %% task 2, wrong: pooling is forgotten
deconvnet_lite0, deconvnet_mnist, guided_lite0 = "same", "same", "different"

# %% task 2, right
deconvnet_lite0 = "same"
deconvnet_mnist = guided_lite0 = "different"


# %% task 3, wrong: the largest mean
def favorite_channel(model, layer, image):
    return int(activation_maps(model, layer, image).mean(axis=(0, 1)).argmax())


# %% task 3, wrong: a place in the flat array
def favorite_channel(model, layer, image):
    return int(activation_maps(model, layer, image).argmax())


# %% task 3, right
def favorite_channel(model, layer, image):
    maps = activation_maps(model, layer, image)
    return maps.argmax() % maps.shape[-1]


# %% task 4, wrong: the guided rule
@tf.custom_gradient
def against_relu(x):
    return tf.nn.relu(x), lambda g: tf.where((x > 0) & (g > 0), g, 0.0)


# %% task 4, wrong: x is not asked
@tf.custom_gradient
def against_relu(x):
    return tf.nn.relu(x), lambda g: tf.minimum(g, 0.0)


# %% task 4, wrong: the sign is turned
@tf.custom_gradient
def against_relu(x):
    return tf.nn.relu(x), lambda g: tf.where((x > 0) & (g < 0), -g, 0.0)


# %% task 4, right
@tf.custom_gradient
def against_relu(x):
    def back(g):
        return tf.minimum(g, 0.0) * tf.cast(x > 0, x.dtype)

    return tf.maximum(x, 0.0), back


# %% task 5, wrong: signs cancel
def share_for_half(gradients):
    sizes = np.sort(gradients.sum(axis=-1).ravel())[::-1]
    return np.searchsorted(np.cumsum(sizes), sizes.sum() / 2) / sizes.size


# %% task 5, wrong: half of the largest, not of the total
def share_for_half(gradients):
    sizes = np.abs(gradients).sum(axis=-1)
    return np.mean(sizes > sizes.max() / 2)


# %% task 5, wrong: the smallest first
def share_for_half(gradients):
    sizes = np.sort(np.abs(gradients).sum(axis=-1).ravel())
    return np.searchsorted(np.cumsum(sizes), sizes.sum() / 2) / sizes.size


# %% task 5, right: one pixel after another
def share_for_half(gradients):
    sizes = sorted(np.abs(gradients).sum(axis=2).ravel(), reverse=True)
    missing = sum(sizes) / 2
    count = 0
    while missing > 1e-9 * sum(sizes[:1]):
        missing -= sizes[count]
        count += 1
    return count / len(sizes)
