"""The programs that are run from here, how each is found and what it says. Below all others."""
