"""Answers to the exercises on the microscope; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong: a channel without its weight
as_it_is, off, at_mean = -1.9, -2.9, -1.4

# %% task 1, wrong: off and held at its mean exchanged
as_it_is, off, at_mean = -1.9, -1.4, 1.1

# %% task 1, right
as_it_is, off, at_mean = np.array([1 - 3, 1, 1 - 2.5]) + 0.1


# %% task 2, wrong: after minus before
def added(model, layer, channel, image, class_index):
    without = switched_off(model, layer, channel, image)
    return without[class_index] - class_scores(model, image)[class_index]


# %% task 2, wrong: all classes
def added(model, layer, channel, image, class_index):
    return class_scores(model, image) - switched_off(model, layer, channel, image)


# %% task 2, wrong: how loud it is
def added(model, layer, channel, image, class_index):
    return activation_maps(model, layer, image)[..., channel].mean()


# %% task 2, right
def added(model, layer, channel, image, class_index):
    both = [class_scores(model, image), switched_off(model, layer, channel, image)]
    return float(-np.diff([one[class_index] for one in both])[0])


# %% task 3, wrong: those that fire most
def most_needed(model, layer, image, class_index):
    return np.argsort(-activation_maps(model, layer, image).mean(axis=(0, 1)))[:5]


# %% task 3, wrong: those that hurt
def most_needed(model, layer, image, class_index):
    count = activation_maps(model, layer, image).shape[-1]
    return np.argsort([added(model, layer, k, image, class_index) for k in range(count)])[:5]


# %% task 3, right: a list
def most_needed(model, layer, image, class_index):
    count = activation_maps(model, layer, image).shape[-1]
    falls = {k: added(model, layer, k, image, class_index) for k in range(count)}
    return sorted(falls, key=falls.get, reverse=True)[:5]


# %% task 4, wrong: 0 divided by 0
def selectivity(means, is_class):
    on_class = means[is_class].mean(axis=0)
    on_others = means[~is_class].mean(axis=0)
    return (on_class - on_others) / (on_class + on_others)


# %% task 4, wrong: against all pictures
def selectivity(means, is_class):
    on_class = means[is_class].mean(axis=0)
    on_all = means.mean(axis=0)
    return (on_class - on_all) / np.maximum(on_class + on_all, 1e-9)


# %% task 4, right
def selectivity(means, is_class):
    found = []
    for channel in np.asarray(means, float).T:
        a, b = channel[is_class].mean(), channel[np.logical_not(is_class)].mean()
        found.append((a - b) / (a + b) if a + b else 0.0)
    return found
