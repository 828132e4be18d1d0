import json
from pathlib import Path

import pytest
import torch

from archive_restore.errors import WeightsError
from archive_restore.home import Home
from archive_restore.networks import weights
from archive_restore.networks.architectures import CENTRE, DEFAULT, build_generator
from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import ModelCard


def card(name: str = "small", architecture: str = CENTRE) -> ModelCard:
    settings = {"bottleneck": 8, "width": 8} if architecture == CENTRE else {}
    return ModelCard(name, "", "", architecture, settings, samples=64, data="drawn")


def save(folder: Path, name: str = "small") -> ModelCard:
    torch.manual_seed(1)
    return weights.save_model(build_generator(CENTRE, {"bottleneck": 8, "width": 8}), folder, card(name))


def test_what_is_saved_is_loaded_in_half_precision(tmp_path: Path):
    home = Home(tmp_path)
    torch.manual_seed(1)
    module = build_generator(CENTRE, {"bottleneck": 8, "width": 8}).eval()
    weights.save_model(module, home.models, card())

    loaded = weights.load_model("small", home=home)

    picture = torch.rand(1, 3, 128, 128)
    assert not loaded.module.training
    assert not loaded.network.training
    assert torch.allclose(loaded.network(picture), module(picture), atol=2e-2)
    assert loaded.card.samples == 64


def test_a_changed_byte_is_refused_by_hash(tmp_path: Path):
    home = Home(tmp_path)
    written = save(home.models)
    path = home.models / written.file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"has been changed or cut short.*install"):
        weights.load_model("small", home=home)


def test_a_truncated_file_is_refused_by_hash(tmp_path: Path):
    home = Home(tmp_path)
    path = home.models / save(home.models).file
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="changed or cut short"):
        weights.load_model("small", home=home)


def test_weights_of_another_architecture_are_refused_by_name(tmp_path: Path):
    home = Home(tmp_path)
    save(home.models)
    manifest = home.models / weights.MANIFEST
    content = json.loads(manifest.read_text())
    content["models"][0] |= {"architecture": DEFAULT, "settings": {}}
    manifest.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=f"architecture {DEFAULT}"):
        weights.load_model("small", home=home)


def test_an_architecture_that_nobody_knows_is_named_with_those_there_are():
    with pytest.raises(WeightsError, match=r"no architecture 'resnet'.*context-encoder-centre"):
        build_generator("resnet", {})


def test_a_setting_that_the_architecture_lacks_is_named():
    with pytest.raises(WeightsError, match="no setting depth"):
        build_generator(CENTRE, {"depth": 3})


def test_a_deeper_default_network_begins_as_the_shallower_one():
    shallow, deep = build_generator(DEFAULT, {}), build_generator(DEFAULT, {"blocks": 2, "depth": 8})
    assert isinstance(shallow, Generator)
    assert isinstance(deep, Generator)
    dilations = [block.spread.dilation[0] for block in deep.bottleneck]
    assert dilations == [1, 2, 4, 8, 4, 2, 1, 2]
    grown = deep.load_state_dict(shallow.state_dict(), strict=False)
    assert not grown.unexpected_keys
    torch.nn.init.normal_(shallow.write.weight, std=0.1)
    deep.write.load_state_dict(shallow.write.state_dict())
    pictures, masks = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    torch.testing.assert_close(deep(pictures, masks, pictures), shallow(pictures, masks, pictures))


def test_a_missing_model_lists_those_there_are(tmp_path: Path):
    home = Home(tmp_path)
    save(home.models)
    with pytest.raises(WeightsError, match=r"no model 'other'; there are small"):
        weights.load_model("other", home=home)


def test_saving_a_second_model_keeps_the_first_and_the_default(tmp_path: Path):
    save(tmp_path, "one")
    save(tmp_path, "two")
    save(tmp_path, "two")
    default, cards = weights.read_manifest(tmp_path)
    assert default == "one"
    assert [one.name for one in cards] == ["one", "two"]


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path):
    module = build_generator(CENTRE, {"bottleneck": 8, "width": 8})
    torch.nn.init.constant_(module.encoder[0].weight, float("inf"))
    with pytest.raises(WeightsError, match="not finite"):
        weights.save_model(module, tmp_path, card())
    assert not (tmp_path / weights.MANIFEST).exists()


@pytest.mark.parametrize("text", ["{", "[]", "[" * 200_000])
def test_a_broken_manifest_is_named(tmp_path: Path, text: str):
    (tmp_path / weights.MANIFEST).write_text(text)
    with pytest.raises(WeightsError, match=r"manifest\.json cannot be read"):
        weights.read_manifest(tmp_path)


def test_every_shipped_model_has_the_hash_and_the_architecture_its_card_says(tmp_path: Path):
    default, cards = weights.read_manifest(weights.shipped_models())
    assert default in [one.name for one in cards]
    for one in cards:
        weights.load_model(one.name, home=Home(tmp_path))
        assert one.samples > 0
        assert one.data
