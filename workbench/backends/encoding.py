"""A Chat becomes model inputs: token ids and types, position ids, the video's tensors. Training and inference share it.

The text is rendered through the checkpoint's own chat template and the video through its own video processor, but
frames are taken exactly as sampled, and nothing in a chat's text can turn into a special token.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.backends.pixels import makes_patches, patches
from workbench.backends.positions import RopeRule, mrope_positions, next_position
from workbench.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from workbench.backends.base import Chat
    from workbench.video.frames import Frames

TIME_BASE = (
    1_000_000  # frames are handed over by microsecond, so that timestamps are right at a variable frame rate too
)
# Stand where the chat's texts will; private-use characters, so that no template has them.
SYSTEM, USER = "\ue000system\ue001", "\ue000user\ue001"


@dataclass(frozen=True, eq=False)
class Encoded:
    """One prompt, unpadded. `labels` are there only when a reply was given with it."""

    ids: "torch.Tensor"  # int64 [n]
    types: "torch.Tensor"  # int64 [n]: 0 text, 1 image, 2 video
    positions: "torch.Tensor"  # int64 [3, n] for M-RoPE, [1, n] otherwise
    vision: "Mapping[str, torch.Tensor]"  # what the model's forward takes for the video; empty without one
    video_tokens: int  # tokens that stand for pixels
    labels: "torch.Tensor | None" = None  # int64 [n]: -100 on the prompt, the ids on the reply

    def __len__(self) -> int:
        return len(self.ids)

    def first(self, count: int) -> "Encoded":
        """The prompt's first `count` tokens. The video has to be among them."""
        return replace(self, ids=self.ids[:count], types=self.types[:count], positions=self.positions[:, :count])

    def then(self, tokens: "Sequence[int]") -> "Encoded":
        """The prompt with the beginning of a reply behind it."""
        import torch

        added = torch.tensor(list(tokens), dtype=torch.long)
        positions = next_position(self.positions) + torch.arange(len(added)).expand(len(self.positions), -1)
        return replace(
            self,
            ids=torch.cat([self.ids, added]),
            types=torch.cat([self.types, torch.zeros_like(added)]),
            positions=torch.cat([self.positions, positions], dim=1),
        )


class VideoInputs(NamedTuple):
    """A video as a checkpoint's processor gives it; the same for all chats about the same frames."""

    tensors: "Mapping[str, torch.Tensor]"  # Qwen: pixel_values_videos [patches, values], video_grid_thw [1, 3]
    placeholder: str  # the text that stands for it in the prompt, special tokens included
    seconds_per_grid: float  # seconds of video between two steps of the grid


def encode_chat(
    processor: Any, chat: "Chat", rule: RopeRule | None, *, video: VideoInputs | None = None, reply: str | None = None
) -> Encoded:
    """Encode one chat, up to where the judge's reply starts, or with `reply` and the end-of-turn token after it.

    `rule` is `positions.rope_rule(model.config)`; `video` is `video_inputs(processor, chat.frames)` where that is known
    already. Raises BackendError when the checkpoint cannot take this chat.
    """
    import torch

    if chat.frames is not None and video is None:
        video = video_inputs(processor, chat.frames)
    tokenizer = getattr(processor, "tokenizer", processor)
    skeleton = _place_video(processor, _skeleton(processor, chat), video)
    prompt = tokenize(tokenizer, skeleton, {SYSTEM: chat.system, USER: _user_text(skeleton, chat)})
    answer = [] if reply is None else [*tokenize(tokenizer, USER, {USER: reply}), tokenizer.eos_token_id]
    types = token_types(processor, prompt) + [0] * len(answer)
    return Encoded(
        ids=torch.tensor(prompt + answer),
        types=torch.tensor(types),
        positions=_positions(types, video, rule),
        vision=video.tensors if video else {},
        video_tokens=sum(kind != 0 for kind in types),
        labels=None if reply is None else torch.tensor([-100] * len(prompt) + answer),
    )


