"""What is asked about pods, and how often."""

from __future__ import annotations

from fake_clock import FakeClock

from footplate.jobs.lately import Lately


class Asked:
    """Answers with the number of times that it was asked."""

    def __init__(self) -> None:
        self.times = 0
        self.before: list[int | None] = []

    async def __call__(self, before: int | None) -> int:
        self.times += 1
        self.before.append(before)
        return self.times


async def test_asked_at_most_once_in_the_seconds() -> None:
    clock, asked = FakeClock(), Asked()
    lately: Lately[int] = Lately(clock, 15)
    answers = []
    for _ in range(30):
        answers.append(await lately.answer("a", asked))
        clock.advance(1)
    assert answers == [1] * 14 + [2] * 14 + [3] * 2
    assert asked.before == [None, 1, 2]


async def test_each_pod_has_its_own_answer_and_old_ones_are_forgotten() -> None:
    clock, first, second = FakeClock(), Asked(), Asked()
    lately: Lately[int] = Lately(clock, 15)
    await lately.answer("a", first)
    assert await lately.answer("b", second) == 1
    clock.advance(3000)
    await lately.answer("b", second)
    clock.advance(700)
    await lately.answer("b", second)
    assert list(lately._answers) == ["b"]
    await lately.answer("a", first)
    assert (first.before, second.before) == ([None, None], [None, 1, 2])
