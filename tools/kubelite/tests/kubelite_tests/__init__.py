"""Tests of kubelite. They import nothing of regen."""
