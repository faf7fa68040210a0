"""Adapters: only on the language model, saved with their base's name; a merged checkpoint answers like base + adapter."""

import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_encoding import frames
from test_local import whole_logits

from training.__main__ import main
from training.adapters import Lora, add_lora, language_layers, save_adapter
from training.merge import merge
from training.provenance import MERGED
from workbench.backends.base import Chat
from workbench.backends.judge_file import JudgeFile, read_judge_file, write_judge_file
from workbench.backends.loading import load_model, place, read_config, reads_video, resolve
from workbench.backends.local import load_local
from workbench.errors import BackendError, InputError
from workbench.schema import Sampling

CHECKPOINTS = ["qwen25_checkpoint", "qwen3_checkpoint", "smolvlm_checkpoint", "text_checkpoint"]


def loaded(base):
    return load_model(base, reads_video(read_config(base), base), place("cpu", "float32", None, None))[0]


def make_adapter(base, folder, *, zero=False, judge_file=None):
    """A LoRA with effect, as training leaves one."""
    torch.manual_seed(1)
    adapted = add_lora(loaded(base), Lora(rank=4, alpha=8))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name and not zero:
            torch.nn.init.normal_(parameter, std=0.3)
    return save_adapter(adapted, folder, resolve(str(base), None), judge_file)


@pytest.fixture
def adapter(qwen25_checkpoint, tmp_path):
    return make_adapter(qwen25_checkpoint, tmp_path / "adapter")


