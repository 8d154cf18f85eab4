# prints: 8 threads x 500 calls: 4000 right answers
# prints: 1 portal thread
import threading

from objects import inline, portal, run_inline, run_portal, say

right = []


def work(base: int) -> None:
    for number in range(base, base + 250):
        right.append(run_portal(portal.double, number) == 2 * number)
        right.append(run_inline(inline.double, number) == 2 * number)


def work_portal(base: int) -> None:
    for number in range(base, base + 500):
        right.append(run_portal(portal.double, number) == 2 * number)


start = threading.Barrier(8)
threads = [
    threading.Thread(target=lambda n=n: (start.wait(), (work if n % 2 else work_portal)(1000 * n))) for n in range(8)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
say(f"8 threads x 500 calls: {sum(right)} right answers")
say(sum(thread.name == "lashkit-portal" for thread in threading.enumerate()), "portal thread")
