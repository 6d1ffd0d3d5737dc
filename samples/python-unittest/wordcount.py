"""Counts the words of a text."""

import collections
import sys


def count(text):
    """Returns how often each word stands in text, the most frequent first."""
    return collections.Counter(text.split()).most_common()


if __name__ == "__main__":
    print(", ".join(f"{word} {times}" for word, times in count(sys.stdin.read())))
