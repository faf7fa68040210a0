"""What layers should know at each video token: labels from the facts, and heads that read the layers' inputs."""

import torch
from torch import nn

from training.dense import IGNORE
from training.gaze import Scene
from training.sft import Packed
from training.traces import LAYERS, Traces, trace_labels

MOTIONS = ["still", "left", "right"]
TURNED = torch.tensor([1, IGNORE])
FACTS = {
    "objects": [
        {"segments": [{"motion": "left", "start": 0.0, "end": 1.0}, {"motion": "right", "start": 1.0, "end": 2.0}]},
        {"segments": [{"motion": "still", "start": 0.0, "end": 2.0}]},
    ]
}
# Two pairs of frames, three tokens each: the second object shows up in the second pair only.
SCENE = Scene(FACTS, torch.tensor([-1, 0, 0, 1, -1, 0]), torch.tensor([0.25] * 3 + [1.5] * 3))


def test_labels_say_what_is_known_up_to_each_token():
    found = trace_labels(SCENE, MOTIONS)
    assert found["moment"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found["motion"].tolist() == [IGNORE, 1, 1, 0, IGNORE, 2]
    assert found["so_far"].tolist() == [0, 1, 1, 2, 2, 2]


def packed(types):
    n = len(types)
    empty = torch.zeros(n, dtype=torch.long)
    return Packed(empty, torch.tensor(types), empty[None], empty, empty)


class Layer(nn.Module):
    def forward(self, hidden_states):
        return hidden_states + 1


def test_heads_read_the_tokens_of_their_layer():
    torch.manual_seed(0)
    layers = nn.ModuleList(Layer() for _ in range(6))
    traces = Traces(layers, 8, MOTIONS)
    packs = [packed([0, 2, 2, 2, 2, 2, 2, 0]), packed([0, 0])]
    hidden = torch.randn(1, 10, 8)
    passing = hidden
    for layer in layers:
        passing = layer(hidden_states=passing)
    total, figures = traces.loss(packs, [SCENE, None], [None, TURNED])
    wanted = {name: (range(1, 7), labels) for name, labels in trace_labels(SCENE, MOTIONS).items()}
    wanted["turned"] = range(8, 10), TURNED
    expected = sum(
        nn.functional.cross_entropy(traces.heads[name](hidden[0, where] + LAYERS[name]), labels, ignore_index=IGNORE)
        for name, (where, labels) in wanted.items()
    )
    assert torch.allclose(total, expected)
    assert set(figures) == {"trace_moment", "trace_motion", "trace_so_far", "trace_turned"}
    total.backward()
    assert all(parameter.grad is not None for parameter in traces.parameters())


def test_packs_without_a_video_cost_nothing():
    traces = Traces(nn.ModuleList(Layer() for _ in range(6)), 8, MOTIONS)
    assert traces.loss([packed([0, 0])], [None], [None])[0] == 0


def test_a_model_of_few_layers_has_fewer_heads():
    assert set(Traces(nn.ModuleList(Layer() for _ in range(3)), 8, MOTIONS).heads) == {"moment", "motion", "turned"}
