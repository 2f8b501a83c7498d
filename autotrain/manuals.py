"""How a finished adapter is used without this app: Python that loads it and asks it, as its model card shows.

A manual's Python has places for `$repository` and `$base`, both as Python strings. What an adapter knows of itself
(labels, lengths, thresholds) is read from the note that is published with it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from string import Template

_NOTE = 'note = json.load(open(hf_hub_download(repository, "autotrain.json")))'
_PEFT = "from peft import PeftModel\n"
_ADAPTED = re.compile(r"PeftModel\.from_pretrained\((.*), repository\)")
_PLACES = "repository, base = $repository, $base\n"


@dataclass(frozen=True)
class Manual:
    """Python that loads an adapter, that asks it, and that shows it in a Gradio Space; and what it cannot do.

    Attributes:
        load: statements that load it.
        ask: statements after them that ask it and print what it says.
        space: statements after `load` and `import gradio as gr` that end with `demo = ...`.
        requirements: packages of the Python index that it needs.
        limits: sentences that hold for every adapter of the kind.
    """

    load: str
    ask: str
    space: str
    limits: tuple[str, ...]
    requirements: str = "torch transformers peft"

    def python(self, repository: str, base: str, *, whole: bool = False) -> str:
        """The program for one repository and its base, a name on the Hub or a folder.

        A model that was trained as a whole is its own base, and no adapter is put on it.
        """
        return self._filled(f"{self.load}\n{self.ask}", repository, base, whole)

    def app(self, repository: str, base: str, *, whole: bool = False) -> str:
        """`app.py` of a Gradio Space."""
        needs = self.requirements.replace(" peft", "") if whole else self.requirements
        head = f"# app.py of a new Gradio Space; requirements.txt: {needs}\nimport gradio as gr\n"
        return self._filled(f"{head}{self.load}\n{self.space}\ndemo.launch()\n", repository, base, whole)

    def _filled(self, text: str, repository: str, base: str, whole: bool) -> str:
        if whole:
            base, text = repository, _ADAPTED.sub(r"\1", text.replace(_PEFT, ""))
        return Template(text).substitute(repository=json.dumps(repository), base=json.dumps(base))


def _headed(model_class: str, options: str = "") -> str:
    """Loading a model with a new head."""
    return f"""\
import json

import torch
from huggingface_hub import hf_hub_download
from peft import PeftModel
from transformers import {model_class}, AutoTokenizer

{_PLACES}{_NOTE}
tokenizer = AutoTokenizer.from_pretrained(repository)
model = {model_class}.from_pretrained(base{options})
model.config.pad_token_id = tokenizer.pad_token_id
model = PeftModel.from_pretrained(model, repository).eval()
"""


_READ = """\
def outputs(*texts):
    inputs = tokenizer(*texts, return_tensors="pt", truncation=True, padding=True, max_length=note["max_length"])
    with torch.inference_mode():
        return model(**inputs).logits
"""
_LABELS = ', num_labels=len(note["labels"])'
_TEXT = "Put a text of your own here."
_FIGURES = "The figures hold for texts like those it was tested on. On other sources, languages or times expect less."
_CHANCES = "The probabilities are not guarantees; check them on your own examples before acting on them."
_WRITES = "It may write what is not true, and in the manner of its examples also where that does not fit."

CLASSIFIER = Manual(
    load=f"{_headed('AutoModelForSequenceClassification', _LABELS)}\n\n{_READ}\n",
    ask=f"""\
chances = outputs(["{_TEXT}"]).softmax(-1)[0].tolist()
for label, chance in sorted(zip(note["labels"], chances), key=lambda pair: -pair[1])[:5]:
    print(f"{{chance:.3f}}  {{label}}")
""",
    space="""
def classify(text):
    return dict(zip(note["labels"], outputs([text]).softmax(-1)[0].tolist()))


