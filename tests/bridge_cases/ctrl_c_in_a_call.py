# prints: cleaned up
# prints: KeyboardInterrupt
# prints: 42
from objects import interrupt, names, portal, run_portal, say

try:
    run_portal(portal.wait, at_start=interrupt)
except KeyboardInterrupt as exc:
    say(names(exc))
say(run_portal(portal.double, 21))
