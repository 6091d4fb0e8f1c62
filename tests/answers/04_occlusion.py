"""Answers to the exercises on occlusion; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong
third = "top"

# %% task 1, wrong
third = "middle"

# %% task 1, right
third = ["top", "middle", "bottom"][-1]


# %% task 2, wrong: the patch is forgotten
def questions(side, patch, stride):
    return (side // stride) ** 2


# %% task 2, wrong: one row only
def questions(side, patch, stride):
    return (side - patch) // stride + 1


# %% task 2, right: counted
def questions(side, patch, stride):
    tops = range(0, side - patch + 1, stride)
    return sum(1 for top in tops for left in tops)


# %% task 3, wrong: the square is what is covered
def keep_map(model, image, class_index):
    images = np.repeat(image[None], 16, axis=0)
    for place in range(16):
        row, column = divmod(place, 4)
        images[place, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = 0.5
    return probabilities(model, images)[:, class_index].reshape(4, 4)


# %% task 3, wrong: black around it
def keep_map(model, image, class_index):
    images = np.zeros((16, *image.shape), np.float32)
    for place in range(16):
        row, column = divmod(place, 4)
        where = (slice(16 * row, 16 * row + 16), slice(16 * column, 16 * column + 16))
        images[place][where] = image[where]
    return probabilities(model, images)[:, class_index].reshape(4, 4)


# %% task 3, wrong: rows and columns exchanged
def keep_map(model, image, class_index):
    images = np.full((16, *image.shape), 0.5, np.float32)
    for place in range(16):
        column, row = divmod(place, 4)
        where = (slice(16 * row, 16 * row + 16), slice(16 * column, 16 * column + 16))
        images[place][where] = image[where]
    return probabilities(model, images)[:, class_index].reshape(4, 4)


# %% task 3, right: one picture at a time
def keep_map(model, image, class_index):
    left = []
    for row in range(0, 64, 16):
        for column in range(0, 64, 16):
            alone = 0 * image + 0.5
            alone[row : row + 16, column : column + 16] = image[
                row : row + 16, column : column + 16
            ]
            left.append(float(probabilities(model, alone)[class_index]))
    return [left[0:4], left[4:8], left[8:12], left[12:16]]


# %% task 4, wrong: what is lost when one leaves
def fair_shares(earns):
    everyone = frozenset(range(3))
    return np.array([earns[everyone] - earns[everyone - {player}] for player in range(3)])


# %% task 4, wrong: the same for all
def fair_shares(earns):
    return np.full(3, earns[frozenset(range(3))] / 3)


# %% task 4, wrong: teams counted alike, whatever their size
def fair_shares(earns):
    teams = list(earns)
    return np.array(
        [np.mean([earns[team | {p}] - earns[team - {p}] for team in teams]) for p in range(3)]
    )


# %% task 4, right: teams weighted by their size
def fair_shares(earns):
    weights = {0: 1 / 3, 1: 1 / 6, 2: 1 / 3}
    shares = []
    for player in range(3):
        without = [team for team in earns if player not in team]
        gains = [weights[len(team)] * (earns[team | {player}] - earns[team]) for team in without]
        shares.append(sum(gains))
    return shares


# %% task 5, wrong: a corner where nothing is
corner = (0, 0)

# %% task 5, wrong: no whole numbers
corner = (24.5, 24.5)

# %% task 5, wrong: beyond the edge
corner = (60, 20)

# %% task 5, right: a loop
best = (0, -1.0)
for row in range(0, 49, 4):
    for column in range(0, 49, 4):
        changed = astronaut.copy()
        changed[row : row + 16, column : column + 16] = 0.5
        chance = probabilities(model, changed)[bow_tie]
        best = max(best, ([row, column], chance), key=lambda pair: pair[1])
corner = best[0]
