"""Reading any delimited file: shapes, encodings, delimiters, and every kind of file that is no table."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autotrain.data.read import import_table
from autotrain.errors import DataError
from autotrain.settings import Settings
from autotrain.table import ROW_COLUMN, Profile
from tests.data.conftest import Importer, as_csv, codes

ROWS = [("text", "label"), ("hello there, you", "greeting"), ('she said "no"\nand left', "story"), ("  spaced ", "x")]


def read(folder: Path, settings: Settings, content: bytes, name: str = "table.csv") -> tuple[Profile, list[dict]]:
    source, target = folder / name, folder / "imported"
    source.write_bytes(content)
    target.mkdir(exist_ok=True)
    profile = import_table(source, target, settings)
    return profile, pa.ipc.open_file(target / "table.arrow").read_all().to_pylist()


def refusal(folder: Path, settings: Settings, content: bytes, name: str = "table.csv") -> DataError:
    with pytest.raises(DataError) as caught:
        read(folder, settings, content, name)
    assert caught.value.message.endswith((".", "CSV."))
    assert name in caught.value.message
    return caught.value


# Shapes


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_every_common_delimiter_reads_the_same_cells(tmp_path: Path, settings: Settings, delimiter: str) -> None:
    profile, rows = read(tmp_path, settings, as_csv(ROWS, delimiter).encode())
    assert profile.delimiter == delimiter
    assert [(row["text"], row["label"]) for row in rows] == ROWS[1:]
    assert codes(profile.findings) == []


def test_lists_in_a_cell_do_not_make_a_table_of_tabs_one_of_commas(tmp_path: Path, settings: Settings) -> None:
    rows = [
        "text\tgrade\tvotes[1, 2, 3, 4]",
        *(f"word{number}\t{number}.5\t[-1, 2, {number}, 0]" for number in range(20)),
    ]
    profile, read_rows = read(tmp_path, settings, "\n".join(rows).encode())
    assert profile.delimiter == "\t" and list(read_rows[0].values())[:3] == ["word0", "0.5", "[-1, 2, 0, 0]"]


def test_an_unusual_delimiter_is_found(tmp_path: Path, settings: Settings) -> None:
    content = "text^label\n" + "".join(f"hello, number {i}; fine^{'ab'[i % 2]}\n" for i in range(20))
    profile, rows = read(tmp_path, settings, content.encode())
    assert profile.delimiter == "^"
    assert rows[0] == {"text": "hello, number 0; fine", "label": "a", ROW_COLUMN: 2}


def test_the_wrong_file_name_does_not_matter(tmp_path: Path, settings: Settings) -> None:
    profile, _ = read(tmp_path, settings, as_csv(ROWS, ";").encode(), "export.tsv")
    assert profile.delimiter == ";"


def test_commas_in_a_semicolon_file_stay_in_the_text(tmp_path: Path, settings: Settings) -> None:
    content = "text;label\n" + "".join(f"one, two, three {i};{i % 2}\n" for i in range(30))
    profile, rows = read(tmp_path, settings, content.encode())
    assert profile.delimiter == ";"
    assert rows[4]["text"] == "one, two, three 4"


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path, settings: Settings) -> None:
    content = 'text,label\nfirst,a\n\n"two\nlines",b\nlast,a\n'
    _, rows = read(tmp_path, settings, content.encode())
    assert [(row[ROW_COLUMN], row["text"]) for row in rows] == [(2, "first"), (4, "two\nlines"), (5, "last")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_every_kind_of_line_end(tmp_path: Path, settings: Settings, end: str) -> None:
    _, rows = read(tmp_path, settings, end.join(["text,label", "a b,x", "c d,y"]).encode())
    assert [(row["text"], row["label"]) for row in rows] == [("a b", "x"), ("c d", "y")]


def test_the_separator_line_excel_writes_is_no_header(tmp_path: Path, settings: Settings) -> None:
    profile, rows = read(tmp_path, settings, b"sep=;\r\ntext;label\r\nhello;a\r\n")
    assert [column.name for column in profile.columns] == ["text", "label"]
    assert rows[0]["text"] == "hello"


def test_backslash_escaped_quotes(tmp_path: Path, settings: Settings) -> None:
    content = 'text,label\n"he said \\"hi, you\\" twice",a\n"plain",b\n'
    _, rows = read(tmp_path, settings, content.encode())
    assert rows[0]["text"] == 'he said "hi, you" twice'


def test_stray_quotes_in_a_tab_separated_file_are_ordinary_characters(tmp_path: Path, settings: Settings) -> None:
    content = 'label\ttext\nham\t"Hello he said and left\nspam\tWin 5" pizza\nham\t"quoted" once\nspam\tok\n'
    _, rows = read(tmp_path, settings, content.encode())
    assert [row["text"] for row in rows] == ['"Hello he said and left', 'Win 5" pizza', '"quoted" once', "ok"]


def test_a_quote_that_is_never_closed_names_its_row(tmp_path: Path, settings: Settings) -> None:
    content = 'text,label\nfine,a\n"open, and on it goes,b\nmore, and, more,a\nend,b\n'
    error = refusal(tmp_path, settings, content.encode())
    assert error.code == "open-quote"
    assert "Row 3" in error.message


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path, settings: Settings) -> None:
    source = tmp_path / "table.csv"
    source.write_text("text,label\n" + "hello there,a\n" * 200_000)
    seen: list[tuple[int, int]] = []
    import_table(source, tmp_path, settings, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (source.stat().st_size, source.stat().st_size)
    assert len(seen) > 2
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t\"',;|"), max_size=30)


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS.filter(str.strip), CELLS), min_size=1, max_size=12),
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_the_standard_writer_writes_reads_back_equal(
    tmp_path: Path, settings: Settings, rows: list[tuple[str, str, str]], delimiter: str, encoding: str
) -> None:
    content = as_csv([("first", "second", "third"), *rows], delimiter)
    _, found = read(tmp_path, settings, content.encode(encoding))
    assert [(row["first"], row["second"], row["third"]) for row in found] == rows
    assert [row[ROW_COLUMN] for row in found] == list(range(2, len(rows) + 2))


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_in_any_form(tmp_path: Path, settings: Settings, encoding: str) -> None:
    content = "text,label\nschön, ça va? 😀,gut\nשלום עולם,טוב\n".replace("schön, ça va? 😀", '"schön, ça va? 😀"')
    profile, rows = read(tmp_path, settings, content.encode(encoding))
    assert [(row["text"], row["label"]) for row in rows] == [("schön, ça va? 😀", "gut"), ("שלום עולם", "טוב")]
    assert codes(profile.findings) == []


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("latin-1", "C'est très bon, où êtes-vous"),
        ("latin-1", "Das ist schön und größer"),
        ("latin-1", "El niño comió mañana en España"),
        ("cp1252", "it’s “smart” – really"),
        ("cp1251", "Привет, как у тебя дела сегодня? Всё хорошо"),
        ("cp1250", "Zażółć gęślą jaźń, nie lubię ślimaków"),
        ("cp1254", "Çok güzel bir şey değil mi ışık"),
        ("cp1253", "Καλημέρα σε όλους τους φίλους μου"),
        ("euc_kr", "안녕하세요 반갑습니다 여러분"),
        ("gb18030", "今天天气很好我们去公园吧"),
        ("shift_jis", "こんにちは世界、今日はいい天気ですね"),
    ],
)
def test_older_encodings_are_recognised_and_said(tmp_path: Path, settings: Settings, encoding: str, line: str) -> None:
    content = "text;label\n" + f"{line};a\n{line} 2;b\n" * 5
    profile, rows = read(tmp_path, settings, content.encode(encoding))
    assert rows[0]["text"] == line
    assert codes(profile.findings) == ["encoding-guessed"]


def test_a_few_broken_bytes_are_damage_and_not_another_encoding(tmp_path: Path, settings: Settings) -> None:
    good = "text,label\n" + "".join(f"schöne Grüße {i},ä{i % 3}\n" for i in range(20))
    profile, rows = read(tmp_path, settings, good.encode() + b"broken \xff here,b\n")
    assert profile.encoding == "utf-8"
    assert rows[0]["text"] == "schöne Grüße 0"
    (finding,) = profile.findings
    assert (finding.code, finding.rows) == ("damaged-characters", (22,))


# Columns


def test_duplicate_column_names_are_numbered(tmp_path: Path, settings: Settings) -> None:
    profile, rows = read(tmp_path, settings, b"text,label,text,text,text_2\na b,x,c,d,e\n")
    assert [column.name for column in profile.columns] == ["text", "label", "text_3", "text_4", "text_2"]
    assert [rows[0][name] for name in ("text", "text_3", "text_4", "text_2")] == ["a b", "c", "d", "e"]
    assert codes(profile.findings) == ["duplicate-column-name", "duplicate-column-name"]


def test_empty_column_names_become_numbers(tmp_path: Path, settings: Settings) -> None:
    profile, _ = read(tmp_path, settings, b"text,label, \nhello,x,more\n")
    assert [column.name for column in profile.columns] == ["text", "label", "column 3"]
    assert codes(profile.findings) == ["empty-column-name"]


def test_a_column_called_like_the_hidden_one_is_renamed(tmp_path: Path, settings: Settings) -> None:
    profile, rows = read(tmp_path, settings, f"{ROW_COLUMN},label\nhello,x\n".encode())
    assert rows == [{f"{ROW_COLUMN}_2": "hello", "label": "x", ROW_COLUMN: 2}]
    assert codes(profile.findings) == ["duplicate-column-name"]


def test_one_column_must_be_fixed_but_can_be_read(tmp_path: Path, settings: Settings) -> None:
    profile, rows = read(tmp_path, settings, b"text\nhello there\nhow are you\n")
    assert len(rows) == 2
    (finding,) = profile.findings
    assert (finding.severity, finding.code) == ("warning", "one-column")
    assert '"text"' in finding.message


def test_a_missing_header_is_noticed(tmp_path: Path, settings: Settings) -> None:
    content = "ham\tGo until the point\n" + "".join(
        f"spam\tWin prize number {i} now\nham\tSee you at {i}\n" for i in range(9)
    )
    profile, _ = read(tmp_path, settings, content.encode())
    assert codes(profile.findings) == ["no-header"]


def test_a_column_of_numbers_named_by_a_fraction_has_no_name(tmp_path: Path, settings: Settings) -> None:
    profile, _ = read(tmp_path, settings, b"bad\t-1.5\n" + b"worse\t-2.5\nfine\t0.5\n" * 5)
    assert codes(profile.findings) == ["no-header"]


def test_a_name_that_is_also_a_value_is_no_missing_header(tmp_path: Path, settings: Settings) -> None:
    profile, _ = read(tmp_path, settings, b"text,spam\n" + b"hello you there,spam\nsee you soon,ham\n" * 5)
    assert codes(profile.findings) == []


def test_an_endless_name_is_cut(tmp_path: Path, settings: Settings) -> None:
    profile, _ = read(tmp_path, settings, b"x" * 100_000 + b",label\nfoo bar,a\n")
    assert [len(column.name) for column in profile.columns] == [200, 5]


def test_ten_thousand_columns(tmp_path: Path, settings: Settings) -> None:
    content = ",".join(f"c{i}" for i in range(10_000)) + "\n" + ",".join(["v"] * 10_000) + "\n"
    profile, _ = read(tmp_path, settings, content.encode())
    assert len(profile.columns) == 10_000


# Rows


def test_short_rows_are_filled_and_listed(tmp_path: Path, settings: Settings) -> None:
    profile, rows = read(tmp_path, settings, b"text,label\na b,x\nonly text\nc d,y\n")
    assert rows[1] == {"text": "only text", "label": "", ROW_COLUMN: 3}
    (finding,) = profile.findings
    assert (finding.code, finding.severity, finding.rows) == ("short-rows", "warning", (3,))
    assert "Row 3" in finding.message


def test_wide_rows_are_set_aside_and_listed(tmp_path: Path, settings: Settings) -> None:
    profile, rows = read(tmp_path, settings, b"text,label\na,x\nhello, world,x\nb,y\nmore, of, it,x\nc,x\n")
    assert [row["text"] for row in rows] == ["a", "b", "c"]
    (finding,) = profile.findings
    assert (finding.code, finding.rows, finding.count) == ("wide-rows", (3, 5), 2)
    assert "quotes" in finding.remedy


def test_extra_delimiters_at_the_end_of_a_row_are_harmless(tmp_path: Path, settings: Settings) -> None:
    profile, rows = read(tmp_path, settings, b"text,label\na,x,,\nb,y\n")
    assert len(rows) == 2
    assert codes(profile.findings) == []


def test_the_rows_in_which_orange_describes_the_columns_are_no_data(imported: Importer) -> None:
    dataset = imported("Author\tText\td\nd\tstring\tc\nclass\tmeta include=True\t\nAnn\thello\t1\nBob\tthere\t2\n")
    assert dataset.table().rows[ROW_COLUMN].to_pylist() == [4, 5]
    (finding,) = [finding for finding in dataset.profile.findings if finding.code == "described-columns"]
    assert finding.rows == (2, 3)
    assert imported("kind,size\nc,d\nlarge,small\n").profile.rows == 2, "such letters may be data"


def test_a_title_above_the_names_is_explained(tmp_path: Path, settings: Settings) -> None:
    error = refusal(tmp_path, settings, b"Feedback 2026\ntext,label\n" + b"hello,x\n" * 9)
    assert error.code == "ragged"
    assert "Row 1" in error.message and "title" in error.message


def test_a_long_text_is_kept_whole(tmp_path: Path, settings: Settings) -> None:
    profile, rows = read(tmp_path, settings, f"text,label\n{'word ' * 20_000},x\nshort,y\n".encode())
    assert len(rows[0]["text"]) == 100_000
    assert profile.columns[0].longest == 100_000


def test_a_cell_over_the_limit_names_its_row(tmp_path: Path, settings: Settings) -> None:
    tight = settings.model_copy(update={"max_cell_characters": 1000})
    error = refusal(tmp_path, tight, b"text,label\nfine,x\n" + b"a" * 2000 + b",y\n")
    assert error.code == "cell-too-long"
    assert "Row 3" in error.message and "1,000" in error.message


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, settings: Settings) -> None:
    tight = settings.model_copy(update={"max_cell_characters": 1000})
    error = refusal(tmp_path, tight, b"text,label\n" + b"ab,cd" * 100_000)
    assert error.code == "line-too-long"


def test_memory_does_not_grow_with_the_file(tmp_path: Path, settings: Settings) -> None:
    """Thirty megabytes more of a file may not take a third of that in memory."""
    peaks = []
    for rows in (50_000, 500_000):
        source = tmp_path / "table.csv"
        source.write_text(
            "text,label\n" + "".join(f"this is the text of row {i % 1000},{i % 7}\n" for i in range(rows))
        )
        tracemalloc.start()
        import_table(source, tmp_path, settings)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 5_000_000


@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_anything_but_a_table_or_a_data_error(tmp_path: Path, settings: Settings, content: bytes) -> None:
    try:
        read(tmp_path, settings, content)
    except DataError as error:
        assert error.message


def test_the_fixture_store_reads_the_same(imported: Importer) -> None:
    assert imported(as_csv(ROWS)).head(1) == [{"text": "hello there, you", "label": "greeting"}]
