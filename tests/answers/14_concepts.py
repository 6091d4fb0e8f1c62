"""Answers to the exercises on concepts; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong
raises_most, lowers_most = "stripes", "dots"

# %% task 1, wrong
raises_most, lowers_most = "checks", "stripes"

# %% task 1, right
lowers_most, raises_most = sorted(["dots", "checks"], key=len)


# %% task 2, wrong: 0 counts
def my_score(gradients, vector):
    return np.mean(gradients @ vector >= 0)


# %% task 2, wrong: a mean of derivatives
def my_score(gradients, vector):
    return np.mean(gradients @ vector)


# %% task 2, wrong: channels in the place of pictures
def my_score(gradients, vector):
    return np.mean(gradients * vector > 0)


# %% task 2, right
def my_score(gradients, vector):
    along = [float(np.dot(one, vector)) for one in gradients]
    return len([number for number in along if number > 0]) / len(along)


# %% task 3, wrong: the other way
def difference_vector(concept, negatives):
    difference = negatives.mean(axis=0) - concept.mean(axis=0)
    return difference / np.linalg.norm(difference)


# %% task 3, wrong: of any length
def difference_vector(concept, negatives):
    return concept.mean(axis=0) - negatives.mean(axis=0)


# %% task 3, wrong: the concept's mean alone
def difference_vector(concept, negatives):
    mean = concept.mean(axis=0)
    return mean / np.linalg.norm(mean)


# %% task 3, right
def difference_vector(concept, negatives):
    away = sum(concept) / len(concept) - sum(negatives) / len(negatives)
    return away / np.sqrt(away @ away)


# %% task 4, wrong: one side only
def p_value(scores, control):
    difference = np.asarray(scores) - np.asarray(control)
    swaps = np.array(list(itertools.product([-1, 1], repeat=8)))
    return np.mean(swaps @ difference >= difference.sum() - 1e-9)


# %% task 4, wrong: what is equal does not count
def p_value(scores, control):
    difference = np.asarray(scores) - np.asarray(control)
    swaps = np.array(list(itertools.product([-1, 1], repeat=8)))
    return np.mean(np.abs(swaps @ difference) > np.abs(difference.sum()))


# %% task 4, right
def p_value(scores, control):
    differences = [a - b for a, b in zip(scores, control)]
    observed = abs(sum(differences))
    far = 0
    for signs in itertools.product([-1, 1], repeat=8):
        far += abs(sum(s * d for s, d in zip(signs, differences))) >= observed - 1e-12
    return far / 256


# %% task 5, wrong: least squares, clipped
def amounts(A, W):
    return np.maximum(A @ np.linalg.pinv(W), 0)


# %% task 5, wrong: a projection on each direction alone
def amounts(A, W):
    return A @ W.T / np.square(W).sum(axis=1)


# %% task 5, wrong: a column for each position
def amounts(A, W):
    return np.array([nnls(W.T, row)[0] for row in A]).T


# %% task 5, right
def amounts(A, W):
    from scipy.optimize import lsq_linear

    return np.stack([lsq_linear(W.T, row, (0, np.inf), method="bvls").x for row in A])
