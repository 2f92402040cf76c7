"""Members that are programs: handlers of what people say, and the loop that calls them.

bot.py       `Bot`: the decorators, and running
happening.py what a handler is given
filters.py   which messages a handler wants
reading.py   how far a unit was read, across restarts
"""

from mifeng.bot import filters
from mifeng.bot.bot import Bot
from mifeng.bot.filters import Filter
from mifeng.bot.happening import Happening

__all__ = ["Bot", "Filter", "Happening", "filters"]
