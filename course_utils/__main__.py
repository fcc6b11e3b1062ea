"""`python -m course_utils` is the same as the `course` command."""

from course_utils.cli.main import main

if __name__ == "__main__":
    main()
