"""The command line (README, "Commands"). One file for each group of verbs.

main.py      the commands and the options that all of them have
options.py   those options; the passphrase; running a command
exit.py      what an error is as an exit code
show.py      output for people, or JSON
enrol.py     found, join, recover, link, invite, whoami
sheet.py     the recovery sheet: shown, written, asked back
devices.py   device list, add, revoke
roster.py    roster, role set
units.py     unit create, grant, revoke, list, members
messages.py  send, read, tail
files.py     upload, download
ui.py        the page in the browser
"""
