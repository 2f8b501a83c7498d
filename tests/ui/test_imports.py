"""Importing through the page: how far it is, its first rows, its end by a click, and the sheets of a workbook."""

from __future__ import annotations

import io
import threading
import time

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.page import World

KEY = "mffz1c2a-9s8d7f6g"
CSV = b"text,label\n" + b"".join(
    b"a text about number %d,%s\n" % (n, b"good" if n % 2 else b"bad") for n in range(500_000)
)


def test_an_import_tells_how_far_it_is_and_ends_when_it_is_cancelled(world: World) -> None:
    answers = []
    post = threading.Thread(
        target=lambda: answers.append(
            world.client.post("/api/datasets", params={"name": "a.csv", "key": KEY}, content=CSV)
        )
    )
    post.start()
    told: list[float] = []
    while post.is_alive():
        progress = world.client.get(f"/api/datasets/imports/{KEY}").json()
        if progress and progress["fraction"]:
            told.append(progress["fraction"])
            if told[-1] > 0.12:
                assert world.client.delete(f"/api/datasets/imports/{KEY}").status_code == 204
        time.sleep(0.005)
    assert told == sorted(told) and told[0] > 0
    assert answers[0].status_code == 422 and answers[0].json()["error"]["code"] == "cancelled"
    assert world.client.get(f"/api/datasets/imports/{KEY}").json() is None
    assert world.client.get("/api/datasets").json() == []
    assert [path.name for path in world.settings.datasets.iterdir()] == []

    again = world.client.post("/api/datasets", params={"name": "a.csv", "key": KEY}, content=CSV)
    assert again.status_code == 201 and again.json()["rows"] == 500_000


def test_the_first_rows_of_a_large_parquet_file_come_with_the_progress(world: World) -> None:
    sink = io.BytesIO()
    rows = [{"text": f"a text about number {n} {hash(str(n))}", "label": "ab"[n % 2]} for n in range(400_000)]
    pq.write_table(pa.Table.from_pylist(rows), sink)
    send = {"params": {"name": "a.parquet", "key": KEY}, "content": sink.getvalue()}
    post = threading.Thread(target=lambda: world.client.post("/api/datasets", **send))
    post.start()
    first = None
    while post.is_alive() and first is None:
        progress = world.client.get(f"/api/datasets/imports/{KEY}").json()
        first = progress and progress["first"]
        time.sleep(0.02)
    post.join()
    assert first is not None and first["rows"][1][1] == "b" and first["columns"] == ["text", "label"]


def test_nothing_happens_when_nothing_is_under_way(world: World) -> None:
    assert world.client.get(f"/api/datasets/imports/{KEY}").json() is None
    assert world.client.delete(f"/api/datasets/imports/{KEY}").status_code == 204
    assert (
        world.client.post("/api/datasets", params={"name": "a.csv", "key": KEY}, content=CSV[:2_000]).status_code == 201
    )


def test_a_key_that_could_be_a_path_is_refused(world: World) -> None:
    answer = world.client.post("/api/datasets", params={"name": "a.csv", "key": "../../etc"}, content=CSV[:2_000])
    assert answer.status_code == 422


def test_the_first_rows_come_from_the_beginning(world: World) -> None:
    found = world.client.post("/api/datasets/glance", params={"name": "a.csv"}, content=CSV[:1_000_000]).json()
    assert found["columns"] == ["text", "label"] and found["rows"][1] == ["a text about number 1", "good"]
    assert world.client.post("/api/datasets/glance", params={"name": "a.csv"}, content=b"\x00\x01").json() is None


def test_another_sheet_is_chosen(world: World) -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for sheet, word in ((book.active, "first"), (book.create_sheet("Other"), "other")):
        for row in (["text", "label"], [f"the {word} text", "a"], [f"one more {word} text", "b"]):
            sheet.append(row)
    book.save(file)
    first = world.client.post("/api/datasets", params={"name": "book.xlsx"}, content=file.getvalue()).json()
    detail = world.client.get(f"/api/datasets/{first['id']}").json()
    assert (detail["sheet"], detail["sheets"]) == ("Sheet", ["Sheet", "Other"])
    other = world.client.post(f"/api/datasets/{first['id']}/sheet", json={"sheet": "Other"}).json()
    assert world.client.get(f"/api/datasets/{other['id']}").json()["head"][0]["text"] == "the other text"
    refused = world.client.post(f"/api/datasets/{first['id']}/sheet", json={"sheet": "None"})
    assert refused.status_code == 422 and 'no sheet "None"' in refused.json()["error"]["message"]