def chat_for(name):
    size = (64, 64) if name == "qwen3_checkpoint" else (56, 112)
    return Chat("You judge.", None if name == "text_checkpoint" else frames(4, *size), "Rate it: a red ball.")


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_merged_checkpoint_answers_like_base_and_adapter(name, request, tmp_path):
    base = request.getfixturevalue(name)
    folder = make_adapter(base, tmp_path / "adapter")
    merged = merge(str(base), str(folder), tmp_path / "merged")
    both, one = load_local(str(base), str(folder)), load_local(str(merged.folder))
    reply = [5, 9, 3, 7]
    with_adapter, without = whole_logits(both, chat_for(name), reply), whole_logits(one, chat_for(name), reply)
    assert torch.allclose(with_adapter, without, atol=1e-4, rtol=0)
    untuned = whole_logits(load_local(str(base)), chat_for(name), reply)
    assert (with_adapter - untuned).abs().max() > 0.1  # the adapter does something, so the line above says something
    assert merged.moved > 100 * merged.differs
    greedy = Sampling(max_new_tokens=12)
    texts = {judge.generate([chat_for(name)], greedy)[0].text for judge in (both, one)}
    assert len(texts) == 1


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_adapter_is_on_the_language_model_and_nowhere_else(name, request):
    model = loaded(request.getfixturevalue(name))
    pattern = language_layers(model)
    matched = {path for path, _ in model.named_modules() if re.fullmatch(pattern, path)}
    decoder = model.get_decoder()
    linears = {path for path, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    inside = {id(module) for module in decoder.modules()}
    assert matched == {path for path in linears if id(model.get_submodule(path)) in inside}
    trained = {path for path, parameter in add_lora(model, Lora()).named_parameters() if parameter.requires_grad}
    assert trained and all("lora_" in path for path in trained)
    assert len(trained) == 2 * len(matched)


@pytest.mark.parametrize("size", [{"rank": 0}, {"alpha": 0}, {"rank": -1}, {"dropout": 1.0}])
def test_an_adapter_of_no_size_is_refused_with_a_reason(size, tmp_path, capsys):
    with pytest.raises(InputError, match=f"{next(iter(size))}: got"):
        Lora(**size)
    assert main(["dpo", str(tmp_path), "--base", "b", "--rank", "0", "--out", str(tmp_path / "out")]) == 2
    assert "rank: got 0, expected at least 1, such as 16" in capsys.readouterr().err


def test_the_adapter_names_its_base_without_its_path(adapter, qwen25_checkpoint):
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == qwen25_checkpoint.name
    assert config["revision"] == resolve(str(qwen25_checkpoint), None).revision
    assert sorted(path.name for path in adapter.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_what_is_carried_along(adapter, qwen25_checkpoint, tmp_path):
    base = shutil.copytree(qwen25_checkpoint, tmp_path / "base")
    write_judge_file(base, JudgeFile(domain="base"))
    merged = merge(str(base), str(adapter), tmp_path / "one").folder
    assert {path.name for path in base.iterdir()} <= {path.name for path in merged.iterdir()}
    assert read_judge_file(merged).domain == "base"
    write_judge_file(adapter, JudgeFile(domain="adapter"))
    assert read_judge_file(merge(str(base), str(adapter), tmp_path / "two").folder).domain == "adapter"
    for name in ("tokenizer.json", "chat_template.jinja", "generation_config.json"):
        assert (merged / name).read_bytes() == (base / name).read_bytes()


def test_where_it_came_from_is_recorded_and_merging_again_gives_the_same(adapter, qwen25_checkpoint, tmp_path):
    folders = [merge(str(qwen25_checkpoint), str(adapter), tmp_path / name).folder for name in ("one", "two")]
    record = json.loads((folders[0] / MERGED).read_text())
    assert record["base"] == {
        "model": qwen25_checkpoint.name,
        "revision": resolve(str(qwen25_checkpoint), None).revision,
    }
    assert record["lineage"]["root"] == qwen25_checkpoint.name
    assert [stage["name"] for stage in record["lineage"]["stages"]] == ["adapter"]
    assert record["adapter"]["revision"] == resolve(str(adapter), None).revision
    assert (record["adapter"]["r"], record["adapter"]["lora_alpha"], record["dtype"]) == (4, 8, "float32")
    assert record["largest_logit_change"] > 0 and set(record["versions"]) == {"torch", "transformers", "peft"}
    assert resolve(str(folders[0]), None).revision == resolve(str(folders[1]), None).revision


def test_a_base_in_bfloat16_stays_so_and_is_rounded_once(qwen25_checkpoint, adapter, tmp_path):
    from transformers import AutoModelForImageTextToText

    base = shutil.copytree(qwen25_checkpoint, tmp_path / "base")
    AutoModelForImageTextToText.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)
    merged = merge(str(base), str(adapter), tmp_path / "merged")
    weights = load_file(merged.folder / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    assert 0 < merged.differs < merged.moved / 10
    exact = load_file(merge(str(base), str(adapter), tmp_path / "exact", dtype="float32").folder / "model.safetensors")
    assert all((exact[name].bfloat16() == tensor).all() for name, tensor in weights.items())


def rewrite(folder, change):
    weights = load_file(folder / "adapter_model.safetensors")
    save_file(change(weights), folder / "adapter_model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda weights: dict(list(weights.items())[1:]), "lacks weights"),
        (lambda weights: weights | {"base_model.model.extra.lora_A.weight": torch.zeros(4, 4)}, "unknown weights"),
        (lambda weights: {key: value * 0 for key, value in weights.items()}, "no effect"),
    ],
    ids=["missing", "unexpected", "no effect"],
)
def test_an_adapter_that_is_not_fully_applied_is_not_merged(adapter, qwen25_checkpoint, tmp_path, change, said):
    rewrite(adapter, change)
    with pytest.raises(BackendError, match=said):
        merge(str(qwen25_checkpoint), str(adapter), tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_another_base_is_said(adapter, qwen25_checkpoint, tmp_path, capsys):
    base = shutil.copytree(qwen25_checkpoint, tmp_path / "other")
    weights = load_file(base / "model.safetensors")
    save_file({name: tensor * 1.01 for name, tensor in weights.items()}, base / "model.safetensors", {"format": "pt"})
    merge(str(base), str(adapter), tmp_path / "merged")
    assert "was trained on" in capsys.readouterr().out


def test_what_does_not_answer_alike_is_refused():
    from training.merge import _check_alike

    _check_alike(differs=9e-4, moved=1.0, largest=10.0, dtype="float32")
    with pytest.raises(BackendError, match="does not answer like"):
        _check_alike(differs=2e-3, moved=1.0, largest=10.0, dtype="float32")
    _check_alike(differs=0.4, moved=1.0, largest=10.0, dtype="bfloat16")
    with pytest.raises(BackendError, match="--dtype float32"):
        _check_alike(differs=0.6, moved=1.0, largest=10.0, dtype="bfloat16")
    with pytest.raises(BackendError):
        _check_alike(differs=float("nan"), moved=1.0, largest=10.0, dtype="bfloat16")


def test_the_door(adapter, qwen25_checkpoint, tmp_path, capsys):
    out = tmp_path / "merged"
    assert main(["merge", f"hf:{qwen25_checkpoint}+{adapter}", "--out", str(out)]) == 0
    assert "answers like base + adapter" in capsys.readouterr().out
    assert main(["merge", f"{qwen25_checkpoint}+{adapter}", "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["merge", str(qwen25_checkpoint), "--out", str(tmp_path / "x")]) == 2
    assert "expected BASE+ADAPTER" in capsys.readouterr().err
