"""Names of channels in a file that only grows."""

import pytest

from lecture_lib.panels.channel_names import keep_name, kept_names, names_file

WHEEL = ("efficientnet_lite0", "block12_expand_relu", 17)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def test_without_a_file_there_are_no_names_and_none_is_made():
    assert kept_names() == {} and not names_file().exists()


def test_names_are_kept_for_the_next_time():
    assert keep_name(WHEEL, " wheels,  round ") is None
    keep_name(("tinynet", "block1", 0), "Kanten „schräg“")
    assert kept_names() == {WHEEL: "wheels, round", ("tinynet", "block1", 0): "Kanten „schräg“"}


def test_a_new_name_stands_below_the_old_one_and_nothing_is_overwritten():
    keep_name(WHEEL, "wheels")
    before = names_file().read_text(encoding="utf-8")
    assert keep_name(WHEEL, "dark circles") == "wheels"
    after = names_file().read_text(encoding="utf-8")
    assert after.startswith(before) and kept_names() == {WHEEL: "dark circles"}
    keep_name(WHEEL, "dark circles")
    assert names_file().read_text(encoding="utf-8") == after


@pytest.mark.parametrize("content", ["my diary\n", "net,layer,channel,name\na,b,no number,c\n"])
def test_another_file_of_that_name_is_left_alone(content):
    names_file().write_text(content, encoding="utf-8")
    for work in (kept_names, lambda: keep_name(WHEEL, "wheels")):
        with pytest.raises(ValueError, match="no table of names"):
            work()
    assert names_file().read_text(encoding="utf-8") == content


def test_a_name_needs_letters():
    with pytest.raises(ValueError, match="at least one letter"):
        keep_name(WHEEL, "  ")
    assert not names_file().exists()


def test_a_file_that_takes_no_more_is_said_in_a_sentence(tmp_path):
    names_file().mkdir()
    with pytest.raises(ValueError, match="my-names.csv"):
        keep_name(WHEEL, "wheels")
