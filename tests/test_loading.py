"""What the local backend refuses to load, and adapters that are applied or refused."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_encoding import frames
from transformers.utils import logging

from workbench.backends.base import Chat
from workbench.backends.judge_file import JudgeFile, write_judge_file
from workbench.backends.loading import content_hash, parameter_count, place
from workbench.backends.local import load_local
from workbench.backends.presets import PRESETS, preset_for
from workbench.backends.random_weights import make_checkpoint
from workbench.errors import BackendError
from workbench.schema import Sampling

GREEDY = Sampling(max_new_tokens=10)
CHAT = Chat("You judge.", frames(4, 56, 56), "Rate it.")


@pytest.fixture
def copy(qwen25_checkpoint, tmp_path):
    return shutil.copytree(qwen25_checkpoint, tmp_path / "judge")


def edit(folder, name, **fields):
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | fields))


# -- checkpoints


def test_two_threads_load_one_after_the_other(copy, monkeypatch):
    from transformers import AutoModelForImageTextToText

    real, inside, most = AutoModelForImageTextToText.from_pretrained, [], []

    def load(*args, **options):
        inside.append(1)
        most.append(len(inside))
        try:
            time.sleep(0.05)
            return real(*args, **options)
        finally:
            inside.pop()

    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", load)
    with ThreadPoolExecutor() as threads:  # transformers changes its own classes while it loads
        judges = list(threads.map(lambda _: load_local(str(copy), device="cpu"), range(3)))
    assert len(judges) == 3 and max(most) == 1


def test_pickled_weights_are_refused(copy):
    weights = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    torch.save(weights, copy / "pytorch_model.bin")
    with pytest.raises(BackendError, match="only pytorch_model.bin.*can run code"):
        load_local(str(copy))


def test_loading_is_silent_and_leaves_others_their_choice(copy, capfd):
    before = logging.is_progress_bar_enabled(), logging.get_verbosity()
    load_local(str(copy))
    assert capfd.readouterr() == ("", "")
    with pytest.raises(BackendError):
        (copy / "config.json").unlink()
        load_local(str(copy))
    assert (logging.is_progress_bar_enabled(), logging.get_verbosity()) == before


def test_missing_weights_are_refused(copy):
    weights = load_file(copy / "model.safetensors")
    name = next(key for key in weights if "layers.1" in key)
    save_file(
        {key: tensor for key, tensor in weights.items() if key != name}, copy / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(BackendError, match="lacks 1 of the model's weights.*random"):
        load_local(str(copy))


def test_weights_of_another_shape_are_refused(copy):
    weights = load_file(copy / "model.safetensors")
    name = next(key for key in weights if key.endswith("q_proj.weight"))
    save_file(weights | {name: torch.zeros(3, 3)}, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(BackendError):
        load_local(str(copy))


def test_unexpected_weights_are_reported(copy):
    weights = load_file(copy / "model.safetensors")
    save_file(weights | {"value_head.weight": torch.zeros(2)}, copy / "model.safetensors", {"format": "pt"})
    assert load_local(str(copy)).report["unexpected_keys"] == ["value_head.weight"]


def test_truncated_weights_are_refused(copy):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(BackendError, match="model.safetensors .*is damaged"):
        load_local(str(copy))


def test_remote_code_is_never_run(copy):
    (copy / "evil.py").write_text("raise SystemExit('ran')")
    edit(copy, "config.json", model_type="evil", auto_map={"AutoConfig": "evil.Config"})
    with pytest.raises(BackendError, match="'evil'.*their own code are not loaded"):
        load_local(str(copy))


@pytest.mark.parametrize(
    "file, message", [("config.json", "no config.json"), ("chat_template.jinja", "no chat template")]
)
def test_missing_files_are_named(copy, file, message):
    (copy / file).unlink()
    with pytest.raises(BackendError, match=message):
        load_local(str(copy))


def test_models_without_answers_are_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(BackendError, match="'vit' model, which does not answer in text"):
        load_local(str(tmp_path))


@pytest.mark.parametrize(
    "model, message",
    [
        ("nobody/such-judge-as-this", "not in the local cache, and the Hub could not be reached"),
        ("no-such-folder", "neither a folder here nor a Hub id"),
        ("https://example.org/model", "neither a folder"),
        ("../somewhere/else", "neither a folder"),
    ],
)
def test_unknown_places(model, message):
    with pytest.raises(BackendError, match=message):
        load_local(model)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"dtype": "int3"}, "dtype: got 'int3'"),
        ({"device": "tpu"}, "device: got 'tpu'"),
        ({"device": "cuda:99"}, "device: got 'cuda:99'"),
        ({"device": "cuda:first"}, "device: got"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"after_video": "before"}, "after_video: got 'before', expected one of largest, spatial"),
        ({"quantization": "2bit"}, "quantization: got '2bit'"),
        ({"revision": "main"}, "only Hub ids have one"),
    ],
)
def test_options_are_checked(qwen25_checkpoint, options, message):
    with pytest.raises(BackendError, match=message):
        load_local(str(qwen25_checkpoint), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there(qwen25_checkpoint):
    with pytest.raises(BackendError, match="'cuda', which this machine"):
        load_local(str(qwen25_checkpoint), device="cuda")
    assert place("auto", "auto", None, None)[:2] in [("cpu", "float32"), ("mps", "bfloat16")]


def test_quantization_without_its_package_says_what_to_install(qwen25_checkpoint, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match="4bit weights need the package bitsandbytes"):
        load_local(str(qwen25_checkpoint), quantization="4bit")


def test_bfloat16_is_recorded(qwen25_checkpoint):
    judge = load_local(str(qwen25_checkpoint), dtype="bfloat16")
    assert judge.identity["dtype"] == "bfloat16" and judge._model.dtype == torch.bfloat16
    assert judge.generate([CHAT], GREEDY)[0].text


@pytest.mark.parametrize(
    "device_map", ["auto", {"model.visual": "cpu", "model.language_model": "cpu", "lm_head": "cpu"}]
)
def test_a_device_map_is_used(qwen25_checkpoint, device_map):
    judge = load_local(str(qwen25_checkpoint), device_map=device_map)
    expected = load_local(str(qwen25_checkpoint)).generate([CHAT], GREEDY)[0].text
    assert judge.generate([CHAT], GREEDY)[0].text == expected


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """A checkpoint whose layers are wide enough for bitsandbytes to pack."""
    sizes = {"hidden": 128, "intermediate": 256, "vision_hidden": 128, "vision_intermediate": 256}
    return make_checkpoint(tmp_path_factory.mktemp("blocks"), "qwen2.5-vl", initializer_range=0.1, **sizes)


@pytest.mark.parametrize("quantization", ["4bit", "8bit"])
def test_quantized_judges(blocks, quantization):
    pytest.importorskip("bitsandbytes")
    whole, packed = load_local(str(blocks)), load_local(str(blocks), quantization=quantization, dtype="bfloat16")
    assert packed.identity["quantization"] == quantization
    assert packed.report["memory_bytes"] < 0.6 * whole.report["memory_bytes"]
    assert packed.generate([CHAT], GREEDY)[0].text


def test_quantized_layers_that_cannot_compute_are_refused(qwen25_checkpoint):
    pytest.importorskip("bitsandbytes")
    with pytest.raises(BackendError, match="4bit weights do not run"):
        load_local(str(qwen25_checkpoint), quantization="4bit")


def test_weights_that_cannot_fit_are_refused_before_loading(qwen25_checkpoint, monkeypatch):
    import psutil

    weights = load_file(qwen25_checkpoint / "model.safetensors").values()
    assert parameter_count(qwen25_checkpoint) == sum(tensor.numel() for tensor in weights)
    memory = psutil.virtual_memory()._replace(available=500_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(BackendError, match="take 0.0 GB in float32.*4-bit"):
        load_local(str(qwen25_checkpoint), device="cpu")
    assert load_local(str(qwen25_checkpoint), device="cpu", dtype="bfloat16")


def test_content_hash_follows_what_matters(copy):
    before = content_hash(copy)
    (copy / "README.md").write_text("words")
    (copy / "judge.json").write_text("{}")
    assert content_hash(copy) == before
    edit(copy, "generation_config.json", eos_token_id=1)
    assert content_hash(copy) != before


def test_a_hub_snapshot_records_its_commit(qwen25_checkpoint, tmp_path, monkeypatch):
    commit = "0123456789" * 4
    snapshot = shutil.copytree(qwen25_checkpoint, tmp_path / "snapshots" / commit)
    asked = {}

    def download(hub_id, **options):
        asked.update(options, id=hub_id)
        return str(snapshot)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    hub_id = PRESETS["videojudge-7b-rubric"].model
    judge = load_local(hub_id, revision="v2")
    assert (judge.identity["model"], judge.identity["revision"]) == (hub_id, commit)
    assert judge.name == f"hf:{hub_id}" and asked["revision"] == "v2"
    assert not any(pattern in ("*", "*.bin", "*.py") for pattern in asked["allow_patterns"])
    # A known id brings its preset's frames and prompts, however it was asked for.
    assert judge.video_policy == preset_for(hub_id).video_policy and judge.video_policy.max_frames == 180
    assert judge.declared.prompts == ("rubric",)


def test_presets_are_safe():
    for preset in PRESETS.values():
        policy = preset.video_policy
        tokens = (policy.max_frames / 2) * policy.max_pixels / policy.size_multiple**2
        assert preset.view == "description" or policy.size_multiple == 2 or tokens < 12_000


# -- adapters


def write_adapter(base, folder, *, zero=False, targets=("q_proj", "v_proj"), seed=0):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_pretrained(base)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=list(targets)))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name and not zero:
            torch.nn.init.normal_(parameter, std=0.5)
    adapted.save_pretrained(folder)
    return adapted.merge_and_unload()


@pytest.mark.parametrize("name", ["qwen25_checkpoint", "qwen3_checkpoint", "smolvlm_checkpoint"])
def test_an_adapter_is_applied(name, request, tmp_path):
    base = request.getfixturevalue(name)
    merged = write_adapter(base, tmp_path / "adapter")
    plain, judge = load_local(str(base)), load_local(str(base), str(tmp_path / "adapter"))
    assert judge.report["adapter_largest_logit_change"] > 0
    assert judge.identity["adapter"]["revision"].startswith("sha256:")
    assert judge.name == f"hf:{base}+{tmp_path / 'adapter'}"
    chat = Chat("s", frames(4, 64, 64) if name == "qwen3_checkpoint" else CHAT.frames, "Rate it.")
    (adapted,), (untuned,) = judge.generate([chat], GREEDY), plain.generate([chat], GREEDY)
    assert adapted.text != untuned.text
    plain._model = merged.eval()
    assert adapted.text == plain.generate([chat], GREEDY)[0].text


def test_an_adapter_s_judge_file_goes_before_its_base_s(copy, tmp_path):
    write_adapter(copy, tmp_path / "adapter")
    write_judge_file(copy, JudgeFile(domain="base"))
    assert load_local(str(copy), str(tmp_path / "adapter")).declared.domain == "base"
    write_judge_file(tmp_path / "adapter", JudgeFile(domain="adapter", scale=(1, 5)))
    judge = load_local(str(copy), str(tmp_path / "adapter"))
    assert (judge.declared.domain, judge.declared.scale) == ("adapter", (1, 5))


def test_an_adapter_on_the_vision_tower_alone_counts_as_an_effect(qwen25_checkpoint, tmp_path):
    write_adapter(qwen25_checkpoint, tmp_path / "adapter", targets=["qkv"])
    assert load_local(str(qwen25_checkpoint), str(tmp_path / "adapter")).report["adapter_largest_logit_change"] > 0


def rewrite(folder, change):
    weights = load_file(folder / "adapter_model.safetensors")
    save_file(change(weights), folder / "adapter_model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: {key.replace("language_model", "text_tower"): value for key, value in weights.items()},
        lambda weights: {key.replace("base_model.model.", "model."): value for key, value in weights.items()},
        lambda weights: dict(list(weights.items())[1:]),
        lambda weights: weights | {"base_model.model.extra.lora_A.weight": torch.zeros(4, 4)},
        lambda weights: {key: value[:2].clone() for key, value in weights.items()},
        lambda weights: {},
    ],
    ids=["renamed", "prefix lost", "one missing", "one too many", "other shapes", "empty"],
)
def test_an_adapter_that_would_not_be_applied_is_refused(qwen25_checkpoint, tmp_path, change):
    write_adapter(qwen25_checkpoint, tmp_path / "adapter")
    rewrite(tmp_path / "adapter", change)
    with pytest.raises(BackendError, match="adapter"):
        load_local(str(qwen25_checkpoint), str(tmp_path / "adapter"))


def test_an_adapter_without_effect_is_refused(qwen25_checkpoint, tmp_path):
    write_adapter(qwen25_checkpoint, tmp_path / "adapter", zero=True)
    with pytest.raises(BackendError, match="no effect"):
        load_local(str(qwen25_checkpoint), str(tmp_path / "adapter"))


def test_an_adapter_for_other_layers_is_refused(qwen25_checkpoint, smolvlm_checkpoint, tmp_path):
    write_adapter(qwen25_checkpoint, tmp_path / "adapter", targets=["qkv"])
    with pytest.raises(BackendError, match="does not fit this model|unknown weights"):
        load_local(str(smolvlm_checkpoint), str(tmp_path / "adapter"))


def test_pickled_adapters_and_other_folders_are_refused(qwen25_checkpoint, tmp_path):
    folder = tmp_path / "adapter"
    write_adapter(qwen25_checkpoint, folder)
    torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(BackendError, match="only adapter_model.bin"):
        load_local(str(qwen25_checkpoint), str(folder))
    with pytest.raises(BackendError, match="no adapter_config.json"):
        load_local(str(qwen25_checkpoint), str(qwen25_checkpoint))
