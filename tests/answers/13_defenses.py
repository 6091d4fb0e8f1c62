"""Answers to the exercises on defenses; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong
moved_for = "half"

# %% task 1, wrong
moved_for = "nearly all"

# %% task 1, right
moved_for = "None".lower()


# %% task 2, wrong: the better of two means
def robust_share(first, second):
    return min(np.mean(first), np.mean(second))


# %% task 2, wrong: one attack is enough to be right
def robust_share(first, second):
    return np.mean(np.asarray(first) | np.asarray(second))


# %% task 2, wrong: the product of two means
def robust_share(first, second):
    return np.mean(first) * np.mean(second)


# %% task 2, right
def robust_share(first, second):
    return sum(a and b for a, b in zip(first, second)) / len(first)


# %% task 3, wrong: the most
def best_level(images, levels, epsilon):
    counts = [undecided_pixels(images, epsilon=epsilon, level=level).sum() for level in levels]
    return levels[int(np.argmax(counts))]


# %% task 3, wrong: its number
def best_level(images, levels, epsilon):
    counts = [undecided_pixels(images, epsilon=epsilon, level=level).sum() for level in levels]
    return int(np.argmin(counts))


# %% task 3, wrong: always the lecture's
def best_level(images, levels, epsilon):
    return min(levels, key=lambda level: abs(level - 0.38))


# %% task 3, right
def best_level(images, levels, epsilon):
    def count(level):
        return ((images > level - epsilon) & (images <= level + epsilon)).sum()

    return min(levels, key=count)


# %% task 4, wrong: at the gray picture
def straight_through(model, image, class_index):
    return gradient(class_score(model, class_index), image)


# %% task 4, wrong: the true gradient
def straight_through(model, image, class_index):
    return np.zeros_like(image)


# %% task 4, wrong: one class for all
def straight_through(model, image, class_index):
    return gradient(class_score(model, answer), threshold(image))


# %% task 4, right
def straight_through(model, image, class_index):
    read = np.where(image > 0.38, 1, 0).astype(np.float32)
    return gradient(class_score(model, class_index), read[None])[0]


# %% task 5, wrong: the bound is exact
def bound(A, B):
    return (A[:, :, None] + B[None]).min()


def exact(A, B):
    return (A[:, :, None] + B[None]).min()


# %% task 5, wrong: two values for the shared pixel
def bound(A, B):
    return A.min() + B.min()


def exact(A, B):
    return min(a + b for a in A.ravel() for b in B.ravel())


# %% task 5, right
def bound(A, B):
    return min(A.ravel()) + min(B.ravel())


def exact(A, B):
    return min(A[:, j].min() + B[j].min() for j in (0, 1))
