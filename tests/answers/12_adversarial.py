"""Answers to the exercises on adversarial examples; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong
steps, change = "more", "longer"

# %% task 1, wrong
steps, change = "fewer", "shorter"

# %% task 1, right
(steps, change) = ["fewer", "longer"]


# %% task 2, wrong: uphill
def untargeted(model, image, size):
    prediction = int(probabilities(model, image).argmax())
    ascent = gradient(class_log_probability(model, prediction), image)
    return np.clip(image + size * ascent / np.linalg.norm(ascent), 0, 1)


# %% task 2, wrong: of any length
def untargeted(model, image, size):
    prediction = int(probabilities(model, image).argmax())
    ascent = gradient(class_log_probability(model, prediction), image)
    return np.clip(image - size * ascent, 0, 1)


# %% task 2, wrong: the prediction of one picture for all
def untargeted(model, image, size):
    ascent = gradient(class_log_probability(model, answer), image)
    return np.clip(image - size * ascent / np.linalg.norm(ascent), 0, 1)


# %% task 2, wrong: every pixel by the size
def untargeted(model, image, size):
    prediction = int(probabilities(model, image).argmax())
    ascent = gradient(class_log_probability(model, prediction), image)
    return np.clip(image - size * np.sign(ascent), 0, 1)


# %% task 2, right
def untargeted(model, image, size):
    prediction = top_classes(model, image, count=1)[0].class_index
    down = -gradient(class_log_probability(model, prediction), image)
    moved = image + size * down / np.sqrt(np.sum(down**2))
    return moved.clip(0, 1)


# %% task 3, wrong: not within [0, 1]
def within(images, original, epsilon):
    return np.clip(images, original - epsilon, original + epsilon)


# %% task 3, wrong: by length
def within(images, original, epsilon):
    change = images - original
    length = np.linalg.norm(change)
    return np.clip(original + change * min(1, epsilon / length), 0, 1)


# %% task 3, wrong: around 0
def within(images, original, epsilon):
    return np.clip(np.clip(images, -epsilon, epsilon), 0, 1)


# %% task 3, right: the change is cut
def within(images, original, epsilon):
    change = np.minimum(np.maximum(images - original, -epsilon), epsilon)
    return np.clip(original + change, 0, 1)


# %% task 4, wrong: upside down
def price(photo, target):
    lengths = []
    for name in ("tinynet", "tinynet_robust"):
        attack = make_adversarial(load_model(name), photo, target, learning_rate=0.05)
        lengths.append(np.linalg.norm(attack.images - photo))
    return lengths[0] / lengths[1]


# %% task 4, wrong: squares of lengths
def price(photo, target):
    lengths = []
    for name in ("tinynet", "tinynet_robust"):
        attack = make_adversarial(load_model(name), photo, target, learning_rate=0.05)
        lengths.append(np.square(attack.images - photo).sum())
    return lengths[1] / lengths[0]


# %% task 4, wrong: the largest change of a pixel
def price(photo, target):
    lengths = []
    for name in ("tinynet", "tinynet_robust"):
        attack = make_adversarial(load_model(name), photo, target, learning_rate=0.05)
        lengths.append(np.abs(attack.images - photo).max())
    return lengths[1] / lengths[0]


# %% task 4, right
def price(photo, target):
    def length(name):
        made = make_adversarial(load_model(name), photo, target, learning_rate=0.05)
        return float(np.sum((made.images - photo) ** 2)) ** 0.5

    return length("tinynet_robust") / length("tinynet")


# %% task 5, wrong: no halves
def d_prime(right, asked):
    return 2**0.5 * NormalDist().inv_cdf(min(max(right / asked, 1e-9), 1 - 1e-9))


# %% task 5, wrong: no root of 2
def d_prime(right, asked):
    return NormalDist().inv_cdf((right + 0.5) / (asked + 1))


# %% task 5, wrong: the other function
def d_prime(right, asked):
    return 2**0.5 * NormalDist().cdf((right + 0.5) / (asked + 1))


# %% task 5, right
def d_prime(right, asked):
    from scipy.stats import norm

    return np.sqrt(2) * norm.ppf((right + 1 / 2) / (asked + 1))


# %% task 6, wrong: not the square of the length
def nearest(x, w, b, frozen):
    normal = np.where(frozen, 0, w)
    return x - (w @ x + b) / np.linalg.norm(normal) * normal


# %% task 6, wrong: the frozen feature put back afterwards
def nearest(x, w, b, frozen):
    return np.where(frozen, x, x - (w @ x + b) / (w @ w) * w)


# %% task 6, wrong: one feature goes the whole way
def nearest(x, w, b, frozen):
    moved = x.copy()
    moved[0] -= (w @ x + b) / w[0]
    return moved


# %% task 6, wrong: only downward
def nearest(x, w, b, frozen):
    normal = np.where(frozen, 0, w)
    return x - abs(w @ x + b) / (normal @ normal) * normal


# %% task 6, right
def nearest(x, w, b, frozen):
    movable = ~np.asarray(frozen)
    moved = np.array(x, float)
    moved[movable] += np.linalg.pinv(w[movable][None])[:, 0] * -(w @ x + b)
    return moved