demo = gr.Interface(classify, gr.Textbox(label="Text"), gr.Label(num_top_classes=5), title=repository)""",
    limits=(
        "It knows only the classes above: every text is given one of them, also a text that belongs to none.",
        _FIGURES,
        _CHANCES,
    ),
)

LABELLER = Manual(
    load=f"{_headed('AutoModelForSequenceClassification', _LABELS)}\n\n{_READ}\n",
    ask=f"""\
chances = outputs(["{_TEXT}"]).sigmoid()[0].tolist()
for label, chance, threshold in sorted(zip(note["labels"], chances, note["thresholds"]), key=lambda one: -one[1])[:10]:
    print(f"{{chance:.3f}}  {{label}}{{' *' if chance >= threshold else ''}}")
""",
    space="""
def classify(text):
    return dict(zip(note["labels"], outputs([text]).sigmoid()[0].tolist()))


demo = gr.Interface(classify, gr.Textbox(label="Text"), gr.Label(num_top_classes=10), title=repository)""",
    limits=("It knows only the labels above.", _FIGURES, _CHANCES),
)

ESTIMATOR = Manual(
    load=f"{_headed('AutoModelForSequenceClassification', ', num_labels=1')}\n\n{_READ}\n",
    ask=f"""\
scale = note["scale"]
print(outputs(["{_TEXT}"]).item() * scale["std"] + scale["mean"])
""",
    space="""
def estimate(text):
    return outputs([text]).item() * note["scale"]["std"] + note["scale"]["mean"]


demo = gr.Interface(estimate, gr.Textbox(label="Text"), gr.Number(), title=repository)""",
    limits=("Far outside the numbers it was trained on it is only guessing.", _FIGURES),
)

TAGGER = Manual(
    load=_headed("AutoModelForTokenClassification", _LABELS),
    ask="""\
words, longest = "Put a text of your own here .".split(), note["max_length"]
inputs = tokenizer(words, is_split_into_words=True, return_tensors="pt", truncation=True, max_length=longest)
with torch.inference_mode():
    tags = model(**inputs).logits[0].argmax(-1).tolist()
seen = set()
for place, word in enumerate(inputs.word_ids()):
    if word is not None and word not in seen:  # the first token of a word speaks for it
        seen.add(word)
        print(f"{words[word]}  {note['labels'][tags[place]]}")
""",
    space="""
def mark(text):
    words, longest = text.split(), note["max_length"]
    inputs = tokenizer(words, is_split_into_words=True, return_tensors="pt", truncation=True, max_length=longest)
    with torch.inference_mode():
        tags = model(**inputs).logits[0].argmax(-1).tolist()
    places = inputs.word_ids()
    named = {word: note["labels"][tags[places.index(word)]] for word in dict.fromkeys(places) if word is not None}
    return [(f"{word} ", None if named.get(place, "O") == "O" else named[place]) for place, word in enumerate(words)]


demo = gr.Interface(mark, gr.Textbox(label="Text"), gr.HighlightedText(), title=repository)""",
    limits=("It knows only the tags above.", _FIGURES, _CHANCES),
)

EXTRACTOR = Manual(
    load=f"""\
{_headed("AutoModelForQuestionAnswering")}

