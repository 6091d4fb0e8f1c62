"""Answers to the exercises on Grad-CAM; see tests/system/test_exercise_checks.py."""

# %% task 1, wrong: columns before rows
rows_and_columns = (14, 7)

# %% task 1, wrong: four halvings
rows_and_columns = (14, 28)

# %% task 1, right
rows_and_columns = [224 // 2**5, 448 // 2**5]


# %% task 2, wrong: another class's weights
def my_cam(model, image, class_index):
    weights, _ = model.get_layer("scores").get_weights()
    return activation_maps(model, "head_relu", image) @ weights[:, 0]


# %% task 2, wrong: the bias at every position
def my_cam(model, image, class_index):
    weights, bias = model.get_layer("scores").get_weights()
    return (activation_maps(model, "head_relu", image) @ weights + bias)[..., class_index]


# %% task 2, wrong: all classes
def my_cam(model, image, class_index):
    return activation_maps(model, "head_relu", image) @ model.get_layer("scores").get_weights()[0]


# %% task 2, right
def my_cam(model, image, class_index):
    kernel = model.get_layer("scores").kernel.numpy()
    maps = activation_maps(model, "head_relu", image)
    return np.einsum("rck,k->rc", maps, kernel[:, class_index]).tolist()


# %% task 3, wrong: no ReLU
def my_grad_cam(model, image, class_index, layer):
    maps = activation_maps(model, layer, image)
    upper = keras.Model(model.get_layer(layer).output, model.output)
    gradients = gradient(lambda activations: upper(activations)[:, class_index], maps)
    return maps @ gradients.mean(axis=(0, 1))


# %% task 3, wrong: position by position, without a mean
def my_grad_cam(model, image, class_index, layer):
    maps = activation_maps(model, layer, image)
    upper = keras.Model(model.get_layer(layer).output, model.output)
    gradients = gradient(lambda activations: upper(activations)[:, class_index], maps)
    return np.maximum((maps * gradients).sum(axis=-1), 0)


# %% task 3, wrong: the sum over positions
def my_grad_cam(model, image, class_index, layer):
    maps = activation_maps(model, layer, image)
    upper = keras.Model(model.get_layer(layer).output, model.output)
    gradients = gradient(lambda activations: upper(activations)[:, class_index], maps)
    return np.maximum(maps @ gradients.sum(axis=(0, 1)), 0)


# %% task 3, right
def my_grad_cam(model, image, class_index, layer):
    def score(activations):
        return upper(activations)[:, class_index]

    upper = keras.Model(model.get_layer(layer).output, model.outputs[0])
    maps = activation_maps(model, layer, image)
    alpha = gradient(score, maps[None])[0].reshape(-1, maps.shape[-1]).mean(axis=0)
    return np.clip((maps * alpha).sum(axis=2), 0, None)


# %% task 4, wrong: the last row and column themselves
def box(heatmap):
    rows, columns = np.nonzero(heatmap > heatmap.max() / 2)
    return rows.min(), columns.min(), rows.max(), columns.max()


# %% task 4, wrong: above one half, whatever the map's largest number
def box(heatmap):
    rows, columns = np.nonzero(heatmap > 0.5)
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


# %% task 4, wrong: columns first
def box(heatmap):
    rows, columns = np.nonzero(heatmap > heatmap.max() / 2)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


# %% task 4, right
def box(heatmap):
    bright = heatmap / heatmap.max() > 0.5
    rows = [row for row in range(len(bright)) if bright[row].any()]
    columns = [column for column in range(bright.shape[1]) if bright[:, column].any()]
    return [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]


# %% task 5, wrong: only what was trained adds up
still_adds_up = keeps_nine_tenths = "no"

# %% task 5, wrong: the place is in the channels alone
still_adds_up = keeps_nine_tenths = "yes"

# %% task 5, right
still_adds_up, keeps_nine_tenths = ("yes", "no")


# %% task 6, wrong: each without what is below zero
def difference_cam(model, image, first, second):
    maps = [np.maximum(my_cam(model, image, index), 0) for index in (first, second)]
    return maps[0] - maps[1]


# %% task 6, wrong: a ReLU at the end
def difference_cam(model, image, first, second):
    return np.maximum(my_cam(model, image, first) - my_cam(model, image, second), 0)


# %% task 6, wrong: each map divided by its largest number
def difference_cam(model, image, first, second):
    maps = [my_cam(model, image, index) for index in (first, second)]
    return maps[0] / maps[0].max() - maps[1] / maps[1].max()


# %% task 6, right
def difference_cam(model, image, first, second):
    weights, _ = model.get_layer("scores").get_weights()
    return activation_maps(model, "head_relu", image) @ (weights[:, first] - weights[:, second])
