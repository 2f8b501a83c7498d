"""GGUF weights into a folder that can be tuned: `python -m autotrain.models.convert FILE.gguf FOLDER`.

A process of its own, because reading GGUF takes more than a gigabyte that should go back afterwards.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def convert(source: Path, target: Path) -> None:
    """De-quantise a language model in GGUF and save it as bfloat16 safetensors with its tokenizer and chat template."""
    _say("Loading the libraries", 0.0)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _say("Reading and de-quantising the weights", 0.1)
    model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    # save_pretrained refuses whatever still looks quantised, and these weights no longer are.
    model.hf_quantizer = None
    model.is_quantized = False
    del model.config.quantization_config
    _say("Saving the weights", 0.75)
    # The public model is bfloat16 too; de-quantised 4-bit weights have less precision than that to lose.
    model.to(torch.bfloat16).save_pretrained(target)
    _say("Saving the tokenizer", 0.85)
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    tokenizer.model_max_length = model.config.max_position_embeddings
    tokenizer.save_pretrained(target)
    _say("Converted", 1.0)


def _say(text: str, fraction: float) -> None:
    """One JSON line for the process that waits."""
    sys.stdout.write(json.dumps({"text": text, "fraction": fraction}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