def answer(question, context):
    windows = tokenizer(
        question, context, truncation="only_second", max_length=note["max_length"], padding=True,
        stride=min(64, note["max_length"] // 4), return_overflowing_tokens=True, return_offsets_mapping=True,
        return_tensors="pt")
    offsets, _ = windows.pop("offset_mapping"), windows.pop("overflow_to_sample_mapping")
    with torch.inference_mode():
        output = model(**windows)
    best = (float("-inf"), "")
    for window, (starts, ends) in enumerate(zip(output.start_logits, output.end_logits)):
        sides = windows.sequence_ids(window)
        nowhere = windows["input_ids"][window].tolist().index(tokenizer.cls_token_id)
        for start in [place for place, side in enumerate(sides) if side == 1]:
            for end in range(start, min(start + note["longest_answer"], len(sides))):
                if sides[end] != 1:
                    break
                odds = (starts[start] + ends[end] - starts[nowhere] - ends[nowhere]).item()
                best = max(best, (odds, context[offsets[window][start][0] : offsets[window][end][1]]))
    return "" if note["threshold"] is not None and best[0] <= note["threshold"] else best[1]

""",
    ask="""\
print(answer("Where does Anna live?", "Anna moved to Oslo in May. Her brother stayed in Rome."))
""",
    space="""
inputs = [gr.Textbox(label="Question"), gr.Textbox(label="Text", lines=8)]
demo = gr.Interface(answer, inputs, gr.Textbox(label="Answer"), title=repository)""",
    limits=("It can only point at words of the text, and does not know whether the text is right.", _FIGURES),
)

FILLER = Manual(
    load=_headed("AutoModelForMaskedLM"),
    ask="""\
inputs = tokenizer(f"Put a text of your {tokenizer.mask_token} here.", return_tensors="pt")
place = inputs["input_ids"][0].tolist().index(tokenizer.mask_token_id)
with torch.inference_mode():
    chances = model(**inputs).logits[0, place].softmax(-1)
for chance, token in zip(*[values.tolist() for values in chances.topk(5)]):
    print(f"{chance:.3f}  {tokenizer.decode([token])}")
""",
    space="""
def fill(text):
    inputs = tokenizer(text.replace("___", tokenizer.mask_token), return_tensors="pt")
    place = inputs["input_ids"][0].tolist().index(tokenizer.mask_token_id)
    with torch.inference_mode():
        values, tokens = model(**inputs).logits[0, place].softmax(-1).topk(10)
    return {tokenizer.decode([token]): value for value, token in zip(values.tolist(), tokens.tolist())}


demo = gr.Interface(fill, gr.Textbox(label="Text with ___ for a word"), gr.Label(), title=repository)""",
    limits=("It knows likely words, not true ones; it is a base for further training more than an end.", _FIGURES),
)

RERANKER = Manual(
    load=f"{_headed('AutoModelForSequenceClassification', ', num_labels=1')}\n\n{_READ}\n",
    ask="""\
query, passages = "What is looked for?", ["Something that was found.", "Something else that was found."]
scores = outputs([query] * len(passages), passages)[:, 0].tolist()
for score, passage in sorted(zip(scores, passages), reverse=True):
    print(f"{score:.3f}  {passage}")
""",
    space="""
def rank(query, passages):
    found = [line for line in passages.splitlines() if line.strip()]
    scores = outputs([query] * len(found), found)[:, 0].tolist()
    return [[score, passage] for score, passage in sorted(zip(scores, found), reverse=True)]


inputs = [gr.Textbox(label="Query"), gr.Textbox(label="Passages, one a line", lines=8)]
demo = gr.Interface(rank, inputs, gr.Dataframe(headers=["score", "passage"]), title=repository)""",
    limits=("Its scores put passages of one query in order; those of two queries cannot be compared.", _FIGURES),
)

EMBEDDER = Manual(
    load=f"""\
import json

from huggingface_hub import hf_hub_download
from sentence_transformers import SentenceTransformer

{_PLACES}{_NOTE}
model = SentenceTransformer(base)  # it pools as the base's folder says
model.load_adapter(repository)
model.max_seq_length = note["max_length"]
""",
    ask="""\
texts = ["Put a text of your own here.", "And another one."]
vectors = model.encode(texts, normalize_embeddings=True)
print(vectors @ vectors.T)  # cosines, from -1 to 1
""",
    space="""
def compare(texts):
    lines = [line for line in texts.splitlines() if line.strip()]
    vectors = model.encode(lines, normalize_embeddings=True)
    return [[line, *row] for line, row in zip(lines, (vectors @ vectors.T).round(3).tolist())]


demo = gr.Interface(compare, gr.Textbox(label="Texts, one a line", lines=8), gr.Dataframe(), title=repository)""",
    limits=(
        "A cosine says which of several texts is nearer, not whether two mean the same: find your own threshold.",
        "Its vectors cannot be compared with those of the base model; make all vectors of a collection anew.",
        _FIGURES,
    ),
    requirements="sentence-transformers peft",
)

_WRITER_LOAD = f"""\
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

{_PLACES}tokenizer = AutoTokenizer.from_pretrained(repository)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), repository).eval()
"""

CHAT = Manual(
    load=f"""\
{_WRITER_LOAD}

