import unittest

import wordcount


class CountTest(unittest.TestCase):
    def test_most_frequent_first(self):
        self.assertEqual(wordcount.count("a b b"), [("b", 2), ("a", 1)])

    def test_nothing(self):
        self.assertEqual(wordcount.count(""), [])


if __name__ == "__main__":
    unittest.main()
