"""A judge over real HTTP: pairs in both orders, shares with intervals, patience within a budget, and its key unseen."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from autotrain.errors import JudgeError
from autotrain.hub.staging import upload_of
from autotrain.judge import JudgePlaces, Place, judge_report, judge_run, judgement_of
from autotrain.judge.client import RETRIES, TRIES, JudgeClient
from autotrain.judge.pairs import question, read_reply, wilson
from autotrain.judge.place import KEY_VARIABLE
from autotrain.models.catalogue import Catalogue
from autotrain.report import Example, Report, Score, Split, Training
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.judge.double import KEY, MODEL, JudgeDouble, longer, start_judge
from tests.ui.runs_on_record import finished

TRAINING = Training(
    steps=1, epochs=1, seconds=1, samples_per_second=1, trainable_parameters=1, total_parameters=2, device="cpu"
)


@pytest.fixture
def double() -> Iterator[JudgeDouble]:
    with start_judge() as judge:
        yield judge


def report_of(*pairs: tuple[str, str]) -> Report:
    """A report whose tuned and untouched answers are these."""
    written = tuple(
        Example(row=n, inputs={"prompt": f"Question {n}?"}, expected="", predicted=mine, untouched=theirs)
        for n, (mine, theirs) in enumerate(pairs, 2)
    )
    return Report(
        task="supervised-fine-tuning",
        scores=(Score.of("perplexity", 2.0),),
        split=Split(train=1, validation=1, test=1),
        training=TRAINING,
        written=written,
    )


def client_of(double: JudgeDouble, waited: list[float] | None = None, key: str = KEY) -> JudgeClient:
    """A client that writes its waits down and waits for nothing."""
    return JudgeClient(Place(double.url, MODEL, key), pause=(waited if waited is not None else []).append)


def judged(double: JudgeDouble, *pairs: tuple[str, str], waited: list[float] | None = None):  # type: ignore[no-untyped-def]
    return judge_report(report_of(*pairs), Place(double.url, MODEL, KEY), client=client_of(double, waited))


def test_every_pair_is_asked_in_both_orders_and_only_what_holds_in_both_counts(double: JudgeDouble) -> None:
    made = judged(double, ("a long answer", "short"), ("no", "a better one"), ("same", "size"), ("equal", "equal "))
    assert [one.outcome for one in made.verdicts] == ["win", "loss", "tie", "tie"]
    assert [score.value for score in made.scores] == [0.25, 0.5, 0.25]
    assert made.verdicts[0].words == ("A says more.", "B says more.") and made.verdicts[0].row == 2
    assert len(double.asked) == 6, "equal answers are not asked about"
    first, second = (one["messages"][1]["content"] for one in double.asked[:2])
    assert first.index("a long answer") < first.index("short") and second.index("short") < second.index("a long answer")
    assert double.asked[0]["temperature"] == 0
    assert made.sentence().startswith("judge-1 found the tuned answer better in 25.0% of 4 pairs")
    assert "These pairs cannot tell which of the two models is better." in made.notes


def test_a_judge_that_always_prefers_the_first_answer_makes_ties(double: JudgeDouble) -> None:
    double.rule = lambda _a, _b: '{"better": "A", "reason": "It came first."}'
    made = judged(double, ("one", "two"), ("three", "four"))
    assert [one.outcome for one in made.verdicts] == ["tie", "tie"] and not any(one.agreed for one in made.verdicts)
    assert "2 pairs were counted as a tie because the judge changed its mind" in " ".join(made.notes)


def test_replies_that_cannot_be_read_are_counted_and_said(double: JudgeDouble) -> None:
    double.rule = lambda a, b: "Both are nice!" if "odd" in a + b else longer(a, b)
    made = judged(double, ("an odd answer", "two"), ("long enough", "four"))
    assert made.malformed == 1 and [one.outcome for one in made.verdicts] == ["win"]
    assert "1 pair was left out: a reply of the judge could not be read." in made.notes
    with pytest.raises(JudgeError, match="None of the judge's replies to 2 pairs could be read"):
        judged(double, ("odd", "two"), ("odd one", "three"))


def test_busy_and_failing_endpoints_are_asked_again_as_they_wish(double: JudgeDouble) -> None:
    waited: list[float] = []
    double.troubles = [(429, {"retry-after": "7"}), (500, {}), (503, {"retry-after": "86400"})]
    made = judged(double, ("a long answer", "short"), waited=waited)
    assert [one.outcome for one in made.verdicts] == ["win"] and waited == [7.0, 2.0, 60.0]
    double.troubles = [(429, {})] * 100
    with pytest.raises(JudgeError, match="has too much to do .429: Too busy.. Try again later"):
        judged(double, ("a long answer", "short"), waited=waited)
    assert len(double.troubles) == 100 - TRIES


def test_the_budget_of_retries_is_of_all_questions_and_what_was_judged_before_counts(double: JudgeDouble) -> None:
    waited: list[float] = []

    def failing(a: str, b: str) -> str:
        double.troubles = [(502, {})] * (TRIES - 1)  # before each question but the first
        return longer(a, b)

    double.rule = failing
    made = judged(double, *[("a long answer", "short")] * 20, waited=waited)
    assert len(waited) == RETRIES and 0 < len(made.verdicts) < 20
    assert "of 20 pairs were judged. The judge at 127.0.0.1" in " ".join(made.notes)


def test_a_place_where_nobody_answers_and_one_that_is_silent_are_sentences() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        place = Place(f"http://127.0.0.1:{port}/v1", MODEL, KEY)
        client = JudgeClient(place, pause=lambda _: None, answer_seconds=0.2)
        with pytest.raises(JudgeError, match=f"The judge at 127.0.0.1:{port} gives no answer in time"):
            judge_report(report_of(("a", "b")), place, client=client)
    with pytest.raises(JudgeError, match="cannot be reached. Check that it runs"):
        judge_report(report_of(("a", "b")), place, client=JudgeClient(place, pause=lambda _: None))


def test_a_wrong_key_and_a_wrong_model_are_said_at_once_and_no_key_is_repeated(
    double: JudgeDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "sk-wrong-key-9876543210"
    place = Place(double.url, MODEL, wrong)
    with pytest.raises(JudgeError, match="refuses the key .401: Incorrect API key provided: ….") as caught:
        judge_report(report_of(("a", "b")), place, client=JudgeClient(place))
    assert caught.value.code == "judge-key"
    other = Place(double.url, "nobody", KEY)
    with pytest.raises(JudgeError, match="knows no model 'nobody'.*does not exist"):
        judge_report(report_of(("a", "b")), other)
    said = caplog.text + str(caught.value) + repr(place) + repr(other)
    assert wrong not in said and KEY not in said


def test_a_report_without_written_answers_is_refused_before_the_judge_is_asked() -> None:
    with pytest.raises(JudgeError, match="no written answers to compare"):
        judge_report(report_of(), Place("http://127.0.0.1:9/v1", MODEL))


def test_a_saved_judge_is_encrypted_and_its_key_goes_to_no_other_host(store: SqlStore, settings: Settings) -> None:
    places = JudgePlaces(store, settings)
    assert places.find() is None
    with pytest.raises(JudgeError, match="No judge is set up"):
        places.required()
    saved = places.save(" https://api.example.com/v1/chat/completions ", MODEL, KEY)
    assert (saved.url, saved.key) == ("https://api.example.com/v1", KEY) and places.find() == saved
    kept = store.secret("judge") or b""
    assert KEY.encode() not in kept and b"example" not in kept
    assert places.save("https://api.example.com/v2", "judge-2").key == KEY
    assert places.save("https://evil.example.com/v1", MODEL).key is None
    places.forget()
    assert places.find() is None


def test_the_environment_names_a_judge_too(
    store: SqlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    named = settings.model_copy(update={"judge_url": "http://127.0.0.1:11434/v1", "judge_model": MODEL})
    found = JudgePlaces(store, named).find()
    assert found is not None and (found.key, found.origin) == (KEY, "environment") and found.host == "127.0.0.1:11434"


@pytest.mark.parametrize(
    ("url", "model", "key", "says"),
    [
        ("example.com/v1", MODEL, None, "no address"),
        ("ftp://example.com", MODEL, None, "no address"),
        ("https://example.com:port/v1", MODEL, None, "no address"),
        ("https://me:secret@example.com/v1", MODEL, None, "password"),
        ("https://example.com/v1?key=secret", MODEL, None, "query"),
        ("https://example.com/v1", "  ", None, "no name"),
        ("https://example.com/v1", MODEL, "sk two words", "not a key"),
    ],
)
def test_what_cannot_be_a_judge_is_refused(
    store: SqlStore, settings: Settings, url: str, model: str, key: str | None, says: str
) -> None:
    with pytest.raises(JudgeError, match=says) as caught:
        JudgePlaces(store, settings).save(url, model, key)
    assert "secret" not in str(caught.value)


def test_a_finished_run_keeps_what_the_judge_said_and_publishes_none_of_its_words(
    double: JudgeDouble, store: SqlStore, settings: Settings
) -> None:
    JudgePlaces(store, settings).save(double.url, MODEL, KEY)
    finished(store, settings)
    with pytest.raises(JudgeError, match="no written answers"):
        judge_run("run1", store, settings)
    folder = RunFolder(settings.runs / "run1")
    before = Report.model_validate_json(folder.report.read_text("utf-8"))
    written = report_of(("a long answer", "short")).written
    folder.report.write_text(before.model_copy(update={"written": written}).model_dump_json(), "utf-8")
    made = judge_run("run1", store, settings)
    assert judgement_of("run1", settings) == made and made.verdicts[0].outcome == "win"
    folder.report.write_text(
        before.model_copy(update={"written": written, "judgement": made}).model_dump_json(), "utf-8"
    )
    base = Catalogue(settings).resolve("all-minilm-l6-v2")
    evaluation = json.loads(upload_of(folder, "x", "me/x", base, private=True).extras["report.json"])
    assert evaluation["written"] == [] and evaluation["judgement"]["verdicts"] == []


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_interval_is_wilson_s(count: int, of: int) -> None:
    count = min(count, of)
    golden = binomtest(count, of).proportion_ci(0.95, method="wilson")
    assert wilson(count, of) == pytest.approx((golden.low, golden.high), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ('{"reason": "x", "better": "A"}', "A"),
        ('Thinking {"better": "B"} no:\n```json\n{"reason": "two\nlines", "better": "tie"}\n```', "tie"),
        ('{"better": "b"}', "B"),
        ('{"better": "C"}', None),
        ('{"better": 1}', None),
        ("A", None),
        ("", None),
        ('{"better": "A"', None),
    ],
)
def test_a_reply_is_read_or_it_is_malformed(text: str, side: str | None) -> None:
    found = read_reply(text)
    assert (found and found[0]) == side


@given(st.text())
def test_no_reply_breaks_the_reading(text: str) -> None:
    for reply in (text, "{" + text + "}"):
        found = read_reply(reply)
        assert found is None or found[0] in ("A", "B", "tie")


def test_very_long_answers_are_shown_by_their_beginning() -> None:
    one = Example(row=2, inputs={"prompt": "q" * 10**5}, expected="", predicted="a" * 10**6, untouched="")
    assert len(question(one, one.predicted, "b")[1]["content"]) < 20_000
