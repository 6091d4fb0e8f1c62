"""Answers to the exercises on inversion; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong
answer = "another"

# %% task 1, wrong: not filled in
answer = None

# %% task 1, right
answer = "Same".lower()


# %% task 2, wrong: no squares
def relative_error(model, image, other, layer):
    first, second = layer_outputs(model, layer)(np.stack([image, other]))[layer].numpy()
    return np.linalg.norm(second - first) / np.linalg.norm(first)


# %% task 2, wrong: the other one below the line
def relative_error(model, image, other, layer):
    first, second = layer_outputs(model, layer)(np.stack([image, other]))[layer].numpy()
    return np.square(second - first).sum() / np.square(second).sum()


# %% task 2, right: means
def relative_error(model, image, other, layer):
    both = layer_outputs(model, layer)(np.stack([image, other]))[layer].numpy()
    return ((both[1] - both[0]) ** 2).mean() / (both[0] ** 2).mean()


# %% task 3, wrong: no division
def invert_both(model, image, start, layers):
    both = sum(feature_distance(model, layer, image) for layer in layers)
    return ascend(-both, start, steps=60, learning_rate=0.05, direction=adam()).images


# %% task 3, wrong: uphill
def invert_both(model, image, start, layers):
    both = 0
    for layer in layers:
        distance = feature_distance(model, layer, image)
        both += distance / distance(start[None])[0]
    return ascend(both, start, steps=60, learning_rate=0.05, direction=adam()).images


# %% task 3, wrong: one layer
def invert_both(model, image, start, layers):
    distance = feature_distance(model, layers[0], image)
    return ascend(-distance, start, steps=60, learning_rate=0.05, direction=adam()).images


# %% task 3, wrong: the whole Ascent
def invert_both(model, image, start, layers):
    both = 0
    for layer in layers:
        distance = feature_distance(model, layer, image)
        both += distance / distance(start[None])[0]
    return ascend(-both, start, steps=60, learning_rate=0.05, direction=adam())


# %% task 3, right
def invert_both(model, image, start, layers):
    one, other = (feature_distance(model, layer, image) for layer in layers)
    weights = [1 / float(distance(start[None])[0]) for distance in (one, other)]
    score = -weights[0] * one - weights[1] * other
    return ascend(score, start, steps=60, direction=adam(), learning_rate=0.05).images


# %% task 4, wrong: over the colors
def disagreement(pictures):
    return np.std(pictures, axis=-1).mean(axis=0)


# %% task 4, wrong: the variance
def disagreement(pictures):
    return np.var(pictures, axis=0).mean(axis=-1)


# %% task 4, right
def disagreement(pictures):
    pictures = np.asarray(pictures)
    return np.sqrt(((pictures - pictures.mean(axis=0)) ** 2).mean(axis=0)).sum(axis=-1) / 3
