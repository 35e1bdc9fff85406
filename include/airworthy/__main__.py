"""``python -m airworthy``: the console command where its script is not on the path, such as in a container."""

from airworthy.cli.main import main

if __name__ == "__main__":
    main()
