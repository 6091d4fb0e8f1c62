"""Answers to the exercises on neighbors; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong
mostly = 6

# %% task 1, wrong
mostly = "9"

# %% task 1, right
mostly = np.int64(9)


# %% task 2, wrong: the nearest alone
def vote(queries, bank, bank_labels, count):
    return bank_labels[nearest_neighbors(queries, bank, count=1).indices[:, 0]]


# %% task 2, wrong: a mean of classes
def vote(queries, bank, bank_labels, count):
    found = bank_labels[nearest_neighbors(queries, bank, count=count).indices]
    return found.mean(axis=1).round().astype(int)


# %% task 2, right: by distances of its own
def vote(queries, bank, bank_labels, count):
    nearest = cdist(queries, bank).argsort(axis=1)[:, :count]
    return [max(range(10), key=list(row).count) for row in bank_labels[nearest]]


# %% task 3, wrong: distances as they are
def nearest_by_angle(query, bank, count):
    return nearest_neighbors(query, bank, count=count).indices


# %% task 3, wrong: smallest first
def nearest_by_angle(query, bank, count):
    cosines = bank @ query / np.linalg.norm(bank, axis=1)
    return np.argsort(cosines)[:count]


# %% task 3, right: by the cosine
def nearest_by_angle(query, bank, count):
    cosines = bank @ query / np.linalg.norm(bank, axis=1)
    return list(np.argsort(-cosines)[:count])


# %% task 4, wrong: each digit is its own neighbor
def suspects(features, labels):
    found = labels[nearest_neighbors(features, features).indices]
    return np.flatnonzero((found != labels[:, None]).all(axis=1))


# %% task 4, wrong: one that disagrees is enough
def suspects(features, labels):
    itself = np.arange(len(features))
    found = labels[nearest_neighbors(features, features, exclude=itself).indices]
    return np.flatnonzero((found != labels[:, None]).any(axis=1))


# %% task 4, right: a list
def suspects(features, labels):
    near = nearest_neighbors(features, features, count=6).indices
    odd = []
    for index, row in enumerate(near):
        others = [other for other in row if other != index][:5]
        if labels[index] not in labels[others]:
            odd.append(index)
    return odd


# %% task 5, wrong: each picture is its own neighbor
def kept(features, points):
    near = nearest_neighbors(features, features, count=10).indices
    on_map = nearest_neighbors(points, points, count=10).indices
    return np.mean([len(np.intersect1d(*pair)) for pair in zip(near, on_map)]) / 10


# %% task 5, wrong: one number a picture
def kept(features, points):
    everyone = np.arange(len(features))
    near = nearest_neighbors(features, features, count=10, exclude=everyone).indices
    on_map = nearest_neighbors(points, points, count=10, exclude=everyone).indices
    return np.array([len(np.intersect1d(*pair)) for pair in zip(near, on_map)]) / 10


# %% task 5, wrong: only in the same order
def kept(features, points):
    everyone = np.arange(len(features))
    near = nearest_neighbors(features, features, count=10, exclude=everyone).indices
    on_map = nearest_neighbors(points, points, count=10, exclude=everyone).indices
    return np.mean(near == on_map)


# %% task 5, right
def kept(features, points):
    total = 0
    nearest = []
    for rows in (features, points):
        distances = cdist(rows, rows) + 1e9 * np.eye(len(rows))
        nearest.append(distances.argsort(axis=1)[:, :10])
    for one, other in zip(*nearest):
        total += len(set(one) & set(other))
    return total / (10 * len(features))
