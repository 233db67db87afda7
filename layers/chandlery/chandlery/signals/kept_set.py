"""The indicators that are kept up: those of the set, and those that rules of signals see."""

from collections.abc import Mapping, Sequence

from chandlery.indicators.numerics.functions import Indicator
from chandlery.signals.domain.rule import Rule
from chandlery.signals.domain.syntax import IndicatorValue
from chandlery.words.timeframe import Timeframe

IndicatorSet = Mapping[Timeframe, Sequence[Indicator]]


def with_rules(wanted: IndicatorSet, rules: Sequence[Rule]) -> IndicatorSet:
    """A set with what rules see; timeframes whose candles alone they see are there without any."""
    found = {timeframe: list(some) for timeframe, some in wanted.items()}
    for rule in rules:
        found.setdefault(rule.timeframe, [])
        for each in rule.references():
            some = found.setdefault(each.timeframe, [])
            if isinstance(each, IndicatorValue):
                indicator = Indicator(each.name, dict(each.parameters))
                some += [indicator] if indicator not in some else []
    return found
