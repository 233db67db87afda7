"""Sentences that end with a remedy of the command line."""

from copy import deepcopy

from chandlery.words.remark import Remark, without_remedy


def test_others_than_the_command_line_leave_the_remedy_out() -> None:
    remark = Remark("no day is known", "; fill it: chandlery sessions sync")
    assert remark == "no day is known; fill it: chandlery sessions sync"
    assert without_remedy(remark) == without_remedy(deepcopy(remark)) == "no day is known"
    assert without_remedy("no day is known") == "no day is known"