def answer(messages):
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        written = model.generate(**inputs, max_new_tokens=256, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    return tokenizer.decode(written[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

""",
    ask="""\
print(answer([{"role": "user", "content": "Put a question of your own here."}]))
""",
    space="""
def reply(message, history):
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in history]
    return answer([*turns, {"role": "user", "content": message}])


demo = gr.ChatInterface(reply, title=repository)""",
    limits=(_WRITES, _FIGURES),
)

CONTINUER = Manual(
    load=_WRITER_LOAD,
    ask=f"""\
inputs = tokenizer("{_TEXT}", return_tensors="pt")
with torch.inference_mode():
    written = model.generate(**inputs, max_new_tokens=100, pad_token_id=tokenizer.pad_token_id)
print(tokenizer.decode(written[0], skip_special_tokens=True))
""",
    space="""
def go_on(text):
    inputs = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        written = model.generate(**inputs, max_new_tokens=100, pad_token_id=tokenizer.pad_token_id)
    return tokenizer.decode(written[0], skip_special_tokens=True)


demo = gr.Interface(go_on, gr.Textbox(label="Beginning"), gr.Textbox(label="Text"), title=repository)""",
    limits=("It goes on with texts and answers no questions.", _WRITES, _FIGURES),
)

JUDGE = Manual(
    load=f"""\
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

{_PLACES}tokenizer = AutoTokenizer.from_pretrained(repository)
model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
model.config.pad_token_id = tokenizer.pad_token_id
model = PeftModel.from_pretrained(model, repository).eval()


@torch.inference_mode()
def reward(question, answer):
    turns = [{{"role": "user", "content": question}}, {{"role": "assistant", "content": answer}}]
    inputs = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)
    return model(**inputs).logits.item()

""",
    ask="""\
question, answers = "What is asked?", ["One answer to it.", "Another answer to it."]
for score, answer in sorted(((reward(question, answer), answer) for answer in answers), reverse=True):
    print(f"{score:.3f}  {answer}")
""",
    space="""
def judge(question, answers):
    found = [line for line in answers.splitlines() if line.strip()]
    return sorted(([reward(question, answer), answer] for answer in found), reverse=True)


inputs = [gr.Textbox(label="Question"), gr.Textbox(label="Answers, one a line", lines=8)]
demo = gr.Interface(judge, inputs, gr.Dataframe(headers=["reward", "answer"]), title=repository)""",
    limits=("Its rewards put answers to one question in order; those to two questions hardly compare.", _FIGURES),
)

REWRITER = Manual(
    load=f"""\
import json

import torch
from huggingface_hub import hf_hub_download
from peft import PeftModel
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig

{_PLACES}{_NOTE}
tokenizer = AutoTokenizer.from_pretrained(repository)
if note["source_language"]:
    tokenizer.src_lang, tokenizer.tgt_lang = note["source_language"], note["target_language"]
model = PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(base), repository).eval()
model.base_model.model.generation_config = GenerationConfig()  # the base's belongs to its old task
way = GenerationConfig(**note["generation"], pad_token_id=tokenizer.pad_token_id)


def write(text):
    text = note["source_prefix"] + text
    inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=note["max_length"])
    with torch.inference_mode():
        written = model.generate(**inputs, generation_config=way)
    return tokenizer.decode(written[0], skip_special_tokens=True)

""",
    ask=f"""\
print(write("{_TEXT}"))
""",
    space="""
demo = gr.Interface(write, gr.Textbox(label="Source"), gr.Textbox(label="Text"), title=repository)""",
    limits=("It may leave out, add or change what the source says; read what matters yourself.", _WRITES, _FIGURES),
    requirements="torch transformers peft sentencepiece",
)
