"""Answers to the exercises on activations; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong: each pooling moves on its own
height, step = 10, 2

# %% task 1, wrong: as if nothing had a stride
height, step = 7, 1

# %% task 1, wrong: not filled in
height = step = None

# %% task 1, right
height, step = np.array([10, 4])


# %% task 2, wrong: no stride
def field_size(chain):
    return 1 + sum(kernel - 1 for kernel, stride in chain)


# %% task 2, wrong: from the wrong end
def field_size(chain):
    size = 1
    for kernel, stride in chain:
        size = (size - 1) * stride + kernel
    return size


# %% task 2, right: from the picture upward
def field_size(chain):
    size, step = 1, 1
    for kernel, stride in chain:
        size += (kernel - 1) * step
        step *= stride
    return size


# %% task 3, wrong: column before row
def strongest(model, layer, channel, pictures):
    maps = activation_maps(model, layer, pictures)[..., channel]
    picture, row, column = np.unravel_index(maps.argmax(), maps.shape)
    return picture, column, row


# %% task 3, wrong: the largest mean
def strongest(model, layer, channel, pictures):
    maps = activation_maps(model, layer, pictures)[..., channel]
    picture = maps.mean(axis=(1, 2)).argmax()
    return (picture, *np.unravel_index(maps[picture].argmax(), maps[picture].shape))


# %% task 3, right
def strongest(model, layer, channel, pictures):
    maps = activation_maps(model, layer, pictures)[..., channel]
    return np.argwhere(maps == maps.max())[0].tolist()


# %% task 4, wrong: the other way round
def favorite(channel):
    patches = top_patches(classifier, "conv2", channel, digits)
    votes = np.bincount([labels[patch.image_index] for patch in patches], minlength=10)
    return int(votes.max()), int(votes.argmax())


# %% task 4, wrong: the label of the strongest
def favorite(channel):
    return labels[top_patches(classifier, "conv2", channel, digits)[0].image_index], 1


# %% task 4, right
def favorite(channel):
    patches = top_patches(classifier, "conv2", channel, digits)
    voted = [int(labels[patch.image_index]) for patch in patches]
    digit = max(voted, key=voted.count)
    return [digit, voted.count(digit)]
