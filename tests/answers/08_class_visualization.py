"""Answers to the exercises on class visualization; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong
higher = "with"

# %% task 1, wrong: no word of the two
higher = "both"

# %% task 1, right
higher = np.array(["without", "with"])[0]


# %% task 2, wrong: the first class alone
def hybrid(model, first, second, start):
    return ascend(class_score(model, first), start, steps=40, learning_rate=1.0).images


# %% task 2, wrong: a difference
def hybrid(model, first, second, start):
    difference = class_score(model, first) - class_score(model, second)
    return ascend(difference, start, steps=40, learning_rate=1.0).images


# %% task 2, wrong: the whole Ascent
def hybrid(model, first, second, start):
    both = class_score(model, first) + class_score(model, second)
    return ascend(both, start, steps=40, learning_rate=1.0)


# %% task 2, right: a plain function
def hybrid(model, first, second, start):
    def both(images):
        logits = model(images)
        return logits[:, first] + logits[:, second]

    ascent = ascend(both, start, steps=40, learning_rate=1)
    return ascent.images


# %% task 3, wrong: top and bottom
def mirrored(images):
    return np.clip((images + images[..., ::-1, :, :]) / 2, 0, 1)


# %% task 3, wrong: the colors exchanged
def mirrored(images):
    return np.clip((images + images[..., ::-1]) / 2, 0, 1)


# %% task 3, wrong: not within [0, 1]
def mirrored(images):
    return (images + images[..., ::-1, :]) / 2


# %% task 3, wrong: for one image only
def mirrored(images):
    return np.clip((images + images[:, ::-1]) / 2, 0, 1)


# %% task 3, right
def mirrored(images):
    mirror = np.flip(images, axis=-2)
    return np.minimum(np.maximum(0.5 * images + 0.5 * mirror, 0), 1)


# %% task 4, wrong: one too many
def steps_until(model, image, class_index):
    ascent = ascend(
        class_score(model, class_index), image, steps=40, learning_rate=0.2, frames_every=1
    )
    for step, frame in enumerate(ascent.frames):
        if top_classes(model, frame, count=1)[0].class_index == class_index:
            return step + 1


# %% task 4, wrong: the number of images
def steps_until(model, image, class_index):
    ascent = ascend(
        class_score(model, class_index), image, steps=40, learning_rate=0.2, frames_every=1
    )
    return len(ascent.frames)


# %% task 4, wrong: another learning rate
def steps_until(model, image, class_index):
    ascent = ascend(
        class_score(model, class_index), image, steps=40, learning_rate=0.05, frames_every=1
    )
    first = class_scores(model, np.stack(ascent.frames)).argmax(axis=1)
    return int(np.argmax(first == class_index))


# %% task 4, right: all images at once
def steps_until(model, image, class_index):
    ascent = ascend(
        class_score(model, class_index), image, steps=40, learning_rate=0.2, frames_every=1
    )
    first = class_scores(model, np.stack(ascent.frames)).argmax(axis=1)
    return np.argmax(first == class_index)
