"""The life of one subscription: how many seats are sold, deployed and used on any day.

Every number depends on the seed and on the absolute day alone, so a day tells the same story whenever it is asked.
"""

import math
import random
from bisect import bisect_right
from datetime import date

from airflow_partnercenter.emulator.catalogue import Product, Workload

# Every subscription starts here; far enough back for any history, near enough to walk from in microseconds.
EPOCH = date(2016, 1, 1).toordinal()
# A seat that is bought today is given to somebody in the weeks after.
DEPLOYMENT_DELAYS_DAYS = (5, 19, 33)


class Subscription:
    """One customer's seats of one product.

    :param key: what makes this subscription's story its own, such as the seed with the ids of customer and product.
    :param people: size of the customer, in people.
    :param habit: ``usual``, ``never`` (bought, never deployed) or ``over`` (more seats deployed than sold).
    """

    def __init__(self, product: Product, key: str, people: int, habit: str) -> None:
        self.product = product
        # a made-up story, not a secret
        self._random = random.Random(key)  # noqa: S311 - made-up numbers, no secrets
        self._base = max(1, round(people * product.share * self._random.uniform(0.6, 1.3)))
        self._adoption = self._draw_adoption(habit)
        self._phase = self._random.uniform(0, math.tau)
        self._days = [EPOCH]
        self._seats = [self._base]

    def _draw_adoption(self, habit: str) -> float:
        """Draw which part of the seats finds a user."""
        if habit == "never":
            return 0.0
        if habit == "over":
            return self._random.uniform(1.08, 1.3)
        return self._random.choice((1.0, 1.0, 0.55)) * self._random.uniform(0.62, 0.97)

    def sold(self, day: int) -> int:
        """Return the seats sold on a day (an ordinal), 0 while the subscription is cancelled."""
        while self._days[-1] <= day:
            self._continue()
        return self._seats[max(0, bisect_right(self._days, day) - 1)]

    def deployed(self, day: int) -> int:
        """Return the seats that have a user: some weeks behind the seats sold, with a slow swing over the year."""
        bought = sum(self.sold(day - delay) for delay in DEPLOYMENT_DELAYS_DAYS) / len(DEPLOYMENT_DELAYS_DAYS)
        swing = 1 + 0.03 * math.sin(day / 365.25 * math.tau + self._phase)
        return round(bought * self._adoption * swing)

    def active(self, day: int, workload: Workload) -> int:
        """Return the seats used with one workload in the 28 days up to a day.

        May exceed the seats sold: who left within these days counts as well as who came.
        """
        swing = 1 + 0.06 * math.sin(day / 91 * math.tau + self._phase + workload.share)
        return round(self.deployed(day) * workload.share * swing)

    def _continue(self) -> None:
        """Add the next change of the number of seats to the story."""
        seats, what = self._seats[-1], self._random.random()
        change = self._random.uniform(0.04, 0.2)
        if seats == 0:
            seats = self._base  # won back
        elif what < 0.05:
            seats = 0
        elif what < 0.30:
            seats += max(1, round(seats * change))
        elif what < 0.44:
            seats -= round(seats * change)
        # without bounds a walk of ten years ends far from any believable number
        self._seats.append(seats and min(max(seats, self._base // 2, 1), self._base * 2))
        self._days.append(self._days[-1] + self._random.randint(40, 150))
