"""
Architectures of transformers and timm, small, by name: a layer of each kind, of few channels.

    model, inputs = ARCHITECTURES["t5"]()
    model(*inputs(seed))              # other inputs of the same kind under each seed

MiniLM is pretrained; the others' weights are random under a seed, with the spreads of trained ones
(`spread.py`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from published import Encoder, timm_library, transformers_library
from spread import spread
from torch import nn

Inputs = Callable[[int], tuple[torch.Tensor, ...]]
"""Inputs of a model under a seed."""

Example = tuple[nn.Module, Inputs]

WORDS, TOKENS, WIDTH = 256, 12, 64

TEXT: Mapping[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 2 * WIDTH,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED: Mapping[str, Any] = {**TEXT, "num_key_value_heads": 2, "head_dim": 16, "use_cache": False}
PICTURE: Mapping[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 2 * WIDTH,
    "image_size": 32,
    "patch_size": 8,
}


def _words(seed: int, *, count: int = 1, tokens: int = TOKENS) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(3, WORDS, (2, tokens), generator=generator) for _ in range(count))


def _masked_words(seed: int) -> tuple[torch.Tensor, ...]:
    """Ids, of which the second row ends early, and the mask that says so."""
    (ids,), mask = _words(seed), torch.ones(2, TOKENS, dtype=torch.int64)
    mask[1, 7 + seed % 4 :] = 0
    return ids, mask


def _pictures(seed: int, *, pixels: int, channels: int = 3) -> tuple[torch.Tensor, ...]:
    """Smooth pictures with some noise, of mean 0 and deviation 1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(2, channels, pixels // 8, pixels // 8, generator=generator)
    smooth = nn.functional.interpolate(coarse, pixels, mode="bicubic")
    noisy = smooth + 0.3 * torch.randn(smooth.shape, generator=generator)
    return ((noisy - noisy.mean()) / noisy.std(),)


def _noise(seed: int, *, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _many(inputs: Inputs) -> list[torch.Tensor]:
    """A larger batch, of seeds that nothing else uses."""
    return [
        torch.cat(each) for each in zip(*(inputs(seed) for seed in range(100, 104)), strict=True)
    ]


def _transformer(
    name: str,
    config: Mapping[str, Any],
    inputs: Inputs = _words,
    *,
    arguments: tuple[str, ...] = ("input_ids",),
    output: str = "last_hidden_state",
    quieter: Mapping[str, float] | None = None,
) -> Example:
    """`<name>Model` of transformers, or the class of that name, under a configuration."""
    library = transformers_library()
    torch.manual_seed(0)
    kind = name if hasattr(library, name) else f"{name}Model"
    made = getattr(library, kind)
    configured = made.config_class(**config)
    # Attention as PyTorch's own operator, where the architecture has it.
    model = Encoder(made(configured), arguments, output).eval()
    return spread(model, _many(inputs), **(quieter or {})), inputs


def _timm(name: str, pixels: int = 64, **changes: Any) -> Example:
    torch.manual_seed(0)
    inputs = partial(_pictures, pixels=pixels)
    model = timm_library().create_model(name, pretrained=False, num_classes=32, **changes).eval()
    return spread(model, _many(inputs)), inputs


def _efficientnet() -> Example:
    """The stem and three of the seven stages, narrow; timm has none that is small."""
    timm_library()
    builder = importlib.import_module("timm.models._efficientnet_builder")
    stages = [
        ["ds_r1_k3_s1_e1_c8_se0.25"],
        ["ir_r1_k3_s2_e6_c16_se0.25"],
        ["ir_r2_k5_s2_e6_c24_se0.25"],
    ]
    torch.manual_seed(0)
    model = importlib.import_module("timm.models.efficientnet").EfficientNet(
        builder.decode_arch_def(stages),
        num_classes=32,
        num_features=64,
        stem_size=8,
        act_layer=nn.SiLU,
    )
    inputs = partial(_pictures, pixels=64)
    return spread(model.eval(), _many(inputs)), inputs


def _minilm() -> Example:
    """The pretrained sentence encoder, all six layers of it."""
    from minilm_demo import BATCH, load
    from sentences import CALIBRATION, EVALUATION

    demo = load()

    def inputs(seed: int) -> tuple[torch.Tensor, ...]:
        seen = seed < len(CALIBRATION) // BATCH
        return demo.batches(CALIBRATION)[seed] if seen else demo.batches(EVALUATION)[seed % 50]

    return demo.model, inputs


def _audio(seed: int) -> tuple[torch.Tensor, ...]:
    return (_noise(seed, shape=(2, 1600)),)


def _speech(seed: int) -> tuple[torch.Tensor, ...]:
    """Log-mel frames, and the tokens so far."""
    return _noise(seed, shape=(2, 16, 2 * TOKENS)), *_words(seed)


def _picture_and_words(seed: int) -> tuple[torch.Tensor, ...]:
    return *_words(seed), *_pictures(seed, pixels=32)


def _clip() -> Example:
    tower = {**PICTURE, "projection_dim": 32}
    text = {**TEXT, "projection_dim": 32}
    config = {"text_config": text, "vision_config": tower, "projection_dim": 32}
    arguments = ("input_ids", "pixel_values")
    return _transformer(
        "CLIP", config, _picture_and_words, arguments=arguments, output="image_embeds,text_embeds"
    )


_T5 = {
    "vocab_size": WORDS,
    "d_model": WIDTH,
    "d_kv": 16,
    "d_ff": 2 * WIDTH,
    "num_layers": 1,
    "num_heads": 4,
    "use_cache": False,
}
_SEQUENCES = ("input_ids", "decoder_input_ids")
_BART = {
    "vocab_size": WORDS,
    "d_model": WIDTH,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 2 * WIDTH,
    "decoder_ffn_dim": 2 * WIDTH,
    "max_position_embeddings": 64,
    "use_cache": False,
}
_WHISPER = {
    **_BART,
    "num_mel_bins": 16,
    "max_source_positions": TOKENS,
    "max_target_positions": 64,
    **dict.fromkeys(("pad_token_id", "bos_token_id", "decoder_start_token_id"), 0),
    "eos_token_id": 2,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
}
_WAV2VEC2 = {
    **TEXT,
    "conv_dim": (32, 32, 32),
    "conv_kernel": (10, 3, 3),
    "conv_stride": (5, 4, 4),
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
    "num_feat_extract_layers": 3,
}
_MAMBA = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "num_hidden_layers": 1,
    "state_size": 8,
    "use_cache": False,
}
_pair = partial(_words, count=2)
_mask = ("input_ids", "attention_mask")

ARCHITECTURES: dict[str, Callable[[], Example]] = {
    "bert": partial(_transformer, "Bert", TEXT, _masked_words, arguments=_mask),
    "roberta": partial(
        _transformer, "Roberta", {**TEXT, "hidden_act": "gelu_new"}, _masked_words, arguments=_mask
    ),
    "albert": partial(_transformer, "Albert", {**TEXT, "embedding_size": 32}),
    "deberta": partial(
        _transformer,
        "DebertaV2",
        {
            **TEXT,
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_buckets": 16,
        },
        _masked_words,
        arguments=_mask,
    ),
    "mpnet": partial(_transformer, "MPNet", TEXT),
    "gpt2": partial(
        _transformer,
        "GPT2",
        {
            "vocab_size": WORDS,
            "n_embd": WIDTH,
            "n_layer": 1,
            "n_head": 4,
            "use_cache": False,
            "n_positions": 64,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
    ),
    "gpt-neox": partial(_transformer, "GPTNeoX", {**TEXT, "use_cache": False}),
    "falcon": partial(_transformer, "Falcon", {**TEXT, "use_cache": False}),
    "bloom": partial(
        _transformer, "Bloom", {**TEXT, "n_layer": 1, "n_head": 4, "use_cache": False}
    ),
    "opt": partial(
        _transformer,
        "OPT",
        {**TEXT, "ffn_dim": 2 * WIDTH, "word_embed_proj_dim": WIDTH, "use_cache": False},
    ),
    "llama": partial(_transformer, "Llama", GROUPED),
    "mistral": partial(_transformer, "Mistral", {**GROUPED, "sliding_window": 8}),
    "mixtral": partial(
        _transformer,
        "Mixtral",
        {**GROUPED, "num_local_experts": 4, "experts_implementation": "batched_mm"},
    ),
    "gemma": partial(_transformer, "Gemma", GROUPED),
    "gemma2": partial(_transformer, "Gemma2", {**GROUPED, "query_pre_attn_scalar": 16}),
    "qwen3": partial(_transformer, "Qwen3", GROUPED),
    "phi": partial(_transformer, "Phi", {**TEXT, "use_cache": False}),
    "olmo2": partial(_transformer, "Olmo2", {**GROUPED}),
    "modernbert": partial(_transformer, "ModernBert", {**TEXT, "global_rope_theta": 1e4}),
    "t5": partial(_transformer, "T5", _T5, _pair, arguments=_SEQUENCES, quieter={"q": 0.25}),
    "t5-gated": partial(
        _transformer,
        "T5",
        {**_T5, "feed_forward_proj": "gated-gelu"},
        _pair,
        arguments=_SEQUENCES,
        quieter={"q": 0.25},
    ),
    "bart": partial(_transformer, "Bart", _BART, _pair, arguments=_SEQUENCES),
    "mamba": partial(_transformer, "Mamba", _MAMBA, partial(_words, tokens=6)),
    "rwkv": partial(
        _transformer,
        "Rwkv",
        {
            "vocab_size": WORDS,
            "hidden_size": WIDTH,
            "num_hidden_layers": 2,
            "context_length": 64,
            "use_cache": False,
        },
        partial(_words, tokens=6),
    ),
    "whisper": partial(
        _transformer,
        "Whisper",
        _WHISPER,
        _speech,
        arguments=("input_features", "decoder_input_ids"),
    ),
    "wav2vec2": partial(_transformer, "Wav2Vec2", _WAV2VEC2, _audio, arguments=("input_values",)),
    "clip": _clip,
    "dinov2": partial(
        _transformer,
        "Dinov2",
        PICTURE,
        partial(_pictures, pixels=32),
        arguments=("pixel_values",),
    ),
    "segformer": partial(
        _transformer,
        "SegformerForSemanticSegmentation",
        {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 32, 48, 64], "decoder_hidden_size": 32},
        partial(_pictures, pixels=64),
        arguments=("pixel_values",),
        output="logits",
    ),
    "vit": partial(
        _timm, "vit_tiny_patch16_224", img_size=64, depth=1, embed_dim=WIDTH, num_heads=4
    ),
    "deit": partial(
        _timm, "deit_tiny_patch16_224", img_size=64, depth=1, embed_dim=WIDTH, num_heads=4
    ),
    "swin": partial(
        _timm,
        "swin_tiny_patch4_window7_224",
        img_size=64,
        depths=(1, 1),
        embed_dim=32,
        num_heads=(2, 4),
        window_size=4,
    ),
    "swinv2": partial(
        _timm,
        "swinv2_tiny_window8_256",
        img_size=64,
        depths=(1, 1),
        embed_dim=32,
        num_heads=(2, 4),
        window_size=4,
    ),
    "convnextv2": partial(_timm, "convnextv2_atto", dims=(16, 24, 32, 48), depths=(1, 1, 1, 1)),
    "efficientnet": _efficientnet,
    "mobilenetv3": partial(_timm, "mobilenetv3_small_050"),
    "xcit": partial(
        _timm, "xcit_nano_12_p16_224", img_size=64, depth=1, embed_dim=WIDTH, num_heads=4
    ),
    "efficientvit": partial(
        _timm, "efficientvit_b0", depths=(1, 1, 1, 1), widths=(8, 16, 16, 32, 32)
    ),
    "maxvit": partial(_timm, "test_maxvit", img_size=64),
    "coatnet": partial(_timm, "test_coatnet", img_size=64),
    "mobilevit": partial(_timm, "mobilevit_xxs"),
    "cait": partial(_timm, "cait_xxs24_224", img_size=64, depth=1, embed_dim=WIDTH, num_heads=4),
    "edgenext": partial(_timm, "edgenext_xx_small"),
    "eva02": partial(
        _timm,
        "eva02_tiny_patch14_224",
        img_size=56,
        pixels=56,
        depth=1,
        embed_dim=WIDTH,
        num_heads=4,
    ),
    "minilm": _minilm,
}
"""Builders of a model and of what makes its inputs."""