def encode_chats(
    processor: Any,
    chats: "Sequence[Chat]",
    rule: RopeRule | None = None,
    *,
    replies: "Sequence[str] | None" = None,
    padding_side: str = "left",
) -> "dict[str, torch.Tensor]":
    """A padded batch of chats, ready for a model's forward.

    Gives input_ids, attention_mask and mm_token_type_ids int64 [b, n], position_ids int64 [3, b, n] (M-RoPE) or [b, n],
    the video tensors (Qwen: pixel_values_videos [patches, values], video_grid_thw [videos, 3]), and with `replies`
    also labels int64 [b, n], -100 on everything but the reply. Position ids have to be passed to forward as they are.
    """
    videos = {id(chat.frames): video_inputs(processor, chat.frames) for chat in chats if chat.frames is not None}
    rows = [
        encode_chat(processor, chat, rule, video=videos.get(id(chat.frames)), reply=reply)
        for chat, reply in zip(chats, replies or [None] * len(chats), strict=True)
    ]
    tokenizer = getattr(processor, "tokenizer", processor)
    return collate(rows, tokenizer.pad_token_id or 0, padding_side)


def collate(rows: "Sequence[Encoded]", pad_id: int, padding_side: str = "left") -> "dict[str, torch.Tensor]":
    """Pad encoded prompts to one batch; see `encode_chats` for what it holds. Nothing is ever truncated."""
    import torch

    batch = {
        "input_ids": _pad([row.ids for row in rows], pad_id, padding_side),
        "attention_mask": _pad([torch.ones_like(row.ids) for row in rows], 0, padding_side),
        "mm_token_type_ids": _pad([row.types for row in rows], 0, padding_side),
    }
    axes = [_pad([row.positions[axis] for row in rows], 0, padding_side) for axis in range(len(rows[0].positions))]
    batch["position_ids"] = torch.stack(axes) if len(axes) > 1 else axes[0]
    if rows[0].labels is not None:
        batch["labels"] = _pad([row.labels for row in rows], -100, padding_side)
    for name in dict.fromkeys(name for row in rows for name in row.vision):
        batch[name] = torch.cat([row.vision[name] for row in rows if name in row.vision])
    return batch


def _pad(rows: "Sequence[torch.Tensor]", value: int, side: str) -> "torch.Tensor":
    import torch

    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value, padding_side=side)


# -- the video ---------------------------------------------------------------------------------------------------------


def video_inputs(processor: Any, frames: "Frames") -> VideoInputs:
    """What the checkpoint's processor makes of these frames.

    Frames are neither sampled again nor, where the architecture takes any size, resized. Raises BackendError when they
    do not fit the model's patches.
    """
    from transformers.video_utils import VideoMetadata

    video_processor = processor.video_processor
    count, height, width, _ = frames.images.shape
    metadata = VideoMetadata(
        total_num_frames=max(count, round(frames.duration * TIME_BASE)),
        fps=float(TIME_BASE),
        width=width,
        height=height,
        duration=frames.duration,
        video_backend=frames.decoder,
        frames_indices=[round(second * TIME_BASE) for second in frames.seconds],
    )
    any_size = _check_any_size(video_processor, height, width)
    per_grid = getattr(video_processor, "temporal_patch_size", 1) / frames.fps
    if any_size and makes_patches(video_processor):
        tensors = patches(video_processor, frames.images)
        placeholder = processor.replace_video_token({**tensors, "video_metadata": [metadata]}, 0)
        return VideoInputs(tensors, placeholder, per_grid)
    options = {"do_resize": False} if any_size else {}
    if hasattr(video_processor, "cap_pixels_per_frame"):
        options["cap_pixels_per_frame"] = False  # the video policy is the cap
    inputs = video_processor(
        videos=[frames.images],
        video_metadata=[metadata],
        do_sample_frames=False,
        input_data_format="channels_last",
        return_metadata=True,
        return_tensors="pt",
        **options,
    )
    placeholder = processor.replace_video_token(inputs, 0)
    tensors = {name: tensor for name, tensor in inputs.items() if name != "video_metadata"}
    return VideoInputs(tensors, placeholder, per_grid)


def patch_multiple(video_processor: Any) -> int | None:
    """What both edges of a frame must be a multiple of, for models that take any size; None for fixed-size models."""
    merge = getattr(video_processor, "merge_size", None)
    return merge * video_processor.patch_size if merge else None


def _check_any_size(video_processor: Any, height: int, width: int) -> bool:
    multiple = patch_multiple(video_processor)
    if multiple is None:
        return False
    if height % multiple or width % multiple:
        raise BackendError(
            f"The frames are {width}x{height}, but this model's patches need both edges to be multiples of {multiple}. "
            f"Set size_multiple={multiple} in the video policy."
        )
    return True


# -- the text ----------------------------------------------------------------------------------------------------------


