# prints: nested 42 | ok
# prints: first queued cell | ok
# prints: second queued cell, nested 4 | ok
# prints: third queued cell, awaited 6 | ok
# prints: and one sent later: portal 8, inline 10 | ok
from kernel import kernel
from objects import say

with kernel() as k:
    k.run("import asyncio, lashkit, objects\nfrom objects import *\nlashkit.enable_nested()")
    cells = [
        k.send("run_bound(asyncio.sleep, 0.5)\nprint('> nested', run_bound(bound.double, 21))"),
        k.send("print('> first queued cell')"),
        k.send("print('> second queued cell, nested', run_bound(bound.double, 2))"),
        k.send("print('> third queued cell, awaited', await bound.double(3))"),
    ]
    for cell in cells:
        say(k.outcome(cell))
    code = (
        "print(f'> and one sent later: portal {run_portal(portal.double, 4)}, inline {run_inline(inline.double, 5)}')"
    )
    say(k.run(code))
