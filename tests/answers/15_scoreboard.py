"""Answers to the exercises on the scoreboard; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong: a coin
noise_pointing, noise_mass = 0.5, 0.5

# %% task 1, wrong: noise never points there
noise_pointing, noise_mass = 0.0, 0.09

# %% task 1, right
noise_pointing = noise_mass = 1 / 11


# %% task 2, wrong: always a hundred pixels
def overlap(heatmap, mask):
    highest = np.argsort(-heatmap.ravel())[:100]
    return mask.ravel()[highest].mean()


# %% task 2, wrong: the share of the mass
def overlap(heatmap, mask):
    return heatmap[mask].sum() / heatmap.sum()


# %% task 2, wrong: the lowest pixels
def overlap(heatmap, mask):
    lowest = np.argsort(heatmap.ravel())[: mask.sum()]
    return mask.ravel()[lowest].mean()


# %% task 2, right
def overlap(heatmap, mask):
    count = int(mask.sum())
    highest = np.argpartition(heatmap.ravel(), -count)[-count:]
    return np.count_nonzero(mask.ravel()[highest]) / count


# %% task 3, wrong: above the mean
def sharpened(heatmap):
    return (heatmap > heatmap.mean()).astype(np.float32)


# %% task 3, wrong: a power
def sharpened(heatmap):
    return (heatmap / heatmap.max()) ** 20


# %% task 3, wrong: always the middle
def sharpened(heatmap):
    after = np.zeros_like(heatmap)
    after[32, 32] = 1
    return after


# %% task 3, right
def sharpened(heatmap):
    after = np.zeros(heatmap.shape)
    after[np.unravel_index(heatmap.argmax(), heatmap.shape)] = 7.0
    return after


# %% task 4, wrong: the gradient alone
def gradient_times_input(model, image, class_index):
    return np.sum(gradient(class_score(model, class_index), image), axis=-1)


# %% task 4, wrong: absolute values
def gradient_times_input(model, image, class_index):
    return np.abs(image * gradient(class_score(model, class_index), image)).sum(axis=-1)


# %% task 4, wrong: one class for all
def gradient_times_input(model, image, class_index):
    return np.sum(image * gradient(class_score(model, 1), image), axis=-1)


# %% task 4, right
def gradient_times_input(model, image, class_index):
    gradients = gradient(class_score(model, class_index), image[None])[0]
    return np.einsum("hwc,hwc->hw", gradients, image)
