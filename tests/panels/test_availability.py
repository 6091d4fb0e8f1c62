"""What a panel cannot offer is named with its reason."""

from lecture_lib.panels import availability


def test_networks_that_would_have_to_be_downloaded_have_a_reason(monkeypatch):
    monkeypatch.setattr(availability, "model_is_here", lambda name: name == "tinynet")
    assert list(availability.missing_models(["tinynet", "squeezenet"])) == ["squeezenet"]
