"""Folders of tables: strict reading, and errors that point at file, line and column."""

import numpy as np
import pytest

from crlspec.data import read_data
from crlspec.errors import DataError, LossWarning

GOOD = "a,b\n1,2\n3,4.5\n"


def folder(tmp_path, **files):
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3,abc\n", ["do_x.csv:3", "column 'b'", "'abc' is not a number"]),
        ("a,b\n1,2\n3,\n", ["do_x.csv:3", "column 'b'", "empty"]),
        ("a,b\n1,nan\n3,4\n", ["do_x.csv:2", "column 'b'", "not a finite"]),
        ("a,b\n1,2\n-inf,4\n", ["do_x.csv:3", "column 'a'", "not a finite"]),
        ("a,b\n1,1e999\n", ["do_x.csv:2", "column 'b'", "not a finite"]),
        ("a,b\n1,2\n3\n", ["do_x.csv:3", "1 cells, the header 2"]),
        ("a,b\n1,2\n3,4,5\n", ["do_x.csv:3", "3 cells, the header 2"]),
        ("a,b\n1,2,3\n3,4,5\n", ["do_x.csv:2", "3 cells, the header 2"]),
        ("a,b\n1,2\na,b\n3,4\n", ["do_x.csv:3", "header stands here again"]),
        ("a,b\n1,1_000\n", ["do_x.csv:2", "column 'b'", "'1_000'"]),
        ("a,b\n1,0x1A\n", ["do_x.csv:2", "column 'b'"]),
        ("a,b\n1,True\n2,False\n", ["do_x.csv:2", "column 'b'", "'True'"]),
        ("a,a\n1,2\n", ["do_x.csv:1", "'a'", "columns 1, 2"]),
        (",a,b\n0.5,1,2\n0.7,3,4\n", ["do_x.csv:1", "column 1 has no name", "index=False"]),
        ("1,2\n3,4\n", ["do_x.csv:1", "as if it were a sample"]),
        ("", ["do_x.csv", "empty"]),
        ("\n\n", ["do_x.csv", "header is empty"]),
        ("a,c\n1,2\n", ["do_x.csv:1", "a.csv", "lacks b", "has c"]),
        (b"a,b\n1,\xff\n", ["do_x.csv", "UTF-8"]),
        (b"\x00\x01\x02", ["do_x.csv"]),
        (b"a,b\n" + b"1,2\n" * 9000 + b"1,\xff\n", ["do_x.csv", "UTF-8"]),
        (b"a,b\n" + b"1,2\n" * 9000 + b"1,\x00\n", ["do_x.csv"]),
    ],
)
def test_bad_csv_is_located(tmp_path, text, words):
    with pytest.raises(DataError) as caught:
        read_data(folder(tmp_path, a=GOOD, do_x=text), observational="a")
    for word in words:
        assert word in str(caught.value)
    assert caught.value.remedy
    assert caught.value.exit_code == 3


def test_several_faults_at_once(tmp_path):
    with pytest.raises(DataError) as caught:
        read_data(folder(tmp_path, obs="a,b\n1,x\n2,3\n" + "y,1\n" * 10))
    assert "obs.csv:2" in str(caught.value)
    assert "obs.csv:4" in str(caught.value)
    assert "more" in str(caught.value)


def test_line_counts_lines_of_the_file(tmp_path):
    with pytest.raises(DataError, match=r"obs\.csv:6: column 'b'"):
        read_data(folder(tmp_path, obs='a,b\n1,2\n\n\n3,4\n5,"x"\n'))


@pytest.mark.parametrize(
    "text",
    [
        "a,b\r\n1,2\r\n3,4.5\r\n",
        "a,b\n1,2\n3,4.5",
        "\ufeffa,b\n1,2\n3,4.5\n",
        'a,"b"\n"1",2\n 3 , 4.5 \n',
        "a,b\n1,2\n\n3,4.5\n\n",
        "a,b\n+1,2e0\n3.,.45e1\n",
    ],
)
def test_harmless_variants(tmp_path, text):
    tree = read_data(folder(tmp_path, obs=text))
    np.testing.assert_array_equal(tree["obs"]["x"].values, [[1, 2], [3, 4.5]])
    assert list(tree["obs"]["x"].observed.values) == ["a", "b"]


def test_columns_are_matched_by_name(tmp_path):
    tree = read_data(folder(tmp_path, obs=GOOD, do_x="b,a\n20,10\n"))
    np.testing.assert_array_equal(tree["do_x"]["x"].values, [[10, 20]])


def test_other_files_and_folders_are_named(tmp_path):
    folder(tmp_path, obs=GOOD)
    (tmp_path / "README.md").write_text("about")
    (tmp_path / ".hidden.csv").write_text("x")
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "graph.csv").write_text("from,to\nz1,z2\n")
    with pytest.warns(LossWarning) as told:
        assert tuple(read_data(tmp_path).children) == ("obs",)
    assert [str(one.message) for one in told] == [
        f"{tmp_path}: not read: .hidden.csv, README.md.",
        f"{tmp_path}/truth: not read: graph.csv.",
    ]


def test_folder_without_tables(tmp_path):
    (tmp_path / "data.xlsx").write_text("")
    with pytest.raises(DataError, match=r"no table in this folder \(\.csv, .*data\.xlsx"):
        read_data(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_data(tmp_path / "elsewhere")


def test_two_files_for_one_environment(tmp_path):
    folder(tmp_path, obs=GOOD)
    (tmp_path / "obs.parquet").write_bytes(b"")
    with pytest.raises(DataError, match="two files"):
        read_data(tmp_path)


def test_truth_of_another_length(tmp_path):
    folder(tmp_path, obs=GOOD)
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "obs.csv").write_text("z1\n1\n")
    with pytest.raises(DataError, match="1 rows of truth for 2"):
        read_data(tmp_path)


def test_parquet_faults(tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "obs.parquet"
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}, index=pd.Index(["s", "t"], name="cell"))
    frame.to_parquet(path)
    np.testing.assert_array_equal(read_data(tmp_path)["obs"]["x"].values, [[1, 3], [2, 4]])
    frame.assign(b=[1.0, np.nan]).to_parquet(path)
    with pytest.raises(DataError, match=r"obs\.parquet: row 2, column 'b'"):
        read_data(tmp_path)
    frame.assign(b=["x", "y"]).to_parquet(path)
    with pytest.raises(DataError, match=r"column 'b' holds text \('x'\), not numbers"):
        read_data(tmp_path)
    path.write_bytes(b"junk")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_data(tmp_path)
