"""The documents say what is so: every setting and command, the two commands, links that lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from autotrain.cli import app
from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.steps import STEPS
from autotrain.data.store import DatasetStore
from autotrain.settings import Settings
from autotrain.task import Task
from autotrain.tasks import TASKS
from tests.faults.results import BEGIN, END, HEADER

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DATA = (ROOT / "docs/data.md").read_text("utf-8")
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def test_the_readme_opens_with_exactly_two_commands() -> None:
    commands = [line for line in README.splitlines() if line.startswith("pip install")]
    assert commands == [
        'pip install -e ".[starter]" && autotrain up          # opens http://127.0.0.1:7860',
        'pip install -e ".[starter,test]" && pytest',
    ]


def test_every_setting_stands_in_the_readme_with_its_meaning() -> None:
    for name, field in Settings.model_fields.items():
        assert f"| `AUTOTRAIN_{name.upper()}` | {field.description} |" in README


def test_every_command_is_named_in_the_documents() -> None:
    text = "\n".join(path.read_text("utf-8") for path in DOCUMENTS)
    names = [command.name for command in app.registered_commands] + [group.name for group in app.registered_groups]
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_every_task_has_its_shapes_recipe_picture_and_figure(task: Task) -> None:
    sections = (ROOT / "docs/tasks.md").read_text("utf-8").split("\n## ")
    (section,) = [text for text in sections if text.startswith(f"{task.name}\n")]
    assert f"`recipes/{task.name.replace('-', '_')}`" in section
    assert all(f"`{shape}`" in section for shape in task.shapes)
    assert re.search(r"!\[Result of .*?\]\(images/.*?\.png\)", section)
    assert re.search(r"\d", section.partition(".png)")[2]), "no figure that was reached"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_example_of_a_table_reads_as_the_same_table(settings: Settings, tmp_path: Path) -> None:
    tables = DATA.partition("## Shapes")[0]
    blocks = re.findall(r"```(csv|json|jsonl)\n(.*?)```", tables, re.S)
    assert len(blocks) >= 5
    tables = []
    for number, (kind, content) in enumerate(blocks):
        path = tmp_path / f"{number}.{kind}"
        path.write_text(content, "utf-8")
        tables.append(DatasetStore(settings).add(path).head(10))
    assert all(table == tables[0] for table in tables) and len(tables[0]) == 3


def shapes() -> list[tuple[str, str, str]]:
    """Each example of a shape: the shape's name, the format, the content."""
    found = []
    for section in DATA.partition("## Shapes")[2].split("\n### ")[1:]:
        blocks = re.findall(r"```(csv|json|jsonl|conll)\n(.*?)```", section, re.S)
        found += [(section.split("\n")[0], kind, content) for kind, content in blocks]
    return found


def test_every_shape_has_an_example() -> None:
    assert {name for name, _, _ in shapes()} == set(SHAPES)


@pytest.mark.parametrize(("shape", "kind", "content"), shapes())
def test_every_example_of_a_shape_is_recognised_and_sound(
    settings: Settings, tmp_path: Path, shape: str, kind: str, content: str
) -> None:
    path = tmp_path / f"example.{kind}"
    path.write_text(content, "utf-8")
    dataset = DatasetStore(settings).add(path)
    first = suggestions(dataset.profile)[0]
    assert (first.shape, first.fits) == (shape, True), [
        (s.shape, s.score, s.reason) for s in suggestions(dataset.profile)
    ]
    columns = {guess.role: guess.column for guess in first.mapping if guess.column}
    assert [f.code for f in SHAPES[shape].check(dataset.table(), columns) if f.severity == "error"] == []
    assert len(list(SHAPES[shape].rows(dataset.table(), columns))) == dataset.profile.rows


def test_the_steps_shown_are_steps() -> None:
    block = re.search(r"```yaml\n(data:.*?)```", DATA, re.S)
    assert block is not None
    assert len(STEPS.validate_python(yaml.safe_load(block[1])["data"]["steps"])) == 8


def test_the_python_example_uses_names_that_exist() -> None:
    import autotrain

    block = re.search(r"```python\n(.*?)```", README, re.S)
    assert block is not None
    used = set(re.findall(r"autotrain\.(\w+)", block[1]))
    assert used <= set(autotrain.__all__)
    assert autotrain.presets("text-classification")["fast"].with_data("x.csv", text="a", label="b").data is not None


def test_the_adapters_page_names_parameters_and_values_that_exist() -> None:
    from autotrain.params import AdapterParams

    page = (ROOT / "docs" / "adapters.md").read_text("utf-8")
    rows = re.findall(r"`([a-z_]+)(?:: ([^`]+))?`", "\n".join(line for line in page.splitlines() if line[:1] == "|"))
    named = {name: value for name, value in rows if name != "parameter"}
    assert len(named) >= 11 and set(named) <= set(AdapterParams.model_fields)
    for name, value in named.items():
        if value and name != "lora_target_names":
            AdapterParams(**{name: yaml.safe_load(value)})


def test_the_table_of_faults_has_its_shape() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    assert page.count(BEGIN) == page.count(END) == 1 and page.index(BEGIN) < page.index(END)
    lines = page.partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert tuple(cells[0]) == HEADER and set(cells[1]) == {"---"}
    assert all(len(row) == len(HEADER) and all(row) for row in cells)
    for *_, seconds, day in cells[2:]:
        assert re.fullmatch(r"–|[\d.]+, [\d.]+, [\d.]+", seconds) and re.fullmatch(r"\d{4}-\d\d-\d\d", day)


def test_the_version_is_one() -> None:
    import autotrain

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert autotrain.__version__ == declared


def test_help_names_every_command() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from autotrain.cli import main; main()", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for command in ("up", "train", "predict", "runs", "data", "models", "recipes", "export", "push", "doctor"):
        assert command in result.stdout
