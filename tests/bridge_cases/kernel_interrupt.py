# prints: portal: KeyboardInterrupt
# prints: clean-ups: ['portal'] | ok
# prints: nested: KeyboardInterrupt
# prints: clean-ups: ['portal', 'nested'] | ok
# prints: iterator: KeyboardInterrupt
# prints: clean-ups: ['portal', 'nested', 'iterator'] | ok
# prints: all goes on: 42 42 42 | ok
from kernel import kernel
from objects import say

CODE = """
import asyncio, lashkit, objects
from objects import *
lashkit.enable_nested()
cleaned = []

async def wait(name):
    try:
        print("begun", flush=True)
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.01)
        cleaned.append(name)

async def items():
    yield 1
    await wait("iterator")
"""
CELLS = {
    "portal": "run_portal(wait, 'portal')",
    "nested": "run_bound(wait, 'nested')",
    "iterator": "list(run_portal.iterate(items))",
}

with kernel() as k:
    k.run(CODE)
    for name, code in CELLS.items():
        say(f"{name}:", k.interrupt_once_it_says(k.send(code), "begun"))
        say("clean-ups:", k.run("print('>', cleaned)"))
    code = "print('>', run_portal(portal.double, 21), run_bound(bound.double, 21), run_inline(inline.double, 21))"
    say("all goes on:", k.run(code))
