# prints: inline count closed
# prints: portal count closed
# prints: ok
from objects import check_both, say

check_both()
say("ok")
