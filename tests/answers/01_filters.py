"""Answers to the exercises on filters; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong
prediction = "vertical"

# %% task 1, wrong
prediction = "white"

# %% task 1, right
prediction = np.array(["horizontal"])[0]


# %% task 2, wrong: no bias
def classify(templates, images):
    return np.tensordot(images, templates.weights, [(1, 2, 3), (1, 2, 3)]).argmax(axis=1)


# %% task 2, wrong: the smallest
def classify(templates, images):
    flat = images.reshape(len(images), -1)
    return (flat @ templates.weights.reshape(10, -1).T + templates.bias).argmin(axis=1)


# %% task 2, wrong: the score in the place of its class
def classify(templates, images):
    flat = images.reshape(len(images), -1)
    return (flat @ templates.weights.reshape(10, -1).T + templates.bias).max(axis=1)


# %% task 2, right: a loop, one picture at a time
def classify(templates, images):
    found = []
    for image in images:
        scores = [(w * image).sum() + b for w, b in zip(templates.weights, templates.bias)]
        found.append(scores.index(max(scores)))
    return found


# %% task 3, wrong: a length of 1
def best_picture(w):
    return w / np.linalg.norm(w)


# %% task 3, wrong: scaled from the smallest weight to the largest
def best_picture(w):
    return (w - w.min()) / (w.max() - w.min())


# %% task 3, wrong: the positive weights as they are
def best_picture(w):
    return np.clip(w, 0, 1)


# %% task 3, right: true and false
def best_picture(w):
    return w > 0


# %% task 4, wrong: signs taken away
def best_stack(w):
    return np.abs(w) / np.linalg.norm(w)


# %% task 4, wrong: the length of all weights
def best_stack(w):
    return np.maximum(w, 0) / np.linalg.norm(w)


# %% task 4, wrong: of any length
def best_stack(w):
    return np.maximum(w, 0)


# %% task 4, right
def best_stack(w):
    stack = np.where(w > 0, w, 0)
    return stack / (stack**2).sum() ** 0.5
