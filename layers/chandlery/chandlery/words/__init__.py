"""The words of the glossary as values that every room speaks in: pure, and at the bottom of all."""
