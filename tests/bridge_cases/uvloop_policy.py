# prints: inline count closed
# prints: portal count closed
# prints: inline count closed
# prints: portal count closed
# prints: ok
import asyncio
import os

import uvloop

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

from objects import check_both, say  # noqa: E402

check_both()
child = os.fork()
if not child:
    check_both()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
say("ok")
