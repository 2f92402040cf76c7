"""The screen in a real browser: Debian's Chromium, driven by playwright (`scripts/ci_setup.sh`).

chromium.py   the browser, or a line that says that there is none
people.py     people with a screen each, in this process or in one of their own
company.py    a company as it might be: units, people, talk, files
screens.py    `make screens`: pictures of the main views
"""
