"""Answers to the exercises on style transfer; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong: positions
numbers = (12 * 12) ** 2

# %% task 1, wrong: all activations
numbers = 128 * 12 * 12

# %% task 1, right
numbers = np.int64(128) ** 2

# %% task 2, wrong: the other product
G = V.T @ V

# %% task 2, wrong: the diagonal alone
G = [[5, 0], [0, 10]]

# %% task 2, right
G = np.dot(V, V.T)


# %% task 3, wrong: the first one below the line
def style_gap(picture, style, layer):
    grams = []
    for image in (picture, style):
        maps = layer_outputs(model, layer)(image[None])[layer].numpy()
        V = maps.reshape(-1, maps.shape[-1]).T
        grams.append(V @ V.T / V.size)
    return np.sum((grams[0] - grams[1]) ** 2) / np.sum(grams[0] ** 2)


# %% task 3, wrong: a larger painting has a larger style
def style_gap(picture, style, layer):
    grams = []
    for image in (picture, style):
        maps = layer_outputs(model, layer)(image[None])[layer].numpy()
        V = maps.reshape(-1, maps.shape[-1]).T
        grams.append(V @ V.T)
    return np.sum((grams[0] - grams[1]) ** 2) / np.sum(grams[1] ** 2)


# %% task 3, wrong: no squares
def style_gap(picture, style, layer):
    grams = []
    for image in (picture, style):
        maps = layer_outputs(model, layer)(image[None])[layer].numpy()
        V = maps.reshape(-1, maps.shape[-1]).T
        grams.append(V @ V.T / V.size)
    return np.linalg.norm(grams[0] - grams[1]) / np.linalg.norm(grams[1])


# %% task 3, right: divided by the positions
def style_gap(picture, style, layer):
    def gram_of(image):
        maps = np.asarray(layer_outputs(model, layer)(image[None])[layer])[0]
        return np.einsum("rcx,rcy->xy", maps, maps) / (maps.shape[0] * maps.shape[1])

    G, A = gram_of(picture), gram_of(style)
    return float(((G - A) ** 2).sum() / (A**2).sum())


# %% task 4, wrong: one painter
two_styles = score_of(blue)

# %% task 4, wrong: not half of each
two_styles = score_of(blue) + score_of(colored)

# %% task 4, wrong: a number
two_styles = 0.5

# %% task 4, right
two_styles = (score_of(colored) + score_of(blue)) * 0.5


# %% task 5, wrong: the painting's colors
def keep_colors(painted, photograph):
    brighter = photograph.mean(axis=-1, keepdims=True) - painted.mean(axis=-1, keepdims=True)
    return np.clip(painted + brighter, 0, 1)


# %% task 5, wrong: not within [0, 1]
def keep_colors(painted, photograph):
    return photograph + (painted - photograph).mean(axis=-1, keepdims=True) + 0.5


# %% task 5, wrong: the mean of the two
def keep_colors(painted, photograph):
    return (painted + photograph) / 2


# %% task 5, right
def keep_colors(painted, photograph):
    kept = photograph + np.mean(painted - photograph, axis=2)[:, :, None]
    kept[kept < 0] = 0
    return np.minimum(kept, 1)


# %% task 6, wrong: third answers counted
def bias(answers, shapes, textures):
    return float(np.mean(np.array(answers) == np.array(shapes)))


# %% task 6, wrong: the share of texture
def bias(answers, shapes, textures):
    by_shape = sum(a == s for a, s in zip(answers, shapes, strict=True))
    by_texture = sum(a == t for a, t in zip(answers, textures, strict=True))
    return by_texture / (by_shape + by_texture)


# %% task 6, wrong: shape to texture
def bias(answers, shapes, textures):
    by_shape = sum(a == s for a, s in zip(answers, shapes, strict=True))
    by_texture = sum(a == t for a, t in zip(answers, textures, strict=True))
    return by_shape / by_texture


# %% task 6, right
def bias(answers, shapes, textures):
    answers, shapes, textures = map(np.array, (answers, shapes, textures))
    counted = (answers == shapes) | (answers == textures)
    return np.mean(answers[counted] == shapes[counted])