def _skeleton(processor: Any, chat: "Chat") -> str:
    """The chat template's output with marks in place of the chat's own texts; the video is one placeholder token."""
    import jinja2

    # Text models that reason in blocks of their own would spend their tokens before the form that is asked for.
    options = {} if hasattr(processor, "tokenizer") else {"enable_thinking": False}
    render = partial(processor.apply_chat_template, add_generation_prompt=True, tokenize=False, **options)
    user = _message(processor, "user", USER, chat.frames is not None)
    if chat.system:
        try:
            skeleton = render([_message(processor, "system", SYSTEM, False), user])
        except jinja2.exceptions.TemplateError:  # how templates say that they know no system turn
            skeleton = render([user])
    else:
        skeleton = render([user])
    if skeleton.count(USER) != 1 or skeleton.count(SYSTEM) > 1:
        raise BackendError("The checkpoint's chat template does not put the user's text into the prompt exactly once.")
    return skeleton


def _message(processor: Any, role: str, text: str, video: bool) -> dict[str, Any]:
    if not hasattr(processor, "tokenizer"):
        return {"role": role, "content": text}
    parts = [{"type": "video"}] if video else []
    return {"role": role, "content": [*parts, {"type": "text", "text": text}]}


def _user_text(skeleton: str, chat: "Chat") -> str:
    """The user's text, led by the system's where the template has no place for that."""
    dropped = chat.system and SYSTEM not in skeleton
    return f"{chat.system}\n\n{chat.text}" if dropped else chat.text


def _place_video(processor: Any, skeleton: str, video: VideoInputs | None) -> str:
    if video is None:
        return skeleton
    token, placeholder = processor.video_token, video.placeholder
    if skeleton.count(token) != 1:
        raise BackendError(
            f"The chat template put {skeleton.count(token)} video placeholders {token!r} into the prompt, expected one."
        )
    start, end = getattr(processor, "vision_start_token", None), getattr(processor, "vision_end_token", None)
    if start and end and start in placeholder:
        # Qwen3-VL wraps every step by itself. The processor it was released with (transformers 4.57) replaced the
        # template's wrapping along with the token, and vLLM does; transformers 5 leaves a second one around all steps.
        return skeleton.replace(f"{start}{token}{end}", token).replace(token, placeholder)
    return skeleton.replace(token, placeholder)


def tokenize(tokenizer: Any, skeleton: str, texts: "Mapping[str, str]") -> list[int]:
    """Token ids of `skeleton` with each mark replaced by its text, in which special tokens are only characters.

    `verbose=False`: a text too long for the model is refused later, by name; the tokenizer need not warn of it.
    """
    special = _special_pattern(tuple(_special_tokens(tokenizer)))
    whole = _fill(skeleton, texts)
    if special.findall(whole) == special.findall(skeleton):
        return tokenizer(whole, add_special_tokens=False, verbose=False)["input_ids"]
    ids: list[int] = []
    for piece in special.split(skeleton):
        if special.fullmatch(piece):
            ids.append(tokenizer.convert_tokens_to_ids(piece))
        elif piece:
            text = _fill(piece, texts)
            ids += tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    return ids


def _fill(skeleton: str, texts: "Mapping[str, str]") -> str:
    # One pass: a mark that a text happens to contain is not filled again.
    return re.sub("|".join(map(re.escape, texts)), lambda mark: texts[mark[0]], skeleton)


def _special_tokens(tokenizer: Any) -> list[str]:
    return [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]


@lru_cache(maxsize=16)
def _special_pattern(tokens: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest_first))})") if tokens else re.compile("(?!)")


# -- types and positions -----------------------------------------------------------------------------------------------


def token_types(processor: Any, ids: list[int]) -> list[int]:
    """0 for text, 1 for image and 2 for video tokens."""
    video, image = getattr(processor, "video_token_id", None), getattr(processor, "image_token_id", None)
    return [2 if token == video else 1 if token == image else 0 for token in ids]


def _positions(types: list[int], video: VideoInputs | None, rule: RopeRule | None) -> "torch.Tensor":
    import torch

    if rule is None:
        return torch.arange(len(types)).unsqueeze(0)
    if video is None:
        return mrope_positions(types, [], [], rule)
    grids = [tuple(grid) for grid in video.tensors["video_grid_thw"].tolist()]
    return mrope_positions(types, grids, [video.seconds_per_grid], rule)
