"""The local screen: a page that the user's own client process serves (docs/ui.md).

The keys stay in this process, and the company's server cannot hand out a changed page. Only
127.0.0.1 is listened on; what else runs on this machine gets nothing (guard.py, door.py).

porch.py     socket and page, served before the rest is loaded
server.py    the process behind it: what answers the page, an orderly end
browser.py   the browser, opened without a token in any list of processes
running.py   one such process a user: the second `mifeng ui` hands its wish over to the first
bell.py      a system notification while no page is open
desktop.py   what `mifeng ui --install` puts into a desktop
guard.py     which requests are answered at all; the headers of every answer
door.py      who shares a key with this process, and how either side proves that
line.py      the beginning of every line: both sides prove it
assets.py    the page's files
house.py     the profiles that this process serves, and what the screen is to look like
keeper.py    one profile: locked or open; closed after idle
stream.py    a page's line: its calls, their answers, what happens as it happens
facts.py     what the page is told of units, messages and files; person_facts.py of people,
             work_facts.py of announcements, polls and requests
enrolling.py into a workspace, step by step
calls/       the local API: one struct in, one struct out
media.py     pictures, sound and video; ranges of them
uploads.py   files on their way up
page/        the page itself: plain modules and custom elements
"""
