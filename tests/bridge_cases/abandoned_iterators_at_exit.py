# prints: main ends
# prints: portal count closed
# prints: inline count closed
from objects import inline, portal, run_inline, run_portal, say

kept_inline = run_inline.iterate(inline.count, 10)
kept = run_portal.iterate(portal.count, 10**9)
next(kept_inline), next(kept)
say("main ends")
