"""What a panel cannot offer is named with its reason."""

from small_nets import pixel_net

from lecture_lib.panels import availability


def test_layers_without_maps_and_layers_of_other_networks_have_a_reason(monkeypatch):
    monkeypatch.setattr(availability, "load_model", {"small": pixel_net()}.get)
    reasons = availability.unfit_layers(["conv", "pool", "fire2"], net="small")
    assert set(reasons) == {"pool", "fire2"}
    assert "no rows and columns" in reasons["pool"]
    assert reasons["fire2"] == "not in small"


def test_networks_that_would_have_to_be_downloaded_have_a_reason(monkeypatch):
    monkeypatch.setattr(availability, "model_is_here", lambda name: name == "tinynet")
    assert list(availability.missing_models(["tinynet", "squeezenet"])) == ["squeezenet"]
