"""Queries by name, and scripts of named steps."""

from chandlery.platform.statements import steps

SCRIPT = """-- What it is for.
-- step: create_rows
-- Rows on their way.
CREATE TEMPORARY TABLE rows (number integer);

-- or step: copy_rows
-- The same of another table.
CREATE TEMPORARY TABLE rows AS SELECT * FROM others;

-- step: count_rows
-- Their number.
SELECT count(*) FROM rows;
"""


def test_a_script_has_its_steps_in_running_order() -> None:
    found = steps(SCRIPT)
    assert list(found) == ["create_rows", "copy_rows", "count_rows"]
    assert found["count_rows"] == "-- Their number.\nSELECT count(*) FROM rows;\n"
    assert "step:" not in "".join(found.values())


def test_a_single_statement_has_no_steps() -> None:
    assert steps("-- One row.\nSELECT 1;\n") == {}
