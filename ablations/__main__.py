"""`python -m ablations`: the same as `ablate`."""

from ablations.cli import main

if __name__ == "__main__":
    main()
