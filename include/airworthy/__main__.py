"""``python -m airworthy``: the console command without its script, such as in a container."""

from airworthy.cli.main import main

if __name__ == "__main__":
    main()
