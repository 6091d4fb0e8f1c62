"""Answers to the exercises on saliency; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong
lower = "beacon"

# %% task 1, wrong: not filled in
lower = None

# %% task 1, right
lower = "BOW TIE".lower()


# %% task 2, wrong: absolute values added
def energy_map(model, image, class_index):
    return np.abs(gradient(class_score(model, class_index), image)).sum(axis=-1)


# %% task 2, wrong: no root
def energy_map(model, image, class_index):
    return np.square(gradient(class_score(model, class_index), image)).sum(axis=-1)


# %% task 2, wrong: the mean of the squares
def energy_map(model, image, class_index):
    return np.sqrt(np.square(gradient(class_score(model, class_index), image)).mean(axis=-1))


# %% task 2, right
def energy_map(model, image, class_index):
    return np.linalg.norm(gradient(class_score(model, class_index), image), axis=2)


# %% task 3, wrong: a number
def gap(model, image, class_index):
    return 0.1


# %% task 3, wrong: black in one place, white in the other
def gap(model, image, class_index):
    total = integrated_gradients_map(model, image, class_index, steps=64).sum()
    scores = class_scores(model, np.stack([image, np.ones_like(image)]))[:, class_index]
    return abs(total - (scores[0] - scores[1]))


# %% task 3, wrong: with its sign
def gap(model, image, class_index):
    white = np.ones_like(image)
    heatmap = integrated_gradients_map(model, image, class_index, steps=64, baseline=white)
    scores = class_scores(model, np.stack([image, white]))[:, class_index]
    return heatmap.sum() - (scores[0] - scores[1])


# %% task 3, wrong: the logit of the picture alone
def gap(model, image, class_index):
    white = np.ones_like(image)
    heatmap = integrated_gradients_map(model, image, class_index, steps=64, baseline=white)
    return abs(heatmap.sum() - class_scores(model, image)[class_index])


# %% task 3, right
def gap(model, image, class_index):
    white = image * 0 + 1
    heatmap = integrated_gradients_map(model, image, class_index, steps=64, baseline=white)
    there = class_scores(model, image)[class_index] - class_scores(model, white)[class_index]
    return np.sqrt((there - heatmap.sum()) ** 2)


# %% task 4, wrong: the darkest
def drop(model, image, heatmap, class_index):
    covered = image.copy()
    covered[heatmap < np.quantile(heatmap, 0.05)] = 0.5
    scores = class_scores(model, np.stack([image, covered]))[:, class_index]
    return scores[0] - scores[1]


# %% task 4, wrong: after minus before
def drop(model, image, heatmap, class_index):
    covered = image.copy()
    covered[heatmap > np.quantile(heatmap, 0.95)] = 0.5
    scores = class_scores(model, np.stack([image, covered]))[:, class_index]
    return scores[1] - scores[0]


# %% task 4, wrong: painted on the picture itself
def drop(model, image, heatmap, class_index):
    before = class_scores(model, image)[class_index]
    image[heatmap > np.quantile(heatmap, 0.95)] = 0.5
    return before - class_scores(model, image)[class_index]


# %% task 4, right: the places in order
def drop(model, image, heatmap, class_index):
    covered = np.array(image).reshape(-1, 3)
    covered[np.argsort(heatmap.ravel())[-round(0.05 * heatmap.size) :]] = 0.5
    after = class_scores(model, covered.reshape(image.shape))[class_index]
    return class_scores(model, image)[class_index] - after


# %% task 5, wrong: no ReLU
def derivative(W, V, x, j, k):
    return (V @ W)[j, k]


# %% task 5, wrong: input and output exchanged
def derivative(W, V, x, j, k):
    return (V[j % 3] * (W @ x > 0) * W[:, j]).sum()


# %% task 5, wrong: the value of the ReLU in the place of its derivative
def derivative(W, V, x, j, k):
    return (V[j] * np.maximum(W @ x, 0) * W[:, k]).sum()


# %% task 5, right
def derivative(W, V, x, j, k):
    return sum(V[j, i] * W[i, k] for i in range(len(W)) if W[i] @ x > 0)


# %% task 6, wrong: the share alone
def lean(heatmap, region):
    strength = np.abs(heatmap)
    return strength[region].sum() / strength.sum()


# %% task 6, wrong: signs cancel
def lean(heatmap, region):
    return heatmap[region].sum() / heatmap.sum() / region.mean()


# %% task 6, wrong: inside against outside
def lean(heatmap, region):
    strength = np.abs(heatmap)
    return strength[region].mean() / max(strength[~region].mean(), 1e-9)


# %% task 6, right
def lean(heatmap, region):
    strength = np.abs(heatmap)
    return np.mean(strength[region]) / np.mean(strength)
