"""Many messages in few calls of AWS, of each of which some may fail alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from chandlery.outbox.domain.message import Failure

MOST_ENTRIES, MOST_BYTES = 10, 256 * 1024
# What a service says of a call one of whose messages it cannot read.
_OF_CONTENT = (
    "InvalidParameter",
    "InvalidParameterValue",
    "ParameterValueInvalid",
    "ValidationError",
    "ValidationException",
)


def publish_in_calls(
    target: str, sizes: Sequence[int], groups: Sequence[str], call: Callable[[Sequence[int]], Iterable[Failure]]
) -> Sequence[Failure]:
    """Publish messages, told by their places, ten a call at most; nothing overtakes one of its group that failed.

    Args:
        target: where they go, as failures name it.
        sizes: of each message, in bytes, as the target counts them.
        groups: of each message; no call has two of one group, whose order it would lose if it failed in part.
        call: publishes those at some places; returns those that were not taken.

    Returns:
        Those that were not taken. Where a call fails as a whole, those that follow were not tried; but where a message
        is to blame, each of the call is tried alone.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    failures = {
        place: Failure(place, f"the message has {size:,} bytes; {MOST_BYTES:,} are the most", is_final=True)
        for place, size in enumerate(sizes)
        if size > MOST_BYTES
    }
    held: dict[str, Failure] = {}
    waiting = list(_calls(sizes, groups))
    while waiting:
        places = [place for place in waiting[0] if groups[place] not in held]
        for place in set(waiting[0]).difference(places):
            failures[place] = Failure(place, f"one before it failed: {held[groups[place]].reason}")
        try:
            failed = list(call(places)) if places else []
        except (BotoCoreError, ClientError) as error:
            if not _is_of_content(error):
                untried = (place for each in waiting for place in each if place not in failures)
                return [*failures.values(), *(Failure(place, f"{target}: {error}") for place in untried)]
            if len(places) > 1:
                waiting[:1] = [[place] for place in places]
                continue
            failed = [Failure(places[0], f"{target}: {error}")]
        failures |= {each.place: each for each in failed}
        held |= {groups[each.place]: each for each in failed if not each.is_final}
        del waiting[0]
    return list(failures.values())


def _is_of_content(error: Exception) -> bool:
    return getattr(error, "response", {}).get("Error", {}).get("Code") in _OF_CONTENT


def _calls(sizes: Sequence[int], groups: Sequence[str]) -> Iterator[Sequence[int]]:
    """The places of messages that go together; those that are too large go nowhere."""
    places: list[int] = []
    for place, size in enumerate(sizes):
        if size > MOST_BYTES:
            continue
        is_full = len(places) == MOST_ENTRIES or size + sum(sizes[each] for each in places) > MOST_BYTES
        if is_full or any(groups[each] == groups[place] for each in places):
            yield places
            places = []
        places.append(place)
    if places:
        yield places
