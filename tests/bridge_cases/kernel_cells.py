# prints: 42 42 | [0, 1] [0, 1] | ok
# prints: WouldDeadlock | ok
# prints: 42 | ok
# prints: 42 in a cell that awaits | ok
# prints: nothing portal | ok
# prints: portal | ok
# prints: the card of the right picture | ok
from kernel import kernel
from objects import say

with kernel() as k:
    k.run("import asyncio, objects\nfrom objects import *")
    say(
        k.run("""
print(">", run_inline(inline.double, 21), run_portal(portal.double, 21))
with run_inline.iterate(inline.count, 2) as a, run_portal.iterate(portal.count, 2) as b: print(">", list(a), list(b))
""")
    )
    say(k.run("try: run_bound(bound.double, 1)\nexcept RuntimeError as exc: print('>', names(exc))"))
    say(k.run("print('>', await bound.double(21))"))
    say(k.run("await asyncio.sleep(0)\nprint('>', run_portal(portal.double, 21), 'in a cell that awaits')"))
    say(k.run("print('>', run_portal(portal.mark, 'portal'), seen.get())"))
    say(k.run("print('>', seen.get())"))
    say(
        k.run("""
import lashkit
workspace = lashkit.open("memory://")
note = workspace.put(b"the card of the right picture", label="note")
print(">", workspace.get(note).bytes.decode())
""")
    )
