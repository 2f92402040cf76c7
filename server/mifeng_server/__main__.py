"""`python -m mifeng_server`."""

from mifeng_server.cli import main

if __name__ == "__main__":
    main()
